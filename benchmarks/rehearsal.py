"""Findings through the deciding part of the alerts stage on a clock of its own: a night takes a minute.

The database and the decider are the real ones; nothing is delivered: a notice counts as handed over when it is written.
People on duty are made up: each takes what they are told of after a human while and sends a crew after another.
"""

import csv
import heapq
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alerts.decider import Decider
from alerts.inforce import Rules
from deploy.local import root
from deploy.local.database import LocalDatabase
from lifeline import log
from lifeline.alarm import AlarmAction, AlarmState
from lifeline.clock import SetClock
from lifeline.errors import StaleVersionError
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.settings import Settings
from lifeline.store import alarms, findings
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store

CITY = "220100"
STEP_S = 5.0
_NOTICE_DELAY_S = (30.0, 120.0)
_DISPATCH_DELAY_S = (60.0, 180.0)
_LEVELS = {
    "version": "benchmark",
    "flood": [{"site": "road", "blue_m": 0.05, "yellow_m": 0.15, "orange_m": 0.27, "red_m": 0.4, "source": "b"}],
    "leak": [{"blue_m3_per_h": 2, "yellow_m3_per_h": 10, "orange_m3_per_h": 40, "red_m3_per_h": 150, "source": "b"}],
}


@contextmanager
def empty_store() -> Iterator[Store]:
    """A store on a private server that is gone afterwards, with one city without sensors; the log keeps quiet."""
    log.configure(Settings(log_level="error"), stage="benchmark")
    with (
        TemporaryDirectory(prefix="lifeline-bench-") as folder,
        LocalDatabase(root.ensure(print), Path(folder) / "database", durable=False) as server,
    ):
        migrate(server.url)
        with Store(server.url, name="lifeline-bench") as store:
            with store.transaction() as connection:
                connection.execute(
                    """INSERT INTO city (city_code, name_zh, name_en, version, timezone, lon, lat, settings, levels,
                           sha256, loaded_at)
                       VALUES (%s, '长春', 'Changchun', 'b', 'Asia/Shanghai', 125.3, 43.9, '{}', %s, '', now())""",
                    (CITY, json.dumps(_LEVELS)),
                )
            yield store


def put_sensors(store: Store, sensor_ids: Iterable[str]) -> None:
    """Depth sensors on roads."""
    with store.transaction() as connection:
        for sensor_id in sensor_ids:
            connection.execute(
                """INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat,
                       elevation_m, interval_s, range_min, range_max, name_zh, name_en)
                   VALUES (%s, %s, %s, 'depth', 'water_depth', 'm', 'road', 125.3, 43.9, 200, 60, 0, 5, %s, %s)""",
                (sensor_id, CITY, sensor_id, sensor_id, sensor_id),
            )


