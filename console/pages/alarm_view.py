"""An alarm in words: rows of the list and the panel beside the map, ready for the browser. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from console.access import DESK, may
from console.api.documents import PEOPLE_ACTIONS
from console.curves import Mark, Picture, options
from console.dossier import Dossier
from console.pages.desk import Desk
from console.words import moment, percent, value
from lifeline.alarm import ENDED, Alarm, AlarmAction, AlarmEvent, AlarmState, allowed_actions
from lifeline.person import Person, Role
from lifeline.provision import WORDS
from lifeline.store.notices import Notice
from lifeline.store.views import LiveAlarm
from lifeline.units import SECONDS_PER_HOUR, Quantity

PUBLISH = "publish"
"""What a supervisor signs: that the public is told."""
CONFIRMED = frozenset({AlarmAction.CANCEL, AlarmAction.CLOSE})
"""What cannot be taken back is asked for twice."""
_MAIN = (
    AlarmAction.ACKNOWLEDGE,
    AlarmAction.DISPATCH,
    AlarmAction.ACCEPT,
    AlarmAction.ARRIVE,
    AlarmAction.MITIGATE,
    AlarmAction.VERIFY,
    AlarmAction.UNSHELVE,
    AlarmAction.CLOSE,
)
_CANDIDATES = 6
_SYSTEM = "system:"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A live alarm as the list and as the map show it."""

    city: str
    listed: Json
    drawn: Json


def rows(desk: Desk) -> list[Row]:
    """All live alarms, the gravest and newest first."""
    kept = desk.rows
    made = {
        alarm.alarm_id: kept[alarm.alarm_id]
        if alarm.alarm_id in kept and kept[alarm.alarm_id][0] is alarm
        else (alarm, _row(desk, alarm))
        for alarm in desk.feed.alarms
    }
    kept.clear()
    kept.update(made)
    return [row for _, row in made.values()]


def _row(desk: Desk, alarm: LiveAlarm) -> Row:
    both = {
        "id": alarm.alarm_id,
        "level": alarm.level.value,
        "state": alarm.state.value,
        "title": desk.texts.name(alarm.title.zh, alarm.title.en),
    }
    listed = both | {
        "version": alarm.version,
        "place": desk.place(alarm.city_code, alarm.zone_id),
        "size": size(alarm.flow_m3_per_h, alarm.depth_m),
        "sure": percent(alarm.probability),
        "cleared": alarm.cleared_at is not None,
        "opened_ms": 1000 * alarm.opened_at.timestamp(),
    }
    drawn = both | {
        "city": alarm.city_code,
        "lon": alarm.position.lon if alarm.position else None,
        "lat": alarm.position.lat if alarm.position else None,
        "area": alarm.area,
        "candidates": list(alarm.candidates[:_CANDIDATES]),
    }
    return Row(alarm.city_code, listed, drawn)


def size(flow_m3_per_h: float | None, depth_m: float | None) -> str:
    """How much water, where it was measured."""
    if flow_m3_per_h is not None:
        return value(Quantity.FLOW, flow_m3_per_h / SECONDS_PER_HOUR)
    return "" if depth_m is None else value(Quantity.WATER_DEPTH, depth_m)


def _links(desk: Desk, alarm: Alarm, roles: Collection[Role]) -> list[Json]:
    """Where one goes on from an alarm: its zone, and an evacuation around it."""
    language, found = desk.texts.language.value, []
    if alarm.zone_id in desk.feed.zones:
        href = f"/{language}/zones/{alarm.zone_id}"
        found.append({"label": f"{desk.texts('list.zone')} {alarm.zone_id}", "href": href})
    if alarm.position is not None and alarm.state not in ENDED and not DESK.isdisjoint(roles):
        href = f"/{language}/evacuations/alarm-{alarm.alarm_id}"
        found.append({"label": desk.texts("detail.evacuate"), "href": href})
    return found


def panel(desk: Desk, dossier: Dossier, roles: Collection[Role], *, now: datetime) -> Json:
    """An alarm with all that is known about it, and what somebody of `roles` may do."""
    alarm, texts, finding = dossier.alarm, desk.texts, dossier.finding or {}
    timezone = desk.timezone(alarm.city_code)
    marks = [Mark(texts(key), at) for key, at in dossier.marks]
    return {
        "id": alarm.alarm_id,
        "version": alarm.version,
        "level": alarm.level.value,
        "state": alarm.state.value,
        "cleared": alarm.cleared_at is not None,
        "number": texts("detail.link", n=alarm.alarm_id),
        "title": texts.name(alarm.title_zh, alarm.title_en),
        "place": desk.place(alarm.city_code, alarm.zone_id),
        "facts": _facts(desk, dossier, timezone, now),
        "actions": [
            {
                "action": action.value,
                "label": texts(f"action.{action.value}"),
                "main": action is _main(alarm.state),
                "confirm": texts("act.confirm", action=texts(f"action.{action.value}").lower())
                if action in CONFIRMED
                else "",
                "hours": action is AlarmAction.SHELVE,
            }
            for action in PEOPLE_ACTIONS
            if action in allowed_actions(alarm.state) and may(roles, action)
        ]
        + (
            [
                {
                    "action": PUBLISH,
                    "label": texts("act.publish"),
                    "main": False,
                    "confirm": texts("act.publish_confirm"),
                    "hours": False,
                }
            ]
            if Role.SUPERVISOR in roles and alarm.state not in ENDED
            else []
        ),
        "links": _links(desk, alarm, roles),
        "pictures": [
            options(_worded(desk, picture), texts.known("quantity", picture.name), marks, timezone)
            for picture in dossier.pictures
        ],
        "rule": texts.known("rule", str(finding["reason"])) if finding else "",
        "candidates": [
            {"id": one["asset_id"], "percent": percent(one["probability"]), "share": one["probability"]}
            for one in finding.get("candidates", [])[:_CANDIDATES]
        ],
        "provisions": [{"article": provision.value, "words": WORDS[provision]} for provision in alarm.provisions],
        "calls": [
            {
                "at": moment(one.at, timezone, now=now),
                "who": f"{one.person} · {texts.known('duty', one.role)}",
                "answer": _answered(desk, dossier, one.person),
            }
            for one in dossier.calls
        ],
        "photos": [
            {"id": one.photo_id, "alt": f"{one.by} {moment(one.at, timezone, now=now)}"} for one in dossier.photos
        ],
        "notices": [_notice(desk, notice, timezone, now) for notice in dossier.notices],
        "history": [_event(desk, event, timezone, now) for event in reversed(dossier.events)],
    }


