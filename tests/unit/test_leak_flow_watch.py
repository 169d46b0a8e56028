"""The flow watch on a made-up zone: leaks by flow alone, holidays are no leaks, a stop changes nothing."""

import json
from datetime import date

import numpy as np
import pytest

from detect.calendar import Calendar
from detect.instant import instant
from detect.leak.flow_live import FlowLeakWatch, make
from detect.leak.flow_watch import FlowChange, FlowKind, FlowWatch
from detect.port import Batch, Floats, History
from lifeline.errors import SettingsError
from lifeline.finding import Finding, Phase
from tests.detect_scene import Scene

FIRST = (date(2025, 8, 18) - date(1970, 1, 1)).days
"""a Monday; National Day is day 44"""
DAYS = 52


def inflow(calendar: Calendar, *, seed: int = 3) -> Floats:
    """(DAYS * 24,) m3/h: people rise late on free days, use varies by 1 %, meters and chance by 2 m3/h."""
    rng = np.random.default_rng(seed)
    hour = np.arange(24)
    work = 60 + 90 * np.exp(-((hour - 8) ** 2) / 18) + 80 * np.exp(-((hour - 19) ** 2) / 18)
    free = 75 + 95 * np.exp(-((hour - 11) ** 2) / 30) + 70 * np.exp(-((hour - 19) ** 2) / 18)
    rows = [
        (free if calendar.free(FIRST + day) else work) * (1 + 0.01 * rng.standard_normal())
        + 2.0 * rng.standard_normal(24)
        for day in range(DAYS)
    ]
    return np.concatenate(rows)


def changes(flow: Floats, watch: FlowWatch | None = None, first: int = 0) -> list[FlowChange]:
    watch = watch or FlowWatch(Calendar("CN"))
    found = []
    for k in range(first, len(flow)):
        hour = FIRST * 24 + k
        found += watch.hour(hour, hour, float(flow[k]))
    return found


def test_a_step_is_told_within_half_a_day_and_its_end_too() -> None:
    flow = inflow(Calendar("CN"))
    flow = flow[: 36 * 24]
    begin, end = 25 * 24 + 13, 33 * 24 + 9
    flow[begin:end] += 12.0
    told, over = changes(flow)
    assert told.kind is FlowKind.STEP
    assert 0 < told.hour - FIRST * 24 - begin <= 12
    assert told.flow_m3_per_h == pytest.approx(12.0, rel=0.4)
    assert (over.kind, over.number) == (FlowKind.END, told.number)
    assert 0 < over.hour - FIRST * 24 - end <= 12


def test_a_loss_that_grows_is_told_and_told_again() -> None:
    flow = inflow(Calendar("CN"))
    flow = flow[: 40 * 24]
    flow += 0.5 / 24 * np.maximum(np.arange(len(flow)) - 18 * 24, 0)
    kinds = [c.kind for c in changes(flow)]
    assert kinds[0] is FlowKind.SLOW
    assert set(kinds) == {FlowKind.SLOW, FlowKind.GROWTH}


def test_holidays_are_no_leaks_where_the_calendar_knows_them() -> None:
    flow = inflow(Calendar("CN"))
    assert changes(flow) == []
    assert changes(flow, FlowWatch(Calendar())) != []


def test_a_stop_changes_nothing() -> None:
    flow = inflow(Calendar("CN"))[: 28 * 24]
    flow[25 * 24 + 13 :] += 12.0
    first = FlowWatch(Calendar("CN"))
    half = 25 * 24 + 22
    before = changes(flow[:half], first)
    second = FlowWatch(Calendar("CN"))
    second.restore(json.loads(json.dumps(first.state())))
    assert before + changes(flow, second, half) == changes(flow)


def test_missing_hours_are_unknown_and_no_country_is_named_wrongly() -> None:
    flow = inflow(Calendar("CN"))[: 35 * 24]
    flow[20 * 24 : 27 * 24] = np.nan
    assert changes(flow) == []
    with pytest.raises(SettingsError, match="'XX'"):
        Calendar("XX")


def live(cuts: int) -> list[Finding]:
    """The scene's zone with a night and day loss of 12 m3/h from day 25 to 33."""
    scope = Scene(1).scope
    detector = make(scope)
    assert detector is not None
    flow = inflow(Calendar("CN"))[: 36 * 24]
    flow[25 * 24 + 13 : 33 * 24 + 9] += 12.0
    at_s = np.asarray((FIRST * 24 - 8 + np.arange(len(flow))) * 3600.0 + 1800.0, np.float64)  # local: 8 h ahead
    own = [s.sensor_id for s in detector.sensors].index("T-F-0")
    found: list[Finding] = []
    assert detector.learn(_history(), instant(float(at_s[0])))
    for part in np.array_split(np.arange(len(flow)), cuts):
        again = FlowLeakWatch(scope)
        again.restore(detector.model(), json.loads(json.dumps(detector.state(), allow_nan=False)))
        detector = again
        batch = Batch(np.full(len(part), own, dtype=np.intp), at_s[part], flow[part] / 3600.0)
        found += detector.step(batch, instant(float(at_s[part][-1]) + 1800.0))
    return found


def _history() -> History:
    none = np.zeros(0)
    whole = np.zeros(0, dtype=np.intp)
    return History(whole, none, none, whole, none)


def test_live_it_tells_by_itself_and_however_the_readings_are_cut() -> None:
    found = live(4)
    assert [(f.subject, f.phase, f.reason) for f in found] == [
        ("leak:T-DMA-0", Phase.ONSET, "flow-step"),
        ("leak:T-DMA-0", Phase.END, "flow-returned"),
    ]
    assert found[0].explanation["false_alarms_per_year"] == 1.0
    assert found[0].explanation["curve"]["times"]
    assert live(23) == found
