"""Readings that come when they like, gathered into the even samples that the core is fed with."""

from collections.abc import Iterator

import numpy as np

from detect.port import Floats, Ints, Json


class Slots:
    """Means over slots of `slot_s`. A slot is complete when event time has passed its end."""

    def __init__(self, n_sensors: int, slot_s: float) -> None:
        self.slot_s = slot_s
        self._slot = -1
        self._total = np.zeros(n_sensors)
        self._count = np.zeros(n_sensors)

    def add(
        self, sensor: Ints, at_s: Floats, value: Floats, *, now_s: float, count: Floats | Ints | None = None
    ) -> Iterator[tuple[int, Floats]]:
        """Takes readings in order of time, all of them before `now_s`; gives begin and means of each slot that is over.

        Arrays (n,); `count` says how many readings each value is the mean of (one each where it is not given). Means
        are (n_sensors,), NaN where a sensor was not heard; slots in which nobody was heard are left out.
        """
        weight = np.ones(len(at_s)) if count is None else np.asarray(count, dtype=float)
        slot = np.floor_divide(at_s, self.slot_s).astype(np.int64)
        edges = np.flatnonzero(np.diff(slot)) + 1
        for start, stop in zip([0, *edges], [*edges, len(slot)], strict=True):
            if start == stop or slot[start] < self._slot:
                continue
            if slot[start] > self._slot:
                yield from self._close()
                self._slot = int(slot[start])
            part = slice(start, stop)
            np.add.at(self._total, sensor[part], value[part] * weight[part])
            np.add.at(self._count, sensor[part], weight[part])
        if (self._slot + 1) * self.slot_s <= now_s:
            yield from self._close()
            self._slot += 1  # what still comes for the slot that is over comes too late

    def _close(self) -> Iterator[tuple[int, Floats]]:
        if not self._count.any():
            return
        heard = self._count > 0
        mean = np.where(heard, self._total / np.maximum(self._count, 1e-9), np.nan)
        self._total[:] = 0.0
        self._count[:] = 0.0
        yield int(self._slot * self.slot_s), mean

    def to_json(self) -> Json:
        return {"slot": self._slot, "total": self._total.tolist(), "count": self._count.tolist()}

    def restore(self, saved: Json) -> None:
        """The inverse of `to_json`."""
        self._slot = int(saved["slot"])
        self._total, self._count = np.array(saved["total"]), np.array(saved["count"])
