"""Makes alarms known to the public: an exercise by itself, an Actual message for each signature of a named person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alerts import cap, national
from alerts.bulletin import (
    HEADLINE_LIMIT,
    Area,
    Bulletin,
    Certainty,
    MsgType,
    Reference,
    Status,
    wrong,
)
from alerts.policy import Policy
from alerts.text import catalogue
from lifeline import log
from lifeline.alarm import Alarm, Level
from lifeline.asset import Position
from lifeline.finding import DRILL, Finding
from lifeline.settings import AlertsSettings
from lifeline.store import bulletins
from lifeline.store.bulletins import Draft, Earlier
from lifeline.store.decisions import Docket
from lifeline.store.places import Place

_RENEW_S = 600.0
_DIGITS = 5
_UNIT = "41600000"
"""Of the 14 digits of a unit behind the city's six: those of the published sample; the centre assigns the real ones."""

_log = log.logger("bulletins")


class Bulletins:
    """Writes the messages that are due in the decider's transaction."""

    def __init__(self, settings: AlertsSettings) -> None:
        self._settings = settings

    def work(self, opened: Docket, policy: Policy) -> None:
        """One message for each alarm of which there is something new, and for each signature."""
        rules = policy.publish
        due = bulletins.candidates(
            opened.connection,
            kinds=rules.kinds,
            min_level=rules.min_level,
            settle_s=policy.rhythm.settle_s,
            renew_s=_RENEW_S,
            now=opened.now,
        )
        for alarm in due:
            self._publish(opened, alarm, policy, Status.EXERCISE, "")
        for approval in bulletins.approvals(opened.connection):
            alarm = opened.alarm(approval.alarm_id)
            outcome, number = self._publish(opened, alarm, policy, Status.ACTUAL, approval.approved_by)
            bulletins.used(opened.connection, approval, outcome, number)

    def _publish(self, opened: Docket, alarm: Alarm, policy: Policy, status: Status, by: str) -> tuple[str, int | None]:
        """Writes the next message about an alarm: what came of it, and its number."""
        if status is Status.ACTUAL and alarm.subject.startswith(DRILL):
            return "refused: a drill is never meant", None
        earlier = bulletins.earlier(opened.connection, alarm.alarm_id, status.value)
        live = live_chain(earlier)
        over = alarm.ended or alarm.cleared_at is not None or alarm.level > policy.publish.min_level
        if over and not live:
            return "nothing-to-say", None
        kind = MsgType.CANCEL if over else MsgType.UPDATE if live else MsgType.ALERT
        finding = opened.backgrounds([alarm])[alarm.alarm_id].finding
        made = bulletin_of(
            alarm,
            finding,
            opened.place(finding or alarm),
            kind=kind,
            status=status,
            references=tuple(Reference(one.sender, one.identifier, one.sent) for one in live),
            number=len(earlier) + 1,
            approved_by=by,
            settings=self._settings,
            valid_s=policy.publish.valid_s,
            now=opened.now.replace(microsecond=0),
        )
        if faults := wrong(made, made.references, sent_before=[one.identifier for one in earlier]):
            _log.error("message is not published", alarm=alarm.alarm_id, faults=faults)
            return f"refused: {'; '.join(faults)}", None
        code = self._settings.sender_code or f"{alarm.city_code}{_UNIT}"
        zone = opened.place(finding or alarm).timezone
        number = bulletins.add(
            opened.connection,
            Draft(
                identifier=made.identifier,
                chain=made.chain,
                alarm_id=alarm.alarm_id,
                city_code=alarm.city_code,
                status=status.value,
                msg_type=kind.value,
                level=made.level,
                sent=made.sent,
                expires=made.expires,
                approved_by=by,
                record=_record(made),
                cap=cap.compose(made, timezone=zone),
                national=national.compose(made, sender_code=code, timezone=zone),
            ),
        )
        _log.info("message published", identifier=made.identifier, status=status.value, type=kind.value)
        return "published", number


