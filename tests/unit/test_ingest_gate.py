"""The gate: each quality and each reject has its named reason, and everything behind it is SI."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from ingest.gate import UNKNOWN_CHANNEL, UNKNOWN_DEVICE, WRONG_UNIT, Judged, Limits, SensorTable, judge
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.reading import Quality, QualityReason, RejectReason
from lifeline.settings import IngestSettings
from lifeline.units import Quantity

NOW_S = 1_795_428_300
LIMITS = Limits.of(IngestSettings())


def sensor(sensor_id: str, quantity: Quantity, unit: str, low: float, high: float, key: int) -> Sensor:
    return Sensor(
        sensor_id=sensor_id, device_id="D1", channel=quantity.value, quantity=quantity, unit=unit, site=Site.JUNCTION,
        position=Position(125.3, 43.9), name=Name("试", "test"), interval_s=60, range_min=low, range_max=high,
        city_code="220100", sensor_key=key,
    )  # fmt: skip


@pytest.fixture
def table() -> SensorTable:
    return SensorTable(
        [
            sensor("P", Quantity.PRESSURE, "bar", 0, 1e6, 7),
            sensor("R", Quantity.RAIN_INTENSITY, "mm/h", 0, 1e-4, 8),
            sensor("T", Quantity.TEMPERATURE, "K", -60, 60, 9),
        ]
    )


def judge_one(table: SensorTable, route: int, *, value: float = 1.0, ahead_s: float = 0.0, **more: Any) -> Judged:
    received_us = np.array([NOW_S * 1_000_000], np.int64)
    return judge(
        table, LIMITS, routes=[route], times_s=[NOW_S + ahead_s], values=[value], received_us=received_us, **more
    )


@pytest.mark.parametrize(
    ("channel", "unit", "value", "key", "expected"),
    [
        ("pressure", None, 3.1, 7, 310_000),
        ("pressure", "Pa", 310_000, 7, 310_000),
        ("pressure", "hPa", 3_100, 7, 310_000),
        ("rain_intensity", None, 36.0, 8, 1e-5),
        ("rain_intensity", "m/s", 1e-5, 8, 1e-5),
        ("temperature", None, 248.15, 9, -25.0),
        ("temperature", "Cel", -25.0, 9, -25.0),
    ],
)
def test_values_leave_in_si(
    table: SensorTable, channel: str, unit: str | None, value: float, key: int, expected: float
) -> None:
    judged = judge_one(table, table.route("220100", "D1", channel, unit), value=value)
    assert judged.rows["sensor_key"].tolist() == [key]
    assert judged.rows["value"][0] == pytest.approx(expected, rel=1e-12)
    assert judged.rows["quality"].tolist() == [Quality.GOOD]


@pytest.mark.parametrize(
    ("city", "device", "channel", "unit", "route"),
    [
        ("220100", "D2", "pressure", None, UNKNOWN_DEVICE),
        ("220200", "D1", "pressure", None, UNKNOWN_DEVICE),
        ("220100", "D1", "level", None, UNKNOWN_CHANNEL),
        ("220100", "D1", "pressure", "m", WRONG_UNIT),
        ("220100", "D1", "pressure", "psi", WRONG_UNIT),
    ],
)
def test_routes_that_lead_nowhere(
    table: SensorTable, city: str, device: str, channel: str, unit: str | None, route: int
) -> None:
    assert table.route(city, device, channel, unit) == route
    reason = {
        UNKNOWN_DEVICE: RejectReason.UNKNOWN_DEVICE,
        UNKNOWN_CHANNEL: RejectReason.UNKNOWN_CHANNEL,
        WRONG_UNIT: RejectReason.UNIT,
    }[route]
    assert judge_one(table, route).reasons == [reason]


@pytest.mark.parametrize(
    ("value_bar", "ahead_s", "quality", "reason"),
    [
        (3.0, 0, Quality.GOOD, QualityReason.OK),
        (3.0, -900, Quality.GOOD, QualityReason.OK),
        (3.0, -901, Quality.GOOD, QualityReason.LATE),
        (3.0, 120, Quality.GOOD, QualityReason.OK),
        (3.0, 121, Quality.DOUBTFUL, QualityReason.CLOCK_AHEAD),
        (3.0, 3600, Quality.DOUBTFUL, QualityReason.CLOCK_AHEAD),
        (0.0, 0, Quality.GOOD, QualityReason.OK),
        (-0.1, 0, Quality.BAD, QualityReason.OUT_OF_RANGE),
        (10.1, 0, Quality.BAD, QualityReason.OUT_OF_RANGE),
        (10.1, 121, Quality.BAD, QualityReason.OUT_OF_RANGE),
    ],
)
def test_qualities(
    table: SensorTable, value_bar: float, ahead_s: float, quality: Quality, reason: QualityReason
) -> None:
    judged = judge_one(table, table.route("220100", "D1", "pressure", None), value=value_bar, ahead_s=ahead_s)
    assert judged.rows[["quality", "reason"]].tolist() == [(quality, reason)]


@pytest.mark.parametrize(
    ("value", "ahead_s", "reason"),
    [
        (float("nan"), 0, RejectReason.NOT_FINITE),
        (float("inf"), 0, RejectReason.NOT_FINITE),
        (1e304, 0, RejectReason.NOT_FINITE),
        (3.0, 3600.001, RejectReason.FUTURE),
        (3.0, float("inf"), RejectReason.FUTURE),
        (3.0, 1e300, RejectReason.FUTURE),
        (3.0, -1e10, RejectReason.TOO_OLD),
        (3.0, float("-inf"), RejectReason.TOO_OLD),
    ],
)
def test_rejects(table: SensorTable, value: float, ahead_s: float, reason: RejectReason) -> None:
    judged = judge_one(table, table.route("220100", "D1", "pressure", None), value=value, ahead_s=ahead_s)
    assert judged.reasons == [reason]
    assert not len(judged.rows)


def test_a_file_is_neither_late_nor_live(table: SensorTable) -> None:
    route = table.route("220100", "D1", "pressure", "Pa")
    judged = judge_one(table, route, ahead_s=-86_400, said=QualityReason.BACKFILLED)
    assert judged.rows[["quality", "reason"]].tolist() == [(Quality.GOOD, QualityReason.BACKFILLED)]


def test_what_is_late_from_a_clock_that_is_behind_is_doubtful() -> None:
    own = sensor("P", Quantity.PRESSURE, "bar", 0, 1e6, 7)
    table = SensorTable([own], behind={("220100", "D1")})
    route = table.route("220100", "D1", "pressure", "Pa")
    for ahead_s, said, quality, reason in (
        (-28_800, QualityReason.OK, Quality.DOUBTFUL, QualityReason.CLOCK_BEHIND),
        (0, QualityReason.OK, Quality.GOOD, QualityReason.OK),
        (-28_800, QualityReason.HISTORICAL, Quality.GOOD, QualityReason.HISTORICAL),
    ):
        judged = judge_one(table, route, ahead_s=ahead_s, said=said)
        assert judged.rows[["quality", "reason"]].tolist() == [(quality, reason)]


def test_accepted_and_rejected_add_up_in_order(table: SensorTable) -> None:
    route = table.route("220100", "D1", "pressure", "Pa")
    count = 6
    judged = judge(
        table,
        LIMITS,
        routes=[route, UNKNOWN_DEVICE] * 3,
        times_s=[NOW_S + i for i in range(count)],
        values=range(count),
        received_us=np.full(count, NOW_S * 1_000_000, np.int64),
    )
    assert judged.accepted.tolist() == [0, 2, 4]
    assert judged.rejected.tolist() == [1, 3, 5]
    assert judged.rows["value"].tolist() == [0, 2, 4]
    observed = datetime.fromtimestamp(NOW_S + 2, UTC).replace(tzinfo=None)
    assert judged.rows["observed_at"][1] == np.datetime64(observed, "us")


def test_a_table_without_sensors_rejects_all() -> None:
    assert judge_one(SensorTable(()), UNKNOWN_DEVICE).reasons == [RejectReason.UNKNOWN_DEVICE]
