"""Every query of every dashboard on ten million readings: the slowest of each, beside the limit, and by which index."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.table import Figure
from deploy.grafana.catalogue import documents
from deploy.grafana.macros import expanded, queries
from deploy.local import root
from deploy.local.database import LocalDatabase
from lifeline.alarm import Level
from lifeline.asset import Name, Position
from lifeline.city.pack import load
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store import decisions, findings, readings
from lifeline.store.cities import load_pack
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from lifeline.store.sensors import sensors
from simulators.packs import PACKS

TITLE = "grafana: every query of every dashboard on 10 million readings"
READINGS, ALARMS = 10_000_000, 2_000
LIMIT_MS = 200.0
_EVERY_S = 15
_PORTION = 500_000
_RUNS = 3
_MOST_ROWS = 20_000
"""of a chunk that may be read whole: looking these up one by one is no faster"""


def measure() -> list[Figure]:
    """Loads the four demo cities with four readings a minute of every sensor, rolls them up, asks every query as it is
    when the dashboard is opened with all cities chosen; the best of _RUNS, because the first one warms the cache."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lifeline-bench-")))
        database = stack.enter_context(LocalDatabase(root.ensure(), folder / "database", durable=False))
        migrate(database.url)
        now = datetime.now(UTC)
        with Store(database.url, name="lifeline-bench") as store:
            values = _load(store, now)
            _alarms(store, now)
        connection = stack.enter_context(psycopg.connect(database.url, autocommit=True))
        _roll_up(connection)
        connection.execute("VACUUM ANALYZE")
        took: dict[str, dict[str, float]] = defaultdict(dict)
        whole = []
        for query in queries(documents()):
            sql = expanded(query.sql, values, now - timedelta(days=query.days), now).encode()
            took[query.dashboard][query.title] = min(_ms(connection, sql) for _ in range(_RUNS))
            whole += [f"{query.dashboard}: {query.title}" for _ in _read_whole(connection, sql)]
        stored = connection.execute("SELECT sum(readings)::bigint FROM rollup_hour").fetchone()
    for line in whole:
        print(f"reads a chunk whole: {line}")
    return [
        *(
            Figure(f"{board.removeprefix('lifeline-')}: {max(each, key=each.__getitem__)}", max(each.values()), "ms",
                   "limit", LIMIT_MS)
            for board, each in took.items()
        ),
        Figure("queries", sum(map(len, took.values())), ""),
        Figure("queries that read a chunk of readings or roll-ups whole", len(set(whole)), "", "limit", 0.0),
        Figure("readings in the roll-ups", stored[0] if stored else 0, ""),
    ]  # fmt: skip


def _load(store: Store, now: datetime) -> dict[str, list[str]]:
    """READINGS of all sensors up to `now`; what the variables of the dashboards are set to."""
    packs = [load(path) for path in PACKS]
    for pack in packs:
        load_pack(store, pack, now=now)
    keys = np.array([one.sensor_key for one in sensors(store)], "i4")
    rng, minute = np.random.default_rng(1), np.timedelta64(_EVERY_S, "s")
    at = np.datetime64(now.replace(tzinfo=None, second=0, microsecond=0), "us") - minute * (READINGS // len(keys))
    while at < np.datetime64(now.replace(tzinfo=None), "us"):
        instants = at + minute * np.arange(_PORTION // len(keys))
        rows = np.zeros(len(instants) * len(keys), readings.READING)
        rows["sensor_key"] = np.tile(keys, len(instants))
        rows["observed_at"] = rows["received_at"] = np.repeat(instants, len(keys))
        rows["value"] = 3e5 + 1e4 * rng.random(len(rows))
        with store.transaction() as connection:
            readings.add(connection, rows)
        at = instants[-1] + minute
    first = packs[0]
    depths = [one.sensor_id for one in first.sensors if one.quantity.value == "water_depth"]
    return {
        "city": [pack.code for pack in packs],
        "zone": [zone.zone_id for pack in packs for zone in pack.zones if zone.kind.value == "dma"],
        "sensor": [first.sensors[0].sensor_id],
        "gauge": depths[:1],
        "shelter": [first.shelters[0].shelter_id],
    }


def _roll_up(connection: psycopg.Connection[Any]) -> None:
    """All at once what the ingest stage does bucket by bucket over weeks: the same rows."""
    connection.execute(
        b"INSERT INTO rollup_minute (sensor_key, began_at, readings, good, usable, min, max, mean, last)"
        b" SELECT sensor_key, time_bucket('1 minute', observed_at), count(*), count(*), count(*), min(value),"
        b" max(value), avg(value), last(value, observed_at) FROM reading GROUP BY 1, 2"
    )
    for width, span in ((b"quarter", b"15 minutes"), (b"hour", b"1 hour")):
        connection.execute(
            b"INSERT INTO rollup_%s (sensor_key, began_at, readings, good, usable, min, max, mean, last)"
            b" SELECT sensor_key, time_bucket('%s', began_at), sum(readings), sum(good), sum(usable), min(min),"
            b" max(max), sum(mean * usable) / sum(usable), last(last, began_at) FROM rollup_minute GROUP BY 1, 2"
            % (width, span)
        )


def _alarms(store: Store, now: datetime) -> None:
    """ALARMS that stand open, their findings over a year."""
    told = [
        Finding(
            subject=f"burst:{number}", kind=FindingKind.BURST, phase=Phase.ONSET, city_code="220100",
            detector="benchmark", reason="none", began_at=at - timedelta(minutes=5), detected_at=at, probability=0.9,
            position=Position(125.32, 43.88), flow_m3_per_h=20.0,
        )
        for number in range(ALARMS)
        for at in [now - timedelta(days=365) * number / ALARMS]
    ]  # fmt: skip
    findings.commit(store, told, now=now)
    with decisions.docket(store, engine="benchmark", now=now) as docket:
        for stored in docket.findings(ALARMS):
            alarm, _ = docket.open(
                stored, level=Level.ORANGE, title=Name("爆管", "Burst"), actor="system:benchmark", reason="none"
            )
            docket.decide(
                stored, alarm_id=alarm.alarm_id, step="open", reason="none", level_reason="none", policy="none"
            )


def _ms(connection: psycopg.Connection[Any], sql: bytes) -> float:
    began = time.perf_counter()
    connection.execute(sql).fetchall()
    return 1000 * (time.perf_counter() - began)


def _read_whole(connection: psycopg.Connection[Any], sql: bytes) -> Iterator[str]:
    """Chunks of readings or roll-ups that the query reads from end to end."""
    plan = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + sql).fetchall()[0][0][0]["Plan"]
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        read = (node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)) * node.get("Actual Loops", 1)
        if node["Node Type"] == "Seq Scan" and "_hyper_" in node["Relation Name"] and read > _MOST_ROWS:
            yield node["Relation Name"]
