"""One crew: what it can do, whether it is on duty, its work orders; who leads says that it is on duty or rests."""

from datetime import datetime, timedelta
from typing import Any

from console import doing
from console.access import DESK
from console.pages import trail_words
from console.pages.alarm_view import actor
from console.pages.desk import Desk
from console.pages.wanting import WantingError
from console.words import moment
from lifeline.errors import AccessError, NotFoundError
from lifeline.person import Person
from lifeline.store import audit, crews, work_orders
from lifeline.store.crews import CrewStanding

_SHOWN = 50
_LONGEST_H = 24 * 31
_DUTY = {"on-duty": True, "off-duty": False}
Json = dict[str, Any]


class CrewKind:
    """A crew with its work."""

    path = "/crews"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The crew, its newest orders, and who said what of its duty."""
        texts, one = desk.texts, _crew(desk, key)
        doing.require_city(person, one.crew.city_code)
        timezone, language = desk.timezone(one.crew.city_code), texts.language.value
        on_duty = one.on_duty_at(now)
        wanted = "off-duty" if on_duty else "on-duty"
        ends = one.until if one.until is not None and now < one.until else None

        def time(at: datetime) -> str:
            return moment(at, timezone, now=now)

        facts = (
            ("list.skills", " · ".join(texts.known("skill", skill) for skill in one.crew.skills)),
            ("list.strength", str(one.crew.people)),
            ("list.until", moment(ends, timezone, now=now) if ends else ""),
            ("list.orders_of_crew", str(one.orders)),
            ("list.offers", str(one.offers)),
            ("detail.where", f"{one.crew.position.lon:.5f}, {one.crew.position.lat:.5f}"),
        )
        return {
            "id": key,
            "title": texts.name(one.crew.name.zh, one.crew.name.en),
            "sub": f"{key} · {desk.place(one.crew.city_code, None)}",
            "chip": texts("list.on_duty" if on_duty else "list.off_duty"),
            "actions": [{"action": wanted, "label": texts(f"crew.{wanted}"), "main": False, "confirm": ""}]
            if person.roles & DESK
            else [],
            "number": texts("crew.hours") if person.roles & DESK else "",
            "facts": [{"label": texts(word), "text": text} for word, text in facts if text],
            "tables": [
                {
                    "title": texts("page.orders"),
                    "columns": [texts(f"list.{each}") for each in ("order", "level", "state", "at")],
                    "rows": [
                        [
                            {
                                "text": texts.name(order.title.zh, order.title.en),
                                "href": f"/{language}/orders/{order.order_id}",
                            },
                            texts(f"level.full.{order.level.value}"),
                            texts(f"order.state.{order.state.value}"),
                            moment(order.created_at, timezone, now=now),
                        ]
                        for order in work_orders.orders(desk.store, live_only=False, crew_id=key, limit=_SHOWN)
                    ],
                },
                {
                    "title": texts("detail.history"),
                    "columns": [texts(f"list.{each}") for each in ("at", "who", "what", "detail")],
                    "rows": [
                        [
                            moment(entry.at, timezone, now=now),
                            actor(desk, entry.who),
                            trail_words.done(texts, entry.action),
                            trail_words.particulars(texts, entry, time=time, names={}),
                        ]
                        for entry in audit.entries(desk.store, subject=f"crew:{key}", limit=_SHOWN)
                    ],
                },
            ],
        }

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """On duty, or not; for some hours where they are given, else until said otherwise."""
        if not person.roles & DESK:
            raise AccessError("this is for operators and supervisors", advice="ask one")
        doing.require_city(person, _crew(desk, key).crew.city_code)
        if told["action"] not in _DUTY:
            raise ValueError(f"nothing like {told['action']!r} is done to a crew")
        hours = told.get("number")
        if hours in (None, ""):
            until = None
        elif isinstance(hours, int | float) and 0 < hours <= _LONGEST_H:
            until = now + timedelta(hours=hours)
        else:
            raise WantingError("silence.needs_hours")
        crews.set_presence(desk.store, key, on_duty=_DUTY[told["action"]], who=person.name, now=now, until=until)


def _crew(desk: Desk, key: str) -> CrewStanding:
    found = next((one for one in crews.standings(desk.store) if one.crew.crew_id == key), None)
    if found is None:
        raise NotFoundError(f"there is no crew {key}", advice="look at the list")
    return found
