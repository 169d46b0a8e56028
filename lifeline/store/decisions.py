"""The alerts stage's transaction: findings in; alarms, history, decisions and notices out; all of it or nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lifeline.alarm import Alarm, AlarmAction, AlarmEvent, AlarmState, Level, Standing
from lifeline.asset import Name
from lifeline.errors import StoreError
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.provision import Provision
from lifeline.silence import Silence
from lifeline.store import notices, silences
from lifeline.store.alarms import add_event, alarm_of, columns, draw, event_of, move, one
from lifeline.store.findings import finding_of, findings_after
from lifeline.store.notices import Draft
from lifeline.store.places import Place, Places
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("decisions")
_DRAWN = 50
"""Numbers drawn at once where it is not known how many are needed."""


@dataclass(frozen=True, slots=True)
class Untold:
    """An event of which it is not decided yet who is told, and its alarm as it is now. `went_on`: the condition came
    back after the event; `sensor_ids`: of the newest finding; `suppressed_by`: why it is suppressed, where it is."""

    event: AlarmEvent
    alarm: Alarm
    went_on: bool
    sensor_ids: tuple[str, ...] = ()
    suppressed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """A condition that is there: a live alarm that is not cleared, and the sensors of its newest finding."""

    alarm: Alarm
    sensor_ids: frozenset[str]
    suppressed_by: str | None = None
    """why it is suppressed, where it is"""


@dataclass(frozen=True, slots=True)
class Sent:
    """Notices of one group that were written at one time. `rang`: as new ones, not following an earlier one."""

    at: datetime
    rang: bool


@dataclass(frozen=True, slots=True)
class Background:
    """What a notice about an alarm needs besides: its newest finding (None where it cannot be read), the named reason
    of its level, and the channels and addresses that were told of it before."""

    finding: Finding | None = None
    level_reason: str = ""
    heard: frozenset[tuple[str, str]] = frozenset()


class Docket:
    """What lies before the engine, and where it writes what it decides; valid within `docket`.

    `prepare` reads for many findings at once what deciding asks of the store; what is written goes in one round trip
    at the end of `together`.
    """

    def __init__(self, store: Store, connection: Connection, *, engine: str, now: datetime) -> None:
        self._store = store
        self.connection = connection
        self._engine = engine
        self.now = now
        connection.execute(_SQL["begin"], {"engine": engine})
        self.position: int = self._row("position", engine=engine).finding_id
        self._changed = False
        self._told = False
        self._places = Places(connection)
        self._standing: dict[str, Standing | None] = {}
        self._previous: dict[str, Alarm | None] = {}
        self._alarm_ids: list[int] = []
        self._event_ids: list[int] = []

    def findings(self, limit: int) -> list[Finding]:
        """The next findings without a decision, in the order of their writing.

        A row that no detector of this program can have written comes alone, as a finding of kind `other` whose reason
        is `unreadable`: it must not stop the rest.
        """
        try:
            return findings_after(self._store, self.position, limit)
        except StoreError:
            raise
        except Exception:
            if limit > 1:
                return self.findings(1)
            row = self._row("plain", finding_id=self.position)
            return [
                Finding(
                    subject=row.subject,
                    kind=FindingKind.OTHER,
                    phase=Phase(row.phase),
                    city_code=row.city_code,
                    detector=row.detector,
                    reason="unreadable",
                    began_at=row.began_at,
                    detected_at=row.detected_at,
                    probability=1.0,
                    finding_id=row.finding_id,
                )
            ]

    def prepare(self, findings: Sequence[Finding]) -> None:
        """Reads places, live and last alarms of findings of different subjects, and draws numbers for what follows."""
        subjects = [finding.subject for finding in findings]
        self._places.read(findings)
        rows = self.connection.execute(_SQL["standing"], {"subjects": subjects}).fetchall()
        self._standing = {**dict.fromkeys(subjects), **{row.subject: _standing(row) for row in rows}}
        free = [subject for subject, standing in self._standing.items() if standing is None]
        rows = self.connection.execute(_SQL["previous"], {"subjects": free}).fetchall() if free else []
        self._previous = {**dict.fromkeys(free), **{row.subject: alarm_of(row) for row in rows}}
        self._draw(alarms=len(free), events=len(findings))

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within goes to the database in one round trip. A refusal shows at the end and undoes all."""
        with self.connection.pipeline():
            yield

    def place(self, about: Finding | Alarm) -> Place:
        """What the store knows about where `about` is; where it is a zone as a whole, no sensor names it."""
        return self._places.place(about)

    def read_places(self, about: Sequence[Finding]) -> None:
        """Reads at once what `place` will be asked."""
        self._places.read(about)

    def standing(self, subject: str) -> Standing | None:
        """The live alarm of `subject`, held until the transaction ends."""
        return self._standing[subject]

    def previous(self, subject: str) -> Alarm | None:
        """The last alarm of `subject` that ended."""
        return self._previous[subject]

    def alarm(self, alarm_id: int) -> Alarm:
        """One alarm as it is now. Raises NotFoundError."""
        return one(self.connection, "alarm", alarm_id)

    def backgrounds(self, alarms: Sequence[Alarm]) -> dict[int, Background]:
        """What notices about alarms need, by alarm id."""
        wanted = {"alarm_ids": [alarm.alarm_id for alarm in alarms], "finding_ids": [a.finding_id for a in alarms]}
        found: dict[int, Finding] = {}
        for row in self.connection.execute(_SQL["findings_behind"], wanted).fetchall():
            with suppress(KeyError, TypeError, ValueError, AttributeError):  # a row that no detector of ours wrote
                found[row.finding_id] = finding_of(row)
        reasons = {row.alarm_id: row.level_reason for row in self.connection.execute(_SQL["level_reasons"], wanted)}
        heard: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for row in self.connection.execute(_SQL["heard"], wanted):
            heard[row.alarm_id].add((row.channel, row.address))
        return {
            alarm.alarm_id: Background(
                found.get(alarm.finding_id), reasons.get(alarm.alarm_id, ""), frozenset(heard[alarm.alarm_id])
            )
            for alarm in alarms
        }

    def last_events(self, alarms: Sequence[Alarm]) -> dict[int, tuple[int, ...]]:
        """The newest event of each alarm that opened it anew."""
        wanted = {"alarm_ids": [alarm.alarm_id for alarm in alarms]}
        return {row.alarm_id: (row.event_id,) for row in self.connection.execute(_SQL["last_events"], wanted)}

    def open(
        self,
        finding: Finding,
        *,
        level: Level,
        title: Name,
        actor: str,
        reason: str,
        state: AlarmState = AlarmState.OPEN,
        provisions: Sequence[Provision] = (),
    ) -> tuple[Alarm, int]:
        """A new alarm about `finding` and the event of its opening."""
        if not self._alarm_ids:
            self._draw(alarms=_DRAWN, events=0)
        alarm = Alarm(
            alarm_id=self._alarm_ids.pop(),
            subject=finding.subject,
            city_code=finding.city_code,
            kind=finding.kind,
            level=level,
            state=state,
            title_zh=f"【演练】{title.zh}" if finding.exercise else title.zh,
            title_en=f"[Exercise] {title.en}" if finding.exercise else title.en,
            opened_at=self.now,
            began_at=finding.began_at,
            probability=finding.probability,
            provisions=tuple(provisions) or finding.provisions,
            version=1,
            finding_id=finding.finding_id,
            zone_id=finding.zone_id,
            position=finding.position,
        )
        values = {
            **columns(alarm),
            "subject": alarm.subject,
            "city_code": alarm.city_code,
            "zone_id": alarm.zone_id,
            "kind": alarm.kind.value,
            "level_at": finding.detected_at,
            "began_at": alarm.began_at,
            "opened_at": alarm.opened_at,
            "provisions": [provision.value for provision in alarm.provisions],
            "exercise": finding.exercise,
        }
        self.connection.execute(_SQL["open"], values)
        self._changed = True
        event = AlarmEvent(self.now, actor, AlarmAction.OPEN, None, state, reason)
        return alarm, add_event(self.connection, alarm, event, event_id=self._event_id())

    def change(
        self,
        alarm: Alarm,
        action: AlarmAction,
        *,
        actor: str,
        reason: str,
        note: str = "",
        level_at: datetime | None = None,
        next_level: Level | None = None,
        told: str | None = None,
    ) -> tuple[Alarm, int]:
        """Writes `alarm` as it is after `action` and the event, as `store.alarms.move` does."""
        self._changed = True
        return move(
            self.connection,
            alarm,
            action,
            actor=actor,
            now=self.now,
            reason=reason,
            note=note,
            level_at=level_at,
            next_level=next_level,
            told=told,
            event_id=self._event_id(),
        )

    def follow(self, alarm: Alarm, next_level: Level | None) -> None:
        """Writes what a quiet update changes: the newest finding and what it says."""
        self._changed = True
        values = {**columns(alarm), "next_level": next_level.value if next_level else None}
        self.connection.execute(_SQL["follow"], values)

    def decide(
        self, finding: Finding, *, alarm_id: int | None, step: str, reason: str, level_reason: str, policy: str
    ) -> None:
        """Records what was done about `finding` and why, and moves the position behind it."""
        self.connection.execute(
            _SQL["decide"],
            {
                "finding_id": finding.finding_id,
                "alarm_id": alarm_id,
                "step": step,
                "reason": reason,
                "level_reason": level_reason,
                "policy": policy,
                "now": self.now,
            },
        )
        self.position = finding.finding_id

    def untold(self, *, settle_s: float, limit: int) -> list[Untold]:
        """Events of which it is not decided yet who is told; an end only after it has stood for `settle_s`."""
        settled_before = self.now - timedelta(seconds=settle_s)
        rows = self.connection.execute(_SQL["untold"], {"settled_before": settled_before, "limit": limit}).fetchall()
        return [
            Untold(event_of(row), alarm_of(row), row.went_on, tuple(row.sensor_ids), row.suppressed_by) for row in rows
        ]

    def tell(self, drafts: Sequence[Draft], told: Mapping[int, str]) -> None:
        """Puts notices into the outbox and records for each event why there are these or none."""
        notices.add(self.connection, drafts, now=self.now)
        self._told = self._told or bool(drafts)
        for reason in set(told.values()):
            event_ids = [event_id for event_id, why in told.items() if why == reason]
            self.connection.execute(_SQL["set_told"], {"event_ids": event_ids, "told": reason})

    def sent(self, groups: Collection[str], *, within_s: float) -> dict[str, list[Sent]]:
        """The batches of notices of each of `groups` that went within the last `within_s`."""
        since = self.now - timedelta(seconds=within_s)
        sent: dict[str, list[Sent]] = defaultdict(list)
        for row in self.connection.execute(_SQL["sent"], {"groups": list(groups), "since": since}):
            sent[row.group_key].append(Sent(row.created_at, row.rang))
        return sent

    def rang_last(self, group: str, *, since: datetime) -> dict[tuple[str, str], str]:
        """By channel and address, the idempotency key of the last notice of `group` that rang there from `since` on."""
        rows = self.connection.execute(_SQL["rang_last"], {"group": group, "since": since})
        return {(row.channel, row.address): row.idempotency_key for row in rows}

    def present(self, kinds: Collection[FindingKind]) -> list[Present]:
        """The conditions of some kinds that are there."""
        rows = self.connection.execute(_SQL["present"], {"kinds": [kind.value for kind in kinds]})
        return [Present(alarm_of(row), frozenset(row.sensor_ids)) for row in rows]

    def suppressed(self, limit: int) -> list[Present]:
        """Alarms that another one explains or a person silenced, held; those in other hands come next time."""
        rows = self.connection.execute(_SQL["suppressed"], {"limit": limit}).fetchall()
        return [Present(alarm_of(row), frozenset(row.sensor_ids), row.suppressed_by) for row in rows]

    def silences(self) -> list[Silence]:
        """What people have made silent."""
        return silences.in_force(self.connection, self.now)

    def due(
        self, *, settle_s: float, lower_after_s: float, follow_s: float, limit: int, after: int = 0
    ) -> list[Standing]:
        """Alarms that time may move, those above the id `after`: cleared for `settle_s`, shelved up to now, candidates,
        at a lower level that has waited since `lower_after_s`, or acknowledged and left alone for `follow_s`."""
        rows = self.connection.execute(
            _SQL["due"],
            {
                "settled_before": self.now - timedelta(seconds=settle_s),
                "stood_since": self.now - timedelta(seconds=lower_after_s),
                "left_since": self.now - timedelta(seconds=follow_s),
                "now": self.now,
                "after": after,
                "limit": limit,
            },
        )
        return [_standing(row) for row in rows.fetchall()]

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        position = self.position
        try:
            with self.connection.transaction():
                yield
        except BaseException:
            self.position = position
            raise

    def _close(self) -> None:
        self.connection.execute(_SQL["advance"], {"engine": self._engine, "finding_id": self.position})
        if self._changed:
            notify(self.connection, Topic.ALARM)
        if self._told:
            notify(self.connection, Topic.NOTICE)

    def _event_id(self) -> int:
        if not self._event_ids:
            self._draw(alarms=0, events=_DRAWN)
        return self._event_ids.pop()

    def _draw(self, *, alarms: int, events: int) -> None:
        """Numbers for what is to be written, the lowest to be taken first."""
        if alarms > len(self._alarm_ids):
            drawn = draw(self.connection, "alarm", alarms - len(self._alarm_ids))
            self._alarm_ids = sorted([*self._alarm_ids, *drawn], reverse=True)
        if events > len(self._event_ids):
            drawn = draw(self.connection, "alarm_event", events - len(self._event_ids))
            self._event_ids = sorted([*self._event_ids, *drawn], reverse=True)

    def _row(self, query: str, **values: Any) -> Any:
        return self.connection.execute(_SQL[query], values).fetchone()


def _standing(row: Any) -> Standing:
    next_level = None if row.next_level is None else Level(row.next_level)
    return Standing(alarm_of(row), row.level_at, next_level, row.end_told, row.acted_at)


@contextmanager
def docket(store: Store, *, engine: str, now: datetime) -> Iterator[Docket]:
    """Opens the docket; everything written in the block is committed with the new position when it ends, and nothing
    when it raises. One engine at a time: another waits here. Raises StoreError."""
    with store.transaction() as connection:
        opened = Docket(store, connection, engine=engine, now=now)
        yield opened
        opened._close()


def behind(store: Store, *, engine: str) -> int:
    """How many findings wait for their decision. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["behind"], {"engine": engine}).fetchone()
        return int(row.findings)
