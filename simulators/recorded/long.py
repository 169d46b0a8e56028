"""A plain long table: `sensor_id,observed_at,value[,unit]`, one reading a row, plain or `.gz`.

A city pack says what device and channel each sensor_id is, and its unit where the row names none. Times are ISO 8601. A
row that is older than the one before is sent at once, as a late reading is.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from lifeline.asset import Sensor
from lifeline.errors import ReplayError, UnitError
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
UNIT = "unit"


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
            if header is None or header not in (COLUMNS, [*COLUMNS, UNIT]):
                expected, got = f"{','.join(COLUMNS)}[,{UNIT}]", ",".join(header or [])[:60]
                raise ReplayError(f"{file}:1: expected {expected}, got {got!r}", advice="see docs/replay.md")
            for line, content in lines:
                if not content.strip():
                    continue
                row = cells(content)
                if row is None or len(row) != len(header):
                    report(RowFault(file, line, "", f"expected {len(header)} cells, got {content[:40]!r}", 1))
                    continue
                found = self._record(row)
                if isinstance(found, Record):
                    if found.observed_at in period:
                        yield found
                else:
                    report(RowFault(file, line, *found, 1))

    def _record(self, row: list[str]) -> Record | tuple[str, str]:
        """The reading of a row, or the column that is wrong and how."""
        sensor, value = self._sensors.get(row[0]), number(row[2])
        if sensor is None:
            return "sensor_id", f"expected a sensor of the pack, got {row[0][:70]!r}"
        if value is None:
            return "value", f"expected a number, got {row[2][:40]!r}"
        try:
            time = instant(row[1], self._zone)
        except ValueError as error:
            return "observed_at", f"expected a time, got {error}"
        unit = (row[3] if len(row) > len(COLUMNS) else "") or sensor.unit
        try:
            value_si = to_si(value, unit, sensor.quantity)
        except UnitError as error:
            return UNIT, str(error)
        return Record(sensor.device_id, sensor.channel, SI_UNIT[sensor.quantity], time, value_si)

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
