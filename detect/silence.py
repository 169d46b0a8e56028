"""Silence: a device that has not spoken for three of its intervals is said to be silent, once, until it speaks again.

Subjects: `silent:{device_id}`, whether one of its sensors is silent or all; `silent:city:{city_code}` when so many are
silent at once that the cause lies behind them (broker, network, power): one message instead of hundreds. The interval
is the larger of the pack's and what was lately seen. Who was never heard is not in service yet and not silent. A
silence that is already over when it is judged (after a pause of the detection stage) is not told: nobody can act on it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from detect.instant import instant, iso
from detect.port import Batch, Floats, History, Json, Learning, Order, Scope
from lifeline.asset import Position, Sensor
from lifeline.finding import Finding, FindingKind, Phase

NAME = "silence"
_INTERVALS = 3.0
_LEAST_S = 60.0
"""no device is called silent sooner: a reconnecting link takes this long"""
_UNSEEN_INTERVAL_S = 300.0
"""assumed at the least until enough gaps were seen"""
_GAPS = 5
_MANY_SHARE, _MANY_LEAST = 0.1, 4
_PROBABILITY = 0.99


class SilenceReason(StrEnum):
    """Why the detector says something."""

    SENSOR_SILENT = "sensor-silent"
    """some of the device's sensors"""
    DEVICE_SILENT = "device-silent"
    """all of them"""
    MANY_SILENT = "many-devices-silent"
    HEARD_AGAIN = "heard-again"


@dataclass(slots=True)
class _Open:
    """A subject that was said to be silent."""

    began_s: float
    sensor_ids: list[str] = field(default_factory=list)
    devices: int = 0


