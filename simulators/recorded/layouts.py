"""The layouts of recorded data that can be replayed, by name."""

import zoneinfo
from datetime import UTC, tzinfo
from enum import StrEnum
from pathlib import Path

from lifeline import city
from lifeline.errors import ReplayError
from simulators.recorded.battledim import BattLeDim
from simulators.recorded.floodnet import FloodNet
from simulators.recorded.long import Long
from simulators.recorded.pack import BATTLEDIM, FLOODNET, Origin
from simulators.recorded.record import Recording


class Layout(StrEnum):
    """How recorded data lies in its files; docs/replay.md describes each."""

    BATTLEDIM = "battledim"
    FLOODNET = "floodnet"
    LONG = "long"


ORIGINS: dict[Layout, Origin] = {Layout.BATTLEDIM: BATTLEDIM, Layout.FLOODNET: FLOODNET}
"""Layouts whose recordings bring their own city."""


def layout_named(name: str) -> Layout:
    """The layout of that name. Raises ReplayError where there is none."""
    try:
        return Layout(name)
    except ValueError:
        raise ReplayError(f"no layout {name!r}", advice=f"name one of {', '.join(Layout)}") from None


def open_recording(layout: Layout, source: Path, *, zone: tzinfo = UTC, pack: Path | None = None) -> Recording:
    """The recording at `source`. `zone`: of times without an offset; `pack`: names the sensors of a long table.

    Raises ReplayError where `source` is not of this layout, PackError where the pack has faults.
    """
    if layout is Layout.BATTLEDIM:
        return BattLeDim(source, zone=zone, prefix=BATTLEDIM.prefix)
    if layout is Layout.FLOODNET:
        return FloodNet(source, zone=zone, prefix=FLOODNET.prefix)
    if pack is None:
        raise ReplayError(
            "a long table names sensors only", advice="give the city pack that describes them: --pack DIR"
        )
    return Long(source, sensors=city.load(pack).sensors, zone=zone)


def time_zone(name: str) -> tzinfo:
    """The zone of the IANA database. Raises ReplayError where there is none of this name."""
    try:
        return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ReplayError(f"no time zone {name!r}", advice="name one such as Asia/Shanghai") from error
