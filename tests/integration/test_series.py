"""A series from roll-ups gives the numbers of the readings themselves, whatever is not rolled up yet."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from lifeline.store import views
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.store.rollups import Width, roll_up
from tests.ingesting import load_devices
from tests.integration.test_retention import START, put, rows, scatter

SPANS = [(0.0, 10.0), (0.013, 9.991), (3.5, 3.500001), (2.0, 2.0 + 1 / 24), (-5.0, 20.0)]
STEPS_S = [37.0, 172.8, 600.0, 5_184.0, 63_072.0]


@pytest.fixture
def city(store: Store) -> Store:
    load_devices(store, 5)
    return store


def rolled(store: Store) -> None:
    for width in Width:
        while roll_up(store, width).more:
            pass


def is_as_raw(store: Store, sensor_key: int, start: datetime, end: datetime, step_s: float) -> None:
    seen = views.series(store, sensor_key, start=start, end=end, step_s=step_s)
    query = {"sensor_key": sensor_key, "start": start, "end": end}
    for longer_s in sorted({step_s, *(-(-step_s // w.span.total_seconds()) * w.span.total_seconds() for w in Width)}):
        with store.transaction() as connection:
            raw = connection.execute(queries("views")["series"], query | {"step_s": longer_s}).fetchall()
        if longer_s <= 1.25 * step_s and [one[0] for one in raw] == [one[0] for one in seen]:
            assert [one[4] for one in seen] == [one[4] for one in raw]
            for ours, theirs in zip(seen, raw, strict=True):
                assert ours[1:4] == pytest.approx(theirs[1:4], rel=1e-9, abs=1e-12)
            return
    pytest.fail(f"no raw series has the steps of {seen[:3]}")


def compare(store: Store) -> None:
    for first, last in SPANS:
        for step_s in STEPS_S:
            is_as_raw(store, 2, START + timedelta(days=first), START + timedelta(days=last), step_s)


def test_the_numbers_are_those_of_the_readings(city: Store) -> None:
    compare(city)
    put(city, scatter(1, 4_000))
    compare(city)  # nothing is rolled up yet
    rolled(city)
    compare(city)
    put(city, scatter(2, 500))  # late ones all over, not rolled up yet
    compare(city)
    roll_up(city, Width.MINUTE)
    compare(city)
    rolled(city)
    compare(city)
    with city.transaction() as connection:  # as an earlier version wrote them
        for width in Width:
            connection.execute(
                f"UPDATE {width.table} SET usable = NULL WHERE began_at < %s", (START + timedelta(days=6),)
            )
        connection.execute("UPDATE rollup_job SET history_from = %s", (START + timedelta(days=8, hours=1),))
    compare(city)


def test_a_year_reads_as_many_rows_as_it_has_hours(city: Store) -> None:
    days, every_s = 60, 600
    number = days * 86_400 // every_s
    put(city, rows([2] * number, [every_s * i for i in range(number)], [float(i % 97) for i in range(number)]))
    rolled(city)
    newest = rows([2] * 3, [days * 86_400 + i for i in range(3)], [1.0, 2.0, 3.0])
    put(city, newest)
    end = START + timedelta(days=days, hours=1)
    seen = views.series(city, 2, start=START, end=end, step_s=days * 86_400 / 50)
    assert sum(one[4] for one in seen) == number + 3
    query: dict[str, Any] = {"sensor_key": 2, "start": START, "end": end, "step_s": 104_400.0}
    query |= {"width": "hour", "span": Width.HOUR.span}
    statement = b"EXPLAIN (ANALYZE, FORMAT JSON) " + queries("views")["series_rolled"].replace(
        b"$rollup", b"rollup_hour"
    )
    with city.transaction() as connection:
        connection.execute("ANALYZE")
        plan = connection.execute(statement, query).fetchone()
    assert plan is not None
    read = _rows_of(plan[0] if not isinstance(plan[0], str) else json.loads(plan[0]))
    assert read <= 10


def _rows_of(plan: Any) -> int:
    """Rows that scans of the readings' chunks gave."""
    total = 0
    stack = [plan[0]["Plan"]]
    while stack:
        node = stack.pop()
        stack += node.get("Plans", [])
        if "_hyper_1_" in node.get("Relation Name", ""):
            total += int(node["Actual Rows"] * node["Actual Loops"]) + int(node.get("Rows Removed by Filter", 0))
    return total
