"""The storms of a year with their figures, and each on a page of its own with its alarms and how the water stood."""

from datetime import datetime, timedelta
from typing import Any

from console import doing
from console.curves import Curve, of_quantity, options
from console.pages.desk import Desk
from console.pages.register import Cities, Register
from console.words import moment, value
from lifeline.errors import AccessError, NotFoundError
from lifeline.person import Person
from lifeline.store import alarms, views
from lifeline.store.storms import Storm, storms
from lifeline.units import Quantity

_BACK = timedelta(days=366)
_AROUND = timedelta(hours=1)
_STEPS = 400
_CURVES = 5
_ALARMS = 200
_PREFIX = "flood:"
Json = dict[str, Any]


def _read(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts = desk.texts
    return [
        {
            "id": storm.key,
            "href": f"/{texts.language.value}/past/{storm.key}",
            "began": moment(storm.began_at, desk.timezone(storm.city_code), now=now),
            "place": desk.place(storm.city_code, None),
            "level": storm.level.value,
            "level_word": texts(f"level.full.{storm.level.value}"),
            **_figures(desk, storm),
            "filters": {"level": str(storm.level.value)},
        }
        for storm in storms(desk.store, cities=cities, since=now - _BACK, now=now)
    ]


def _figures(desk: Desk, storm: Storm) -> Json:
    hours = (storm.over_at - storm.began_at).total_seconds() / 3600
    intensity, fallen = storm.intensity_m_per_s, storm.fallen_m
    return {
        "hours": f"{hours:.1f} h" + (f" · {desk.texts('past.lasts')}" if storm.lasts else ""),
        "places": str(storm.places),
        "alarms": str(storm.alarms),
        "depth": "–" if storm.depth_m is None else value(Quantity.WATER_DEPTH, storm.depth_m),
        "intensity": "–" if intensity is None else value(Quantity.RAIN_INTENSITY, intensity),
        "fallen": "–" if fallen is None else value(Quantity.RAIN_DEPTH, fallen),
    }


class StormKind:
    """One storm: its figures, its alarms and the depth at the places that had most."""

    path = "/past"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The storm that began when the key says."""
        texts, city = desk.texts, key.partition("-")[0]
        doing.require_city(person, city)
        found = storms(desk.store, cities=[city], since=now - _BACK, now=now)
        storm = next((one for one in found if one.key == key), None)
        if storm is None:
            raise NotFoundError(f"there is no storm {key}", advice="look at the list")
        timezone, language = desk.timezone(city), texts.language.value
        rows = [alarms.alarm(desk.store, number) for number in storm.alarm_ids[:_ALARMS]]
        figures = _figures(desk, storm)
        return {
            "id": key,
            "title": f"{texts('past.storm')} {moment(storm.began_at, timezone, now=now)}",
            "sub": desk.place(city, None),
            "chip": texts(f"level.full.{storm.level.value}"),
            "facts": [{"label": texts(word), "text": figures[name]} for name, word, _ in _FIGURES if name in figures],
            "pictures": self._pictures(desk, storm, [one.subject for one in rows], timezone, now),
            "tables": [
                {
                    "title": texts("list.alarms_of_storm"),
                    "columns": [texts(f"list.{one}") for one in ("alarm", "level", "state", "opened", "closed")],
                    "rows": [
                        [
                            {
                                "text": texts.name(one.title_zh, one.title_en),
                                "href": f"/{language}?alarm={one.alarm_id}",
                            },
                            texts(f"level.full.{one.level.value}"),
                            texts(f"state.{one.state.value}"),
                            moment(one.opened_at, timezone, now=now),
                            moment(one.closed_at, timezone, now=now) if one.closed_at else "–",
                        ]
                        for one in rows
                    ],
                }
            ],
        }

    def _pictures(self, desk: Desk, storm: Storm, subjects: list[str], timezone: str, now: datetime) -> list[Json]:
        ids = dict.fromkeys(one.removeprefix(_PREFIX) for one in subjects if one.startswith(_PREFIX))
        start, end = storm.began_at - _AROUND, min(storm.over_at + _AROUND, now)
        curves = []
        for sensor_id in list(ids)[:_CURVES]:
            one = desk.feed.sensor(sensor_id)
            if one is None or one.sensor.quantity is not Quantity.WATER_DEPTH:
                continue
            step_s = max(one.sensor.interval_s, (end - start).total_seconds() / _STEPS)
            rows = views.series(desk.store, one.sensor.sensor_key, start=start, end=end, step_s=step_s)
            name = desk.texts.name(one.sensor.name.zh, one.sensor.name.en)
            curves.append(Curve(name, [(at, greatest) for at, _, _, greatest, _ in rows]))
        if not any(one.points for one in curves):
            return []
        return [options(of_quantity(Quantity.WATER_DEPTH, *curves), desk.texts("past.depths"), [], timezone)]

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """Nothing can be done to a storm."""
        del desk, key, person, told, now
        raise AccessError("nothing can be done to a storm", advice="act on its alarms")


_FIGURES = (
    ("hours", "past.hours", ""), ("places", "past.places", ""), ("alarms", "report.alarms", ""),
    ("depth", "past.deepest", ""), ("intensity", "past.intensity", ""), ("fallen", "past.fallen", ""),
)  # fmt: skip
REGISTER = Register(
    "/past",
    (("began", "list.from", "link"), ("level_word", "list.level", "level"), ("place", "list.city", ""), *_FIGURES),
    _read,
    (("level", "level.full", ("1", "2", "3", "4")),),
    hint="past.hint",
    empty="past.none",
)
