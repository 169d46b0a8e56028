"""Evacuations, who is under way, and the plans of who goes where. Acts of people are entries of the audit trail."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.asset import Position
from lifeline.errors import NotFoundError
from lifeline.shelter import Assignment, Evacuation, EvacuationCell, Move, Plan
from lifeline.store import audit
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("shelters")


def order(
    store: Store,
    city_code: str,
    cells: Sequence[EvacuationCell],
    *,
    who: str,
    reason: str,
    now: datetime,
    exercise: bool = False,
) -> Evacuation:
    """Orders that people leave. Raises StoreError."""
    with store.transaction() as connection:
        values = {"city_code": city_code, "now": now, "who": who, "reason": reason, "exercise": exercise}
        row: Any = connection.execute(_SQL["add_evacuation"], values).fetchone()
        with connection.cursor() as cursor:
            cursor.executemany(
                _SQL["add_evacuation_cell"],
                [
                    {
                        "evacuation_id": row.evacuation_id,
                        "cell_id": cell.cell_id,
                        "lon": cell.position.lon,
                        "lat": cell.position.lat,
                        "people": cell.people,
                        "special_needs": cell.special_needs,
                    }
                    for cell in cells
                ],
            )
        detail = {
            "city_code": city_code, "reason": reason, "exercise": exercise, "cells": [cell.cell_id for cell in cells],
            "people": sum(cell.people for cell in cells),
        }  # fmt: skip
        _record(connection, row.evacuation_id, "order", who=who, now=now, **detail)
    return Evacuation(row.evacuation_id, city_code, now, who, reason, exercise, tuple(cells))


def evacuations(
    store: Store,
    *,
    running: bool,
    cities: Collection[str] | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Evacuation]:
    """Evacuations with their cells and moves, newest first; `before`: older than this number. Raises StoreError."""
    among = None if cities is None else sorted(cities)
    with store.transaction() as connection:
        return _found(connection, running=running, cities=among, before=before, limit=limit)


def evacuation(store: Store, evacuation_id: int) -> Evacuation:
    """One evacuation. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        found = _found(connection, running=False, evacuation_id=evacuation_id)
    if not found:
        raise NotFoundError(f"there is no evacuation {evacuation_id}", advice="look at `lifeline shelters list`")
    return found[0]


def moved(store: Store, evacuation_id: int, moves: Sequence[Move], *, who: str, now: datetime) -> None:
    """Notes who has set out and who has arrived, in all so far, by cell and shelter. Raises StoreError."""
    with store.transaction() as connection:
        for move in moves:
            values = {name: getattr(move, name) for name in Move.__slots__}
            connection.execute(_SQL["put_move"], {**values, "evacuation_id": evacuation_id, "now": now, "who": who})
            _record(connection, evacuation_id, "move", who=who, now=now, **values)


def end(store: Store, evacuation_id: int, *, who: str, now: datetime) -> bool:
    """Ends an evacuation; False where it is over already, or there is none. Raises StoreError."""
    with store.transaction() as connection:
        values = {"evacuation_id": evacuation_id, "who": who, "now": now}
        row = connection.execute(_SQL["end_evacuation"], values).fetchone()
        if row is not None:
            _record(connection, evacuation_id, "end", who=who, now=now, city_code=row.city_code)
        return row is not None


def put_plan(store: Store, plan: Plan, *, who: str) -> int:
    """Writes a plan; its number. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(
            _SQL["add_plan"],
            {
                "evacuation_id": plan.evacuation_id, "at": plan.at, "reason": plan.reason, "opens": list(plan.opens),
                "figures": Jsonb(plan.figures),
            },
        ).fetchone()  # fmt: skip
        with connection.cursor() as cursor:
            cursor.executemany(
                _SQL["add_assignment"],
                [
                    {"plan_id": row.plan_id, **{name: getattr(one, name) for name in Assignment.__slots__}}
                    for one in plan.assignments
                ],
            )
        detail = {"plan_id": row.plan_id, "reason": plan.reason, "opens": list(plan.opens), **plan.figures}
        _record(connection, plan.evacuation_id, "plan", who=who, now=plan.at, **detail)
        return int(row.plan_id)


def newest_plan(store: Store, evacuation_id: int) -> Plan | None:
    """The plan in force, None before the first. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["plan"], {"evacuation_id": evacuation_id}).fetchone()
        if row is None:
            return None
        rows = connection.execute(_SQL["assignments"], {"plan_id": row.plan_id}).fetchall()
        assignments = tuple(Assignment(*(getattr(one, name) for name in Assignment.__slots__)) for one in rows)
        return Plan(row.plan_id, row.evacuation_id, row.at, row.reason, tuple(row.opens), row.figures, assignments)


def _found(connection: Connection, *, running: bool, **of: Any) -> list[Evacuation]:
    values = {"cities": None, "evacuation_id": None, "before": None, "limit": 1, **of, "running": running}
    found = []
    for row in connection.execute(_SQL["evacuations"], values).fetchall():
        key = {"evacuation_id": row.evacuation_id}
        cells = tuple(
            EvacuationCell(c.cell_id, Position(c.lon, c.lat), c.people, c.special_needs)
            for c in connection.execute(_SQL["evacuation_cells"], key)
        )
        moves = tuple(Move(*move) for move in connection.execute(_SQL["evacuation_moves"], key))
        found.append(
            Evacuation(
                row.evacuation_id,
                row.city_code,
                row.ordered_at,
                row.ordered_by,
                row.reason,
                row.exercise,
                cells,
                moves,
                row.ended_at,
                row.ended_by,
            )
        )
    return found


def _record(connection: Connection, evacuation_id: int, verb: str, *, who: str, now: datetime, **detail: Any) -> None:
    audit.record(
        connection, who=who, action=f"evacuation.{verb}", subject=f"evacuation:{evacuation_id}", detail=detail, at=now
    )
