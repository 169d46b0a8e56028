"""Keeps the account of leaks: which are known and how large, what changed lately, and what explains the change best.

The measured quantities of a day are `y = b + sum_k q_k s_k + noise`: an offset b that drifts slowly, and the known
leaks. A Kalman filter follows b and q on quiet days. Each step the last 24 hours are compared with what the filter,
which is always at least 24 hours older, expects. When the difference is better explained by a new leak, by the end or
growth of a known one, or by one faulty sensor, that becomes a pending event: the filter stands still, the event is
fitted again at every step, jointly with the others that are pending, and settled when the window lies wholly after its
beginning and its place is certain enough. What the model gets wrong about a settled leak goes into b, so that later
leaks are seen as differences. (Placing by differences: Steffelbauer et al. 2022, J. Water Resour. Plann. Manage.
148(3) 04021106, looking back; here nothing later than the present is used.)
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from detect.leak.place import Gaussian, Placement, Reach, place
from detect.leak.signature import SIZES, Signatures


@dataclass(frozen=True)
class TrackSettings:
    """Thresholds of the tracker; the defaults serve every network and year (docs/leak.md gives their origin)."""

    threshold: float = 30.0
    """how much likelier (log) an explanation must be than chance"""
    model_error: float = 0.07
    """relative error of a leak's signature"""
    settled_error: float = 0.02
    """relative wandering of a settled leak's signature"""
    confirm_hours: int = 30
    quiet_hours: int = 27
    """after the beginning of one event no other is opened: the window still mixes before and after"""
    deadline_hours: int = 240
    """a place still uncertain then is reported with its uncertainty"""
    probability: float = 0.6
    """of lying within 300 m, to report earlier"""
    smallest_m3_per_h: float = 0.4
    smallest_relative: float = 0.004
    """a leak smaller than this part of the whole inflow is not reported"""
    offset_drift: float = 0.003
    """variance that the offset of pressures gains a day, relative to the daily scatter"""
    loss_drift: float = 0.1
    """the same for a zone's loss"""
    growth_m3_per_h: float = 0.05
    growth_relative: float = 0.01
    scatter_days: float = 30.0
    """over how many quiet days the scatter follows what is seen; 0: never"""
    slow_days: tuple[int, ...] = (15, 30, 60, 120)
    """over how many days a slow leak is looked for in what the filter took for drift"""
    slow_gain: float = 0.1
    """variance of the filter's offset relative to the daily scatter"""
    slow_smallest: float = 1.5
    """a slow leak is told from so many times the smallest on: waiting costs little, a false report a crew"""
    slow_seen: float = 0.8
    """a channel counts where it was seen on so many of those days"""
    slow_free_m3_per_h: float = 0.5
    slow_free_relative: float = 0.2
    """how far known leaks may have grown or shrunk meanwhile"""
    jump_m3_per_h: float = 3.0
    jump_relative: float = 0.5
    """a known leak that grows at once by more than either is another leak near it"""


class Kind(StrEnum):
    """What a change is taken for."""

    LEAK = "leak"
    CHANGE = "change"
    """a known leak grew, shrank or ended"""
    UNKNOWN_END = "unknown-end"
    """something that had been part of the offset ended, such as a leak older than the records"""
    SENSOR = "sensor"
    DRIFT = "drift"
    """a sensor that runs away so slowly that every day looked like the one before"""


@dataclass(eq=False)
class Leak:
    """A settled leak."""

    number: int
    pipe: int
    flow_m3_per_h: float
    variance: float
    peak_m3_per_h: float
    began_hour: int


@dataclass(eq=False)
class Pending:
    """An event that is being fitted."""

    kind: Kind
    began_hour: int
    gain: float
    leak: int = -1
    """number of the leak that changes"""
    channel: int = -1
    pipe: int = -1
    flow_m3_per_h: float = 0.0
    probability: float = 0.0
    effect: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """explained change `(n_channels,)`"""
    posterior: np.ndarray | None = None


@dataclass(frozen=True)
class Settled:
    """What the tracker says when an event is settled."""

    kind: Kind
    hour: int
    began_hour: int
    number: int
    pipe: int
    flow_m3_per_h: float
    probability: float
    gain: float
    channel: int
    posterior: np.ndarray | None
    ended: bool


