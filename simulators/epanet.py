"""EPANET 2.2, solved one instant at a time: demands, leaks and valves may change before each solution.

Runs on the engine that wntr ships. l/s and metres throughout, whatever the file's units are.
"""

import ctypes
import tempfile
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_double, c_int, c_long
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifeline.errors import SimulationError

FULL_SUPPLY_PRESSURE_M = 10.0
"""Below this pressure taps give less than is asked of them (Wagner's relation), so that a shut area runs dry."""
_LPS = 5
_PRESSURE_DRIVEN = 1
_NODE_COUNT, _PATTERN_COUNT = 0, 3
_JUNCTION = 0
_EMITTER, _PRESSURE = 3, 11
_INITIAL_SETTING, _FLOW, _STATUS, _SETTING = 5, 8, 11, 12
_CONTROL_VALVES = range(3, 8)
"""PRV, PSV, PBV, FCV, TCV."""
_DURATION, _HYDRAULIC_STEP, _PATTERN_STEP, _PATTERN_START, _REPORT_STEP = 0, 1, 3, 4, 5
_NEVER_S = 10**9
_FIRST_ERROR = 100
"""Codes below are warnings: unbalanced, negative pressure, valve cannot deliver. The results stand."""
_EXPLAINED = {200: "the file has faults", 203: "no such node", 204: "no such link", 302: "the file cannot be opened"}


class Demands:
    """Mean demands of the junctions and their patterns, as the file has them.

    `base_l_per_s` is (n_junctions, n_categories); `pattern` the index into `patterns` of each.
    """

    def __init__(self, base_l_per_s: NDArray[np.float64], pattern: NDArray[np.intp]) -> None:
        self.base_l_per_s, self.pattern = base_l_per_s, pattern


