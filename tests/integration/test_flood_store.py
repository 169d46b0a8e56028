"""Flood models, rain forecasts and evidence in a real database, and what the detect stage makes of them."""

from datetime import timedelta

import numpy as np
import pytest

from detect.flood import model_file
from detect.flood.detector import make
from detect.flood.nowcast import Nowcast
from detect.instant import instant
from detect.outlook import Outlook, nowcast_of
from detect.port import Batch, Scope
from detect.runner import Runner
from detect.track import Track
from lifeline.city import load
from lifeline.clock import SetClock
from lifeline.settings import Settings
from lifeline.store import cities, flood_forecasts, flood_models, rain_forecasts, sensors
from lifeline.store.pool import Store
from lifeline.store.rain_forecasts import StoredRain
from simulators.packs import FOLDER
from tests.detect_scene import START_S

CODE = "220200"
NOW = instant(START_S)


def put(store: Store, content: bytes, *, sha256: str | None = None) -> int:
    return flood_models.add(
        store, city_code=CODE, content=content, sha256=sha256 or model_file.digest(content),
        made_with=model_file.made_with(), figures={"csi": 0.5}, now=NOW,
    )  # fmt: skip


def test_the_newest_model_is_in_use_and_a_damaged_one_leaves_the_ladder(store: Store) -> None:
    assert nowcast_of(store, CODE) == (None, None)
    first, second = (put(store, model_file.to_bytes(Nowcast(from_rain=flag))) for flag in (False, True))
    found, number = nowcast_of(store, CODE)
    assert found is not None and found.from_rain and number == second > first
    assert flood_models.number_in_use(store, CODE) == second
    damaged = put(store, b"nothing", sha256="0")
    assert nowcast_of(store, CODE) == (None, damaged)


def test_the_newest_rain_forecast_that_was_issued_counts(store: Store) -> None:
    for minutes, mm in ((0, 1.0), (10, 2.0), (30, 3.0)):
        rain = StoredRain(CODE, NOW + timedelta(minutes=minutes), "test", 300.0, ((mm,) * 12, (2.0 * mm,) * 12))
        rain_forecasts.put(store, rain, now=NOW)
    found = rain_forecasts.newest(store, CODE, now=NOW + timedelta(minutes=20))
    assert found is not None and found.members[0][0] == 2.0 and len(found.members) == 2
    assert rain_forecasts.newest(store, "220100", now=NOW) is None


def test_the_stage_takes_a_new_model_while_it_runs(store: Store) -> None:
    cities.load_pack(store, load(FOLDER / "jilin"), now=NOW)
    clock = SetClock(NOW)
    runner = Runner(store, Settings(database_url=store.url), clock)
    runner.round()
    before = runner._cities[CODE]
    put(store, model_file.to_bytes(Nowcast(from_rain=True)))
    clock.advance(20.0)
    runner.round()
    assert runner._cities[CODE] is not before


def test_what_is_foreseen_stands_in_the_store_until_it_is_over(store: Store) -> None:
    cities.load_pack(store, load(FOLDER / "jilin"), now=NOW)
    clock = SetClock(NOW)
    own = tuple(sensors.sensors(store, city_code=CODE))
    scope = Scope(CODE, "Asia/Shanghai", own, levels=cities.levels(store, CODE))
    track = Track(store, clock, scope, factory=make, pulse=lambda: None)
    outlook = Outlook(store, clock, scope, None)
    rain_forecasts.put(store, StoredRain(CODE, NOW, "test", 300.0, ((5.0,) * 12,)), now=NOW)
    outlook.before(track)
    detector = track.detector
    place = next(n for n, s in enumerate(detector.sensors) if s.sensor_id == "JL-WD-01")
    for minute, depth_m in enumerate([0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06]):
        at_s = START_S + 60.0 * minute
        detector.step(Batch(np.array([place]), np.array([at_s]), np.array([depth_m])), instant(at_s))
    outlook.after(track)
    (shown,) = [f for f in flood_forecasts.of_city(store, CODE) if f.sensor_id == "JL-WD-01"]
    assert shown.rung == "linear" and shown.depth_m == pytest.approx(0.06, abs=0.02)
    assert shown.levels_m == tuple(sorted(shown.levels_m)) and shown.crossing_min[0] is not None
