"""The neighbours of each hypothesis in the exchange: the nearest ones in the space of the labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEIGHBOURS", "neighbours"]

# Nearest neighbours in the label plane: a regular grid's point has eight.
NEIGHBOURS = 8

# Rounded: on a grid, equal distances must tie whatever the last digit of their sums.
_DIGITS = 12
_ROUNDING = 1e-11

_CHUNK = 1024

Array = NDArray[np.float64]


def neighbours(points: Mapping[str, Sequence[float]], k: int = NEIGHBOURS) -> dict[str, tuple[str, ...]]:
    """Each hypothesis' neighbours: its `k` nearest in label space scaled to unit ranges; symmetric.

    Whoever is a neighbour has one. A pure function of the set: the order of the points does not matter.
    Labels that do not vary do not count; points at the same place are neighbours; ties go by name.
    """
    names = sorted(points)
    if len(names) < 2:
        return dict.fromkeys(names, ())
    near: dict[str, set[str]] = {name: set() for name in names}
    for i, others in enumerate(_nearest(_scaled([points[name] for name in names]), k)):
        for j in others:
            near[names[i]].add(names[j])
            near[names[j]].add(names[i])
    return {name: tuple(sorted(near[name])) for name in names}


def _scaled(values: Sequence[Sequence[float]]) -> Array:
    width = min(len(v) for v in values)
    table = np.array([list(v)[:width] for v in values], dtype=np.float64).reshape(len(values), width)
    table = table[:, np.isfinite(table).all(axis=0)]
    span = np.ptp(table, axis=0) if table.size else np.zeros(table.shape[1])
    varying = span > 0
    return np.asarray((table[:, varying] - table[:, varying].min(axis=0)) / span[varying])


def _nearest(table: Array, k: int) -> Iterator[list[int]]:
    """The `k` nearest rows of each row of `table` [n, labels], ties by index."""
    from scipy.spatial import KDTree

    count = min(k + 1, len(table))
    if not table.shape[1]:
        yield from ([j for j in range(count) if j != i][:k] for i in range(len(table)))
        return
    tree: Any = KDTree(table)
    for start in range(0, len(table), _CHUNK):
        some = table[start : start + _CHUNK]
        # All within the k-th distance: where several are equally far, it takes them all to choose by name.
        reach = np.asarray(tree.query(some, k=count)[0])[:, -1] + _ROUNDING
        for i, inside in enumerate(tree.query_ball_point(some, reach, return_sorted=True), start):
            others = np.array([j for j in inside if j != i], dtype=np.intp)
            squares = ((table[i] - table[others]) ** 2).sum(axis=1)
            order = np.argsort(np.round(np.sqrt(squares), _DIGITS), kind="stable")
            yield others[order[:k]].tolist()