class Tracker:
    """See the module. Times are whole hours; `step` is called every few hours with the window that ends then."""

    def __init__(
        self,
        signatures: Signatures,
        reach: Reach,
        *,
        offset: np.ndarray,
        scatter: np.ndarray,
        n_pressure: int,
        n_loss: int,
        settings: TrackSettings,
    ) -> None:
        self.signatures, self.reach, self.settings = signatures, reach, settings
        self.n_pressure = n_pressure
        self.offset, self.scatter = offset.copy(), scatter
        self.doubt = scatter / 7
        drift = np.full(len(offset), settings.offset_drift)
        drift[len(offset) - n_loss :] = settings.loss_drift
        self._drift = np.sqrt(np.outer(drift, drift))
        self.leaks: list[Leak] = []
        self.pending: list[Pending] = []
        self.count = 0
        self._held: tuple[np.ndarray, np.ndarray] | None = None
        self.scale = 1.0
        mean_flow = float(signatures.size_m3_per_h[1]) / SIZES[0]
        self._smallest = max(settings.smallest_m3_per_h, settings.smallest_relative * mean_flow)
        self._drifted: list[tuple[np.ndarray, dict[int, float]]] = []
        self._foretold: tuple[int, int] | None = None

    def foretell(self, hour: int) -> int:
        """A burst was seen within minutes: the number that the leak will have when it is settled."""
        self.count += 1
        self._foretold = (self.count, hour)
        return self.count

    def step(self, hour: int, window: np.ndarray, weights: np.ndarray) -> list[Settled]:
        """Take in the 24 h means `(n_channels,)` that end at `hour`; `weights` are of `Signatures.weights`."""
        set_ = self.settings
        mixed = self.signatures.at_levels(weights)
        rows = np.flatnonzero(np.isfinite(window))
        change, covariance = self._expected(window, mixed)
        self._refit(change, covariance, mixed, rows)
        newest = max((p.began_hour for p in self.pending), default=-(10**9))
        if hour - newest >= set_.quiet_hours:
            found = self._explain(change, covariance, mixed, rows, hour)
            if found is not None:
                self.pending.append(found)
                self._refit(change, covariance, mixed, rows)
        self._reconsider(change, covariance, mixed, rows, hour)
        done = self._settle(hour, window, mixed)
        if hour % 24 == 0:
            self._day(window, weights)
            if not self.pending:
                done += self._slow(hour, mixed)
        return done

    def forget(self, channel: int) -> None:
        """What a channel reads is learned anew: it was not used, is not any more, or has been replaced."""
        self.doubt[channel, :] = self.doubt[:, channel] = 0.0
        self.doubt[channel, channel] = 1.0
        self.pending = [p for p in self.pending if p.kind is not Kind.SENSOR or p.channel != channel]
        if self._held is not None:
            self._held[0][channel] = np.nan
        for move, _ in self._drifted:
            move[channel] = np.nan

    # --- the expectation -------------------------------------------------------------------------------------------

    def _signature(self, mixed: np.ndarray, leak: Leak) -> np.ndarray:
        one = mixed[:, :, leak.pipe : leak.pipe + 1]
        value: np.ndarray = self.signatures.at_size(one, np.array([leak.flow_m3_per_h]))[:, 0]
        return value

    def _expected(self, window: np.ndarray, mixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        change = window - self.offset
        covariance = self.doubt + self.scale * self.scatter
        for leak in self.leaks:
            s = self._signature(mixed, leak)
            change = change - leak.flow_m3_per_h * s
            covariance = covariance + leak.variance * np.outer(s, s)
            covariance[np.diag_indices_from(covariance)] += (self.settings.settled_error * leak.flow_m3_per_h * s) ** 2
        return np.asarray(change), np.asarray(covariance)

    def _doubted(self, covariance: np.ndarray, pending: list[Pending]) -> np.ndarray:
        """Covariance with what is uncertain about the effects of pending events."""
        value = covariance.copy()
        for p in pending:
            if p.kind is Kind.SENSOR:
                value[p.channel, p.channel] += 1.0
            else:
                value[np.diag_indices_from(value)] += (self.settings.model_error * p.effect) ** 2
        return value

    # --- fitting ---------------------------------------------------------------------------------------------------

    def _refit(self, change: np.ndarray, covariance: np.ndarray, mixed: np.ndarray, rows: np.ndarray) -> None:
        for _ in range(2 if len(self.pending) > 1 else 1):
            for p in self.pending:
                others = [o for o in self.pending if o is not p]
                left = change - sum((o.effect for o in others), np.zeros(len(change)))
                self._fit(p, left, self._doubted(covariance, others), mixed, rows)

    def _fit(self, p: Pending, left: np.ndarray, covariance: np.ndarray, mixed: np.ndarray, rows: np.ndarray) -> None:
        if p.kind is Kind.SENSOR:
            p.effect = np.zeros(len(left))
            return
        inflated = self._inflated(covariance, left, rows)
        if p.kind is Kind.CHANGE:
            leak = next(k for k in self.leaks if k.number == p.leak)
            s = self._signature(mixed, leak)
            weighted = Gaussian(inflated).solve(s[rows])
            p.flow_m3_per_h = max(float(weighted @ left[rows] / max(weighted @ s[rows], 1e-12)), -leak.flow_m3_per_h)
            p.effect = p.flow_m3_per_h * s
            return
        sign = 1.0 if p.kind is Kind.LEAK else -1.0
        fit = place(sign * left[rows], inflated, mixed, self.signatures, rows=rows)
        self._take(p, fit, sign, mixed)

    def _take(self, p: Pending, fit: Placement, sign: float, mixed: np.ndarray) -> None:
        p.posterior = fit.probability
        p.pipe, p.probability = self.reach.choose(p.posterior)
        p.flow_m3_per_h = sign * float(fit.flow_m3_per_h[p.pipe])
        best = fit.best
        flow = fit.flow_m3_per_h[best]
        one = mixed[:, :, best : best + 1]
        p.effect = sign * flow * self.signatures.at_size(one, np.array([flow]))[:, 0]

    def _inflated(self, covariance: np.ndarray, change: np.ndarray, rows: np.ndarray) -> np.ndarray:
        value = covariance[np.ix_(rows, rows)].copy()
        value[np.diag_indices_from(value)] += (self.settings.model_error * change[rows]) ** 2
        return np.asarray(value)

    # --- choosing an explanation -----------------------------------------------------------------------------------

    def _explain(
        self,
        change: np.ndarray,
        covariance: np.ndarray,
        mixed: np.ndarray,
        rows: np.ndarray,
        hour: int,
        instead: Pending | None = None,
    ) -> Pending | None:
        """The best explanation of what the pending events but `instead` leave over, when likelier than chance."""
        set_ = self.settings
        need = set_.threshold
        others = [p for p in self.pending if p is not instead]
        left = change - sum((p.effect for p in others), np.zeros(len(change)))
        doubted = self._doubted(covariance, others)
        chance = Gaussian(doubted[np.ix_(rows, rows)])
        weighted = chance.solve(left[rows])
        if 0.5 * float(left[rows] @ weighted) < need:
            return None
        base = chance.log_density(left[rows])
        inflated = self._inflated(doubted, left, rows)
        gauss = Gaussian(inflated)
        best: Pending | None = None

        def offer(p: Pending, log_density: float, penalty: float) -> None:
            nonlocal best
            p.gain = log_density - base - penalty
            if p.gain > 0 and (best is None or p.gain > best.gain):
                best = p

        fit = place(left[rows], inflated, mixed, self.signatures, rows=rows)
        offer(Pending(Kind.LEAK, hour, 0.0), float(fit.log_density.max()), need)
        fit = place(-left[rows], inflated, mixed, self.signatures, rows=rows)
        offer(Pending(Kind.UNKNOWN_END, hour, 0.0), float(fit.log_density.max()), need + 3.0)
        changing = {p.leak for p in others}
        for leak in self.leaks:
            if leak.number in changing:
                continue
            s = self._signature(mixed, leak)[rows]
            w = gauss.solve(s)
            size = max(float(w @ left[rows] / max(w @ s, 1e-12)), -1.1 * leak.flow_m3_per_h)
            jump = size > max(set_.jump_m3_per_h, set_.jump_relative * leak.flow_m3_per_h)
            known = need + 5.0 if jump else need - 5.0
            offer(Pending(Kind.CHANGE, hour, 0.0, leak=leak.number), gauss.log_density(left[rows] - size * s), known)
        channel, alone = self._alone(chance, weighted, rows)
        offer(Pending(Kind.SENSOR, hour, 0.0, channel=channel), base + alone, need + 4.0)
        if best is not None:
            best.effect = np.zeros(len(change))
        return best

    def _alone(self, chance: Gaussian, weighted: np.ndarray, rows: np.ndarray) -> tuple[int, float]:
        """The pressure whose change alone explains most, and how much likelier (log) that is than chance.

        `weighted` is the change of `rows`, solved with `chance`.
        """
        gain = 0.5 * weighted**2 / np.diag(chance.solve(np.eye(len(rows))))
        gain[rows >= self.n_pressure] = 0.0
        worst = int(gain.argmax())
        return int(rows[worst]), float(gain[worst])

    def _reconsider(
        self, change: np.ndarray, covariance: np.ndarray, mixed: np.ndarray, rows: np.ndarray, hour: int
    ) -> None:
        """What an event was first taken for is decided again once the window lies wholly after its beginning."""
        age = self.settings.confirm_hours
        for p in list(self.pending):
            if hour - p.began_hour < age or (hour - p.began_hour - age) % 24:
                continue
            best = self._explain(change, covariance, mixed, rows, hour, instead=p)
            if best is None:
                self.pending.remove(p)
            elif (best.kind, best.leak, best.channel) != (p.kind, p.leak, p.channel):
                best.began_hour = p.began_hour
                self.pending[self.pending.index(p)] = best
        self._refit(change, covariance, mixed, rows)

    # --- settling --------------------------------------------------------------------------------------------------

    def _settle(self, hour: int, window: np.ndarray, mixed: np.ndarray) -> list[Settled]:
        set_ = self.settings
        done: list[Settled] = []
        for p in list(self.pending):
            age = hour - p.began_hour
            if p.kind is Kind.LEAK and age >= set_.quiet_hours and p.flow_m3_per_h < self._smallest:
                self.pending.remove(p)
                continue
            unsure = p.kind is Kind.LEAK and p.probability < set_.probability and age < set_.deadline_hours
            if age < set_.confirm_hours or unsure:
                continue
            self.pending.remove(p)
            done.append(self._apply(p, hour))
        if done:
            self._update(window, mixed)
            self._held = None
        return done

    def _apply(self, p: Pending, hour: int) -> Settled:
        number, ended = p.leak, False
        self._widen(self.settings.model_error * p.effect)
        if p.kind is Kind.LEAK:
            number = self._number(p.began_hour)
            q = p.flow_m3_per_h
            self.leaks.append(Leak(number, p.pipe, q, (0.1 * q) ** 2 + 0.05, q, p.began_hour))
        elif p.kind is Kind.CHANGE:
            leak = next(k for k in self.leaks if k.number == p.leak)
            leak.flow_m3_per_h += p.flow_m3_per_h
            leak.peak_m3_per_h = max(leak.peak_m3_per_h, leak.flow_m3_per_h)
            ended = leak.flow_m3_per_h < max(0.3 * leak.peak_m3_per_h, 0.3)
            p.pipe = leak.pipe
            if ended:
                self.leaks.remove(leak)
        elif p.kind is Kind.UNKNOWN_END:
            self.offset = self.offset + p.effect
            self._widen(0.2 * p.effect)
        else:
            self.forget(p.channel)
        return Settled(
            p.kind,
            hour,
            p.began_hour,
            number,
            p.pipe,
            p.flow_m3_per_h,
            p.probability,
            p.gain,
            p.channel,
            p.posterior,
            ended,
        )

    def _number(self, began_hour: int) -> int:
        if self._foretold is not None:
            number, hour = self._foretold
            if abs(began_hour - hour) <= self.settings.confirm_hours:
                self._foretold = None
                return number
        self.count += 1
        return self.count

    def _widen(self, deviation: np.ndarray) -> None:
        self.doubt = self.doubt + np.diag(deviation**2)

    def _day(self, window: np.ndarray, weights: np.ndarray) -> None:
        """Once a day: the filter takes in the day before the last, if no event is pending."""
        held, self._held = self._held, None
        if not self.pending:
            self._follow(window, self.signatures.at_levels(weights))
            if held is not None:
                before = {leak.number: leak.flow_m3_per_h for leak in self.leaks}
                offset = self.offset
                self._update(held[0], self.signatures.at_levels(held[1]))
                moved = {leak.number: leak.flow_m3_per_h - before[leak.number] for leak in self.leaks}
                self._drifted.append((np.where(np.isfinite(held[0]), self.offset - offset, np.nan), moved))
                del self._drifted[: -max(self.settings.slow_days)]
            self._held = (window, weights)
        self.doubt = self.doubt + self._drift * self.scale * self.scatter
        for leak in self.leaks:
            leak.variance += (
                self.settings.growth_m3_per_h**2 + (self.settings.growth_relative * leak.flow_m3_per_h) ** 2
            )

    def _follow(self, window: np.ndarray, mixed: np.ndarray) -> None:
        """The scatter follows the surprise of quiet days: a noisy city needs a larger change to be believed."""
        if not self.settings.scatter_days:
            return
        rows = np.flatnonzero(np.isfinite(window))
        change, covariance = self._expected(window, mixed)
        gauss = Gaussian(covariance[np.ix_(rows, rows)])
        surprise = float(change[rows] @ gauss.solve(change[rows])) / max(len(rows), 1)
        self.scale += (self.scale * min(surprise, 4.0) - self.scale) / self.settings.scatter_days
        self.scale = max(self.scale, 1.0)

    def _slow(self, hour: int, mixed: np.ndarray) -> list[Settled]:
        """A leak that grows so slowly that every day looked like the one before: sought in what was taken for drift.

        The expectation stays as it is; what the filter had given to the offset and to known leaks goes to the new one.
        """
        set_ = self.settings
        best: tuple[float, int, Placement, np.ndarray, np.ndarray, dict[int, float]] | None = None
        alive = {leak.number: leak for leak in self.leaks}
        scatter = self.scale * self.scatter
        drifting: Settled | None = None
        for days in set_.slow_days:
            if len(self._drifted) < days // 2:
                break
            part = self._drifted[-days:]
            moves = np.array([move for move, _ in part])
            seen = np.isfinite(moves)
            rows = np.flatnonzero(seen.mean(axis=0) >= set_.slow_seen)
            base = np.where(seen, moves, 0.0).sum(axis=0)
            flows = {n: sum(m.get(n, 0.0) for _, m in part) for n in alive}
            drift = base + sum((f * self._signature(mixed, alive[n]) for n, f in flows.items()), np.zeros(len(base)))
            covariance = 2 * set_.slow_gain * scatter + len(part) * self._drift * scatter
            for leak in self.leaks:
                s = self._signature(mixed, leak)
                free = set_.slow_free_m3_per_h**2 + (set_.slow_free_relative * leak.flow_m3_per_h) ** 2
                covariance = covariance + free * np.outer(s, s)
                covariance[np.diag_indices_from(covariance)] += (set_.model_error * flows[leak.number] * s) ** 2
            chance = Gaussian(covariance[np.ix_(rows, rows)])
            weighted = chance.solve(drift[rows])
            if 0.5 * float(drift[rows] @ weighted) < set_.threshold:
                continue
            inflated = self._inflated(covariance, drift, rows)
            fit = place(drift[rows], inflated, mixed, self.signatures, rows=rows)
            base_density = chance.log_density(drift[rows])
            gain = float(fit.log_density.max()) - base_density - set_.threshold
            channel, alone = self._alone(chance, weighted, rows)
            if alone - 4.0 > max(gain + set_.threshold, set_.threshold):
                drifting = Settled(
                    Kind.DRIFT,
                    hour,
                    hour - 24 * days,
                    -1,
                    -1,
                    0.0,
                    0.0,
                    alone - 4.0 - set_.threshold,
                    channel,
                    None,
                    False,
                )
                continue
            gauss = Gaussian(inflated)
            for leak in self.leaks:
                s = self._signature(mixed, leak)[rows]
                w = gauss.solve(s)
                size = float(w @ drift[rows] / max(w @ s, 1e-12))
                if gauss.log_density(drift[rows] - size * s) > float(fit.log_density.max()) - 5.0:
                    gain = -1.0
            ended = place(-drift[rows], inflated, mixed, self.signatures, rows=rows)
            if gain <= 0 or float(ended.log_density.max()) > float(fit.log_density.max()):
                continue
            if best is None or gain > best[0]:
                best = (gain, days, fit, drift, base, flows)
        if best is None:
            return [drifting] if drifting is not None else []
        gain, days, fit, drift, base, flows = best
        pipe, probability = self.reach.choose(fit.probability)
        flow = float(fit.flow_m3_per_h[pipe])
        if probability < set_.probability or flow < set_.slow_smallest * self._smallest:
            return []
        self.count += 1
        new = Leak(self.count, pipe, flow, (0.1 * flow) ** 2 + 0.05, flow, hour - 24 * days)
        effect = flow * self._signature(mixed, new)
        for n, moved in flows.items():
            alive[n].flow_m3_per_h = max(alive[n].flow_m3_per_h - moved, 0.05)
        self.leaks.append(new)
        self.offset = self.offset - base + drift - effect
        self._widen(set_.model_error * effect)
        self._drifted.clear()
        return [
            Settled(
                Kind.LEAK, hour, new.began_hour, new.number, pipe, flow, probability, gain, -1, fit.probability, False
            )
        ]

    def _update(self, window: np.ndarray, mixed: np.ndarray) -> np.ndarray:
        """Kalman update of the offset and of every known leak's flow; returns the surprise `(n_channels,)`."""
        rows = np.flatnonzero(np.isfinite(window))
        n, k = len(self.offset), len(self.leaks)
        observe = np.zeros((len(rows), n + k))
        observe[np.arange(len(rows)), rows] = 1.0
        prior = np.zeros((n + k, n + k))
        prior[:n, :n] = self.doubt
        surprise = window - self.offset
        for i, leak in enumerate(self.leaks):
            s = self._signature(mixed, leak)
            observe[:, n + i] = s[rows]
            prior[n + i, n + i] = leak.variance
            surprise = surprise - leak.flow_m3_per_h * s
        total = observe @ prior @ observe.T + self.scale * self.scatter[np.ix_(rows, rows)]
        gain = np.linalg.solve(total, observe @ prior).T
        move = gain @ surprise[rows]
        posterior = prior - gain @ observe @ prior
        self.offset = self.offset + move[:n]
        self.doubt = (posterior[:n, :n] + posterior[:n, :n].T) / 2
        for i, leak in enumerate(self.leaks):
            leak.flow_m3_per_h = max(leak.flow_m3_per_h + float(move[n + i]), 0.05)
            leak.variance = float(posterior[n + i, n + i])
            leak.peak_m3_per_h = max(leak.peak_m3_per_h, leak.flow_m3_per_h)
        return np.asarray(surprise)

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON."""
        return {
            "offset": self.offset.tolist(),
            "doubt": self.doubt.tolist(),
            "count": self.count,
            "leaks": [vars(leak).copy() for leak in self.leaks],
            "pending": [
                {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(p).items()} for p in self.pending
            ],
            "scale": self.scale,
            "foretold": self._foretold,
            "drifted": [[move.tolist(), [[n, f] for n, f in flows.items()]] for move, flows in self._drifted],
            "held": None if self._held is None else [v.tolist() for v in self._held],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.offset, self.doubt = np.array(state["offset"]), np.array(state["doubt"])
        self.count, self.scale = state["count"], state["scale"]
        self._foretold = tuple(state["foretold"]) if state["foretold"] else None
        self._drifted = [(np.array(move), {int(n): float(f) for n, f in flows}) for move, flows in state["drifted"]]
        self.leaks = [Leak(**leak) for leak in state["leaks"]]
        self.pending = []
        for p in state["pending"]:
            posterior = None if p["posterior"] is None else np.array(p["posterior"])
            self.pending.append(
                Pending(**{**p, "kind": Kind(p["kind"]), "effect": np.array(p["effect"]), "posterior": posterior})
            )
        self._held = None if state["held"] is None else (np.array(state["held"][0]), np.array(state["held"][1]))
