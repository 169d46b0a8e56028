"""The BattLeDIM layout: a folder of `*SCADA_Pressures.csv`, `..._Levels`, `..._Flows`, `..._Demands`, plain or `.gz`.

`;` between cells, decimal comma, first column `Timestamp`, then one column an element of the network. Units:
pressures and levels m, flows m3/h, demands L/h.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from lifeline.asset import Name, Site
from lifeline.errors import ReplayError
from lifeline.units import PASCAL_PER_METRE_OF_WATER, SECONDS_PER_HOUR, SI_UNIT, Quantity
from simulators.recorded.record import (
    ALWAYS,
    Instrument,
    Period,
    Record,
    Report,
    RowFault,
    instant,
    named,
    number,
    opened,
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one file holds; value_si = cell * factor."""

    channel: str
    quantity: Quantity
    factor: float
    site: Site
    range_max: float
    zh: str


_KINDS = {
    "Pressures": _Kind("pressure", Quantity.PRESSURE, PASCAL_PER_METRE_OF_WATER, Site.JUNCTION, 1.6e6, "压力"),
    "Levels": _Kind("level", Quantity.LEVEL, 1.0, Site.TANK, 20.0, "水位"),
    "Flows": _Kind("flow", Quantity.FLOW, 1 / SECONDS_PER_HOUR, Site.PIPE, 1.0, "流量"),
    "Demands": _Kind("demand", Quantity.FLOW, 1e-3 / SECONDS_PER_HOUR, Site.JUNCTION, 0.1, "用水量"),
}
INTERVAL_S = 300.0


class BattLeDim:
    """A recording in the BattLeDIM layout: `source` is its folder or a file of it. Devices are `{prefix}-{element}`."""

    def __init__(self, source: Path, *, zone: tzinfo = UTC, prefix: str = "LT") -> None:
        found = sorted(source.iterdir()) if source.is_dir() else [source]
        self._files = [
            (path, kind) for path in found for name, kind in _KINDS.items() if f"SCADA_{name}.csv" in path.name
        ]
        if not self._files:
            names = ", ".join(f"*SCADA_{name}.csv[.gz]" for name in _KINDS)
            raise ReplayError(f"{source} holds no file of the BattLeDIM layout", advice=f"expected {names}")
        self._zone = zone
        self._prefix = prefix

    def records(self, report: Report, period: Period = ALWAYS) -> Iterator[Record]:
        rows = [self._rows(path, kind, report, period) for path, kind in self._files]
        for _, row in heapq.merge(*rows, key=lambda timed: timed[0]):
            yield from row

    def _rows(self, path: Path, kind: _Kind, report: Report, period: Period) -> Iterator[tuple[datetime, list[Record]]]:
        elements = self._elements(path)
        devices = [f"{self._prefix}-{element}" for element in elements]
        unit = SI_UNIT[kind.quantity]
        with opened(path) as lines:
            next(lines)
            for line, content in lines:
                if not content.strip():
                    continue
                stamp, *texts = content.split(";")
                try:
                    time = instant(stamp, self._zone)
                except ValueError as error:
                    report(RowFault(str(path), line, "Timestamp", f"expected a time, got {error}", len(elements)))
                    continue
                if time not in period:
                    continue
                if len(texts) != len(elements):
                    wrong = f"expected {len(elements) + 1} cells, got {len(texts) + 1}"
                    report(RowFault(str(path), line, "", wrong, len(elements)))
                    continue
                row = []
                for element, device, text in zip(elements, devices, texts, strict=True):
                    value = number(text.replace(",", "."))
                    if value is None:
                        wrong = f"expected a number with a decimal comma, got {text[:40]!r}"
                        report(RowFault(str(path), line, element, wrong, 1))
                    else:
                        row.append(Record(device, kind.channel, unit, time, value * kind.factor))
                yield time, row

    def span(self) -> tuple[datetime, datetime]:
        ends = []
        for path, _ in self._files:
            with opened(path) as lines:
                stamps = [content.partition(";")[0] for _, content in lines][1:]
            ends += [
                time for time in (_first(stamps, self._zone), _first(stamps[::-1], self._zone)) if time is not None
            ]
        if not ends:
            raise ReplayError(f"{self._files[0][0]} has no row with a time", advice="see docs/replay.md")
        return min(ends), max(ends)

    def devices(self) -> set[str]:
        return {f"{self._prefix}-{element}" for path, _ in self._files for element in self._elements(path)}

    def instruments(self) -> list[Instrument]:
        return [
            Instrument(
                sensor_id=f"{self._prefix}-{element}-{kind.channel}",
                device_id=f"{self._prefix}-{element}",
                channel=kind.channel,
                quantity=kind.quantity,
                unit=SI_UNIT[kind.quantity],
                site=kind.site,
                name=Name(f"{element} {kind.zh}", f"{element} {kind.channel}"),
                range_min=-kind.range_max if kind.channel == "flow" else 0.0,
                range_max=kind.range_max,
                interval_s=INTERVAL_S,
                element=element,
            )
            for path, kind in self._files
            for element in self._elements(path)
        ]

    def _elements(self, path: Path) -> list[str]:
        with opened(path) as lines:
            header = next(lines, (1, ""))[1].split(";")
        if (
            header[0] != "Timestamp"
            or len(header) < 2
            or len(set(header)) != len(header)
            or not all(map(named, header))
        ):
            got = ";".join(header)[:60]
            raise ReplayError(
                f"{path}:1: expected the header `Timestamp;` and the name of each element once, got {got!r}",
                advice="see docs/replay.md",
            )
        return header[1:]


def _first(stamps: list[str], zone: tzinfo) -> datetime | None:
    for stamp in stamps:
        try:
            return instant(stamp, zone)
        except ValueError:
            continue
    return None
