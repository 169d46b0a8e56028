"""FloodNet street-flood events as New York City publishes them (`flood-events.csv`): a depth profile of each, inches.

Only the profile is read: `flood_start_time` plus `flood_profile_time_secs`, `flood_profile_depth_inches`. The derived
columns (onset, drain, durations) are not; one that cannot be true is told and changes nothing.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from lifeline.asset import Name, Position, Site
from lifeline.errors import ReplayError
from lifeline.units import Quantity, to_si
from simulators.recorded.record import (
    ALWAYS,
    Instrument,
    Period,
    Record,
    Report,
    RowFault,
    cells,
    instant,
    named,
    number,
    opened,
    plain,
    unheard,
)

EVENTS = "flood-events.csv"
SENSORS = "sensor-metadata.csv"
CHANNEL = "depth"
_EVENT_COLUMNS = ("sensor_id", "flood_start_time", "flood_profile_depth_inches", "flood_profile_time_secs")
_SENSOR_COLUMNS = ("sensor_id", "sensor_name", "latitude", "longitude")


class FloodNet:
    """FloodNet's events: `source` is the folder of the file, or the file. Devices are `{prefix}-{sensor_id}`."""

    def __init__(self, source: Path, *, zone: tzinfo = UTC, prefix: str = "FN") -> None:
        self._events = source / EVENTS if source.is_dir() else source
        self._zone = zone
        self._prefix = prefix
        if not self._events.is_file():
            raise ReplayError(f"{self._events} is not there", advice=f"name {EVENTS} or its folder")

    def records(self, report: Report, period: Period = ALWAYS) -> Iterator[Record]:
        found = [
            record
            for line, row in _table(self._events, _EVENT_COLUMNS, report)
            for record in self._event(line, row, report)
            if record.observed_at in period
        ]
        yield from sorted(found, key=lambda record: record.observed_at)

    def _event(self, line: int, row: dict[str, str], report: Report) -> list[Record]:
        file, device = str(self._events), self._device(row)
        depths = _numbers(row["flood_profile_depth_inches"])
        seconds = _numbers(row["flood_profile_time_secs"])
        if depths is None or seconds is None:
            column = "flood_profile_depth_inches" if depths is None else "flood_profile_time_secs"
            lost = len(depths or seconds or [])
            report(RowFault(file, line, column, f"expected [number, ...], got {row[column][:40]!r}", lost))
            return []
        if not named(plain(row["sensor_id"])):
            wrong = f"expected an identifier, got {row['sensor_id'][:70]!r}"
            report(RowFault(file, line, "sensor_id", wrong, len(depths)))
            return []
        if len(depths) != len(seconds):
            wrong = f"expected a time for each of {len(depths)} depths, got {len(seconds)}"
            report(RowFault(file, line, "flood_profile_time_secs", wrong, len(depths)))
            return []
        try:
            start = instant(row["flood_start_time"], self._zone)
        except ValueError as error:
            report(RowFault(file, line, "flood_start_time", f"expected a time, got {error}", len(depths)))
            return []
        onset, duration = number(row.get("onset_time_mins", "")), number(row.get("duration_mins", ""))
        if onset is not None and duration is not None and onset > duration:
            wrong = f"{onset:g} min is longer than the event, {duration:g} min; the profile counts"
            report(RowFault(file, line, "onset_time_mins", wrong, 0))
        return [
            Record(device, CHANNEL, "m", start + timedelta(seconds=second), to_si(depth, "in", Quantity.WATER_DEPTH))
            for depth, second in zip(depths, seconds, strict=True)
        ]

    def span(self) -> tuple[datetime, datetime]:
        times = [record.observed_at for record in self.records(unheard)]
        if not times:
            raise ReplayError(f"{self._events} has no event with a profile", advice="see docs/replay.md")
        return min(times), max(times)

    def devices(self) -> set[str]:
        return {self._device(row) for _, row in _table(self._events, _EVENT_COLUMNS, unheard)}

    def _device(self, row: dict[str, str]) -> str:
        return f"{self._prefix}-{plain(row['sensor_id'])}"

    def instruments(self) -> list[Instrument]:
        """Every sensor of `sensor-metadata.csv` beside the events that has a place."""
        path = self._events.with_name(SENSORS)
        if not path.is_file():
            raise ReplayError(f"{path} is not there: it says where the sensors are", advice="put it beside the events")
        found = []
        for _, row in _table(path, _SENSOR_COLUMNS, unheard):
            lon, lat = number(row["longitude"]), number(row["latitude"])
            if lon is None or lat is None or not named(plain(row["sensor_id"])):
                continue
            found.append(
                Instrument(
                    sensor_id=self._device(row),
                    device_id=self._device(row),
                    channel=CHANNEL,
                    quantity=Quantity.WATER_DEPTH,
                    unit="m",
                    site=Site.ROAD,
                    name=Name(row["sensor_name"].strip(), row["sensor_name"].strip()),
                    range_min=0.0,
                    range_max=3.0,
                    interval_s=60.0,
                    position=Position(lon, lat),
                )
            )
        return found


def _table(path: Path, columns: tuple[str, ...], report: Report) -> Iterator[tuple[int, dict[str, str]]]:
    with opened(path) as lines:
        header = cells(next(lines, (1, ""))[1]) or []
        missing = [column for column in columns if column not in header]
        if missing:
            raise ReplayError(f"{path}:1: expected the columns {', '.join(missing)} too", advice="see docs/replay.md")
        for line, content in lines:
            if not content.strip():
                continue
            row = cells(content)
            if row is None or len(row) != len(header):
                got = "quotes that are not in pairs" if row is None else f"{len(row)}"
                report(
                    RowFault(str(path), line, "", f"expected {len(header)} cells, got {got}; the event is not sent", 0)
                )
                continue
            yield line, dict(zip(header, row, strict=True))


def _numbers(text: str) -> list[float] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or any(isinstance(n, bool) or not isinstance(n, int | float) for n in found):
        return None
    return [float(n) for n in found] if all(abs(n) < 1e9 for n in found) else None
