"""The leak core behind the detector port: readings in, findings out, one alarm for one leak.

Runs where the pack says `expected_pressure = "model"`. What it reports is what `lifeline evaluate leak` would report of
the same readings: the core is fed with the same samples, means over slots as long as the rarest sensor's interval. The
first lesson feeds it with the history (its calibration is the first week of it); from then on it lives on its own
memory. Signatures are built beside the stage and kept with the model.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from detect.leak import workshop
from detect.leak.area import PipeMap
from detect.leak.city import fingerprint, instruments_of, network_of, uses_model
from detect.leak.course import Course
from detect.leak.detector import LeakDetector, Plan, Report, Settings
from detect.leak.frost import Frost, FrostTerms
from detect.leak.memory import not_over, report_json, report_of, with_nan, without_nan
from detect.leak.saying import Voice
from detect.leak.signature import Signatures
from detect.leak.slots import Slots
from detect.leak.telling import NAME, Teller
from detect.leak.upkeep import UpkeepReason
from detect.port import Batch, Floats, History, Ints, Json, Learning, Order, Scope
from lifeline.finding import Finding, Phase
from lifeline.units import Quantity
from lifeline.verdict import Verdict

_HOUR_S = 3600.0
_DAY_H = 24
_FOR_EVER_DAYS = 36_500.0
_UNKNOWN_SHARE = 0.5
"""of a zone's pressures: with more in doubt the zone is unknown"""


