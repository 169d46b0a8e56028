"""Decides about every event that is not decided yet: told now, later with others, or never; writes the notices."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts import grouping, roster, text
from alerts.lifecycle import Why
from alerts.policy import Audience, Policy, Role
from alerts.roster import Person, Roster
from alerts.telling import Case, Receiver, Told, tell
from lifeline import log
from lifeline.alarm import Alarm, AlarmAction, AlarmState, Level
from lifeline.answer_link import AnswerLink, sign
from lifeline.metrics import ALARMS
from lifeline.settings import Settings
from lifeline.silence import silenced
from lifeline.store import answers
from lifeline.store.answers import Link
from lifeline.store.decisions import Docket, Untold
from lifeline.store.notices import Draft
from lifeline.store.places import Place

ACTOR = "system:alerts"
UNTOLD_AT_ONCE = 5000
"""Events of one transaction that may be told."""
_AT_ONCE = 500
_STORM_S = 86_400.0
"""How far back a storm is followed."""
_LINKS = uuid.UUID("0b7f9c2e-7f4c-5a53-8a1e-6a5d0f1d2c33")

_log = log.logger("teller")


@dataclass
class Links:
    """Issues the answer links of the notices that are being written."""

    settings: Settings
    now: datetime
    issued: list[tuple[uuid.UUID, Receiver]] = field(default_factory=list)

    def url(self, key: str, receiver: Receiver) -> str:
        """The address at which a person answers; empty for channels without a person, and without a secret."""
        secret = self.settings.alerts.answer_secret.get_secret_value()
        base = base_url(self.settings)
        if receiver.person is None or not secret or not base:
            return ""
        link_id = uuid.uuid5(_LINKS, key)
        self.issued.append((link_id, receiver))
        return f"{base}/answer/{sign(AnswerLink(link_id, self.expires_at), secret)}"

    @property
    def expires_at(self) -> datetime:
        hours = timedelta(hours=self.settings.alerts.answer_hours)
        return (self.now + hours).replace(microsecond=0)

    def of(self, alarm_ids: dict[uuid.UUID, tuple[int, ...]], known: Roster | None) -> list[Link]:
        """The links to be written; `alarm_ids` says what each is about."""
        made = []
        for link_id, receiver in self.issued:
            person = known.one(receiver.person or "") if known else None
            if person is not None:
                name = person.name.zh
                made.append(
                    Link(link_id, person.id, name, receiver.language, alarm_ids[link_id], self.now, self.expires_at)
                )
        return made


def receiver_of(person: Person) -> Receiver:
    """Where somebody is told: their first contact, then the others."""
    first, *others = person.contacts
    fallbacks = tuple((one.channel, one.address) for one in others)
    return Receiver(first.channel, first.address, person.language, Level.BLUE, person.id, fallbacks)


def link_ids(drafts: Sequence[Draft]) -> dict[uuid.UUID, tuple[int, ...]]:
    """The alarms that each notice's link is about."""
    return {
        uuid.uuid5(_LINKS, one.idempotency_key): tuple(event["alarm"]["alarm_id"] for event in one.payload["events"])
        for one in drafts
    }


