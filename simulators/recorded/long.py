"""A plain long table: `sensor_id,observed_at,value`, one reading a row, plain or `.gz`.

A city pack says what device and channel each sensor_id is and in which unit its values are. Times are ISO 8601. Rows in
time order are sent at their time; one that is older than the row before is sent at once, as a late reading is.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from lifeline.asset import Sensor
from lifeline.errors import ReplayError
from lifeline.units import SI_UNIT, to_si
from simulators.recorded.record import (
    ALWAYS,
    Instrument,
    Period,
    Record,
    Report,
    RowFault,
    cells,
    instant,
    number,
    opened,
    unheard,
)

COLUMNS = ["sensor_id", "observed_at", "value"]


class Long:
    """A long table of readings of `sensors`."""

    def __init__(self, source: Path, *, sensors: Collection[Sensor], zone: tzinfo = UTC) -> None:
        if not source.is_file():
            raise ReplayError(f"{source} is not a file", advice="name the table of readings")
        self._path = source
        self._zone = zone
        self._sensors = {sensor.sensor_id: sensor for sensor in sensors}

    def records(self, report: Report, period: Period = ALWAYS) -> Iterator[Record]:
        file = str(self._path)
        with opened(self._path) as lines:
            header = cells(next(lines, (1, ""))[1])
            if header != COLUMNS:
                got = ",".join(header or [])[:60]
                raise ReplayError(f"{file}:1: expected {','.join(COLUMNS)}, got {got!r}", advice="see docs/replay.md")
            for line, content in lines:
                if not content.strip():
                    continue
                row = cells(content)
                if row is None or len(row) != len(COLUMNS):
                    report(RowFault(file, line, "", f"expected 3 cells, got {content[:40]!r}", 1))
                    continue
                sensor, value = self._sensors.get(row[0]), number(row[2])
                if sensor is None:
                    report(RowFault(file, line, "sensor_id", f"expected a sensor of the pack, got {row[0][:70]!r}", 1))
                    continue
                if value is None:
                    report(RowFault(file, line, "value", f"expected a number, got {row[2][:40]!r}", 1))
                    continue
                try:
                    time = instant(row[1], self._zone)
                except ValueError as error:
                    report(RowFault(file, line, "observed_at", f"expected a time, got {error}", 1))
                    continue
                if time in period:
                    value_si = to_si(value, sensor.unit, sensor.quantity)
                    yield Record(sensor.device_id, sensor.channel, SI_UNIT[sensor.quantity], time, value_si)

    def span(self) -> tuple[datetime, datetime]:
        first = last = None
        for record in self.records(unheard):
            first = record.observed_at if first is None else min(first, record.observed_at)
            last = record.observed_at if last is None else max(last, record.observed_at)
        if first is None or last is None:
            raise ReplayError(f"{self._path} has no reading of a sensor of the pack", advice="see docs/replay.md")
        return first, last

    def devices(self) -> set[str]:
        return {sensor.device_id for sensor in self._sensors.values()}

    def instruments(self) -> list[Instrument]:
        raise ReplayError(
            "the long layout needs a city pack and cannot make one", advice="name the pack of its sensors"
        )
