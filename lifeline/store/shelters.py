"""Shelters as they stand: mode, state, people inside, conversions with their checklists, water near them.

Every change is an entry of the audit trail (`shelter.*`), written in its transaction. Evacuations and plans:
store/evacuations.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lifeline.asset import Name, Position, Shelter
from lifeline.errors import IllegalTransitionError, NotFoundError, StaleVersionError
from lifeline.shelter import (
    Conversion,
    Exposure,
    Places,
    Season,
    ShelterMode,
    ShelterState,
    Standing,
    Task,
    WaterAt,
    check_transition,
)
from lifeline.store import audit
from lifeline.store.cities import shelter_of
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("shelters")
MOST_PEOPLE = 1_000_000


def standings(store: Store, city_code: str | None = None) -> list[Standing]:
    """How shelters stand, by id, of one city or of all. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["standings"], {"city_code": city_code, "shelter_id": None})
        return [_standing(row) for row in rows]


def standing(store: Store, shelter_id: str) -> Standing:
    """How one shelter stands. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return _one(connection, shelter_id)


def set_state(
    store: Store,
    shelter_id: str,
    state: ShelterState,
    *,
    who: str,
    now: datetime,
    reason: str,
    note: str = "",
    version: int | None = None,
) -> Standing:
    """Opens, fills, closes a shelter or says that it is unsafe. `version`: the one that the person saw.

    Raises NotFoundError, StaleVersionError, IllegalTransitionError, StoreError.
    """
    with store.transaction() as connection:
        before = _locked(connection, shelter_id, version)
        check_transition(before.state, state)
        after = replace(before, state=state, reason=reason, note=note)
        return _put(connection, before, after, "shelter.state", who=who, now=now)


def count(
    store: Store, shelter_id: str, people: int, *, who: str, now: datetime, counted_at: datetime | None = None
) -> Standing:
    """Notes how many people are inside; an older count than the newest is kept and changes nothing.

    Raises NotFoundError, IllegalTransitionError for a number that cannot be, StoreError.
    """
    at = counted_at or now
    if not 0 <= people <= MOST_PEOPLE or at > now + timedelta(minutes=5):
        raise IllegalTransitionError(
            f"{people} people at {at} cannot be counted", reason="no-count", advice="count again"
        )
    with store.transaction() as connection:
        before = _locked(connection, shelter_id, None)
        row = {"shelter_id": shelter_id, "at": at, "people": people, "who": who}
        connection.execute(_SQL["add_count"], row)
        if before.counted_at is not None and at < before.counted_at:
            return before
        after = replace(before, people=people, counted_at=at, counted_by=who)
        return _put(connection, before, after, "shelter.count", who=who, now=now)


def convert(
    store: Store,
    shelter_id: str,
    to_mode: ShelterMode,
    tasks: Sequence[Task],
    *,
    who: str,
    now: datetime,
    exercise: bool = False,
) -> Conversion:
    """Orders the conversion to everyday or emergency use (one act): mode becomes 转换中, the checklist is laid out.

    Promised is what the pack says, or the longest task. Raises NotFoundError, IllegalTransitionError where it is in
    that mode or being converted, StoreError.
    """
    with store.transaction() as connection:
        before = _locked(connection, shelter_id, None)
        if to_mode in (before.mode, ShelterMode.CONVERTING) or before.mode is ShelterMode.CONVERTING:
            raise IllegalTransitionError(
                f"shelter {shelter_id} is {before.mode.value}, it cannot be converted to {to_mode.value}",
                reason="converting",
                advice="finish or cancel the running conversion"
                if before.mode is ShelterMode.CONVERTING
                else "it is so already",
            )
        promised = max([before.shelter.conversion_hours, *(task.promised_hours for task in tasks)])
        values = {
            "shelter_id": shelter_id, "city_code": before.shelter.city_code, "to_mode": to_mode.value, "now": now,
            "who": who, "promised_hours": promised, "exercise": exercise,
        }  # fmt: skip
        row: Any = connection.execute(_SQL["add_conversion"], values).fetchone()
        for place, task in enumerate(tasks):
            line = {
                "conversion_id": row.conversion_id, "task": task.task, "place": place, "title_zh": task.title.zh,
                "title_en": task.title.en, "promised_hours": task.promised_hours,
            }  # fmt: skip
            connection.execute(_SQL["add_task"], line)
        opening = ShelterState.OPENING if to_mode is ShelterMode.EMERGENCY else before.state
        state = opening if before.state is ShelterState.STANDBY else before.state
        after = replace(before, mode=ShelterMode.CONVERTING, state=state, reason="converting", note="")
        more = {"to_mode": to_mode, "promised_hours": promised, "exercise": exercise}
        _put(connection, before, after, "shelter.convert", who=who, now=now, **more)
        return _conversions(connection, shelter_id=shelter_id, running=True)[0]


def do_task(store: Store, conversion: Conversion, task: str, *, who: str, now: datetime) -> Conversion:
    """Ticks a line of the checklist; with the last one the shelter is in its new mode, and open where that is 急.

    Ticked twice is ticked once. Raises NotFoundError, StoreError.
    """
    with store.transaction() as connection:
        before = _locked(connection, conversion.shelter_id, None)
        if task not in {line.task for line in conversion.tasks}:
            raise NotFoundError(f"the checklist of {conversion.shelter_id} has no {task!r}", advice="look at it again")
        values = {"conversion_id": conversion.conversion_id, "task": task, "who": who, "now": now}
        ticked = connection.execute(_SQL["do_task"], values).rowcount
        found = _conversions(connection, shelter_id=conversion.shelter_id, running=False)
        now_is = next(one for one in found if one.conversion_id == conversion.conversion_id)
        if not ticked:
            return now_is
        _record(connection, before.shelter, "shelter.task", who=who, now=now, task=task)
        if now_is.ended_at is None and all(line.done_at for line in now_is.tasks):
            return _end(connection, before, now_is, "done", who=who, now=now)
        return now_is


def cancel_conversion(store: Store, conversion: Conversion, *, who: str, now: datetime) -> Conversion:
    """Gives up a running conversion; the shelter is as it was before. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        before = _locked(connection, conversion.shelter_id, None)
        return _end(connection, before, conversion, "cancelled", who=who, now=now)


