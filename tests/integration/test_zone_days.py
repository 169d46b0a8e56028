"""The water balance of zones and days on a real database: night flow, loss, cost, what known leaks took."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detect.ledger import Ledger
from detect.port import Scope
from lifeline import city
from lifeline.clock import SetClock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store import cities, findings, readings, sensors, zone_days
from lifeline.store.pool import Store
from tests.packs import write_tiny_pack

CODE, ZONE, METER = "220100", "CC-DMA-1", "CC-F-01"
DAY = date(2026, 11, 10)
BEGIN = datetime(2026, 11, 9, 16, 0, tzinfo=UTC)
"""local midnight in Changchun"""


@pytest.fixture
def scope(store: Store, tmp_path: Path) -> Scope:
    """A city of 420 people whose zone takes 2 m3/h at night and 10 m3/h by day; one hour of a day is not known."""
    cities.load_pack(store, city.load(write_tiny_pack(tmp_path / "pack")), now=BEGIN)
    own = sensors.sensors(store, city_code=CODE)
    at = [BEGIN + number * timedelta(minutes=5) for number in range(2 * 24 * 12)]
    keep = [t for t in at if not datetime(2026, 11, 10, 10, tzinfo=UTC) <= t < datetime(2026, 11, 10, 11, tzinfo=UTC)]
    local_hour = np.array([(t + timedelta(hours=8)).hour for t in keep])
    rows = np.zeros(len(keep), readings.READING)
    rows["sensor_key"] = next(s.sensor_key for s in own if s.sensor_id == METER)
    rows["observed_at"] = [np.datetime64(t.replace(tzinfo=None), "us") for t in keep]
    rows["received_at"] = rows["observed_at"]
    rows["value"] = np.where((local_hour >= 2) & (local_hour < 5), 2.0, 10.0) / 3600.0
    with store.transaction() as connection:
        readings.add(connection, rows)
    settings = {"leak": {"water_cost_per_m3": 2.5, "currency": "CNY"}}
    return Scope(CODE, "Asia/Shanghai", tuple(own), tuple(cities.zones(store, CODE)), settings=settings)


def test_a_day_is_counted_once_it_is_over(store: Store, scope: Scope) -> None:
    leak = Finding(
        subject=f"leak:{ZONE}", kind=FindingKind.LEAK, phase=Phase.ONSET, city_code=CODE, detector="leak-model",
        reason="pressure-and-balance", began_at=BEGIN + timedelta(hours=6), detected_at=BEGIN + timedelta(hours=12),
        probability=0.9, zone_id=ZONE, flow_m3_per_h=3.0,
    )  # fmt: skip
    ended = replace(leak, phase=Phase.END, detected_at=BEGIN + timedelta(hours=30))
    findings.commit(store, [leak, ended], now=BEGIN)
    clock = SetClock(BEGIN + timedelta(hours=25))
    ledger = Ledger(store, clock, scope)
    ledger.work(clock.now())
    assert zone_days.days(store, CODE, DAY, DAY) == []
    clock.set(BEGIN + timedelta(hours=26, minutes=5))
    ledger.work(clock.now())
    (found,) = zone_days.days(store, CODE, DAY, DAY + timedelta(days=1))
    assert (found.zone_id, found.day, found.hours) == (ZONE, DAY, 23.0)
    assert found.inflow_m3 == pytest.approx(3 * 2.0 + 20 * 10.0)
    assert found.night_flow_m3_per_h == pytest.approx(2.0)
    assert found.told_loss_m3 == pytest.approx(18 * 3.0)
    assert found.night_use_m3_per_h == pytest.approx(0.6e-3 * 420)
    assert found.loss_m3 is not None
    assert found.loss_m3 == pytest.approx((2.0 - 0.252) * 24)
    assert found.cost == pytest.approx(found.loss_m3 * 2.5, abs=0.01)
    assert found.currency == "CNY"
    counted_at = found.counted_at
    clock.set(BEGIN + timedelta(hours=52))
    for _ in range(3):
        ledger.work(clock.now())
    days = zone_days.days(store, CODE, DAY, DAY + timedelta(days=1))
    assert [d.day for d in days] == [DAY, DAY + timedelta(days=1)]
    assert days[0].counted_at > counted_at
    assert days[1].told_loss_m3 == pytest.approx(6 * 3.0)
    again = [d.counted_at for d in days]
    clock.set(BEGIN + timedelta(hours=54))
    ledger.work(clock.now())
    assert [d.counted_at for d in zone_days.days(store, CODE, DAY, DAY + timedelta(days=1))] == again
