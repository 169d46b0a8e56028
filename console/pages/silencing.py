"""Silences on pages: what is silent, making a sensor or a zone so, ending it; and the list of all."""

from datetime import datetime, timedelta
from typing import Any

from console import doing
from console.access import DESK
from console.pages.desk import Desk
from console.pages.register import MOST, Cities, Register
from console.pages.wanting import WantingError
from console.words import moment
from lifeline.person import Person
from lifeline.silence import LONGEST, Silence
from lifeline.store import silences

_SHOWN = 10
_MAKE, _END = "silence", "end-silence-"
_STATES = ("holds", "over")
Json = dict[str, Any]


def offered(
    desk: Desk, person: Person, *, sensor_id: str | None = None, zone_id: str | None = None, now: datetime
) -> Json:
    """What a leaf says and offers about the silences of its sensor or zone. Blocks; raises StoreError."""
    texts = desk.texts
    running = silences.silences(desk.store, sensor_id=sensor_id, zone_id=zone_id, not_over_at=now)
    actions = [
        {
            "action": f"{_END}{one.silence_id}",
            "label": f"{texts('silence.end')} #{one.silence_id}",
            "main": False,
            "confirm": "",
        }
        for one in running
    ]
    make = {"action": _MAKE, "label": texts("silence.make"), "main": False, "confirm": texts("silence.confirm")}
    return {
        "actions": [make, *actions] if person.roles & DESK else [],
        "number": texts("silence.hours"),
        "hint": texts("silence.hint") if running or person.roles & DESK else "",
    }


def table(
    desk: Desk, *, sensor_id: str | None = None, zone_id: str | None = None, timezone: str, now: datetime
) -> Json:
    """The newest silences of a sensor or zone as a table of a leaf. Blocks; raises StoreError."""
    texts = desk.texts
    found = silences.silences(desk.store, sensor_id=sensor_id, zone_id=zone_id, limit=_SHOWN)
    return {
        "title": texts("page.silences"),
        "columns": [texts(f"list.{key}") for key in ("state", "from", "until", "who", "reason")],
        "rows": [
            [
                texts(f"silence.{_state(one, now)}"),
                moment(one.begins_at, timezone, now=now),
                moment(one.over_at, timezone, now=now) + (f" ({one.ended_by})" if one.ended_by else ""),
                one.made_by,
                one.why,
            ]
            for one in found
        ],
    }


def act(
    desk: Desk,
    person: Person,
    told: Json,
    *,
    sensor_id: str | None = None,
    zone_id: str | None = None,
    now: datetime,
) -> None:
    """What a person asked for on a leaf. Blocks; raises WantingError, LifelineError."""
    action = str(told["action"])
    if action.startswith(_END) and action.removeprefix(_END).isdecimal():
        doing.end_silence(desk.store, int(action.removeprefix(_END)), person=person, now=now)
        return
    hours = told.get("number")
    if not isinstance(hours, int | float) or not 0 < hours <= LONGEST / timedelta(hours=1):
        raise WantingError("silence.needs_hours")
    if not told["note"].strip():
        raise WantingError("act.needs_reason")
    doing.silence(
        desk.store, sensor_id=sensor_id, zone_id=zone_id, until=now + timedelta(hours=hours), why=told["note"],
        person=person, now=now,
    )  # fmt: skip


def _listed(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts = desk.texts
    language = texts.language.value
    rows = []
    for one in silences.silences(desk.store, cities=cities, limit=MOST):
        sensor = desk.feed.sensor(one.sensor_id) if one.sensor_id else None
        zone = desk.feed.zones.get(one.zone_id) if one.zone_id else None
        known = sensor.sensor.name if sensor else zone.name if zone else None
        of = one.sensor_id or one.zone_id or ""
        timezone = desk.timezone(one.city_code)
        rows.append(
            {
                "id": str(one.silence_id),
                "href": f"/{language}/{'sensors' if one.sensor_id else 'zones'}/{of}",
                "name": f"{texts.name(known.zh, known.en)} ({of})" if known else of,
                "kind": texts("list.sensor" if one.sensor_id else "list.zone"),
                "place": desk.place(one.city_code, None),
                "state": texts(f"silence.{_state(one, now)}"),
                "from": moment(one.begins_at, timezone, now=now),
                "until": moment(one.over_at, timezone, now=now),
                "who": one.made_by,
                "ended_by": one.ended_by or "",
                "reason": one.why,
                "filters": {"state": _state(one, now)},
            }
        )
    return rows


def _state(one: Silence, now: datetime) -> str:
    return _STATES[one.over_at <= now]


REGISTER = Register(
    "/silences",
    (
        ("state", "list.state", ""), ("name", "list.silenced", "link"), ("kind", "list.kind", ""),
        ("place", "list.city", ""), ("from", "list.from", ""), ("until", "list.until", ""), ("who", "list.who", ""),
        ("reason", "list.reason", ""), ("ended_by", "list.ended_by", ""), ("id", "list.number", ""),
    ),
    _listed,
    (("state", "silence", _STATES),),
    hint="silence.hint",
)  # fmt: skip