def conversions(
    store: Store,
    *,
    shelter_id: str | None = None,
    cities: Collection[str] | None = None,
    running: bool = False,
    before: int | None = None,
    limit: int = 500,
) -> list[Conversion]:
    """Conversions with their checklists, newest first; `before`: older than this number. Raises StoreError."""
    among = None if cities is None else sorted(cities)
    with store.transaction() as connection:
        return _conversions(
            connection, shelter_id=shelter_id, cities=among, running=running, before=before, limit=limit
        )


def conversion(store: Store, conversion_id: int) -> Conversion:
    """One conversion. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        found = _conversions(connection, conversion_id=conversion_id, running=False)
    if not found:
        raise NotFoundError(f"there is no conversion {conversion_id}", advice="look at the list")
    return found[0]


def water(store: Store, *, since: datetime) -> list[WaterAt]:
    """What every depth sensor has said since then, and its nowcast. Raises StoreError."""
    with store.transaction() as connection:
        return [
            WaterAt(row.sensor_id, row.city_code, Position(row.lon, row.lat), row.depth_m, row.expected_60_m)
            for row in connection.execute(_SQL["water"], {"since": since})
        ]


def temperature_c(store: Store, city_code: str, *, since: datetime) -> float | None:
    """The newest good temperature of a city since then; None where nothing measured it. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["temperature"], {"city_code": city_code, "since": since}).fetchone()
        return None if row is None else float(row.value)


def put_exposures(store: Store, exposures: Sequence[Exposure]) -> None:
    """Writes the water near shelters. Raises StoreError."""
    with store.transaction() as connection, connection.cursor() as cursor:
        cursor.executemany(
            _SQL["put_exposure"],
            [{name: getattr(one, name) for name in Exposure.__slots__} for one in exposures],
        )


def put_places(store: Store, found: Sequence[Places]) -> None:
    """Writes how many people shelters take in this season. Raises StoreError."""
    with store.transaction() as connection, connection.cursor() as cursor:
        rows = [{name: getattr(one, name) for name in Places.__slots__} for one in found]
        cursor.executemany(_SQL["put_places"], rows)