@dataclass
class Rehearsal:
    """The decider, a clock, and people on duty (None: nobody acts)."""

    store: Store
    begin: datetime
    duty: random.Random | None = None
    _heap: list[tuple[datetime, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SetClock(self.begin)
        channel = {"name": "ops", "kind": "webhook", "address": "http://127.0.0.1:1/"}
        settings = Settings(alerts={"channels": [channel]})
        self._decider = Decider(self.store, settings, Rules(settings.alerts, None), self.clock)
        self._told_up_to = 0

    def run(self, made: Sequence[Finding]) -> None:
        """Takes findings at their time; between them time stands still where nothing waits."""
        for finding in made:
            self._until(finding.detected_at)
            self.clock.set(max(self.clock.now(), finding.detected_at))
            findings.commit(self.store, [finding], now=self.clock.now())
            self._work()
        self._until(self.clock.now() + timedelta(hours=1))

    def _until(self, at: datetime) -> None:
        while self.clock.now() < at:
            step = self.clock.now() + timedelta(seconds=STEP_S)
            if not self._waits():
                step = max(step, self._heap[0][0]) if self._heap else at
            self.clock.set(min(step, at))
            self._act()
            self._work()

    def _work(self) -> None:
        while self._decider.work():
            pass
        if self.duty is not None:
            for row in self._rows(
                """SELECT DISTINCT e.alarm_id, max(ne.notice_id) AS notice_id FROM notice_event ne
                   JOIN alarm_event e USING (event_id) WHERE ne.notice_id > %(told)s GROUP BY e.alarm_id""",
                told=self._told_up_to,
            ):
                at = self.clock.now() + timedelta(seconds=self.duty.uniform(*_NOTICE_DELAY_S))
                heapq.heappush(self._heap, (at, row.alarm_id, "acknowledge"))
                self._told_up_to = max(self._told_up_to, row.notice_id)

    def _act(self) -> None:
        """What people do whose time has come."""
        while self._heap and self._heap[0][0] <= self.clock.now():
            _, alarm_id, what = heapq.heappop(self._heap)
            alarm = alarms.alarm(self.store, alarm_id)
            if what == "acknowledge" and alarm.state is AlarmState.OPEN:
                self._do(alarm_id, alarm.version, AlarmAction.ACKNOWLEDGE)
                assert self.duty is not None
                at = self.clock.now() + timedelta(seconds=self.duty.uniform(*_DISPATCH_DELAY_S))
                heapq.heappush(self._heap, (at, alarm_id, "dispatch"))
            elif what == "dispatch" and alarm.state is AlarmState.ACKNOWLEDGED and alarm.cleared_at is None:
                for action in ("dispatch", "accept", "arrive", "mitigate", "verify"):
                    alarm = alarms.alarm(self.store, alarm_id)
                    self._do(alarm_id, alarm.version, AlarmAction(action))

    def _do(self, alarm_id: int, version: int, action: AlarmAction) -> None:
        try:
            alarms.act(self.store, alarm_id, action, actor="made up", version=version, now=self.clock.now(), reason="b")
        except StaleVersionError:
            return

    def _waits(self) -> bool:
        (row,) = self._rows(
            """SELECT EXISTS (SELECT FROM alarm_event WHERE told IS NULL) OR EXISTS (
                   SELECT FROM alarm WHERE state = 'candidate' AND cleared_at IS NULL) AS waits"""
        )
        return bool(row.waits)

    def _rows(self, query: str, **values: Any) -> list[Any]:
        with self.store.transaction() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def notices(self) -> list[tuple[datetime, int, bool]]:
        """When each notice was written, its urgency, and whether it rings or follows an earlier one."""
        rows = self._rows("SELECT created_at, urgency, payload->>'follows' IS NULL AS rings FROM notice ORDER BY 1")
        return [(row.created_at, row.urgency, row.rings) for row in rows]

    def red_delays_s(self) -> list[float]:
        """From each event that made an alarm red to the notice about it."""
        return [
            float(row.delay_s)
            for row in self._rows(
                """SELECT extract(epoch FROM min(n.created_at) - e.at) AS delay_s
                   FROM alarm_event e JOIN notice_event ne USING (event_id) JOIN notice n USING (notice_id)
                   WHERE e.action IN ('open', 'escalate') AND n.urgency = 1
                     AND (SELECT f.depth_m FROM finding f JOIN alarm a ON a.alarm_id = e.alarm_id
                          WHERE f.subject = a.subject AND f.detected_at <= e.at
                          ORDER BY f.finding_id DESC LIMIT 1) >= 0.4
                   GROUP BY e.event_id, e.at"""
            )
        ]


def worst(at: Sequence[datetime], *, within_s: float = 600.0) -> int:
    """The most of `at` (sorted) within any span of `within_s`."""
    most, first = 0, 0
    for last, when in enumerate(at):
        while when - at[first] >= timedelta(seconds=within_s):
            first += 1
        most = max(most, last - first + 1)
    return most


def night(seed: int, *, changes: int = 446, sensors: int = 126, peak: int = 63) -> list[Finding]:
    """A night of cloudburst: level changes on street sensors, `peak` of them in the worst 10 minutes; each sensor rises
    and falls through the levels and ends dry."""
    rng = random.Random(seed)
    begin = datetime(2026, 7, 20, 14, 0, tzinfo=UTC)
    times = sorted(
        [begin + timedelta(seconds=rng.uniform(0, 6 * 3600)) for _ in range(changes - peak)]
        + [begin + timedelta(hours=1, seconds=rng.uniform(0, 600)) for _ in range(peak)]
    )
    depths = {f"N-{n:03}": -1 for n in range(sensors)}
    rungs = (0.02, 0.08, 0.2, 0.3, 0.5)
    began: dict[str, datetime] = {}
    made = []
    idle = list(depths)
    rng.shuffle(idle)
    for at in times:
        sensor = idle.pop() if idle else rng.choice(list(depths))
        level = depths[sensor]
        depths[sensor] = level = (
            1 + (rng.random() < 0.3) if level < 1 else max(0, min(4, level + rng.choice((-1, -1, 1))))
        )
        phase = Phase.END if level == 0 else Phase.UPDATE if sensor in began else Phase.ONSET
        began.setdefault(sensor, at)
        made.append(flood(sensor, at, began[sensor], phase, rungs[level]))
        if level == 0:
            del began[sensor]
    return made


def recorded_year(file: Path, year: int) -> list[Finding]:
    """A year of recorded street floods (docs/flood.md names the layout) as a depth detector tells them: each crossing
    of a threshold of depth once, and the end."""
    made: list[Finding] = []
    limits = (0.05, 0.15, 0.27, 0.4)
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            start = datetime.fromisoformat(row["flood_start_time"]).replace(tzinfo=UTC)
            if start.year != year or not row["flood_profile_depth_inches"].startswith("["):
                continue
            depths = [0.0254 * inches for inches in json.loads(row["flood_profile_depth_inches"])]
            times = json.loads(row["flood_profile_time_secs"])
            known, told = 0, False
            for depth, seconds in zip(depths, times, strict=True):
                level = sum(depth >= limit for limit in limits)
                at = start + timedelta(seconds=seconds)
                if level and level != known:
                    phase = Phase.UPDATE if told else Phase.ONSET
                    made.append(flood(row["sensor_id"], at, start, phase, depth))
                    told = True
                known = level
            if told:
                last = max(start + timedelta(seconds=times[-1]), made[-1].detected_at) + timedelta(minutes=2)
                made.append(flood(row["sensor_id"], last, start, Phase.END, 0.0))
    return sorted(made, key=lambda one: one.detected_at)


def other_troubles(seed: int, begin: datetime, days: int) -> list[Finding]:
    """What a year brings besides water on streets: 60 leaks, 12 bursts, a sensor a day that is silent or faulty."""
    rng = random.Random(seed)
    made = []
    for kind, number, flow in ((FindingKind.LEAK, 60, 12.0), (FindingKind.BURST, 12, 90.0)):
        for n in range(number):
            at = begin + timedelta(seconds=rng.uniform(0, 86400 * days))
            one = replace(flood(f"DMA-{n}", at, at, Phase.ONSET, 0.0), kind=kind, depth_m=None, sensor_ids=(),
                          flow_m3_per_h=flow * rng.uniform(0.5, 2.0), subject=f"{kind.value}:{n}")  # fmt: skip
            made += [one, replace(one, phase=Phase.END, detected_at=at + timedelta(hours=rng.uniform(4, 72)))]
    for n in range(days):
        kind = FindingKind.SENSOR_SILENT if n % 3 else FindingKind.SENSOR_FAULT
        at = begin + timedelta(seconds=86400 * n + rng.uniform(0, 86400))
        one = replace(
            flood(f"S-{n % 300}", at, at, Phase.ONSET, 0.0), kind=kind, depth_m=None, subject=f"{kind.value}:{n % 300}"
        )
        made += [one, replace(one, phase=Phase.END, detected_at=at + timedelta(hours=rng.uniform(0.2, 20)))]
    return made


def flood(sensor: str, at: datetime, began: datetime, phase: Phase, depth_m: float) -> Finding:
    """What a depth detector says."""
    return Finding(
        subject=f"flood:{sensor}",
        kind=FindingKind.FLOOD,
        phase=phase,
        city_code=CITY,
        detector="benchmark",
        reason="level-reached",
        began_at=began,
        detected_at=at,
        probability=0.95,
        sensor_ids=(sensor,),
        depth_m=depth_m,
    )