def live_chain(earlier: Sequence[Earlier]) -> list[Earlier]:
    """The messages of the event that is not cancelled yet, oldest first; after a Cancel a new chain begins."""
    last = max((n for n, one in enumerate(earlier) if one.msg_type == MsgType.CANCEL.value), default=-1)
    return list(earlier[last + 1 :])


def bulletin_of(
    alarm: Alarm,
    finding: Finding | None,
    place: Place,
    *,
    kind: MsgType,
    status: Status,
    references: tuple[Reference, ...],
    number: int,
    approved_by: str,
    settings: AlertsSettings,
    valid_s: float,
    now: datetime,
) -> Bulletin:
    """The message about an alarm as it is."""
    words = catalogue("zh")["bulletin"]
    colour = catalogue("zh")["digest"]["colour"][alarm.level.name.lower()]
    mark = words["exercise"] if status is not Status.ACTUAL else ""
    act = words["lift" if kind is MsgType.CANCEL else "issue"]
    event = words["event"].get(alarm.kind.value, catalogue("zh")["kind"][alarm.kind.value])
    headline = f"{mark}{settings.sender_name}{act}{event}{colour}{words['warning']}：{alarm.title_zh}"
    certain = Certainty.OBSERVED if alarm.probability >= 0.5 else Certainty.LIKELY
    return Bulletin(
        identifier=f"{settings.sender_id}-{alarm.city_code}-{alarm.alarm_id}-{status.value.lower()}-{number}",
        sender=settings.sender_id,
        sender_name=settings.sender_name,
        sent=now,
        status=status,
        msg_type=kind,
        event=event,
        event_code=alarm.kind.value,
        level=alarm.level,
        certainty=certain,
        effective=now,
        expires=now + timedelta(seconds=valid_s),
        headline=headline[:HEADLINE_LIMIT],
        description=f"{mark}{alarm.title_zh}。",
        instruction="" if kind is MsgType.CANCEL else words["instruction"].get(alarm.kind.value, ""),
        area=area_of(alarm, finding, place),
        references=references,
        note=words["note_cancel"] if kind is MsgType.CANCEL else (mark and words["note_exercise"]),
        approved_by=approved_by,
    )


def area_of(alarm: Alarm, finding: Finding | None, place: Place) -> Area:
    """Where: the finding's ring where it has one, else a circle around the place, else around the city's centre."""
    zone = place.sensor or place.zone or place.city
    codes = (place.district or alarm.city_code,)
    ring = _ring(finding.area) if finding is not None and finding.area else ()
    centre = alarm.position or place.centre
    radius_m = 300.0 if alarm.position else 20_000.0
    rounded = Position(round(centre.lon, _DIGITS), round(centre.lat, _DIGITS)) if centre else None
    area = Area(f"{place.city.zh}{zone.zh}" if zone != place.city else zone.zh, codes, ring, rounded, radius_m)
    return replace(area, centre=None, radius_m=0.0) if ring else area


def _ring(geometry: dict[str, Any]) -> tuple[Position, ...]:
    """The outer ring of a GeoJSON polygon, in five decimals (a metre)."""
    if geometry.get("type") != "Polygon" or not geometry.get("coordinates"):
        return ()
    points = [Position(round(p[0], _DIGITS), round(p[1], _DIGITS)) for p in geometry["coordinates"][0]]
    return tuple(points) if 4 <= len(points) <= 100 and points[0] == points[-1] else ()


def _record(bulletin: Bulletin) -> dict[str, Any]:
    """What is kept of a message besides its forms."""
    return {
        "sender": bulletin.sender,
        "headline": bulletin.headline,
        "description": bulletin.description,
        "instruction": bulletin.instruction,
        "event": bulletin.event,
        "level": Level(bulletin.level).name.lower(),
        "references": [one.identifier for one in bulletin.references],
        "geocodes": list(bulletin.area.geocodes),
    }