def _end(
    connection: Connection, before: Standing, conversion: Conversion, outcome: str, *, who: str, now: datetime
) -> Conversion:
    values = {"conversion_id": conversion.conversion_id, "now": now, "outcome": outcome}
    if not connection.execute(_SQL["end_conversion"], values).rowcount:
        return conversion
    to_mode = conversion.to_mode
    if outcome == "cancelled":
        to_mode = ShelterMode.EVERYDAY if to_mode is ShelterMode.EMERGENCY else ShelterMode.EMERGENCY
    state = before.state
    if state is ShelterState.OPENING:
        state = ShelterState.OPEN if to_mode is ShelterMode.EMERGENCY else ShelterState.STANDBY
    after = replace(before, mode=to_mode, state=state, reason=f"conversion-{outcome}", note="")
    _put(connection, before, after, f"shelter.conversion-{outcome}", who=who, now=now)
    found = _conversions(connection, shelter_id=conversion.shelter_id, running=False)
    return next(one for one in found if one.conversion_id == conversion.conversion_id)


def _locked(connection: Connection, shelter_id: str, version: int | None) -> Standing:
    connection.execute(_SQL["lock"], {"shelter_id": shelter_id})
    before = _one(connection, shelter_id)
    if version is not None and before.version != version:
        raise StaleVersionError(
            f"shelter {shelter_id} is at version {before.version}, not {version}: somebody changed it",
            advice="look at it again, then decide",
        )
    return before


def _put(
    connection: Connection, before: Standing, after: Standing, action: str, *, who: str, now: datetime, **more: Any
) -> Standing:
    values = {
        "shelter_id": after.shelter.shelter_id, "mode": after.mode.value, "state": after.state.value,
        "reason": after.reason, "note": audit.clean(after.note), "people": after.people,
        "counted_at": after.counted_at, "counted_by": after.counted_by, "now": now, "who": who,
    }  # fmt: skip
    connection.execute(_SQL["put_state"], values)
    change = {"from": before.state, "to": after.state, "mode": after.mode, "reason": after.reason, "note": after.note}
    _record(connection, after.shelter, action, who=who, now=now, **change, people=after.people, **more)
    return replace(after, version=before.version + 1, changed_at=now, changed_by=who)


def _record(connection: Connection, shelter: Shelter, action: str, *, who: str, now: datetime, **detail: Any) -> None:
    about = {"city_code": shelter.city_code, **detail}
    audit.record(connection, who=who, action=action, subject=f"shelter:{shelter.shelter_id}", detail=about, at=now)


def _one(connection: Connection, shelter_id: str) -> Standing:
    row = connection.execute(_SQL["standings"], {"city_code": None, "shelter_id": shelter_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no shelter {shelter_id}", advice="look at `lifeline shelters list`")
    return _standing(row)


def _standing(row: Any) -> Standing:
    return Standing(
        shelter=shelter_of(row, row.pack_mode),
        mode=ShelterMode(row.mode or row.pack_mode),
        state=ShelterState(row.state or "standby"),
        reason=row.reason or "as-in-pack",
        version=row.version,
        note=row.note or "",
        people=row.people,
        counted_at=row.counted_at,
        counted_by=row.counted_by,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        exposure=row.verdict or "unknown",
        exposure_reason=row.exposure_reason or "not-looked-at",
        exposure_at=row.exposure_at,
        places=row.places,
        season=Season(row.season) if row.season else None,
        places_at=row.places_at,
    )


def _conversions(connection: Connection, *, running: bool, **of: Any) -> list[Conversion]:
    values = {"conversion_id": None, "shelter_id": None, "cities": None, "before": None, "limit": 500} | of
    values |= {"running": running}
    rows = connection.execute(_SQL["conversions"], values).fetchall()
    tasks: dict[int, list[Task]] = {}
    for row in connection.execute(_SQL["tasks"], {"ids": [row.conversion_id for row in rows]}):
        line = Task(row.task, Name(row.title_zh, row.title_en), row.promised_hours, row.done_at, row.done_by)
        tasks.setdefault(row.conversion_id, []).append(line)
    return [
        Conversion(
            row.conversion_id,
            row.shelter_id,
            row.city_code,
            ShelterMode(row.to_mode),
            row.ordered_at,
            row.ordered_by,
            row.promised_hours,
            row.exercise,
            tuple(tasks.get(row.conversion_id, ())),
            row.ended_at,
            row.outcome,
        )
        for row in rows
    ]