class Teller:
    """Tells of what happened. `work` is a part of the decider's transaction."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        channels = settings.alerts.channels
        self._receivers = [Receiver.of(channel, channels) for channel in channels]

    def work(self, opened: Docket, policy: Policy, known: Roster | None) -> None:
        """Decides about every event that is not decided yet."""
        kinds = {rule.by for rule in policy.inhibit}
        present = opened.present(kinds) if kinds else []
        silences = opened.silences()
        for one in opened.suppressed(_AT_ONCE):
            if (
                grouping.inhibited(one.alarm, one.sensor_ids, present, policy) is None
                and silenced(silences, one.alarm, one.sensor_ids) is None
            ):
                over = Why.SILENCE_OVER if one.suppressed_by == Why.SILENCED else Why.EXPLANATION_OVER
                self._move(opened, one.alarm, AlarmAction.RELEASE, over)
        waiting: list[Untold] = []
        never: dict[int, str] = {}
        quiet: dict[int, tuple[Alarm, Why, str]] = {}
        for untold in opened.untold(settle_s=policy.rhythm.settle_s, limit=UNTOLD_AT_ONCE):
            event, alarm = untold.event, untold.alarm
            if policy.audience(event.action) is Audience.NOBODY:
                never[event.event_id] = Told.NOBODY_BY_POLICY.value
            elif event.to_state is AlarmState.CANDIDATE:
                never[event.event_id] = Told.HELD.value
            elif event.action is AlarmAction.CLEAR and untold.went_on:
                never[event.event_id] = Told.CAME_BACK.value
            elif alarm.state is AlarmState.SUPPRESSED:
                by_silence = untold.suppressed_by == Why.SILENCED
                never[event.event_id] = (Told.SILENCED if by_silence else Told.EXPLAINED).value
            elif by := grouping.inhibited(alarm, untold.sensor_ids, present, policy):
                never[event.event_id] = Told.EXPLAINED.value
                if alarm.state is AlarmState.OPEN:
                    quiet[alarm.alarm_id] = (alarm, Why.EXPLAINED, f"alarm {by.alarm_id}: {by.subject}")
            elif alarm.state is AlarmState.OPEN and (silence := silenced(silences, alarm, untold.sensor_ids)):
                never[event.event_id] = Told.SILENCED.value
                quiet[alarm.alarm_id] = (alarm, Why.SILENCED, f"silence {silence.silence_id}: {silence.why}")
            else:
                waiting.append(untold)
        opened.tell((), never)
        for alarm, why, note in quiet.values():
            self._move(opened, alarm, AlarmAction.SUPPRESS, why, note=note)
        self._groups(opened, waiting, policy, known)

    def _groups(self, opened: Docket, waiting: Sequence[Untold], policy: Policy, known: Roster | None) -> None:
        sent = opened.sent({grouping.group_of(one.alarm, policy.grouping) for one in waiting}, within_s=_STORM_S)
        for group, batch in grouping.ripe(waiting, sent, policy.grouping, opened.now).items():
            members = batch.members
            try:
                with opened.guarded():
                    links = Links(self._settings, opened.now)
                    receivers = [*self._receivers, *self._on_duty(known, members[0].alarm.city_code, opened.now)]
                    storm = grouping.storm_of(sent.get(group, ()), policy.grouping, opened.now)
                    rang = {} if batch.rings or not storm else opened.rang_last(group, since=storm[-1].at)
                    cases = self.cases(opened, members, policy)
                    telling = tell(cases, receivers, group=group, answer_url=links.url, rang=rang)
                    opened.tell(telling.drafts, telling.told)
                    answers.put(opened.connection, links.of(link_ids(telling.drafts), known))
            except Exception:
                _log.exception("events cannot be told", group=group, events=[one.event.event_id for one in members])
                opened.tell((), {one.event.event_id: Told.UNTELLABLE.value for one in members})

    def cases(self, opened: Docket, batch: Sequence[Untold], policy: Policy) -> list[Case]:
        """The alarms of a batch, each with its last event."""
        by_alarm: dict[int, list[Untold]] = {}
        for untold in batch:
            by_alarm.setdefault(untold.alarm.alarm_id, []).append(untold)
        behind = opened.backgrounds([events[-1].alarm for events in by_alarm.values()])
        opened.read_places([b.finding for b in behind.values() if b.finding is not None])
        cases = []
        for alarm_id, events in by_alarm.items():
            event, alarm = events[-1].event, events[-1].alarm
            known = behind[alarm_id]
            happening = text.Happening(
                alarm=alarm,
                action=event.action,
                reason=event.reason,
                actor=event.actor,
                note=event.note,
                at=event.at,
                finding=known.finding,
                scene=scene_of(opened.place(known.finding or alarm)),
                level_reason=known.level_reason,
                link=link(self._settings, alarm_id),
            )
            audiences = {policy.audience(one.event.action) for one in events}
            audience = Audience.REACHED if Audience.REACHED in audiences else Audience.HEARD
            cases.append(Case(happening, tuple(one.event.event_id for one in events), audience, known.heard))
        return cases

    def _on_duty(self, known: Roster | None, city_code: str, now: datetime) -> list[Receiver]:
        if known is None:
            return []
        return [receiver_of(person) for person in roster.on_duty(known, Role.DUTY, city_code, now)[:1]]

    def _move(self, opened: Docket, alarm: Alarm, action: AlarmAction, why: Why, note: str = "") -> None:
        opened.change(alarm, action, actor=ACTOR, reason=why.value, note=note)
        ALARMS.labels(alarm.kind.value, action.value).inc()


def base_url(settings: Settings) -> str:
    """Where people reach the console; empty where that is not known beforehand."""
    base = settings.alerts.console_url
    if not base and settings.console.port:
        base = f"http://{settings.console.host}:{settings.console.port}"
    return base.rstrip("/")


def link(settings: Settings, alarm_id: int) -> str:
    """Where people act on an alarm; empty where the console's address is not known beforehand."""
    base = base_url(settings)
    return f"{base}/alarms/{alarm_id}" if base else ""


def scene_of(place: Place) -> text.Scene:
    """Where something is, as texts say it."""
    return text.Scene(place.city, place.timezone, place.zone, place.sensor)
