"""Leaks by flow alone: which zone takes more than it should, since when, how much, at a stated rate of false alarms.

For each zone and hour the net inflow is compared with the days of the same kind before it, freed of what is known to
leak: `r = Q - usual`. Over a window of hours r is taken for a loss that is there day and night, and for people using
a part more or less than usual, which follows the course of the day:

    r = l + g usual + e,   g ~ N(0, s_g^2),   e ~ N(0, diag(s_h^2))

so `l` and its variance follow by generalised least squares: the night hours, where little is used, weigh most. Two
tests look at l / sd(l), which is held against its own scatter of quiet days:

- abrupt: windows of 6, 12 and 24 hours, a Shewhart limit with `FALSE_EVERY_DAYS` between false alarms;
- slow: a CUSUM over days (Page 1954; threshold of Siegmund 1985, `detect.cusum`) with the same rate.

A step down that is as large as a known loss ends it. Known losses are taken off, so that the next is seen as a
difference. (Same hours of like days: Buchberger & Nadimpalli 2004, J. Water Resour. Plann. Manage. 130(4), for
night flow; here every hour counts by what it is worth.)
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from detect.calendar import Calendar
from detect.cusum import shewhart_threshold, threshold_for
from detect.port import Floats

FALSE_EVERY_DAYS = 730.0
"""between two false alarms of one test of one zone"""
DAY_H = 24
WINDOWS_H = (6, 12, 24)
LONG_EVERY_H = 3
"""how often the longer windows are looked at"""
REFERENCE = 0.5
DAYS_KEPT = 63
LIKE_DAYS = 4
"""so many days of a kind make what is usual"""
LEARN_DAYS = 14
"""the first days only teach"""
PRIOR_DAYS = 2.0
PRIOR_SHARE = 0.03
PRIOR_USE = 0.02
"""assumed scatter of an hour (part of the mean), and of a day's use, before they are measured"""
QUIET_DAYS = 28
HEAVY = 1.35
"""the limit of a normal value is raised by this: flows have heavier tails"""
ODD = 3.0
"""a holiday scatters so much more than the days that taught"""
HOLD_H = 24
"""after a step nothing else is judged: the windows still mix before and after"""
RECENT_DAYS = 5
"""an abrupt change is one against so many days; what they have over the usual is the season"""
FOLLOW_DAYS = 30
"""so long the size of a slow loss is judged against the days before it began"""
SEASON_USE = 0.1
"""from week to week use may change by so much: the slow test believes the nights"""
SMALLEST_SHARE = 0.01
"""of the zone's mean inflow: a smaller loss is not watched for by the slow test"""
MOST_ALIKE = 0.7
SLOW = 0
LEAST_WINDOWS = 10
FASTER = 2.0
"""a slow loss grows in a day by no more than so many times its mean pace"""
SAY_AGAIN = 1.5
"""a slow loss is told again when it has grown by this factor"""
GOES_ON_DAYS = 14
"""a slow growth so soon after the last one is the same loss"""
LIKE_SIZE = 0.35
"""a step down that is a known loss to this part ends it"""
Z_CLIP = 4.0


class FlowKind(StrEnum):
    """What a change of flow is taken for."""

    STEP = "flow-step"
    """a loss began at once"""
    SLOW = "flow-grew"
    """a loss grows from day to day"""
    GROWTH = "flow-grew-on"
    """a slow loss that was told grows on"""
    END = "flow-returned"
    """a loss that was told is gone"""
    DROP = "flow-dropped"
    """less is taken, by nothing that was told: older losses, or use"""


@dataclass(frozen=True)
class FlowChange:
    """What is said of one zone. Hours are UTC hours since 1970."""

    kind: FlowKind
    hour: int
    began_hour: int
    number: int
    """of the loss; 0 for a drop"""
    flow_m3_per_h: float
    """of the change, above 0 but for drops"""
    evidence: float
    """in deviations of quiet days, or the sum of the CUSUM"""
    limit: float
    """what the evidence had to pass"""


@dataclass
class _Part:
    """A known change of level: from nothing at `first` to its size at `last` (hours), and for ever after."""

    number: int
    first: int
    last: int
    flow: float
    slow: bool
    ended: bool = False