def _answered(desk: Desk, dossier: Dossier, person: str) -> str:
    """Whether somebody who was called did anything about the alarm."""
    act = next((event for event in dossier.events if event.actor == person), None)
    return desk.texts(f"action.{act.action.value}") if act else desk.texts("detail.no_answer")


def calls(desk: Desk, person: Person) -> list[Json]:
    """Calls from the field in this person's cities, as the list shows them."""
    texts = desk.texts
    return [
        {
            "id": call.call_id,
            "alarm": call.alarm_id,
            "what": texts(f"call.{call.kind}", what=texts(f"lack.{call.what}")),
            "who": " · ".join(filter(None, (call.called_by, call.shelter_id, desk.place(call.city_code, None)))),
            "note": call.note,
            "at_ms": 1000 * call.at.timestamp(),
        }
        for call in desk.feed.calls
        if person.serves(call.city_code)
    ]


def _worded(desk: Desk, picture: Picture) -> Picture:
    """With the lines of a detector named in the person's language."""
    return replace(
        picture, curves=tuple(replace(one, name=desk.texts.known("curve", one.name)) for one in picture.curves)
    )


def actor(desk: Desk, name: str) -> str:
    """Who did it: a person by name, a stage as the system."""
    return f"{desk.texts('actor.system')} ({name.removeprefix(_SYSTEM)})" if name.startswith(_SYSTEM) else name


def _main(state: AlarmState) -> AlarmAction | None:
    return next((action for action in _MAIN if action in allowed_actions(state)), None)


def _facts(desk: Desk, dossier: Dossier, timezone: str, now: datetime) -> list[Json]:
    alarm, texts, finding = dossier.alarm, desk.texts, dossier.finding or {}

    def time(at: datetime | None) -> str:
        return moment(at, timezone, now=now) if at else ""

    flow, depth = finding.get("flow_m3_per_h"), finding.get("depth_m")
    people, special = dossier.people or (0, 0)
    position = f"{alarm.position.lon:.5f}, {alarm.position.lat:.5f}" if alarm.position else ""
    facts = [
        ("detail.flow", "" if flow is None else size(flow, None), "", False),
        ("detail.depth", "" if depth is None else size(None, depth), "", False),
        ("detail.probability", f"{percent(alarm.probability)}%", "", False),
        ("detail.began", time(alarm.began_at), "", False),
        ("detail.opened", time(alarm.opened_at), "", False),
        ("detail.cleared", time(alarm.cleared_at), "", False),
        ("detail.shelved_until", time(alarm.shelved_until), "", False),
        (
            "detail.people",
            f"{people:,}" if dossier.people else "",
            texts("detail.special_needs", n=f"{special:,}") if special else "",
            True,
        ),
        ("detail.where", position, "", True),
        ("detail.sensors", _sensors(desk, finding.get("sensor_ids", [])), "", True),
    ]
    return [
        {"label": texts(key), "text": text, "small": small, "wide": wide} for key, text, small, wide in facts if text
    ]


def _sensors(desk: Desk, sensor_ids: list[str]) -> str:
    shown = []
    for sensor_id in sensor_ids[:3]:
        now = desk.feed.sensor(sensor_id)
        shown.append(desk.texts.name(now.sensor.name.zh, now.sensor.name.en) if now else sensor_id)
    if len(sensor_ids) > len(shown):
        shown.append(f"+{len(sensor_ids) - len(shown)}")
    return " · ".join(shown)


def _notice(desk: Desk, notice: Notice, timezone: str, now: datetime) -> Json:
    texts = desk.texts
    attempts = texts("notice.attempts", n=notice.attempts) if notice.attempts > 1 or notice.last_error else ""
    return {
        "id": notice.notice_id,
        "to": f"{notice.channel} → {notice.address}",
        "state": notice.state.value,
        "word": texts(f"notice.{notice.state.value}"),
        "at": moment(notice.delivered_at or notice.created_at, timezone, now=now),
        "trouble": " · ".join(filter(None, (attempts, notice.last_error if not notice.delivered_at else ""))),
    }


def _event(desk: Desk, event: AlarmEvent, timezone: str, now: datetime) -> Json:
    return {
        "at": moment(event.at, timezone, now=now),
        "who": actor(desk, event.actor),
        "what": desk.texts(f"action.{event.action.value}"),
        "note": event.note,
    }
