"""The leak core behind the detector port, on the small street grid: the reports of `evaluate`, one alarm a leak."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.leak_twin import PlannedLeak, make_twin
from detect.instant import instant
from detect.leak import workshop
from detect.leak.balance import Sensors
from detect.leak.detector import Plan, Report
from detect.leak.evaluate import replay
from detect.leak.live import LeakWatch, make
from detect.leak.network import read_network
from detect.leak.recording import Recording, read_recording
from detect.port import Batch, History, Json, Scope
from lifeline.asset import Asset, AssetKind, Name, Position, Sensor, Site, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import PASCAL_PER_METRE_OF_WATER, Quantity
from lifeline.verdict import Said, Verdict
from tests.detect_scene import LEVELS
from tests.unit.test_leak_detector import DAYS, LEAK, SENSORS, STEP_S, write_grid

LON, LAT, METRES = 125.3, 43.86, 111_320.0
TAUGHT_DAYS = 9
OTHER = PlannedLeak("P10-11", start=19 * 48, peak=19 * 48, end=DAYS * 48 - 1, flow_m3_per_h=3.0)


class City:
    """The grid as a city: its scope, a recording of it, the model that is kept, and what `evaluate` says of it."""

    def __init__(self, folder: Path) -> None:
        inp = folder / "grid.inp"
        write_grid(inp)
        make_twin(inp, folder, SENSORS, [LEAK], seed=3, days=DAYS, step_s=STEP_S)
        network = read_network(inp)
        self.recording: Recording = read_recording(folder)
        names = self.recording.sensors
        sensors = grid_sensors(names)
        degrees = np.array([LON, LAT]) + network.xy / METRES / np.array([np.cos(np.radians(LAT)), 1.0])
        pipes = tuple(
            Asset(
                network.links[i],
                "220100",
                AssetKind.PIPE,
                {"type": "LineString", "coordinates": degrees[network.ends[i]].tolist()},
                "T-DMA-1",
            )
            for i in network.pipes
        )
        ring = ((LON, LAT), (LON + 0.02, LAT), (LON + 0.02, LAT + 0.02), (LON, LAT))
        zone = Zone("T-DMA-1", "220100", ZoneKind.DMA, Name("区", "Zone"), "220104", ring, ("MAIN",), ())
        self.scope = Scope(
            "220100", "UTC", sensors, (zone,), pipes, LEVELS,
            network_inp=inp.read_text(), settings={"leak": {"expected_pressure": "model"}},
        )  # fmt: skip
        watch = LeakWatch(self.scope)
        signatures = workshop.build(inp.read_text(), watch._instruments.names)
        kept = workshop.to_json(watch.key, signatures)
        assert kept is not None
        self.model: Json = kept
        self.reports: list[Report] = replay(Plan(network, names, signatures=signatures), self.recording)
        self.per_si = np.array([PASCAL_PER_METRE_OF_WATER] * len(names.pressure) + [1 / 3600.0] * len(names.flow))

    def batch(self, begin: int, end: int) -> Batch:
        """The readings of samples `begin` to `end`, SI."""
        times, samples = self.recording.times_s[begin:end], self.recording.samples[begin:end] * self.per_si
        n = samples.shape[1]
        known = np.isfinite(samples).ravel()
        return Batch(
            np.tile(np.arange(n), len(times))[known], np.repeat(times.astype(float), n)[known], samples.ravel()[known]
        )

    def taught(self) -> LeakWatch:
        """A detector that has had its lesson."""
        watch = make(self.scope)
        assert watch is not None
        watch.restore(json.loads(json.dumps(self.model)), None)
        begin = self.batch(0, TAUGHT_DAYS * 48)
        ones = np.ones(len(begin), dtype=np.intp)
        history = History(begin.sensor, begin.at_s, begin.value, ones, np.zeros(len(begin)))
        assert watch.needs_lesson()
        assert watch.learn(history, self.at(TAUGHT_DAYS * 48))
        assert not watch.needs_lesson()
        return watch

    def at(self, sample: int) -> datetime:
        return instant(float(self.recording.times_s[0] + sample * STEP_S))

    def run(
        self, watch: LeakWatch, begin: int, end: int, *, step: int = 7, standing: tuple[Finding, ...] = ()
    ) -> Iterator[Finding]:
        for start in range(begin, end, step):
            stop = min(start + step, end)
            if watch.listens(self.at(stop)):
                watch.hear(standing, [])
            yield from watch.step(self.batch(start, stop), self.at(stop))


def grid_sensors(names: Sensors) -> tuple[Sensor, ...]:
    """Pressures and meters of a recording of the grid, `T-ELEMENT`."""
    pressures = [_sensor(name, Quantity.PRESSURE) for name in names.pressure]
    return (*pressures, *(_sensor(name, Quantity.FLOW) for name in names.flow))


def _sensor(element: str, quantity: Quantity) -> Sensor:
    unit, site = ("m3/s", Site.PIPE) if quantity is Quantity.FLOW else ("Pa", Site.JUNCTION)
    return Sensor(
        sensor_id=f"T-{element}", device_id=element, channel=quantity.value, quantity=quantity, unit=unit, site=site,
        position=Position(LON, LAT), name=Name(element, element), interval_s=STEP_S, range_min=-1.0, range_max=2e6,
        city_code="220100", zone_id="T-DMA-1", element=element,
    )  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return City(tmp_path_factory.mktemp("city"))


def said(findings: list[Finding]) -> list[tuple[object, ...]]:
    return [
        (f.subject, f.phase, f.reason, f.detected_at, f.began_at, f.flow_m3_per_h, f.candidates[:1]) for f in findings
    ]


N = DAYS * 48


def test_live_says_what_evaluate_reports(city: City) -> None:
    found = list(city.run(city.taught(), TAUGHT_DAYS * 48, N))
    reports = [r for r in city.reports if r.kind in ("leak", "burst") and r.at <= city.at(N)]
    onsets = [f for f in found if f.phase is Phase.ONSET]
    assert [(f.detected_at, f.began_at) for f in onsets] == [(r.at, r.began_at) for r in reports]
    assert [f.flow_m3_per_h for f in onsets] == [round(r.flow_m3_per_h, 2) for r in reports]
    assert [[(c.asset_id, c.probability) for c in f.candidates] for f in onsets] == [
        list(r.candidates) for r in reports
    ]
    assert [f.subject for f in onsets] == ["leak:T-DMA-1"]


def test_a_finding_explains_itself(city: City) -> None:
    onset = next(f for f in city.run(city.taught(), TAUGHT_DAYS * 48, N) if f.phase is Phase.ONSET)
    assert onset.kind is FindingKind.LEAK
    assert onset.position is not None and onset.area is not None
    assert onset.area["type"] in ("Polygon", "MultiPolygon")
    why = json.loads(json.dumps(onset.explanation, allow_nan=False))
    assert why["expectation"] == "model"
    assert why["provisions"] == ["P6.1", "P6.2"]
    assert 0.0 < why["area_km2"] < 1.5
    assert why["precision"] in ("street", "quarter", "wide")
    assert city.recording.leaks is not None
    flowed = city.recording.leaks[0].flow_m3_per_h[LEAK.start + 48]
    assert why["balance_moved_m3_per_h"] == pytest.approx(flowed, rel=0.2)
    curve = why["curve"]
    assert len(curve["times"]) == len(curve["observed"]) == len(curve["expected"]) == len(curve["threshold"]) > 24
    over = np.array(curve["observed"]) - np.array(curve["expected"])
    assert over[-24:].mean() == pytest.approx(why["balance_moved_m3_per_h"], abs=1.0)
    assert abs(over[: len(over) // 3].mean()) < 1.0
    assert why["pressures"][0]["deviations"] > 3.0
    assert onset.sensor_ids[0] == "T-MAIN"


@pytest.mark.parametrize("cut_day", [9.1, 15.03, 18.6])
def test_cutting_into_steps_and_stopping_change_nothing(city: City, cut_day: float) -> None:
    whole = list(city.run(city.taught(), TAUGHT_DAYS * 48, N))
    first = city.taught()
    cut = round(cut_day * 48)
    found = list(city.run(first, TAUGHT_DAYS * 48, cut, step=3))
    model, state = json.loads(json.dumps([first.model(), first.state()], allow_nan=False))
    second = make(city.scope)
    assert second is not None
    second.restore(model, state)
    found += list(city.run(second, cut, N, step=50))
    assert said(found) == said(whole)
    assert [f.explanation for f in found] == [f.explanation for f in whole]


def burst(began: datetime) -> Finding:
    return Finding(
        subject="burst:T-DMA-1", kind=FindingKind.BURST, phase=Phase.ONSET, city_code="220100", detector="residual",
        reason="inflow-up-and-pressure-down", began_at=began, detected_at=began, probability=0.9, zone_id="T-DMA-1",
        position=Position(LON, LAT), flow_m3_per_h=4.2,
    )  # fmt: skip


def test_what_was_told_as_a_burst_is_placed_and_not_told_again(city: City) -> None:
    standing = (burst(city.at(LEAK.start)),)
    found = list(city.run(city.taught(), TAUGHT_DAYS * 48, N, standing=standing))
    assert {f.subject for f in found} == {"burst:T-DMA-1"}
    assert {f.phase for f in found} == {Phase.UPDATE}
    assert found[0].reason == "place-refined"
    settled = next(f for f in found if f.reason == "pressure-and-balance")
    assert found[0].detected_at < settled.detected_at
    assert settled.explanation["told_before_by"] == "residual"


def test_a_burst_in_another_week_is_another_leak(city: City) -> None:
    found = list(city.run(city.taught(), TAUGHT_DAYS * 48, N, standing=(burst(city.at(2 * 48)),)))
    assert {f.subject for f in found if f.phase is Phase.ONSET} == {"leak:T-DMA-1"}


@pytest.mark.parametrize(("what", "phase"), [(Said.FALSE, Phase.END), (Said.CONFIRMED, Phase.UPDATE)])
def test_a_verdict_ends_or_moves_a_leak_and_starts_no_other(city: City, what: Said, phase: Phase) -> None:
    watch = city.taught()
    found: list[Finding] = []
    cut = TAUGHT_DAYS * 48
    while not found:
        found += city.run(watch, cut, cut + 7)
        cut += 7
    told = found[0]
    verdict = Verdict(
        told.subject, 1, "220100", what, told.began_at, city.at(cut), "班长",
        asset_id=LEAK.pipe if what is Said.CONFIRMED else None, verdict_id=5,
    )  # fmt: skip
    watch.hear((), [verdict])
    answer = watch.step(city.batch(cut, cut + 1), city.at(cut + 1))
    assert [f.phase for f in answer] == [phase]
    assert watch.heard() == 5
    if what is Said.CONFIRMED:
        assert answer[0].candidates[0].asset_id == LEAK.pipe
    later = list(city.run(watch, cut + 1, N))
    assert [f for f in later if f.phase is Phase.ONSET] == []


def in_frost(city: City, flat: tuple[int, ...]) -> list[Finding]:
    """Live from day 9 on at -20 °C; the pressures `flat` stand still from day 10 on."""
    air = replace(_sensor("AIR", Quantity.PRESSURE), quantity=Quantity.TEMPERATURE, unit="Cel", element=None)
    scope = replace(city.scope, sensors=(*city.scope.sensors, air))
    watch = make(scope)
    assert watch is not None
    watch.restore(city.model, None)
    begin = city.batch(0, TAUGHT_DAYS * 48)
    ones = np.ones(len(begin), dtype=np.intp)
    assert watch.learn(
        History(begin.sensor, begin.at_s, begin.value, ones, np.zeros(len(begin))), city.at(TAUGHT_DAYS * 48)
    )
    found: list[Finding] = []
    for start in range(TAUGHT_DAYS * 48, 18 * 48, 8):
        own = city.batch(start, start + 8)
        value = own.value.copy()
        if start >= 10 * 48:
            value[np.isin(own.sensor, flat)] = 4e5
        at_s = np.concatenate([own.at_s, own.at_s[:1]])
        batch = Batch(np.concatenate([own.sensor, [len(watch.sensors) - 1]]), at_s, np.concatenate([value, [-20.0]]))
        order = np.argsort(at_s, kind="stable")
        batch = Batch(batch.sensor[order], batch.at_s[order], batch.value[order])
        watch.hear((), [])
        found += watch.step(batch, city.at(start + 8))
    return found


def test_in_hard_frost_a_flat_sensor_is_frozen_and_a_burst_likelier(city: City) -> None:
    found = in_frost(city, (3,))
    frozen = [f for f in found if f.kind is FindingKind.SENSOR_FAULT]
    assert [(f.subject, f.phase, f.reason) for f in frozen] == [("fault:T-J50", Phase.ONSET, "sensor-frozen")]
    assert frozen[0].explanation["state"] == "unknown"
    assert "P11.2" in frozen[0].explanation["provisions"]
    (leak,) = [f for f in found if f.phase is Phase.ONSET and f.kind is FindingKind.LEAK]
    assert leak.explanation["frost"]["times_as_likely"] > 1.1
    assert leak.explanation["provisions"] == ["P6.1", "P6.2", "P11.2"]


def test_a_zone_whose_pressures_are_frozen_is_unknown(city: City) -> None:
    found = [f for f in in_frost(city, (0, 1, 2, 3)) if f.kind is FindingKind.SENSOR_FAULT]
    assert [(f.subject, f.phase, f.reason) for f in found] == [("unknown:T-DMA-1", Phase.ONSET, "zone-unknown")]
    assert len(found[0].sensor_ids) == 4


def test_a_pack_that_trusts_history_has_no_leak_core(city: City) -> None:
    assert make(replace(city.scope, settings={"leak": {"expected_pressure": "data"}})) is None
    assert make(replace(city.scope, network_inp=None)) is None


def test_signatures_are_built_beside(city: City) -> None:
    assert city.scope.network_inp is not None
    order = workshop.Order(city.scope.network_inp, LeakWatch(city.scope)._instruments.names)
    while order.result() is None:
        time.sleep(0.05)
    built, kept = order.result(), workshop.from_json(city.model)
    assert built is not None
    assert np.array_equal(built.table, kept.table)