class Epanet:
    """One open model. Close it, or use it as a context."""

    def __init__(self, inp: str) -> None:
        """Raises SimulationError where EPANET refuses the text."""
        from wntr.epanet.toolkit import ENepanet

        engine = ENepanet()
        self._lib: Any = engine.ENlib
        self._project = ctypes.c_uint64()
        self._lib.EN_createproject(byref(self._project))
        try:
            # the engine has read the files once they are open: nothing is left behind even if the process is killed
            with tempfile.TemporaryDirectory(prefix="lifeline-epanet-") as folder:
                path = Path(folder) / "network.inp"
                path.write_text(inp, encoding="utf-8")
                files = (str(path.with_suffix(suffix)).encode() for suffix in (".inp", ".rpt", ".bin"))
                self._call("open", *map(c_char_p, files))
            self._call("setflowunits", c_int(_LPS))
            self._call("setstatusreport", c_int(0))
            pressures = (0.0, FULL_SUPPLY_PRESSURE_M, 0.5)
            self._call("setdemandmodel", c_int(_PRESSURE_DRIVEN), *map(c_double, pressures))
            self.junction_ids = self._junctions()
            self.patterns, self.pattern_step_s, self.pattern_start_s = self._patterns()
            self.demands = self._demands()
            for parameter in (_DURATION, _PATTERN_STEP, _REPORT_STEP):
                self._call("settimeparam", c_int(parameter), c_long(_NEVER_S))
            self._call("openH")
            self._call("initH", c_int(0))
        except SimulationError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model and its files; a second time does nothing."""
        if self._project:
            self._lib.EN_close(self._project)
            self._lib.EN_deleteproject(self._project)
            self._project = ctypes.c_uint64()

    def node(self, name: str) -> int | None:
        """Index of a node; None where there is none of that name."""
        return self._index("getnodeindex", name)

    def link(self, name: str) -> int | None:
        """Index of a link; None where there is none of that name."""
        return self._index("getlinkindex", name)

    def ends(self, link: int) -> tuple[int, int]:
        """Indices of the nodes at both ends of a link."""
        start, end = c_int(), c_int()
        self._call("getlinknodes", c_int(link), byref(start), byref(end))
        return start.value, end.value

    def is_junction(self, node: int) -> bool:
        """Whether a node is neither tank nor reservoir."""
        kind = c_int()
        self._call("getnodetype", c_int(node), byref(kind))
        return kind.value == _JUNCTION

    def set_demands(self, l_per_s: Sequence[float]) -> None:
        """Demands of all junctions from now on, in the order of `junction_ids`."""
        put, project = self._lib.EN_setbasedemand, self._project
        for node, demand in zip(self._junction_indices, l_per_s, strict=True):
            put(project, node, 1, c_double(demand))

    def set_emitter(self, node: int, coefficient: float) -> None:
        """Lets l/s = `coefficient` x sqrt(pressure in m) out of a junction; 0 stops it."""
        self._call("setnodevalue", c_int(node), c_int(_EMITTER), c_double(coefficient))

    def set_open(self, link: int, is_open: bool) -> None:
        """Opens or closes a pipe, pump or valve; a control valve that is opened regulates as the file says."""
        kind = c_int()
        self._call("getlinktype", c_int(link), byref(kind))
        if is_open and kind.value in _CONTROL_VALVES:
            setting = self._value("getlinkvalue", link, _INITIAL_SETTING)
            self._call("setlinkvalue", c_int(link), c_int(_SETTING), c_double(setting))
        else:
            self._call("setlinkvalue", c_int(link), c_int(_STATUS), c_double(float(is_open)))

    def solve(self) -> None:
        """Finds flows and pressures at the present instant."""
        self._call("runH", byref(c_long()))

    def move_on(self, limit_s: int) -> int:
        """Moves tanks on by up to `limit_s` with the present flows; the seconds that it really was.

        Shorter where a tank level switches a pump on the way.
        """
        self._call("settimeparam", c_int(_HYDRAULIC_STEP), c_long(limit_s))
        moved = c_long()
        self._call("nextH", byref(moved))
        return moved.value

    def pressure_m(self, node: int) -> float:
        """Pressure at a junction, level above the bottom in a tank, as metres of water."""
        return self._value("getnodevalue", node, _PRESSURE)

    def flow_l_per_s(self, link: int) -> float:
        """Flow in the direction of a link."""
        return self._value("getlinkvalue", link, _FLOW)

    def _value(self, name: str, index: int, code: int) -> float:
        value = c_double()
        self._call(name, c_int(index), c_int(code), byref(value))
        return value.value

    def _index(self, name: str, element: str) -> int | None:
        index = c_int()
        code = getattr(self._lib, f"EN_{name}")(self._project, c_char_p(element.encode()), byref(index))
        return index.value if code == 0 else None

    def _count(self, code: int) -> int:
        count = c_int()
        self._call("getcount", c_int(code), byref(count))
        return count.value

    def _junctions(self) -> tuple[str, ...]:
        names, indices = [], []
        for index in range(1, self._count(_NODE_COUNT) + 1):
            if self.is_junction(index):
                name = ctypes.create_string_buffer(64)
                self._call("getnodeid", c_int(index), name)
                names.append(name.value.decode())
                indices.append(index)
        self._junction_indices = indices
        return tuple(names)

    def _patterns(self) -> tuple[list[NDArray[np.float64]], int, int]:
        """Pattern 0 is constant; the engine's own patterns are set to 1, because demands are set outright."""
        patterns = [np.ones(1)]
        for index in range(1, self._count(_PATTERN_COUNT) + 1):
            length, factor, one = c_int(), c_double(), (c_double * 1)(1.0)
            self._call("getpatternlen", c_int(index), byref(length))
            factors = []
            for period in range(1, length.value + 1):
                self._call("getpatternvalue", c_int(index), c_int(period), byref(factor))
                factors.append(factor.value)
            patterns.append(np.array(factors))
            self._call("setpattern", c_int(index), one, c_int(1))
        return patterns, self._time(_PATTERN_STEP), self._time(_PATTERN_START)

    def _time(self, parameter: int) -> int:
        seconds = c_long()
        self._call("gettimeparam", c_int(parameter), byref(seconds))
        return seconds.value

    def _demands(self) -> Demands:
        """Reads all categories of demand, and leaves each junction one, of 0."""
        rows: list[list[tuple[float, int]]] = []
        for node in self._junction_indices:
            count, base, pattern = c_int(), c_double(), c_int()
            self._call("getnumdemands", c_int(node), byref(count))
            row = []
            for category in range(1, count.value + 1):
                self._call("getbasedemand", c_int(node), c_int(category), byref(base))
                self._call("getdemandpattern", c_int(node), c_int(category), byref(pattern))
                self._call("setbasedemand", c_int(node), c_int(category), c_double(0.0))
                row.append((base.value, pattern.value))
            rows.append(row)
        width = max((len(row) for row in rows), default=1)
        padded = [row + [(0.0, 0)] * (width - len(row)) for row in rows]
        table = np.array(padded, dtype=float).reshape(len(rows), width, 2)
        return Demands(table[:, :, 0], table[:, :, 1].astype(np.intp))

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._lib, f"EN_{name}")(self._project, *arguments)
        if code >= _FIRST_ERROR:
            said = _EXPLAINED.get(code, "")
            raise SimulationError(
                f"EPANET error {code} at {name} {said}".rstrip(),
                advice="check network.inp with `lifeline city check`; the code is explained in the EPANET 2.2 manual",
            )
