"""How a benchmark tells its result: one table, each figure beside its limit or peer, and the machine it ran on."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; `peer` is what it stands beside, measured in the same run or stated as a limit."""

    what: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None

    @property
    def share(self) -> str:
        """The figure as a share of its peer, empty without one."""
        return f"{self.value / self.peer_value:.2f}" if self.peer_value else ""


def machine() -> str:
    """The machine in a line: processor, cores, memory, system, Python."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{cpu}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {system}, Python {platform.python_version()}"


def show(title: str, figures: list[Figure]) -> None:
    """Prints one table."""
    table = Table("what", "figure", "unit", "beside", "its figure", "share", title=title, caption=machine())
    for figure in figures:
        peer_value = "" if figure.peer_value is None else f"{figure.peer_value:,.4g}"
        table.add_row(figure.what, f"{figure.value:,.4g}", figure.unit, figure.peer, peer_value, figure.share)
    Console(width=140).print(table)


def write_json(results: list[tuple[str, list[Figure]]], file: Path) -> None:
    """Writes all tables, as (title, figures), and the machine to `file`."""
    tables = [{"title": title, "figures": [asdict(figure) for figure in figures]} for title, figures in results]
    document = {"machine": machine(), "tables": tables}
    file.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
