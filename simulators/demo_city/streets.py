"""A grid of crossings with the irregularity of a grown district: which crossings there are and which are joined."""

import math
from dataclasses import dataclass
from random import Random

Cell = tuple[int, int]

KEEP_CLOSING_EDGE = 0.38
"""Share of the streets beyond a spanning tree that carry a pipe."""
JITTER_M = 16.0


@dataclass(frozen=True, slots=True)
class Streets:
    """Crossings by (column, row), the stubs behind them, and the pairs that are joined; indices into `points`."""

    points: tuple[tuple[float, float], ...]
    index: dict[Cell, int]
    edges: tuple[tuple[int, int], ...]
    main: frozenset[tuple[int, int]]
    """edges along a main street"""


def lay_out(columns: int, rows: int, *, spacing_m: float, corner: tuple[float, float], rng: Random) -> Streets:
    """Crossings with jitter; a spanning tree, part of the remaining streets, and a few dead ends.

    Every third street is a main street: it is in the tree first, so that trunks follow it.
    """
    x0, y0 = corner
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    index = {cell: number for number, cell in enumerate(cells)}
    points = [
        (
            x0 + column * spacing_m + rng.uniform(-JITTER_M, JITTER_M),
            y0 + row * spacing_m + rng.uniform(-JITTER_M, JITTER_M),
        )
        for column, row in cells
    ]
    streets = [(cell, (cell[0] + 1, cell[1])) for cell in cells if cell[0] + 1 < columns]
    streets += [(cell, (cell[0], cell[1] + 1)) for cell in cells if cell[1] + 1 < rows]
    main = {(index[a], index[b]) for a, b in streets if _is_main(a, b)}
    order = sorted(
        ((0.4 if (index[a], index[b]) in main else 1.0) * rng.random(), index[a], index[b]) for a, b in streets
    )
    group = list(range(len(points)))

    def root(node: int) -> int:
        while group[node] != node:
            node = group[node]
        return node

    edges: list[tuple[int, int]] = []
    for _, a, b in order:
        if root(a) != root(b):
            group[root(a)] = root(b)
            edges.append((a, b))
        elif rng.random() < KEEP_CLOSING_EDGE or (a, b) in main:
            edges.append((a, b))
    for number in sorted(rng.sample(range(len(cells)), k=round(0.1 * len(cells)))):
        x, y = points[number]
        angle, length_m = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(32.0, 60.0)
        edges.append((number, len(points)))
        points.append((x + length_m * math.cos(angle), y + length_m * math.sin(angle)))
    return Streets(tuple(points), index, tuple(sorted(edges)), frozenset(main))


def _is_main(a: Cell, b: Cell) -> bool:
    return (a[1] == b[1] and a[1] % 3 == 1) or (a[0] == b[0] and a[0] % 3 == 1)
