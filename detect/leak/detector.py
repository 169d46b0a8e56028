"""The online leak detector: samples in, leak reports out, strictly causal, its state a JSON value.

Samples are checked and gathered into hours; an hour is compared with the hydraulic model (`expected`), freed of what
the model is known to get wrong (`baseline`), and every few hours the last 24 hours go to the `tracker`. The first week
of data is the calibration: leaks that exist then are part of what is normal.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np

from detect.leak.balance import Layout, Sensors, lay_out
from detect.leak.baseline import Baseline, window_mean
from detect.leak.burst import FastWatch, Surge, zone_inflow
from detect.leak.check import DEMAND, FLOW, LEVEL, PRESSURE, Checks
from detect.leak.expected import Hour, HourModel, Residual
from detect.leak.network import Network
from detect.leak.place import Gaussian, Reach, place
from detect.leak.score import REACH_M
from detect.leak.signature import Signatures
from detect.leak.tracker import Kind, Settled, Tracker, TrackSettings
from detect.leak.trust import LARGE_LEAK, Trust, TrustReason, judge
from detect.leak.upkeep import Upkeep, UpkeepReason

HOUR_S, DAY_H = 3600, 24
RECENT_S = 2 * HOUR_S
LEAST_PRESSURES = 3
EARLY_PROBABILITY = 0.8
"""of lying within reach, to tell a burst within minutes"""
BURST_M3_PER_H = 10.0
"""a new leak of this size is called a burst"""


@dataclass(frozen=True)
class Settings:
    """Settings of the detector; the defaults serve every network and year (docs/leak.md gives their origin)."""

    calibration_hours: int = 168
    every_hours: int = 3
    window_hours: int = 24
    least_samples: float = 0.7
    """part of an hour's usual samples that its mean needs"""
    demand_variation: float = 0.04
    """how much the daily demand of one node is assumed to vary before the data say so"""
    unmeasured_variation: float = 0.10
    """and the demand of a whole zone whose inflow is not measured"""
    pressure_floor_m: float = 0.001
    burst_watch: bool = True
    """bursts are told within minutes, once the pressures confirm them"""
    track: TrackSettings = field(default_factory=TrackSettings)


@dataclass(frozen=True)
class Report:
    """What the detector says about one leak (or sensor) at one moment."""

    at: datetime
    kind: str
    """`burst`, `leak`, `repair`, `growth`, `sensor`, or `model` where it cannot be judged by"""
    reason: str
    number: int
    began_at: datetime
    element: str
    """the most sensible pipe to search at, or the sensor"""
    flow_m3_per_h: float
    probability: float
    """of lying within 300 m of that pipe"""
    evidence: float
    """log-likelihood above what chance could do"""
    candidates: tuple[tuple[str, float], ...] = ()
    """the likeliest pipes with their probabilities"""
    posterior: np.ndarray | None = field(default=None, compare=False, repr=False)
    """probability of every pipe of the network `(n_pipes,)`, for a new leak"""
    column: int = -1
    """of the sensor in a sample"""
    why: dict[str, Any] | None = None
    """the numbers behind a doubt about a sensor"""


