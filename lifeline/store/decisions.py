"""The alerts stage's transaction: findings in; alarms, history, decisions and notices out; all of it or nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lifeline.alarm import Alarm, AlarmAction, AlarmEvent, AlarmState, Level, Standing
from lifeline.asset import Name, Site
from lifeline.city.levels import Levels, from_raw
from lifeline.errors import PackError, StoreError
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store import notices
from lifeline.store.alarms import add_event, alarm_of, columns, event_of, move, one
from lifeline.store.findings import findings_after
from lifeline.store.notices import Draft
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("decisions")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is, as far as the store knows: names, local time, thresholds, what the sensor sits on."""

    city: Name
    timezone: str
    levels: Levels | None
    zone: Name | None
    sensor: Name | None
    site: Site | None


@dataclass(frozen=True, slots=True)
class Untold:
    """An event of which it is not decided yet who is told, and its alarm as it is now. `went_on`: the condition came
    back after the event."""

    event: AlarmEvent
    alarm: Alarm
    went_on: bool


class Docket:
    """What lies before the engine, and where it writes what it decides; valid within `docket`."""

    def __init__(self, store: Store, connection: Connection, *, engine: str, now: datetime) -> None:
        self._store = store
        self._connection = connection
        self._engine = engine
        self.now = now
        connection.execute(_SQL["begin"], {"engine": engine})
        self.position: int = self._row("position", engine=engine).finding_id
        self._changed = False
        self._told = False

    def findings(self, limit: int) -> list[Finding]:
        """The next findings without a decision, in the order of their writing.

        A row that no detector of this program can have written comes alone, as a finding of kind `other` whose reason
        is `unreadable`: it must not stop the rest.
        """
        try:
            return findings_after(self._store, self.position, limit)
        except StoreError:
            raise
        except Exception:
            if limit > 1:
                return self.findings(1)
            row = self._row("plain", finding_id=self.position)
            return [
                Finding(
                    subject=row.subject,
                    kind=FindingKind.OTHER,
                    phase=Phase(row.phase),
                    city_code=row.city_code,
                    detector=row.detector,
                    reason="unreadable",
                    began_at=row.began_at,
                    detected_at=row.detected_at,
                    probability=1.0,
                    finding_id=row.finding_id,
                )
            ]

    def place(self, about: Finding | Alarm) -> Place:
        """What the store knows about where `about` is; where it is a zone as a whole, no sensor names it."""
        sensor_ids = list(about.sensor_ids) if isinstance(about, Finding) else []
        row = self._row("place", city_code=about.city_code, zone_id=about.zone_id, sensor_ids=sensor_ids)
        whole_zone = isinstance(about, Finding) and about.is_about_zone
        try:
            levels = from_raw(row.levels) if row.levels else None
        except PackError:
            levels = None  # the policy has a rule for places without thresholds
        return Place(
            city=Name(row.city_zh or about.city_code, row.city_en or about.city_code),
            timezone=row.timezone or "Asia/Shanghai",
            levels=levels,
            zone=Name(row.zone_zh, row.zone_en) if row.zone_zh else None,
            sensor=Name(row.sensor_zh, row.sensor_en) if row.sensor_zh and not whole_zone else None,
            site=Site(row.site) if row.site else None,
        )

    def standing(self, subject: str) -> Standing | None:
        """The live alarm of `subject`, held until the transaction ends."""
        row = self._connection.execute(_SQL["standing"], {"subject": subject}).fetchone()
        return None if row is None else _standing(row)

    def previous(self, subject: str) -> Alarm | None:
        """The last alarm of `subject` that ended."""
        row = self._connection.execute(_SQL["previous"], {"subject": subject}).fetchone()
        return None if row is None else alarm_of(row)

    def finding_behind(self, alarm: Alarm) -> Finding | None:
        """The newest finding about an alarm; None where it cannot be read."""
        try:
            return findings_after(self._store, alarm.finding_id - 1, 1)[0]
        except StoreError:
            raise
        except Exception:
            return None

    def level_reason(self, alarm: Alarm) -> str:
        """The named reason of the level that the newest finding about an alarm had; empty where there is none."""
        row = self._connection.execute(_SQL["level_reason"], {"alarm_id": alarm.alarm_id}).fetchone()
        return row.level_reason if row else ""

    def alarm(self, alarm_id: int) -> Alarm:
        """One alarm as it is now. Raises NotFoundError."""
        return one(self._connection, "alarm", alarm_id)

    def open(self, finding: Finding, *, level: Level, title: Name, actor: str, reason: str) -> tuple[Alarm, int]:
        """A new alarm about `finding` and the event of its opening."""
        row = self._row(
            "open",
            subject=finding.subject,
            city_code=finding.city_code,
            zone_id=finding.zone_id,
            kind=finding.kind.value,
            level=level.value,
            level_at=finding.detected_at,
            state=AlarmState.OPEN.value,
            title_zh=title.zh,
            title_en=title.en,
            began_at=finding.began_at,
            opened_at=self.now,
            probability=finding.probability,
            provisions=[provision.value for provision in finding.provisions],
            finding_id=finding.finding_id,
            lon=finding.position.lon if finding.position else None,
            lat=finding.position.lat if finding.position else None,
        )
        self._changed = True
        event = AlarmEvent(self.now, actor, AlarmAction.OPEN, None, AlarmState.OPEN, reason)
        return self.alarm(row.alarm_id), add_event(self._connection, row.alarm_id, event)

    def change(
        self,
        alarm: Alarm,
        action: AlarmAction,
        *,
        actor: str,
        reason: str,
        level_at: datetime | None = None,
        next_level: Level | None = None,
    ) -> tuple[Alarm, int]:
        """Writes `alarm` as it is after `action` and the event, as `store.alarms.move` does."""
        self._changed = True
        return move(
            self._connection,
            alarm,
            action,
            actor=actor,
            now=self.now,
            reason=reason,
            level_at=level_at,
            next_level=next_level,
        )

    def follow(self, alarm: Alarm, next_level: Level | None) -> None:
        """Writes what a quiet update changes: the newest finding and what it says."""
        self._changed = True
        values = {**columns(alarm), "next_level": next_level.value if next_level else None}
        self._connection.execute(_SQL["follow"], values)

    def decide(self, finding: Finding, *, alarm_id: int | None, step: str, reason: str, level_reason: str) -> None:
        """Records what was done about `finding` and why, and moves the position behind it."""
        self._connection.execute(
            _SQL["decide"],
            {
                "finding_id": finding.finding_id,
                "alarm_id": alarm_id,
                "step": step,
                "reason": reason,
                "level_reason": level_reason,
                "now": self.now,
            },
        )
        self.position = finding.finding_id

    def untold(self, *, settle_s: float, limit: int) -> list[Untold]:
        """Events of which it is not decided yet who is told; an end only after it has stood for `settle_s`."""
        settled_before = self.now - timedelta(seconds=settle_s)
        rows = self._connection.execute(_SQL["untold"], {"settled_before": settled_before, "limit": limit}).fetchall()
        return [Untold(event_of(row), alarm_of(row), row.went_on) for row in rows]

    def tell(self, drafts: Sequence[Draft], told: Mapping[int, str]) -> None:
        """Puts notices into the outbox and records for each event why there are these or none."""
        notices.add(self._connection, drafts, now=self.now)
        self._told = self._told or bool(drafts)
        for reason in set(told.values()):
            event_ids = [event_id for event_id, why in told.items() if why == reason]
            self._connection.execute(_SQL["set_told"], {"event_ids": event_ids, "told": reason})

    def heard(self, alarm_id: int) -> set[tuple[str, str]]:
        """The channels and addresses that were told of an alarm."""
        return {(row.channel, row.address) for row in self._connection.execute(_SQL["heard"], {"alarm_id": alarm_id})}

    def sent(self, groups: Collection[str], *, within_s: float) -> dict[str, list[datetime]]:
        """When batches of notices of each of `groups` went within the last `within_s`."""
        since = self.now - timedelta(seconds=within_s)
        sent: dict[str, list[datetime]] = defaultdict(list)
        for row in self._connection.execute(_SQL["sent"], {"groups": list(groups), "since": since}):
            sent[row.group_key].append(row.created_at)
        return sent

    def present(self) -> set[tuple[str, FindingKind]]:
        """City and kind of the conditions that are there."""
        return {(row.city_code, FindingKind(row.kind)) for row in self._connection.execute(_SQL["present"])}

    def due(self, *, settle_s: float, lower_after_s: float, limit: int) -> list[Standing]:
        """Alarms that time may move: cleared and seen for `settle_s`, shelved up to now, or to a lower level that has
        waited since `lower_after_s`."""
        settled_before = self.now - timedelta(seconds=settle_s)
        stood_since = self.now - timedelta(seconds=lower_after_s)
        rows = self._connection.execute(
            _SQL["due"],
            {"settled_before": settled_before, "stood_since": stood_since, "now": self.now, "limit": limit},
        )
        return [_standing(row) for row in rows.fetchall()]

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        position = self.position
        try:
            with self._connection.transaction():
                yield
        except BaseException:
            self.position = position
            raise

    def _close(self) -> None:
        self._connection.execute(_SQL["advance"], {"engine": self._engine, "finding_id": self.position})
        if self._changed:
            notify(self._connection, Topic.ALARM)
        if self._told:
            notify(self._connection, Topic.NOTICE)

    def _row(self, query: str, **values: Any) -> Any:
        return self._connection.execute(_SQL[query], values).fetchone()


def _standing(row: Any) -> Standing:
    next_level = None if row.next_level is None else Level(row.next_level)
    return Standing(alarm_of(row), row.level_at, next_level, row.end_told)


@contextmanager
def docket(store: Store, *, engine: str, now: datetime) -> Iterator[Docket]:
    """Opens the docket; everything written in the block is committed with the new position when it ends, and nothing
    when it raises. One engine at a time: another waits here. Raises StoreError."""
    with store.transaction() as connection:
        opened = Docket(store, connection, engine=engine, now=now)
        yield opened
        opened._close()


def behind(store: Store, *, engine: str) -> int:
    """How many findings wait for their decision. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["behind"], {"engine": engine}).fetchone()
        return int(row.findings)
