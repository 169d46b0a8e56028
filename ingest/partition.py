"""Which devices belong to which partition, and which partitions a worker takes or gives. Pure."""

import math
import zlib
from collections.abc import Callable, Set
from typing import NamedTuple

_DEVICE_LEVEL = 3
"""lifeline/1/CITY/DEVICE/..."""


class Partition(NamedTuple):
    """Partition `number` (from 0) of `of`. All messages of a device belong to one partition."""

    number: int = 0
    of: int = 1

    def client_id(self, base: str) -> str:
        """Its session at the broker; a single partition has the session that it always had.

        >>> Partition(1, 4).client_id("lifeline-ingest"), Partition().client_id("lifeline-ingest")
        ('lifeline-ingest-2-of-4', 'lifeline-ingest')
        """
        return base if self.of == 1 else f"{base}-{self.number + 1}-of-{self.of}"

    @property
    def filter(self) -> Callable[[str], bool] | None:
        """Says of a topic of docs/wire.md whether its device belongs here; None: every one does."""
        number, of = self.number, self.of
        if of == 1:
            return None
        return lambda topic: zlib.crc32(topic.split("/", _DEVICE_LEVEL + 1)[_DEVICE_LEVEL].encode()) % of == number


WHOLE = Partition()


def moves(mine: Set[int], taken: Set[int], *, of: int, workers: int) -> tuple[list[int], list[int]]:
    """Partitions that a worker takes and those that it gives up, so that `workers` have about the same number.

    `mine` are held by it, `taken` by anybody. Nobody holds more than its share for long, nothing stays free.

    >>> moves(set(), set(), of=4, workers=2)  # the first of two to look
    ([0, 1], [])
    >>> moves({0, 1}, {0, 1}, of=2, workers=2)  # another one has come
    ([], [1])
    >>> moves({1}, {1}, of=2, workers=1)  # the other one has gone
    ([0], [])
    """
    share = math.ceil(of / max(workers, 1))
    free = [number for number in range(of) if number not in taken]
    return free[: max(0, share - len(mine))], sorted(mine)[share:]
