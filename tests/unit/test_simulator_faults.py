"""Instruments add noise of the size that they say; each fault does what its name says."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lifeline.asset import Name, Position, Sensor, Site
from lifeline.errors import SimulationError
from lifeline.units import Quantity
from simulators.faults import ACCURACY, Fault, FaultKind, Instrument

BEGINS = datetime(2026, 11, 23, 10, tzinfo=UTC)


def sensor(quantity: Quantity) -> Sensor:
    return Sensor(
        sensor_id="CC-X-1",
        device_id="CC-X-1",
        channel="x",
        quantity=quantity,
        unit="m",
        site=Site.ROAD,
        position=Position(125.3, 43.8),
        name=Name("甲", "a"),
        interval_s=60.0,
        range_min=0.0,
        range_max=1.0,
        city_code="220100",
    )


def test_what_no_model_has_is_refused_by_name() -> None:
    with pytest.raises(SimulationError, match="zinc"):
        Instrument(sensor(Quantity.ZINC), seed=1)


@pytest.mark.parametrize("quantity", list(ACCURACY))
def test_noise_has_its_size_and_its_seed(quantity: Quantity) -> None:
    usual = 300_000.0 if quantity is Quantity.PRESSURE else 3.0
    truth, accuracy = np.full(4000, usual), ACCURACY[quantity]
    measured = Instrument(sensor(quantity), seed=1).measure(truth)
    expected = np.hypot(accuracy.absolute + accuracy.relative * usual, accuracy.resolution / np.sqrt(12.0))
    assert np.std(measured - truth) == pytest.approx(expected, rel=0.08)
    assert np.array_equal(measured, Instrument(sensor(quantity), seed=1).measure(truth))
    assert not np.array_equal(measured, Instrument(sensor(quantity), seed=2).measure(truth))


def test_a_dry_street_is_never_below_zero() -> None:
    measured = Instrument(sensor(Quantity.WATER_DEPTH), seed=1).measure(np.zeros(1000))
    assert measured.min() == 0.0 and 0.0 < measured.max() < 0.01


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        (FaultKind.DRIFT, 2.0, [5.0, 7.0, 9.0]),
        (FaultKind.STUCK, 0.0, [5.0, 5.0, 5.0]),
        (FaultKind.FROZEN, 0.0, [5.0, 5.0, 5.0]),
        (FaultKind.SCALE, 0.1, [0.5, 0.5, 0.5]),
        (FaultKind.DROP_OUT, 0.0, [None, None, None]),
    ],
)
def test_a_fault_changes_what_is_sent_once_it_has_begun(
    kind: FaultKind, size: float, expected: list[float | None]
) -> None:
    fault = Fault(kind, BEGINS, size)
    assert fault.apply(BEGINS - timedelta(seconds=1), 4.0) == (BEGINS - timedelta(seconds=1), 4.0)
    hours = (BEGINS + timedelta(hours=k) for k in range(3))
    sent = [fault.apply(when, 5.0) for when in hours]
    assert [one and one[1] for one in sent] == [None if v is None else pytest.approx(v) for v in expected]


def test_spikes_are_rare_and_a_skewed_clock_moves_the_time_alone() -> None:
    spikes = Fault(FaultKind.SPIKE, BEGINS, 9.0)
    sent = [spikes.apply(BEGINS, 1.0) for _ in range(2000)]
    assert 10 < sum(one == (BEGINS, 10.0) for one in sent) < 90
    assert Fault(FaultKind.CLOCK_SKEW, BEGINS, 300.0).apply(BEGINS, 1.0) == (BEGINS + timedelta(seconds=300), 1.0)
