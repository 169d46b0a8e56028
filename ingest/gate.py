"""The gate: every offered value becomes a reading in SI with a quality and a reason, or a reject with a reason.

Pure and vectorised: routes, times and values of a whole batch in, readings and rejected positions out.
"""

import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from ingest.rate import Rates
from lifeline.asset import Sensor
from lifeline.errors import UnitError
from lifeline.reading import Quality, QualityReason, RejectReason
from lifeline.settings import IngestSettings
from lifeline.store.readings import READING
from lifeline.units import scale_to_si

UNKNOWN_DEVICE, UNKNOWN_CHANNEL, WRONG_UNIT = -1, -2, -3
"""Routes that lead nowhere."""

_FARTHEST_S = 2.0**42
_MICROSECONDS = 1e6
_ROUTE = np.dtype(
    [
        ("sensor_key", "i4"),
        ("factor", "f8"),
        ("offset", "f8"),
        ("range_min", "f8"),
        ("range_max", "f8"),
        ("rate_max", "f8"),
        ("clock_behind", "?"),
    ]
)
"""`rate_max` in SI per second, NaN where there is none"""
_REASONS = (
    RejectReason.UNKNOWN_DEVICE,
    RejectReason.UNKNOWN_CHANNEL,
    RejectReason.UNIT,
    RejectReason.NOT_FINITE,
    RejectReason.FUTURE,
    RejectReason.TOO_OLD,
)
_ACCEPTED = -1


class SensorTable:
    """The sensors that city packs name, by who sends them; a route is a sensor and the unit that it came in."""

    def __init__(
        self,
        sensors: Iterable[Sensor],
        *,
        rate_max: Callable[[Sensor], float | None] = lambda _: None,
        behind: Container[tuple[str, str]] = (),
    ) -> None:
        """`rate_max`: the fastest change of a sensor, SI per second; `behind`: city and id of devices of which the
        clock is measured to be behind.
        """
        self._rate_max = rate_max
        self._behind = behind
        self._devices: dict[tuple[str, str], dict[str, Sensor]] = {}
        self._by_id: dict[str, Sensor] = {}
        for sensor in sensors:
            self._devices.setdefault((sensor.city_code, sensor.device_id), {})[sensor.channel] = sensor
            self._by_id[sensor.sensor_id] = sensor
        self._city_of = {device_id: city_code for city_code, device_id in self._devices}
        self._numbers: dict[tuple[str, str, str, str | None], int] = {}
        self._rows: list[tuple[int, float, float, float, float, float, bool]] = []
        self._columns = np.empty(0, _ROUTE)

    def knows(self, city_code: str, device_id: str) -> bool:
        """Whether a pack of that city names the device."""
        return (city_code, device_id) in self._devices

    def knows_elsewhere(self, device_id: str) -> bool:
        """Whether the pack of any city names the device."""
        return device_id in self._city_of

    def city_of(self, device_id: str) -> str | None:
        """The city whose pack names the device, None where none does."""
        return self._city_of.get(device_id)

    def sensor(self, sensor_id: str) -> Sensor | None:
        """The sensor of that id, None where no pack names it."""
        return self._by_id.get(sensor_id)

    def route(self, city_code: str, device_id: str, channel: str, unit: str | None) -> int:
        """The number of a route, or one of the three above that lead nowhere."""
        key = (city_code, device_id, channel, unit)
        number = self._numbers.get(key)
        return self._find(key) if number is None else number

    @property
    def columns(self) -> npt.NDArray[np.void]:
        """One row a route."""
        if len(self._columns) != len(self._rows):
            self._columns = np.array(self._rows, _ROUTE)
        return self._columns

    def _find(self, key: tuple[str, str, str, str | None]) -> int:
        city_code, device_id, channel, unit = key
        channels = self._devices.get((city_code, device_id))
        if channels is None:
            return UNKNOWN_DEVICE
        sensor = channels.get(channel)
        if sensor is None:
            return UNKNOWN_CHANNEL
        try:
            scale = scale_to_si(sensor.unit if unit is None else unit, sensor.quantity)
        except UnitError:
            return WRONG_UNIT
        rate_max = self._rate_max(sensor)
        self._rows.append(
            (
                sensor.sensor_key,
                scale.factor,
                scale.offset,
                sensor.range_min,
                sensor.range_max,
                math.nan if rate_max is None else rate_max,
                (city_code, device_id) in self._behind,
            )
        )
        self._numbers[key] = len(self._rows) - 1
        return self._numbers[key]


