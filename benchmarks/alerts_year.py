"""A year of alarms for one operator: recorded street floods where a file is named, else made-up ones; and leaks."""

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.rehearsal import CITY, Rehearsal, empty_store, night, other_troubles, put_sensors, recorded_year
from benchmarks.table import Figure
from lifeline.finding import Finding
from lifeline.kpi import Limits
from lifeline.store.alarm_figures import report

TITLE = "alerts: a year for one operator on duty (people made up: 30-120 s to answer, 60-180 s more to dispatch)"
_FILE = "LIFELINE_FLOOD_EVENTS"
_NIGHTS = 12


def measure(share: float = 1.0) -> list[Figure]:
    """`share`: of the year. LIFELINE_FLOOD_EVENTS names a file of recorded floods (its year 2024 is taken)."""
    days = max(2, round(366 * share))
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    end = begin + timedelta(days=days)
    file = os.environ.get(_FILE, "")
    floods = recorded_year(Path(file), begin.year) if file else _made_up(begin, days)
    made = [*floods, *other_troubles(5, begin, days)]
    made = sorted((one for one in made if begin <= one.detected_at < end), key=lambda one: one.detected_at)
    with empty_store() as store:
        put_sensors(store, {one.sensor_ids[0] for one in floods})
        show = Rehearsal(store, begin, random.Random(3))
        show.run(made)
        found = report(store, begin=begin, end=end, limits=Limits(), cities=[CITY])
    told, listed, answers = found.told, found.listed, found.answers
    return [
        Figure(f"findings in {days} days ({'recorded floods' if file else 'made up'})", len(made), ""),
        Figure("alarms on the list", listed.told, ""),
        Figure("notices to the operator", told.told, ""),
        Figure("notices per 10 min and operator, mean", told.mean, "", "EEMUA 191", 1.0),
        Figure("share of time in flood, notices", told.flood_share, "", "EEMUA 191", 0.01),
        Figure("alarms per 10 min and operator, mean", listed.mean, "", "EEMUA 191", 1.0),
        Figure("share of time in flood, alarms on the list", listed.flood_share, "", "EEMUA 191", 0.01),
        Figure("alarm -> acknowledged, median", (answers.to_acknowledge_s or 0.0) / 60, "min", "limit", 3.0),
        Figure("alarm -> dispatched, median", (answers.to_dispatch_s or 0.0) / 60, "min", "limit", 5.0),
    ]


def _made_up(begin: datetime, days: int) -> list[Finding]:
    """Nights of cloudburst between May and September."""
    rng = random.Random(9)
    made = []
    for number in range(_NIGHTS):
        shift = begin + timedelta(days=rng.uniform(120, 270)) * (days / 366) - night(0)[0].detected_at
        storm = night(number, changes=rng.randint(40, 446), peak=rng.randint(5, 40))
        made += [replace(one, detected_at=one.detected_at + shift, began_at=one.began_at + shift) for one in storm]
    return made