class FlowWatch:
    """One zone. Feed `hour` with every hour in order; NaN where the balance is unknown."""

    def __init__(self, calendar: Calendar | None = None) -> None:
        self._calendar = calendar or Calendar()
        self._days: dict[int, Floats] = {}
        """local day -> (24,) inflow by local hour"""
        self._usual: dict[int, Floats | None] = {}
        self._parts: list[_Part] = []
        self._quiet: list[int] = []
        """local days without event: they teach"""
        self._like: dict[int, int] = {}
        """local day -> how many days made what is usual"""
        self._lessons: dict[int, tuple[Floats, float, float]] = {}
        """local day without event -> what was over the usual `(24,)`, and the loss and part of use that fit it"""
        self._noises: dict[int, tuple[Floats, float]] = {}
        self._z: dict[int, list[float]] = {length: [] for length in (*WINDOWS_H, SLOW)}
        """l / sd of the last windows that do not overlap, and of the slow test's days"""
        self._sum, self._since = 0.0, 0
        self._told: dict[int, float] = {}
        """what was last told of each loss"""
        self._count = 0
        self._suspicious = False
        """the abrupt test is about to say something: a slow loss does not grow meanwhile"""
        self._held_until = -1
        self._refit_until = -1
        self._seen = 0
        self._offset = 0
        self._last = -1
        self.limit = HEAVY * shewhart_threshold(FALSE_EVERY_DAYS * DAY_H / WINDOWS_H[0])
        self.slow_limit = threshold_for(FALSE_EVERY_DAYS, REFERENCE)

    @property
    def known_m3_per_h(self) -> float:
        """What is told to be lost now."""
        return float(max(self._known(np.array([self._last]))[0], 0.0))

    @property
    def losses(self) -> dict[int, float]:
        """Known losses that are not over, by number, m3/h."""
        flows: dict[int, float] = {}
        for part in self._parts:
            if part.number and not part.ended:
                flows[part.number] = flows.get(part.number, 0.0) + part.flow
        return flows

    @property
    def judging(self) -> bool:
        """Whether it has learned enough to say anything."""
        return self._seen >= LEARN_DAYS

    def expected(self, local_hour: int) -> float:
        """What the zone should take in an hour (local hours since 1970), known losses included; NaN where unknown."""
        usual = self._expect(local_hour // DAY_H)
        return (
            float("nan") if usual is None else float(usual[local_hour % DAY_H] + self._known(np.array([local_hour]))[0])
        )

    def hour(self, hour: int, local_hour: int, flow_m3_per_h: float) -> list[FlowChange]:
        """Takes the mean of an hour in; returns what can be said now. Local hours run on, but for summer time."""
        self._offset, self._last = local_hour - hour, local_hour
        day, place = divmod(local_hour, DAY_H)
        if day not in self._days:
            self._open(day)
        self._days[day][place] = flow_m3_per_h
        found = self._judge(local_hour)
        if place == DAY_H - 1:
            found += self._close(day, local_hour)
        return found

    # --- what is usual ---------------------------------------------------------------------------------------------

    def _open(self, day: int) -> None:
        self._days[day] = np.full(DAY_H, np.nan)
        for old in [d for d in self._days if d < day - DAYS_KEPT]:
            del self._days[old]
        for old in [d for d in self._usual if d < day - QUIET_DAYS]:
            del self._usual[old]
        self._quiet = [d for d in self._quiet if d > day - DAYS_KEPT][-QUIET_DAYS:]
        self._lessons = {d: lesson for d, lesson in self._lessons.items() if d in self._quiet}
        self._noises.clear()

    def _known(self, hours: np.ndarray) -> Floats:
        """What leaks by the account in hours `(n,)`, m3/h; below 0 after a drop that nothing explains."""
        total = np.zeros(len(hours))
        for p in self._parts:
            total += p.flow * np.clip((hours - p.first + 1) / (p.last - p.first + 1), 0.0, 1.0)
        return total

    def _free(self, day: int) -> Floats:
        """A day's flow less what is known to leak `(24,)`."""
        return np.asarray(self._days[day] - self._known(day * DAY_H + np.arange(DAY_H)))

    def _expect(self, day: int, before: int | None = None) -> Floats | None:
        """What people usually take on a day `(24,)`, of days before it (and before the day `before`)."""
        if before is None and day in self._usual:
            return self._usual[day]
        until = day if before is None else min(day, before)
        calendar, kind = self._calendar, self._calendar.kind(day)
        past = sorted((d for d in self._days if d < until and np.isfinite(self._days[d]).sum() >= 18), reverse=True)
        plain = [d for d in past if not calendar.odd(d)]
        like = [d for d in plain if calendar.kind(d) == kind][:LIKE_DAYS]
        if not like:
            like = [d for d in plain if calendar.free(d) == calendar.free(day)][:LIKE_DAYS]
        usual: Floats | None = None
        if like:
            rows = np.stack([self._free(d) for d in like])
            known = np.isfinite(rows).any(axis=0)
            middle = np.nanmedian(np.where(known, rows, 0.0), axis=0)
            usual = np.where(known, middle, np.nan)
            if before is None:
                self._like[day] = len(like)
        if before is None:
            self._usual[day] = usual
        return usual

    def _noise(self, day: int, usual: Floats) -> tuple[Floats, float]:
        """Scatter of each hour of the day `(24,)` and of the part that a day's use varies by."""
        if day in self._noises:
            return self._noises[day]
        base = np.maximum(usual, 0.0)
        prior = PRIOR_SHARE * max(float(np.nanmean(base)), 1e-6)
        lessons = [lesson for d in self._quiet if d < day and (lesson := self._lesson(d)) is not None]
        rows = np.array([row for row, _, _ in lessons]).reshape(-1, DAY_H)
        fits = np.array([(loss, use) for _, loss, use in lessons]).reshape(-1, 2)
        left = rows - fits[:, :1] - fits[:, 1:] * base
        known = np.isfinite(left)
        left = np.where(known, left, 0.0)
        # neighbours in the day share their scatter: twenty-eight values alone are a poor estimate
        square = sum(np.roll((left**2).sum(axis=0), k) for k in (-1, 0, 1)) / 3
        count = sum(np.roll(known.sum(axis=0), k) for k in (-1, 0, 1)) / 3
        hourly = np.sqrt((PRIOR_DAYS * prior**2 + square) / (PRIOR_DAYS + count))
        moved = np.array([fits[n, 1] - fits[max(0, n - RECENT_DAYS) : n, 1].mean() for n in range(1, len(fits))])
        use = np.sqrt((PRIOR_DAYS * PRIOR_USE**2 + (moved**2).sum()) / (PRIOR_DAYS + len(moved)))
        self._noises[day] = hourly, float(use)
        return self._noises[day]

    def _season(self, day: int) -> tuple[float, float]:
        """What the last quiet days had over the usual: a loss and a part of the use."""
        days = [d for d in self._quiet if day - QUIET_DAYS <= d < day][-RECENT_DAYS:]
        lessons = [lesson for d in days if (lesson := self._lesson(d)) is not None]
        if not lessons:
            return 0.0, 0.0
        return float(np.mean([loss for _, loss, _ in lessons])), float(np.mean([use for _, _, use in lessons]))

    def _lesson(self, day: int) -> tuple[Floats, float, float] | None:
        """What a quiet day had over the usual by the present account, and what fits it."""
        if day not in self._lessons:
            usual = self._expect(day)
            if usual is None:
                return None
            row = self._free(day) - usual
            base = np.maximum(usual, 0.0)
            known = np.isfinite(row)
            mean = max(float(np.nanmean(base)), 1e-6)
            r, c = row[known], base[known]
            loss, use, _ = _solve(r, c, np.full(len(r), PRIOR_SHARE * mean), PRIOR_USE)
            self._lessons[day] = row, loss, use
        return self._lessons[day]

    def _fit(
        self, last: int, length: int, *, before: int | None = None, season: bool = False
    ) -> tuple[float, float, float] | None:
        """The loss of the `length` hours that end with `last`, its standard deviation by the formula, and g.

        Against what the last days had over the usual; `season`: against the usual alone, and use may have changed.
        """
        residual, course, scatter = [], [], []
        use = SEASON_USE if season else 0.0
        hours = np.arange(last - length + 1, last + 1)
        loss0, use0 = self._season(int(hours[0]) // DAY_H) if not season else (0.0, 0.0)
        for day in range(int(hours[0]) // DAY_H, last // DAY_H + 1):
            usual = self._expect(day, before) if day in self._days else None
            if usual is None:
                continue
            own = hours[hours // DAY_H == day] % DAY_H
            hourly, share = self._noise(day, usual)
            odd = ODD if self._calendar.odd(day) else 1.0
            odd *= float(np.sqrt((1.0 + 1.0 / self._like.get(day, LIKE_DAYS)) / (1.0 + 1.0 / LIKE_DAYS)))
            level = np.maximum(usual[own], 0.0)
            residual.append((self._free(day) - usual)[own] - loss0 - use0 * level)
            course.append(level)
            scatter.append(odd * hourly[own])
            use = max(use, odd * share)
        if not residual:
            return None
        r, c, s = np.concatenate(residual), np.concatenate(course), np.concatenate(scatter)
        known = np.isfinite(r) & np.isfinite(c)
        if known.sum() < 0.7 * length:
            return None
        loss, g, sd = _solve(r[known], c[known], s[known], use)
        return loss, sd, g

    def _scatter(self, length: int) -> float:
        """What l / sd scatters by, at least 1: by its upper fifth, which a leak or two do not move."""
        z = self._z[length]
        return max(1.0, float(np.quantile(np.abs(z), 0.8)) / 1.2816) if len(z) >= LEAST_WINDOWS else 1.0

    def _alike(self) -> float:
        """Days that are alike count for fewer: the sum of an AR(1) series scatters by sqrt((1 + m) / (1 - m)) more."""
        z = np.array(self._z[SLOW])
        if len(z) < LEAST_WINDOWS:
            return 1.0
        z = np.clip(z, *np.quantile(z, [0.1, 0.9]))
        memory = float(np.clip((z[1:] * z[:-1]).sum() / max((z**2).sum(), 1e-9), 0.0, MOST_ALIKE))
        return float(np.sqrt((1.0 + memory) / (1.0 - memory)))

    # --- the tests -------------------------------------------------------------------------------------------------

    def _judge(self, last: int) -> list[FlowChange]:
        if not self.judging:
            return []
        if last <= self._refit_until:
            self._refit(last)
            return []
        if last <= self._held_until:
            return []
        best: tuple[float, int, float] | None = None
        for length in WINDOWS_H:
            long = length > WINDOWS_H[0] and last % LONG_EVERY_H != LONG_EVERY_H - 1
            if long or last - length < self._held_until - HOLD_H:
                continue
            fit = self._fit(last, length)
            if fit is None:
                continue
            z = fit[0] / fit[1]
            standard = z / self._scatter(length)
            if best is None or abs(standard) > abs(best[0]):
                best = (standard, length, fit[0])
            if last % length == length - 1:
                self._z[length] = [*self._z[length], z][-QUIET_DAYS * DAY_H // length :]
        self._suspicious = best is not None and abs(best[0]) > 0.5 * self.limit
        if best is None or abs(best[0]) <= self.limit:
            return []
        return [self._step(last, *best)]

    def _step(self, last: int, standard: float, length: int, flow: float) -> FlowChange:
        since = last - length + 1
        # the beginning: the window within the last day that says it most clearly
        fits = [(abs(f[0] / f[1]), n, f[0]) for n in range(2, DAY_H + 1) if (f := self._fit(last, n)) is not None]
        if fits:
            _, n, flow = max(fits)
            since = last - n + 1
        self._held_until = self._refit_until = last + HOLD_H
        self._sum = 0.0
        evidence, limit = abs(standard), self.limit
        if flow > 0:
            self._count += 1
            self._parts.append(_Part(self._count, since, since, flow, slow=False))
            kind, number = FlowKind.STEP, self._count
        else:
            kind, number = self._end(-flow)
            self._parts.append(_Part(0, since, since, flow, slow=False))
        self._forget()
        return FlowChange(kind, last + 1 - self._offset, since - self._offset, number, abs(flow), evidence, limit)

    def _end(self, drop: float) -> tuple[FlowKind, int]:
        """Which known loss a step down of `drop` ends."""
        flows = self.losses
        if not flows:
            return FlowKind.DROP, 0
        number = min(flows, key=lambda n: abs(flows[n] - drop))
        if abs(flows[number] - drop) > LIKE_SIZE * max(flows[number], drop):
            return FlowKind.DROP, 0
        for part in self._parts:
            part.ended = part.ended or part.number == number
        return FlowKind.END, number

    def _refit(self, last: int) -> None:
        """The size of the last step is what the hours since say."""
        part = self._parts[-1]
        length = last - part.first + 1
        flow, part.flow = part.flow, 0.0
        fit = self._fit(last, length) if length >= WINDOWS_H[0] else None
        part.flow = fit[0] if fit is not None and fit[0] * flow > 0 else flow
        self._forget()

    def _close(self, day: int, last: int) -> list[FlowChange]:
        """Ends a day: it may teach, and the slow test looks at it."""
        self._seen += 1
        usual = self._expect(day)
        if usual is None or last <= self._held_until + DAY_H:
            return []
        fit = self._fit(last, DAY_H, season=True)
        if fit is None:
            return []
        if not self._calendar.odd(day) and not self._suspicious:
            self._quiet.append(day)
        if not self.judging:
            return []
        growing = self._growing(last)
        if growing is not None:
            return self._follow(growing, last)
        loss, sd = fit[:2]
        z = loss / sd
        s = self._scatter(SLOW) * self._alike()
        self._z[SLOW] = [*self._z[SLOW], z][-QUIET_DAYS:]
        least = 0.5 * SMALLEST_SHARE * float(np.nanmean(usual)) / (sd * s)
        before = self._sum
        self._sum = max(0.0, before + float(np.clip(z / s, -Z_CLIP, Z_CLIP)) - max(REFERENCE, least))
        if before == 0.0 and self._sum > 0.0:
            self._since = last - DAY_H + 1
        return [] if self._sum <= self.slow_limit else self._slow(last)

    def _growing(self, last: int) -> _Part | None:
        """The slow loss whose size is being followed."""
        for part in self._parts:
            if part.slow and not part.ended and last - part.first <= FOLLOW_DAYS * DAY_H:
                return part
        return None

    def _slow(self, last: int) -> list[FlowChange]:
        since, evidence = self._since, self._sum
        self._sum = 0.0
        fit = self._fit(last, 3 * DAY_H, before=since // DAY_H, season=True)
        if fit is None or fit[0] <= 0.0:
            return []
        before = [p for p in self._parts if p.slow and not p.ended and p.last > since - GOES_ON_DAYS * DAY_H]
        part = _Part(before[-1].number if before else self._count + 1, since, last, fit[0], slow=True)
        self._count = max(self._count, part.number)
        self._parts.append(part)
        self._forget()
        return self._grown(part, last, evidence) if before else [self._said(FlowKind.SLOW, part, last, evidence)]

    def _follow(self, part: _Part, last: int) -> list[FlowChange]:
        """The size of a slow loss day by day, against the days before it began."""
        self._sum = 0.0
        if self._suspicious:
            return []
        flow, part.flow = part.flow, 0.0
        self._forget()
        fit = self._fit(last, 3 * DAY_H, before=part.first // DAY_H, season=True)
        part.flow = flow
        if fit is not None:
            most = FASTER * flow * (last - part.last) / max(part.last - part.first, DAY_H)
            part.flow, part.last = float(np.clip(fit[0], flow - most, flow + most)), last
        self._forget()
        return self._grown(part, last, part.flow / fit[1]) if fit is not None else []

    def _grown(self, part: _Part, last: int, evidence: float) -> list[FlowChange]:
        if self.losses[part.number] < SAY_AGAIN * self._told.get(part.number, 0.0):
            return []
        return [self._said(FlowKind.GROWTH, part, last, evidence)]

    def _said(self, kind: FlowKind, part: _Part, last: int, evidence: float) -> FlowChange:
        flow = self._told[part.number] = self.losses[part.number]
        began = min(p.first for p in self._parts if p.number == part.number)
        return FlowChange(
            kind, last + 1 - self._offset, began - self._offset, part.number, flow, evidence, self.slow_limit
        )

    def _forget(self) -> None:
        """The account of losses has changed: what is usual is found anew."""
        self._usual.clear()
        self._lessons.clear()
        self._noises.clear()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON (with NaN where an hour is unknown)."""
        return {
            "days": [[day, row.tolist()] for day, row in self._days.items()],
            "quiet": list(self._quiet),
            "parts": [asdict(part) for part in self._parts],
            "told": [[number, flow] for number, flow in self._told.items()],
            "z": [[length, z] for length, z in self._z.items()],
            **{name: getattr(self, name) for name in _SCALARS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`, on a watch with the same calendar."""
        self._days = {day: np.array(row, dtype=float) for day, row in state["days"]}
        self._quiet = list(state["quiet"])
        self._parts = [_Part(**part) for part in state["parts"]]
        self._told = dict(state["told"])
        self._z = dict(state["z"])
        for name in _SCALARS:
            setattr(self, name, state[name])
        self._forget()


_SCALARS = (
    "_sum", "_since", "_count", "_suspicious", "_held_until", "_refit_until", "_seen", "_offset", "_last",
)  # fmt: skip


def _solve(r: Floats, course: Floats, scatter: Floats, use: float) -> tuple[float, float, float]:
    """(l, g, sd of l) by least squares with the prior of g: a 2 x 2 system. Arrays `(n,)`."""
    weight = 1.0 / scatter**2
    a, b, d = weight.sum(), (weight * course).sum(), (weight * course * course).sum() + 1.0 / use**2
    det = a * d - b * b
    u, v = (weight * r).sum(), (weight * course * r).sum()
    return float((d * u - b * v) / det), float((a * v - b * u) / det), float(np.sqrt(d / det))