@dataclass(frozen=True, slots=True)
class Limits:
    """Which times are believed, relative to reception."""

    future_tolerance_s: float
    future_limit_s: float
    late_after_s: float
    earliest: datetime

    @classmethod
    def of(cls, settings: IngestSettings) -> "Limits":
        """The limits of the settings."""
        return cls(
            settings.future_tolerance_s,
            settings.future_limit_s,
            settings.late_after_s,
            datetime(settings.earliest_year, 1, 1, tzinfo=UTC),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of (n,) offered values."""

    rows: npt.NDArray[np.void]
    """(k,) of READING: the accepted"""
    accepted: npt.NDArray[np.intp]
    """(k,) their positions among the offered, ascending"""
    rejected: npt.NDArray[np.intp]
    """(n - k,) positions of the others, ascending"""
    reasons: list[RejectReason]
    """(n - k) why"""


def judge(
    table: SensorTable,
    limits: Limits,
    *,
    routes: npt.ArrayLike,
    times_s: npt.ArrayLike,
    values: npt.ArrayLike,
    received_us: npt.NDArray[np.int64],
    said: QualityReason | npt.NDArray[np.int16] = QualityReason.OK,
    rates: Rates | None = None,
) -> Judged:
    """Judges (n,) values: `routes` of `table`, `times_s` and `received_us` since 1970, `values` in the route's unit.

    `said` is what is known of all of them, or of each (n,), beforehand: OK for live ones, else where they come from.
    A reading observed further ahead of its reception than `future_limit_s` or before `earliest` is rejected; one that
    is ahead by more than `future_tolerance_s` is doubtful, and so are a late one of a device whose clock is behind and
    one that changed faster than its sensor's limit since what `rates` remembers; one outside its sensor's physical
    range is bad.
    """
    route = np.asarray(routes, np.int64)
    known = route >= 0
    # a route that leads nowhere is looked up as some other one; its result is not used
    columns = table.columns if len(table.columns) else np.zeros(1, _ROUTE)
    of = columns[np.where(known, route, 0)]
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.asarray(values, np.float64) * of["factor"] + of["offset"]
        observed_s = np.clip(np.asarray(times_s, np.float64), -_FARTHEST_S, _FARTHEST_S)
    observed_us = np.rint(observed_s * _MICROSECONDS).astype(np.int64)
    ahead_us = observed_us - received_us

    verdict = np.where(known, _ACCEPTED, -1 - route)
    for reason, holds in (
        (RejectReason.NOT_FINITE, ~np.isfinite(value)),
        (RejectReason.FUTURE, ahead_us > limits.future_limit_s * _MICROSECONDS),
        (RejectReason.TOO_OLD, observed_us < limits.earliest.timestamp() * _MICROSECONDS),
    ):
        verdict[(verdict == _ACCEPTED) & holds] = _REASONS.index(reason)

    accepted = np.flatnonzero(verdict == _ACCEPTED)
    rejected = np.flatnonzero(verdict != _ACCEPTED)
    rows = np.empty(len(accepted), READING)
    rows["sensor_key"] = of["sensor_key"][accepted]
    rows["observed_at"] = observed_us[accepted].view("M8[us]")
    rows["received_at"] = received_us[accepted].view("M8[us]")
    rows["value"] = value[accepted]
    own = np.broadcast_to(np.asarray(said, np.int16), len(route))[accepted]
    _qualify(rows, of[accepted], ahead_us[accepted], limits, own, rates)
    return Judged(rows, accepted, rejected, [_REASONS[code] for code in verdict[rejected]])


def _qualify(
    rows: npt.NDArray[np.void],
    of: npt.NDArray[np.void],
    ahead_us: npt.NDArray[np.int64],
    limits: Limits,
    said: npt.NDArray[np.int16],
    rates: Rates | None,
) -> None:
    """Sets quality and reason; the gravest reason is set last and stays."""
    rows["quality"] = Quality.GOOD
    rows["reason"] = said
    live = said == QualityReason.OK
    late = live & (ahead_us < -limits.late_after_s * _MICROSECONDS)
    ahead = ahead_us > limits.future_tolerance_s * _MICROSECONDS
    impossible = (rows["value"] < of["range_min"]) | (rows["value"] > of["range_max"])
    # a value that cannot be, or of a time that is not, says nothing about the next one
    rate_max = np.where(ahead | impossible, np.nan, of["rate_max"])
    jumped = np.zeros(len(rows), np.bool_) if rates is None else rates.doubtful(rows, rate_max)
    for holds, quality, reason in (
        (late, Quality.GOOD, QualityReason.LATE),
        (late & of["clock_behind"], Quality.DOUBTFUL, QualityReason.CLOCK_BEHIND),
        (jumped, Quality.DOUBTFUL, QualityReason.RATE_OF_CHANGE),
        (ahead, Quality.DOUBTFUL, QualityReason.CLOCK_AHEAD),
        (impossible, Quality.BAD, QualityReason.OUT_OF_RANGE),
    ):
        if holds.any():
            rows["quality"][holds] = quality
            rows["reason"][holds] = reason