class SilenceDetector:
    """Watches when each sensor of a city was last heard. Cost of a step: a few array operations."""

    name = NAME
    version = 1
    order = Order.CITY
    learning: Learning | None = None

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.sensors: tuple[Sensor, ...] = scope.sensors
        n = len(self.sensors)
        self._declared_s = np.array([s.interval_s for s in self.sensors])
        self._last_s: Floats = np.full(n, np.nan)
        self._gaps_s: Floats = np.full((n, _GAPS), np.nan)
        self._open: dict[str, _Open] = {}
        self._devices: dict[str, list[int]] = {}
        for number, sensor in enumerate(self.sensors):
            self._devices.setdefault(sensor.device_id, []).append(number)

    def learn(self, history: History, now: datetime) -> bool:
        del history, now
        return True

    def needs_lesson(self) -> bool:
        return False

    def model(self) -> Json | None:
        return None

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        for number, at_s in zip(batch.sensor.tolist(), batch.at_s.tolist(), strict=True):
            gap = at_s - self._last_s[number]
            if gap > 0:
                self._gaps_s[number, :-1] = self._gaps_s[number, 1:]
                self._gaps_s[number, -1] = gap
            if not gap <= 0:
                self._last_s[number] = at_s
        return self._judge(now.timestamp())

    def limits_s(self) -> Floats:
        """After which silence each sensor counts as silent, (n_sensors,)."""
        seen = np.full(len(self.sensors), _UNSEEN_INTERVAL_S)
        known = ~np.isnan(self._gaps_s[:, -3:]).any(axis=1)
        seen[known] = np.nanmedian(self._gaps_s[known], axis=1)
        limits: Floats = np.maximum(_INTERVALS * np.maximum(self._declared_s, seen), _LEAST_S)
        return limits

    def state(self) -> Json:
        return {
            "heard": {
                sensor.sensor_id: [self._last_s[n], *self._gaps_s[n][~np.isnan(self._gaps_s[n])].tolist()]
                for n, sensor in enumerate(self.sensors)
                if not np.isnan(self._last_s[n])
            },
            "open": {key: [o.began_s, o.sensor_ids, o.devices] for key, o in self._open.items()},
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        del model
        heard = (state or {}).get("heard", {})
        for number, sensor in enumerate(self.sensors):
            saved = heard.get(sensor.sensor_id)
            if saved is not None:
                self._last_s[number] = saved[0]
                gaps = saved[1:][-_GAPS:]
                if gaps:
                    self._gaps_s[number, -len(gaps) :] = gaps
        self._open = {key: _Open(*saved) for key, saved in (state or {}).get("open", {}).items()}

    def _judge(self, now_s: float) -> list[Finding]:
        silent = now_s - self._last_s > self.limits_s()  # NaN: never heard, not silent
        heard = ~np.isnan(self._last_s)
        city = f"silent:city:{self._scope.city_code}"
        if not silent.any() and not self._open:
            return []
        devices = {d: numbers for d, numbers in self._devices.items() if heard[numbers].any()}
        quiet = {d: [n for n in numbers if silent[n]] for d, numbers in devices.items()}
        quiet = {d: numbers for d, numbers in quiet.items() if numbers}
        told = {d for d in quiet if f"silent:{d}" in self._open}
        bound = max(_MANY_LEAST, int(np.ceil(_MANY_SHARE * len(devices))))
        findings: list[Finding] = []
        new = [d for d in quiet if d not in told]
        if city in self._open:
            findings += self._city_goes_on(city, devices, quiet, bound, now_s)
        elif len(new) > bound:
            began_s = min(float(self._last_s[n]) for d in new for n in quiet[d])
            self._open[city] = _Open(began_s, [], len(quiet))
            findings.append(
                self._of_city(city, Phase.ONSET, SilenceReason.MANY_SILENT, quiet, total=len(devices), now_s=now_s)
            )
        for key in [key for key in self._open if key != city]:
            device = key.removeprefix("silent:")
            if device not in quiet:
                findings.append(self._of_device(key, Phase.END, SilenceReason.HEARD_AGAIN, now_s))
                del self._open[key]
            elif (ids := [self.sensors[n].sensor_id for n in quiet[device]]) != self._open[key].sensor_ids:
                self._open[key].sensor_ids = ids
                findings.append(self._of_device(key, Phase.UPDATE, self._reason(device, quiet), now_s))
        if city not in self._open:
            for device in new:
                key = f"silent:{device}"
                numbers = quiet[device]
                began_s = min(float(self._last_s[n]) for n in numbers)
                self._open[key] = _Open(began_s, [self.sensors[n].sensor_id for n in numbers])
                findings.append(self._of_device(key, Phase.ONSET, self._reason(device, quiet), now_s))
        return findings

    def _city_goes_on(
        self, city: str, devices: dict[str, list[int]], quiet: dict[str, list[int]], bound: int, now_s: float
    ) -> list[Finding]:
        opened = self._open[city]
        if len(quiet) <= bound / 2:
            finding = self._of_city(city, Phase.END, SilenceReason.HEARD_AGAIN, quiet, total=len(devices), now_s=now_s)
            del self._open[city]
            return [finding]
        if len(quiet) >= 1.5 * opened.devices or (len(quiet) == len(devices) != opened.devices):
            opened.devices = len(quiet)
            update = self._of_city(
                city, Phase.UPDATE, SilenceReason.MANY_SILENT, quiet, total=len(devices), now_s=now_s
            )
            return [update]
        return []

    def _reason(self, device: str, quiet: dict[str, list[int]]) -> SilenceReason:
        of_device = [n for n in self._devices[device] if not np.isnan(self._last_s[n])]
        return SilenceReason.DEVICE_SILENT if len(quiet[device]) == len(of_device) else SilenceReason.SENSOR_SILENT

    def _of_device(self, key: str, phase: Phase, reason: SilenceReason, now_s: float) -> Finding:
        opened = self._open[key]
        first = self._devices.get(key.removeprefix("silent:"), [])
        limits = self.limits_s()
        sensors = [n for n in first if self.sensors[n].sensor_id in opened.sensor_ids]
        return Finding(
            subject=key,
            kind=FindingKind.SENSOR_SILENT,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason.value,
            began_at=instant(opened.began_s),
            detected_at=instant(now_s),
            probability=_PROBABILITY,
            zone_id=self.sensors[first[0]].zone_id if first else None,
            sensor_ids=tuple(opened.sensor_ids),
            position=self.sensors[first[0]].position if first else None,
            explanation={
                "last_heard": {self.sensors[n].sensor_id: iso(float(self._last_s[n])) for n in sensors},
                "limit_s": {self.sensors[n].sensor_id: float(limits[n]) for n in sensors},
            },
        )

    def _of_city(
        self, key: str, phase: Phase, reason: SilenceReason, quiet: dict[str, list[int]], *, total: int, now_s: float
    ) -> Finding:
        where = [self.sensors[n].position for numbers in quiet.values() for n in numbers]
        return Finding(
            subject=key,
            kind=FindingKind.SENSOR_SILENT,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason.value,
            began_at=instant(self._open[key].began_s),
            detected_at=instant(now_s),
            probability=_PROBABILITY,
            sensor_ids=tuple(self.sensors[n].sensor_id for numbers in quiet.values() for n in numbers)[:1000],
            position=Position(float(np.mean([p.lon for p in where])), float(np.mean([p.lat for p in where])))
            if where
            else None,
            explanation={"silent_devices": len(quiet), "devices_in_service": total, "devices": sorted(quiet)[:1000]},
        )


def make(scope: Scope) -> SilenceDetector | None:
    """The detector of a city, None where it has no sensors."""
    return SilenceDetector(scope) if scope.sensors else None
