"""How many devices with a report a minute it can be, before the p95 passes a second; all on this machine at once."""

import sys
import time

from benchmarks.flow import load_devices
from benchmarks.ingest_sustained import DEVICES, LIMIT_S, city
from benchmarks.table import Figure
from ingest.worker import REFRESH_S

TITLE = "ingest, the ceiling: more devices in steps; broker, database, four stages and sender together"
STEP_S = 75.0
GROWTH = 1.5
"""From one step to the next; the last that held and the first that did not are then halved twice."""
HALVINGS = 2
WARM_UP_S = 5.0
MOST_DEVICES = 3_000_000


def measure(share: float = 1.0) -> list[Figure]:
    """Steps up until one does not hold, then halves the distance. The load must hold for a whole step.

    `share` of the stated time of a step, for a trial.
    """
    step_s = STEP_S * share
    figures: list[Figure] = []
    loaded = held = DEVICES
    failed, halvings = 0, HALVINGS
    with city(DEVICES) as running:
        while halvings and held < MOST_DEVICES:
            if failed:
                halvings -= 1
            devices = round((held + failed) / 2 if failed else held * GROWTH) // 1000 * 1000
            if devices > loaded:
                load_devices(running.store, loaded + 1, devices)
                time.sleep(REFRESH_S + 1.0)
                running.run(loaded, duration_s=WARM_UP_S)  # ingest reads the sensors anew
                loaded = devices
                running.meet(loaded)
            seen = running.run(devices, duration_s=step_s)
            p95_s = seen.percentile_s(95)
            figures.append(Figure(f"step of {step_s:.0f} s, {devices:,} devices: p95", p95_s, "s", "limit", LIMIT_S))
            print(f"{figures[-1].what} {p95_s:.2f} s, {seen.lost} lost, sender {seen.behind_s:.2f} s", file=sys.stderr)
            if p95_s < LIMIT_S and not seen.lost and seen.behind_s < LIMIT_S:
                held = devices
            else:
                failed = devices
    return [*figures, Figure("the ceiling: most devices at p95 below 1 s", float(held), "devices", "asked", DEVICES)]