class Plan:
    """What does not change while the detector runs: network, layout, model and signatures.

    The signatures are slow to build: made once, they may be kept and given again for the same network and sensors.
    """

    def __init__(
        self,
        network: Network,
        sensors: Sensors,
        *,
        signatures: Signatures | None = None,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.network = network
        self.layout: Layout = lay_out(network, sensors)
        self.model = HourModel(network, self.layout)
        self.signatures: Signatures = signatures or self.model.signatures(progress)
        self.distance_m = network.pipe_distance_m
        self.reach = Reach(self.distance_m)

    def close(self) -> None:
        """End the hydraulic model."""
        self.model.close()


class LeakDetector:
    """Feed `push` with samples in order of time; times are UTC seconds since 1970, `zone` gives the local hour.

    The columns of a sample are pressures (m), flows (m3/h), levels (m) and metered demands (m3/h), in the order of
    `Sensors`. NaN is a missing value.
    """

    def __init__(self, plan: Plan, *, zone: tzinfo = UTC, settings: Settings | None = None) -> None:
        self.plan, self.zone = plan, zone
        self.settings = settings or Settings()
        s = plan.layout.sensors
        self._names = (*s.pressure, *s.flow, *s.level, *s.demand)
        self._groups = np.cumsum([0, len(s.pressure), len(s.flow), len(s.level), len(s.demand)])
        bounds = [PRESSURE] * len(s.pressure) + [FLOW] * len(s.flow) + [LEVEL] * len(s.level) + [DEMAND] * len(s.demand)
        self.checks = Checks(bounds)
        self._hour = -1
        self._time = -1
        self._sum = np.zeros(len(bounds))
        self._count = np.zeros(len(bounds))
        self._usual = 0.0
        self._last_level = np.full(len(s.level), np.nan)
        self._hour_start_level = self._last_level.copy()
        self._calibration: list[Hour] = []
        self._shift = 0
        self._baseline: Baseline | None = None
        self._tracker: Tracker | None = None
        self.trust: Trust | None = None
        """whether the model is good enough to judge by; None until the first calibration has ended"""
        self._values: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []
        self._watched = [z for z in plan.layout.zones if z.closed and not z.tanks] if self.settings.burst_watch else []
        self._watch = FastWatch(len(self._watched))
        self._recent: list[tuple[int, np.ndarray]] = []
        self._suspect: Surge | None = None
        self._early: dict[int, int] = {}
        """pipe called within minutes, by leak number"""
        self.upkeep = Upkeep(len(bounds), len(s.pressure))
        self.air_cel: float | None = None
        """mean temperature of the air on the last day, set by who knows it: a sensor that stands still may be frozen"""
        self.newest: np.ndarray | None = None
        """what was not expected in that hour `(n_channels,)`, of doubted sensors too; None during the calibration"""
        self.last_hour: Hour | None = None
        """the hour that was closed last; None after `restore`"""

    @property
    def tracker(self) -> Tracker | None:
        """The account of leaks; None during the calibration."""
        return self._tracker

    @property
    def baseline(self) -> Baseline | None:
        """What the model was found to get wrong; None during the calibration."""
        return self._baseline

    @property
    def pattern_shift_days(self) -> int:
        """By so many days the demand patterns of the model are shifted against the calendar."""
        return self._shift

    @property
    def day(self) -> int:
        """The day under way, counted from 1970 in UTC; -1 before the first sample."""
        return self._hour // DAY_H

    def push(self, times_s: np.ndarray, samples: np.ndarray) -> list[Report]:
        """Take in samples `(n, n_sensors)` at `times_s` `(n,)`; returns what can be said now that could not before."""
        reports: list[Report] = []
        for time_s, sample in zip(times_s.tolist(), samples, strict=True):
            if time_s <= self._time:
                continue
            self._time = time_s
            hour = time_s // HOUR_S
            if hour != self._hour:
                if self._hour >= 0:
                    reports += self._close()
                self._hour = hour
                self._hour_start_level = self._last_level.copy()
            good = self.checks.look(sample)
            self.upkeep.sample(sample)
            if self._watched:
                reports += self._look(time_s, np.where(good, sample, np.nan))
            self._sum[good] += sample[good]
            self._count[good] += 1
            level = slice(self._groups[2], self._groups[3])
            known = good[level]
            self._last_level[known] = sample[level][known]
        return reports

    def finish(self) -> list[Report]:
        """Close the hour under way: no later sample comes."""
        return self._close() if self._hour >= 0 else []

    def _close(self) -> list[Report]:
        self._usual = max(0.99 * self._usual, float(self._count.max()))
        enough = self._count >= np.maximum(self.settings.least_samples * self._usual, 1)
        mean = np.where(enough, self._sum / np.maximum(self._count, 1), np.nan)
        self._sum[:] = 0.0
        self._count[:] = 0.0
        hour = self._as_hour(mean, self._last_level - self._hour_start_level)
        self.last_hour = hour
        if self._tracker is None:
            self._calibration.append(hour)
            if (hour.index + 1) % DAY_H == 0:
                self.upkeep.pass_day({reason.value: count for reason, count in self.checks.counts.items()})
            enough = len(self._calibration) >= self.settings.calibration_hours
            return self._calibrate() if enough else []
        self._take(self.plan.model.residual(hour, self._shift), hour)
        said = [] if (hour.index + 1) % DAY_H else self._look_after(hour.index + 1)
        if (hour.index + 1) % self.settings.every_hours:
            return said
        return said + self._step(hour.index + 1)

    def _look_after(self, hour: int) -> list[Report]:
        """Closes a day of the sensors. Who comes into doubt or out of it is learned anew."""
        tracker = self._tracker
        assert tracker is not None
        before = self.upkeep.not_used
        scatter = np.sqrt(tracker.scale * np.diag(tracker.scatter)[: self.plan.model.n_pressure])
        counts = {reason.value: count for reason, count in self.checks.counts.items()}
        doubts = self.upkeep.day(counts, scatter, self.air_cel)
        for channel in np.setxor1d(before, self.upkeep.not_used).tolist():
            self._leave_out(channel)
        at = datetime.fromtimestamp(hour * HOUR_S, UTC)
        return [
            Report(
                at, "sensor", d.reason.value, -1, at - timedelta(days=1), self._names[d.sensor], 0.0, 0.0, 0.0,
                column=d.sensor, why=d.why,
            )
            for d in doubts
        ]  # fmt: skip

    def _leave_out(self, channel: int) -> None:
        assert self._tracker is not None
        for values in self._values:
            values[channel] = np.nan
        self._tracker.forget(channel)

    def _as_hour(self, mean: np.ndarray, level_change: np.ndarray) -> Hour:
        g = self._groups
        return Hour(
            index=self._hour,
            local_hour=self._hour + self._offset_s() // HOUR_S,
            pressure=mean[g[0] : g[1]],
            flow=mean[g[1] : g[2]],
            level=mean[g[2] : g[3]],
            level_change=level_change,
            demand=mean[g[3] : g[4]],
        )

    def _offset_s(self) -> int:
        offset = datetime.fromtimestamp(self._hour * HOUR_S, self.zone).utcoffset()
        return round(offset.total_seconds()) if offset else 0

    # --- bursts within minutes -------------------------------------------------------------------------------------

    def _look(self, time_s: int, sample: np.ndarray) -> list[Report]:
        """The fast watch calls nobody by itself: for an hour after a surge the pressures may confirm it."""
        self._recent.append((time_s, sample))
        while self._recent[0][0] < time_s - RECENT_S:
            del self._recent[0]
        flow = sample[self._groups[1] : self._groups[2]]
        inflow = np.array([zone_inflow(zone.inflow, flow) for zone in self._watched])
        local_s = time_s + self._offset_s()
        surges = self._watch.look(time_s, local_s, (local_s // 86400 + 3) % 7 >= 5, inflow)
        if surges:
            self._suspect = max(surges, key=lambda s: s.excess_m3_per_h)
        if self._suspect is None or self._tracker is None or len(self._values) < self.settings.window_hours:
            return []
        if time_s > self._suspect.at_s + HOUR_S:
            self._suspect = None
            return []
        return self._confirm(self._suspect, time_s)

    def _confirm(self, surge: Surge, time_s: int) -> list[Report]:
        assert self._tracker is not None
        assert self._baseline is not None
        since = [sample for at_s, sample in self._recent if at_s > surge.since_s]
        if len(since) < 2:
            return []
        known = np.isfinite(since)
        count = known.sum(axis=0)
        mean = np.where(count > 0, np.where(known, since, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
        hour = self._as_hour(mean, np.zeros(len(self._last_level)))
        residual = self.plan.model.residual(hour, self._shift)
        now = self._baseline.correct(residual, hour.local_hour)
        now[self.upkeep.not_used] = np.nan
        whole = (time_s - surge.since_s) // HOUR_S
        hours = np.stack(self._values[: len(self._values) - whole or None])
        change = now - window_mean(hours[-6:], least=0.8)
        # the pressures alone: unusual use moves the inflow too, and would pass for a leak at the inlet
        rows = np.flatnonzero(np.isfinite(change[: self.plan.model.n_pressure]))
        if len(rows) < LEAST_PRESSURES:
            return []
        tracker = self._tracker
        steps = np.diff(hours, axis=0)[:, rows]
        steps = np.where(np.isfinite(steps), steps, 0.0)
        shaking = steps.T @ steps / (2 * len(steps))
        share = HOUR_S / max(min(time_s - surge.since_s, HOUR_S), 1)
        noise = tracker.scale * tracker.scatter[np.ix_(rows, rows)]
        noise = noise + share * (0.5 * shaking + 0.5 * np.diag(np.diag(shaking)))
        chance = Gaussian(noise)
        inflated = noise + np.diag((tracker.settings.model_error * change[rows]) ** 2)
        mixed = self.plan.signatures.at_levels(self.plan.signatures.weights(residual.level[None, :]))
        fit = place(change[rows], inflated, mixed, self.plan.signatures, rows=rows)
        gain = float(fit.log_density.max()) - chance.log_density(change[rows]) - tracker.settings.threshold
        pipe, probability = self.plan.reach.choose(fit.probability)
        flow = float(fit.flow_m3_per_h[pipe])
        sure = probability >= EARLY_PROBABILITY and flow >= BURST_M3_PER_H
        if gain <= 0 or not sure or abs(flow - surge.excess_m3_per_h) > 0.5 * max(flow, surge.excess_m3_per_h):
            return []
        ended = place(-change[rows], inflated, mixed, self.plan.signatures, rows=rows)
        if float(ended.log_density.max()) > float(fit.log_density.max()):
            return []
        self._suspect = None
        number = tracker.foretell(hour.index)
        self._early[number] = pipe
        settled = Settled(
            Kind.LEAK, hour.index, hour.index, number, pipe, flow, probability, gain, -1, fit.probability, False
        )
        report = self._report(settled)
        return [
            replace(
                report,
                at=datetime.fromtimestamp(time_s, UTC),
                began_at=datetime.fromtimestamp(surge.since_s, UTC),
                reason="burst-within-minutes",
            )
        ]

    def _calibrate(self) -> list[Report]:
        """Learns what the model gets wrong; where that is too much, says so and calibrates anew with the next week."""
        model, hours = self.plan.model, self._calibration
        self._shift = model.phase(hours)
        residuals = [model.residual(h, self._shift) for h in hours]
        prior = self.assumed_scatter()
        of_day = np.array([h.local_hour % 24 for h in hours])
        baseline, offset = Baseline.fit(residuals, of_day, prior)
        before = self.trust
        self.trust = self._trusted(residuals, hours, baseline, prior)
        self._calibration = []
        if not self.trust.usable:
            return [self._about_model(self.trust)]
        self._baseline = baseline
        self._tracker = self._new_tracker(offset)
        for residual, hour in zip(residuals, hours, strict=True):
            self._take(residual, hour)
        return [] if before is None else [self._about_model(self.trust)]

    def _trusted(self, residuals: list[Residual], hours: list[Hour], baseline: Baseline, prior: np.ndarray) -> Trust:
        plan, signatures = self.plan, self.plan.signatures
        left = np.array([baseline.correct(r, h.local_hour) for r, h in zip(residuals, hours, strict=True)])
        mixed = signatures.at_levels(signatures.weights(np.stack([r.level for r in residuals])))
        leak = LARGE_LEAK * float(plan.model.mean_flow.sum())
        signature = signatures.at_size(mixed, np.full(mixed.shape[2], leak))
        length_m = plan.network.length_m[plan.network.pipes]
        return judge(
            left, prior, signature, length_m, n_pressure=plan.model.n_pressure, leak=leak,
            threshold=self.settings.track.threshold,
        )  # fmt: skip

    def _about_model(self, trust: Trust) -> Report:
        at = datetime.fromtimestamp((self._hour + 1) * HOUR_S, UTC)
        began_at = at - timedelta(hours=self.settings.calibration_hours)
        return Report(
            at, "model", trust.reason.value, -1, began_at, "", 0.0, 0.0, 0.0,
            why={k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(trust).items() if k != "reason"},
        )  # fmt: skip

    def _new_tracker(self, offset: np.ndarray) -> Tracker:
        assert self._baseline is not None
        return Tracker(
            self.plan.signatures,
            self.plan.reach,
            offset=offset,
            scatter=self._baseline.covariance,
            n_pressure=self.plan.model.n_pressure,
            n_loss=2 * self.plan.model.n_zones,
            settings=self.settings.track,
        )

    def assumed_scatter(self) -> np.ndarray:
        """Scatter of daily means that is assumed before it is measured."""
        model, set_ = self.plan.model, self.settings
        n = model.n_pressure + model.n_split
        prior = np.zeros((model.n_channels, model.n_channels))
        prior[:n, :n] = model.demand_noise(self.plan.signatures, relative=set_.demand_variation)
        prior[:n, :n] += model.common_demand(self.plan.signatures, relative=set_.unmeasured_variation)
        floor = np.full(model.n_channels, set_.pressure_floor_m**2)
        mean = float(model.mean_flow.sum())
        floor[model.n_pressure : n] = (0.0004 * mean) ** 2
        for z, flow in enumerate(model.mean_flow):
            floor[n + 2 * z] = (0.008 * flow + 0.2) ** 2
            floor[n + 2 * z + 1] = (0.004 * flow + 0.2) ** 2
        return prior + np.diag(floor)

    def _take(self, residual: Residual, hour: Hour) -> None:
        assert self._baseline is not None
        self.newest = self._baseline.correct(residual, hour.local_hour)
        self.upkeep.hour(hour.pressure, self.newest[: len(hour.pressure)])
        used = self.newest.copy()
        used[self.upkeep.not_used] = np.nan
        self._values.append(used)
        self._levels.append(residual.level)
        keep = self.settings.window_hours
        del self._values[:-keep], self._levels[:-keep]

    def _step(self, hour: int) -> list[Report]:
        assert self._tracker is not None
        if len(self._values) < self.settings.window_hours:
            return []
        window = window_mean(np.stack(self._values))
        weights = self.plan.signatures.weights(np.stack(self._levels))
        settled = self._tracker.step(hour, window, weights)
        for s in settled:
            if s.kind is Kind.DRIFT:
                self.upkeep.doubt(s.channel, UpkeepReason.DRIFT)
                self._leave_out(s.channel)
        return [self._follow_up(s) for s in settled]

    def _follow_up(self, s: Settled) -> Report:
        """A burst told within minutes and found at the same place again is no second alarm."""
        report = self._report(s)
        early = self._early.pop(s.number, None) if s.kind is Kind.LEAK else None
        if early is not None and self.plan.distance_m[early, s.pipe] <= REACH_M:
            return replace(report, kind="growth", reason="known-leak-changed")
        return report

    def _report(self, s: Settled) -> Report:
        network = self.plan.network
        pipes = [network.links[i] for i in network.pipes]
        if s.kind is Kind.SENSOR:
            element, kind, reason = self._names[s.channel], "sensor", "one-sensor-alone"
        elif s.kind is Kind.DRIFT:
            element, kind, reason = self._names[s.channel], "sensor", UpkeepReason.DRIFT.value
        elif s.kind is Kind.LEAK:
            element = pipes[s.pipe]
            kind = "burst" if s.flow_m3_per_h >= BURST_M3_PER_H else "leak"
            reason = "pressure-and-balance"
        else:
            element = pipes[s.pipe]
            ended = s.ended or s.kind is Kind.UNKNOWN_END
            kind, reason = ("repair", "loss-ended") if ended else ("growth", "known-leak-changed")
        candidates: tuple[tuple[str, float], ...] = ()
        if s.posterior is not None and s.kind is Kind.LEAK:
            order = np.argsort(-s.posterior, kind="stable")[:20]
            candidates = tuple((pipes[i], round(float(s.posterior[i]), 4)) for i in order if s.posterior[i] > 1e-3)
        return Report(
            at=datetime.fromtimestamp(s.hour * HOUR_S, UTC),
            kind=kind,
            reason=reason,
            number=s.number,
            began_at=datetime.fromtimestamp(s.began_hour * HOUR_S, UTC),
            element=element,
            flow_m3_per_h=s.flow_m3_per_h,
            probability=s.probability,
            evidence=s.gain,
            candidates=candidates,
            posterior=s.posterior if s.kind is Kind.LEAK else None,
            column=s.channel,
        )

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON."""
        return {
            "checks": self.checks.state(),
            "upkeep": self.upkeep.to_json(),
            "usual": self._usual,
            "hour": self._hour,
            "time": self._time,
            "sum": self._sum.tolist(),
            "count": self._count.tolist(),
            "last_level": self._last_level.tolist(),
            "hour_start_level": self._hour_start_level.tolist(),
            "calibration": [
                {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(h).items()}
                for h in self._calibration
            ],
            "shift": self._shift,
            "baseline": self._baseline.state() if self._baseline else None,
            "tracker": self._tracker.state() if self._tracker else None,
            "trust": asdict(self.trust) if self.trust else None,
            "values": [v.tolist() for v in self._values],
            "levels": [v.tolist() for v in self._levels],
            "watch": self._watch.state(),
            "recent": [[t, v.tolist()] for t, v in self._recent],
            "suspect": asdict(self._suspect) if self._suspect else None,
            "early": [[n, pipe] for n, pipe in self._early.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`, on a detector with the same plan and settings."""
        self.checks.restore(state["checks"])
        self.upkeep.restore(state["upkeep"])
        self._hour, self._time, self._shift = state["hour"], state["time"], state["shift"]
        self._usual = state["usual"]
        self._sum, self._count = np.array(state["sum"]), np.array(state["count"])
        self._last_level = np.array(state["last_level"], dtype=float)
        self._hour_start_level = np.array(state["hour_start_level"], dtype=float)
        self._calibration = [
            Hour(
                h["index"],
                h["local_hour"],
                *(np.array(h[k], dtype=float) for k in ("pressure", "flow", "level", "level_change", "demand")),
            )
            for h in state["calibration"]
        ]
        self._values = [np.array(v, dtype=float) for v in state["values"]]
        self._levels = [np.array(v) for v in state["levels"]]
        self._watch.restore(state["watch"])
        self._recent = [(t, np.array(v, dtype=float)) for t, v in state["recent"]]
        self._suspect = Surge(**state["suspect"]) if state["suspect"] else None
        self._early = dict(state["early"])
        self._baseline = Baseline.restore(state["baseline"]) if state["baseline"] else None
        trust = state.get("trust")  # checkpoints of earlier versions have none
        self.trust = Trust(**{**trust, "reason": TrustReason(trust["reason"])}) if trust else None
        self._tracker = None
        if state["tracker"] is not None:
            self._tracker = self._new_tracker(np.array(state["tracker"]["offset"]))
            self._tracker.restore(state["tracker"])
