"""One storm over a city of 126 depth sensors: how many level changes there are, and how many notices of them."""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

from alerts.decider import Decider
from alerts.inforce import Rules
from benchmarks.table import Figure
from deploy.local.stack import LocalStack
from detect.flood.detector import FloodDetector
from detect.flood.drains import read_drains
from detect.flood.engine import run
from detect.flood.replay import scope_of
from detect.flood.storms import chicago, made_up
from detect.instant import instant
from detect.port import Batch, Floats, Scope
from lifeline import city
from lifeline.asset import Position
from lifeline.clock import SetClock
from lifeline.finding import Finding, FindingKind
from lifeline.settings import AlertsSettings, ChannelSettings, Settings
from lifeline.store import findings
from lifeline.store.cities import load_pack
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from simulators.packs import FOLDER

TITLE = "flood: one storm over 126 sensors, worst ten minutes, a channel that hears every level"
SENSORS = 126
_WINDOW = timedelta(minutes=10)
_HOUR_MM = 70.0
_STEP_S = 15.0
_BEGIN = datetime(2026, 7, 1, 6, tzinfo=UTC)
_PER_10_MINUTES = 5.0


def measure() -> list[Figure]:
    """A design storm of 70 mm in the wettest hour in SWMM, through the detector and the alert stage's decisions."""
    depths = _depths()
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder, LocalStack(Path(folder)) as servers:
        migrate(servers.database_url)
        with Store(servers.database_url, name="lifeline-bench") as store:
            scope = _scope()
            load_pack(store, replace(city.load(FOLDER / "changchun"), sensors=scope.sensors), now=_BEGIN)
            found, rings, notices = _lived(store, scope, depths)
    changes = [f.detected_at for f in found if f.kind is FindingKind.FLOOD]
    foreseen = [f.detected_at for f in found if f.kind is FindingKind.FLOOD_EXPECTED]
    wet = len({f.subject for f in found if f.kind is FindingKind.FLOOD})
    return [
        Figure("sensors with water", wet, "", "sensors", SENSORS),
        Figure("level changes", _worst(changes), "in 10 min"),
        Figure("statements about floods to come", _worst(foreseen), "in 10 min"),
        Figure("notices that ring", _worst(rings), "in 10 min", "limit", _PER_10_MINUTES),
        Figure("with those that follow one in place", _worst(notices), "in 10 min"),
    ]


def _depths() -> Floats:
    """Street depth by minute and sensor, m, (n_minutes, SENSORS): a storm over one city, and again 7 minutes later."""
    drains = read_drains((FOLDER / "changchun" / "drainage.inp").read_text(encoding="utf-8"), "changchun")
    rain = np.zeros((240, len(drains.gauges)))
    shape = chicago(90, 0.4)
    rain[30:120] = shape[:, None]
    rain *= _HOUR_MM / (np.convolve(shape, np.ones(60), "valid").max() / 60.0)
    storm = replace(made_up(drains, 0), mm_per_h=rain, silent=np.zeros(rain.shape, dtype=bool), blocked={}, faults=None)
    street = run(drains, storm).street_m
    later = np.vstack([np.zeros((7, street.shape[1])), street[:-7]])
    both = np.column_stack([street, later])
    noise = np.random.default_rng(0).normal(0.0, 0.003, (len(both), SENSORS))
    return np.abs(both[:, :SENSORS] + noise)


def _scope() -> Scope:
    ids = [f"BENCH-{n:03d}" for n in range(SENSORS)]
    scope = scope_of(ids, dict.fromkeys(ids, Position(125.32, 43.88)))
    return replace(scope, city_code="220100", sensors=tuple(replace(s, city_code="220100") for s in scope.sensors))


def _lived(store: Store, scope: Scope, depths: Floats) -> tuple[list[Finding], list[datetime], list[datetime]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    detector, clock = FloodDetector(scope), SetClock(_BEGIN)
    channel = ChannelSettings(name="all", kind="webhook", address="http://127.0.0.1:9/none")
    settings = Settings(alerts=AlertsSettings(channels=(channel,)))
    decider = Decider(store, settings, Rules(settings.alerts, store), clock)
    found: list[Finding] = []
    for now_s, batch in _batches(depths):
        new = detector.step(batch, instant(now_s))
        clock.set(instant(now_s))
        if new:
            findings.commit(store, new, now=clock.now())
        found += new
        decider.work()
    with store.transaction() as connection:
        rows = connection.execute(
            "SELECT created_at, payload->>'follows' IS NULL FROM notice WHERE channel = 'all' ORDER BY 1"
        ).fetchall()
    return found, [at for at, rings in rows if rings], [at for at, _ in rows]


def _batches(depths: Floats) -> Iterator[tuple[float, Batch]]:
    """Sensors report once a minute, spread over it."""
    offset = np.arange(SENSORS) % 4
    for minute in range(len(depths)):
        for part in range(4):
            chosen = np.flatnonzero(offset == part)
            now_s = _BEGIN.timestamp() + 60.0 * minute + _STEP_S * part
            yield now_s, Batch(chosen, np.full(len(chosen), now_s), depths[minute, chosen])


def _worst(times: list[datetime]) -> int:
    """The most within ten minutes."""
    return max((sum(t <= other < t + _WINDOW for other in times) for t in times), default=0)