class LeakWatch:
    """Watches one city's network by its hydraulic model."""

    name = NAME
    version = 1
    order = Order.CITY

    def __init__(self, scope: Scope) -> None:
        """Raises SimulationError where the network cannot be read."""
        assert scope.network_inp is not None
        self._scope = scope
        self._network = network_of(scope.network_inp)
        self._instruments = instruments_of(scope.sensors, self._network)
        self._n = len(self._instruments.sensors)
        air = tuple(s for s in scope.sensors if s.quantity is Quantity.TEMPERATURE)
        self.sensors = (*self._instruments.sensors, *air)
        self._settings = Settings()
        days = self._settings.calibration_hours / _DAY_H
        self.learning: Learning | None = Learning(
            days=max(scope.learning_days, days + 1.0), least_days=days, again_after_days=_FOR_EVER_DAYS
        )
        self.key = fingerprint(scope.network_inp, self._instruments.names)
        """names network and sensors: what is remembered of others is not gone on from"""
        self._order: workshop.Order | None = None
        self._plan: Plan | None = None
        self._kept: Json | None = None
        self._core: LeakDetector | None = None
        self._voice: Voice | None = None
        self._teller: Teller | None = None
        self._slots = Slots(self._n, self._instruments.slot_s)
        self._course = Course()
        self._frost, self._frost_terms = Frost(), FrostTerms.of(scope.settings)
        self._unknown: list[str] = []
        """zones that are told to be unknown"""
        self._untold: list[Report] = []
        self._standing: Sequence[Finding] = ()
        self._verdicts: list[Verdict] = []
        self._heard = 0
        self._listen_at_s = 0.0

    @property
    def watches_something(self) -> bool:
        names = self._instruments.names
        return bool(names.pressure) and bool(names.flow)

    # --- the port --------------------------------------------------------------------------------------------------

    def prepared(self) -> bool:
        """Whether the signatures are there; orders them where not. Raises SimulationError."""
        if self._plan is not None:
            return True
        if self._order is None:
            assert self._scope.network_inp is not None
            self._order = workshop.Order(self._scope.network_inp, self._instruments.names)
        signatures = self._order.result()
        if signatures is None:
            return False
        self._order = None
        self._kept = workshop.to_json(self.key, signatures)
        self._build(signatures)
        return True

    def learn(self, history: History, now: datetime) -> bool:
        """Feeds the core with the history, once; False while the signatures are being built."""
        if self._core is not None:
            return True
        if not self.prepared():
            return False
        self._begin()
        assert self._core is not None
        reports: list[Report] = []
        self._feel(history.sensor, history.at_s, history.value)
        own = history.part(history.sensor < self._n)
        values = self._core_units(own.sensor, own.value)
        for time_s, sample in self._slots.add(own.sensor, own.at_s, values, now_s=now.timestamp(), count=own.count):
            reports += self._push(time_s, sample)
        self._untold = [r for r in not_over(reports) if r.kind not in ("sensor", "model")]
        self._untold += [r for r in reports if r.kind == "model"][-1:]
        return True

    def needs_lesson(self) -> bool:
        return self._core is None

    def model(self) -> Json | None:
        if self._core is None:
            return None
        return self._kept if self._kept is not None else {"key": self.key}

    def listens(self, now: datetime) -> bool:
        return bool(self._untold) or now.timestamp() >= self._listen_at_s

    def heard(self) -> int:
        return self._heard

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        self._standing = standing
        self._verdicts += verdicts
        self._heard = max([self._heard, *(v.verdict_id for v in verdicts)])

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        assert self._core is not None and self._voice is not None, "taught first"
        now_s, voice = now.timestamp(), self._voice
        self._listen_at_s = (now_s // self._slots.slot_s + 1.0) * self._slots.slot_s
        voice.standing = self._standing
        voice.frost = self._frost.explained(self._frost_terms)
        said, self._verdicts = self._verdicts, []
        found = [f for verdict in said for f in voice.mind(verdict, now_s)]
        waiting, self._untold = self._untold, []
        found += [f for report in waiting for f in voice.say(report)]
        self._feel(batch.sensor, batch.at_s, batch.value)
        own = batch.sensor < self._n
        values = self._core_units(batch.sensor[own], batch.value[own])
        for time_s, sample in self._slots.add(batch.sensor[own], batch.at_s[own], values, now_s=now_s):
            before = self._core.last_hour
            found += [f for report in self._push(time_s, sample) for f in voice.say(report)]
            hour = self._core.last_hour
            if hour is None or hour is before or self._core.tracker is None:
                continue
            found += voice.each_hour(hour.index + 1)
            if (hour.index + 1) % _DAY_H == 0:
                found += self._unknown_zones((hour.index + 1) * _HOUR_S)
                voice.frost = self._frost.explained(self._frost_terms)
        return found

    def state(self) -> Json:
        return {
            "key": self.key,
            "core": without_nan(self._core.state()) if self._core is not None else None,
            "voice": self._voice.to_json() if self._voice is not None else None,
            "slots": self._slots.to_json(),
            "course": self._course.to_json(),
            "frost": self._frost.to_json(),
            "unknown": self._unknown,
            "untold": [report_json(r) for r in self._untold],
            "heard": self._heard,
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        """A state of another network, or of other sensors, is not gone on from: the core learns anew."""
        if model is not None and model["key"] == self.key and "signatures" in model:
            self._kept = model
            self._build(workshop.from_json(model))
        if state is None or state["key"] != self.key or state["core"] is None:
            return
        if self._plan is None:
            # signatures too large to be kept: the stage cannot go on without them
            assert self._scope.network_inp is not None
            self._build(workshop.build(self._scope.network_inp, self._instruments.names))
        self._begin()
        assert self._core is not None and self._voice is not None
        self._core.restore(with_nan(state["core"]))
        self._voice.restore(state["voice"])
        self._slots.restore(state["slots"])
        self._course.restore(state["course"])
        self._frost = Frost(**state["frost"])
        self._untold = [report_of(r) for r in state["untold"]]
        self._unknown, self._heard = state["unknown"], state["heard"]

    # --- feeding ---------------------------------------------------------------------------------------------------

    def _build(self, signatures: Signatures) -> None:
        network = self._network
        self._plan = Plan(network, self._instruments.names, signatures=signatures)
        pipes = PipeMap(
            [network.links[i] for i in network.pipes], network.ends[network.pipes], network.xy, self._scope.assets
        )
        self._teller = Teller(self._scope.city_code, self._plan, self._instruments, pipes, self._course)

    def _begin(self) -> None:
        assert self._plan is not None and self._teller is not None
        self._core = LeakDetector(self._plan, zone=ZoneInfo(self._scope.timezone), settings=self._settings)
        self._voice = Voice(self._core, self._teller, self._course, self._instruments, self._scope.city_code)

    def _core_units(self, sensor: Ints, value: Floats) -> Floats:
        scaled: Floats = value * self._instruments.per_si[sensor]
        return scaled

    def _feel(self, sensor: Ints, at_s: Floats, value: Floats) -> None:
        """Takes the readings that are of the air."""
        air = sensor >= self._n
        for time_s, cel in zip(at_s[air].tolist(), value[air].tolist(), strict=True):
            self._frost.add(int(time_s // (_DAY_H * _HOUR_S)), cel)

    def _push(self, time_s: int, sample: Floats) -> list[Report]:
        assert self._core is not None and self._plan is not None
        before = self._core.last_hour
        if 0 <= self._core.day < time_s // (_DAY_H * _HOUR_S):
            self._frost.close(self._core.day, self._frost_terms)
            self._core.air_cel = self._frost.air_cel
        reports = self._core.push(np.array([time_s]), sample[None, :])
        hour, unexpected = self._core.last_hour, self._core.newest
        if hour is not None and hour is not before and unexpected is not None:
            self._course.add(hour, unexpected, self._plan.model)
        return reports

    def _unknown_zones(self, at_s: float) -> list[Finding]:
        assert self._teller is not None and self._core is not None
        pressures = self._instruments.sensors[: len(self._instruments.names.pressure)]
        doubted = {int(number) for number in self._core.upkeep.memory.doubted}
        found = []
        for zone_id in sorted({s.zone_id for s in pressures if s.zone_id is not None}):
            own = [n for n, s in enumerate(pressures) if s.zone_id == zone_id]
            bad = [pressures[n] for n in own if n in doubted]
            unknown = len(bad) > _UNKNOWN_SHARE * len(own)
            if unknown == (zone_id in self._unknown):
                continue
            phase, reason = (
                (Phase.ONSET, UpkeepReason.ZONE_UNKNOWN) if unknown else (Phase.END, UpkeepReason.ZONE_KNOWN)
            )
            self._unknown = sorted({*self._unknown, zone_id} if unknown else {*self._unknown} - {zone_id})
            found.append(self._teller.unknown_zone(zone_id, phase, reason, bad, at_s=at_s))
        return found


def make(scope: Scope) -> LeakWatch | None:
    """The detector of a city; None where its pack trusts no model, or it has no sensors. Raises SimulationError."""
    if not uses_model(scope):
        return None
    watch = LeakWatch(scope)
    return watch if watch.watches_something else None
