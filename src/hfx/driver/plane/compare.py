"""How far two exclusion contours are apart: the area between them, and distances from line to line.

Areas are integrated row by row: along a row the crossings with every ring are exact, the rows are _ROWS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Apart", "apart", "area_where", "between", "closed", "resampled"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ROWS = 4000
_STEPS = 2000  # the range of the lines over the distance between neighbouring places on them
_RIM = 0.02  # of the range: nearer to the rim of the points than this, a published line may just follow it


@dataclass(frozen=True)
class Apart:
    """Two contours compared, in units of the axes.

    `area`: that which one excludes and the other does not, where the points reach; `published_area`: what the published
    one excludes there; `mean` and `largest`: of the distances of places along ours from the published line; `mean_back`
    and `largest_back`: along the published line, inside the area that the points span, from ours.
    """

    area: float
    published_area: float
    mean: float | None
    largest: float | None
    mean_back: float | None
    largest_back: float | None

    @property
    def relative(self) -> float | None:
        """The area between the curves relative to the published one."""
        return self.area / self.published_area if self.published_area > 0 else None

    def content(self) -> dict[str, Any]:
        """As contour.json holds it."""
        return {"relative_area": self.relative, **self.__dict__}

    def sentence(self) -> str:
        """The numbers in words."""
        relative = "no published area there" if self.relative is None else f"{100 * self.relative:.2f} % of the published area"
        if self.mean is None or self.mean_back is None:
            return f"area between the curves: {relative}; there are not two lines to measure between"
        return (
            f"area between the curves: {relative}; distance of our line from the published one: mean {self.mean:.4g}, "
            f"largest {self.largest:.4g}; of the published from ours: mean {self.mean_back:.4g}, largest {self.largest_back:.4g}"
        )


def apart(ours: Sequence[Array], published: Sequence[Array], excluded: Sequence[Array], spanned: Sequence[Array]) -> Apart:
    """The lines `ours` and `published` [k, 2] compared.

    `excluded`: rings around what ours exclude; `spanned`: rings around the area that the points span. What a closed
    published line excludes lies inside it. Where all are open, they exclude what ours do, but for the area between each
    and the nearest of ours, joined at their ends.
    """
    sets = [list(excluded), _excluded(published, ours, excluded), list(spanned)]
    area = area_where(sets, lambda a, b, here: (a != b) & here)
    published_area = area_where(sets, lambda a, b, here: b & here)
    there = _clear_of_rim(published, spanned)
    mean, largest = between(ours, published)
    mean_back, largest_back = between(there, ours)
    return Apart(area, published_area, mean, largest, mean_back, largest_back)


def _excluded(published: Sequence[Array], ours: Sequence[Array], excluded: Sequence[Array]) -> list[Array]:
    """Rings, even-odd, around what published lines exclude."""
    if not ours or any(np.array_equal(line[0], line[-1]) for line in published):
        return [closed(line) for line in published]
    # Even-odd: what lies in a ring of both lists changes sides.
    return [*excluded, *(_joined(line, ours) for line in published)]


def _joined(line: Array, ours: Sequence[Array]) -> Array:
    """The ring of a line and of the one of ours whose ends are nearest to its ends."""

    def ends(other: Array) -> float:
        return float(np.hypot(*(line[0] - other[0])) + np.hypot(*(line[-1] - other[-1])))

    nearest = min((one for mine in ours for one in (mine, mine[::-1])), key=ends)
    return np.concatenate([nearest, line[::-1]])


def area_where(sets: Sequence[Sequence[Array]], wanted: Callable[..., Flags]) -> float:
    """The area where `wanted`, given for every set of rings whether a place is inside it (even-odd), is true."""
    corners = [ring for rings in sets for ring in rings]
    if not corners:
        return 0.0
    low, high = (float(limit([limit(ring[:, 1]) for ring in corners])) for limit in (np.min, np.max))
    height = (high - low) / _ROWS
    rows = np.linspace(low + height / 2, high - height / 2, _ROWS)
    crossings = [_crossings(rings, rows) for rings in sets]
    row = np.concatenate([found[0] for found in crossings])
    at = np.concatenate([found[1] for found in crossings])
    which = np.repeat(np.arange(len(sets)), [len(found[0]) for found in crossings])
    order = np.lexsort((at, row))
    row, at, which = row[order], at[order], which[order]
    # A row crosses closed rings an even number of times: the count goes on from row to row.
    inside = [np.cumsum(which == k) % 2 == 1 for k in range(len(sets))]
    lengths = np.diff(at, append=at[-1:])
    return float(height * lengths[np.asarray(wanted(*inside)) & (np.diff(row, append=-1) == 0)].sum())


def _crossings(rings: Sequence[Array], rows: Array) -> tuple[NDArray[np.intp], Array]:
    """(row, place along it) of every crossing of `rows` with the sides of `rings`."""
    found_rows, found_places = [np.zeros(0, dtype=np.intp)], [np.zeros(0)]
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            first, last = np.searchsorted(rows, (min(y1, y2), max(y1, y2)))
            if last > first:
                some = rows[first:last]
                found_rows.append(np.arange(first, last))
                found_places.append(x1 + (some - y1) * (x2 - x1) / (y2 - y1))
    return np.concatenate(found_rows), np.concatenate(found_places)


def closed(line: Array) -> Array:
    """The line as a ring that does not repeat its first point."""
    return line[:-1] if len(line) > 1 and np.array_equal(line[0], line[-1]) else line


def resampled(line: Array, step: float) -> Array:
    """Places [m, 2] along a line, its own points and others between, nowhere more than `step` apart."""
    if len(line) < 2:
        return line
    parts = [np.linspace(a, b, max(2, int(np.ceil(np.hypot(*(b - a)) / step)) + 1))[:-1] for a, b in pairwise(line)]
    return np.concatenate([*parts, line[-1:]])


def between(lines: Sequence[Array], others: Sequence[Array]) -> tuple[float | None, float | None]:
    """Mean, along the lines, and largest distance of their places from the other lines; None without lines."""
    if not lines or not others:
        return None, None
    step = _step([*lines, *others])
    tree = cKDTree(np.concatenate([resampled(line, step) for line in others]))
    evenly = np.concatenate([_even(line, step) for line in lines])
    found = np.asarray(tree.query(evenly)[0])
    return float(found.mean()), float(found.max())


def _even(line: Array, step: float) -> Array:
    """Places along a line, `step` apart: each stands for as much of it."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / step)) + 1))
    return np.column_stack([np.interp(at, along, line[:, k]) for k in (0, 1)])


def _step(lines: Sequence[Array]) -> float:
    return float(np.ptp(np.concatenate(lines), axis=0).max()) / _STEPS or 1.0


def _clear_of_rim(lines: Sequence[Array], spanned: Sequence[Array]) -> list[Array]:
    """The parts of lines that lie inside the rings, and not along them."""
    if not spanned or not lines:
        return []
    corners = np.concatenate(list(spanned))
    step, rim = _step(list(lines)), _RIM * np.ptp(corners, axis=0)
    # Distances from the rim are in units of the range along each axis.
    tree = cKDTree(np.concatenate([resampled(np.r_[ring, ring[:1]], step) for ring in spanned]) / rim)
    parts = []
    for line in lines:
        places = resampled(line, step)
        good = _inside(places, spanned) & (np.asarray(tree.query(places / rim)[0]) > 1.0)
        edges = np.flatnonzero(np.diff(np.r_[False, good, False].astype(int)))
        parts += [places[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
    return parts


def _inside(places: Array, rings: Sequence[Array]) -> Flags:
    """Whether places [m, 2] are inside the rings, even-odd."""
    odd = np.zeros(len(places), dtype=bool)
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if y1 != y2:
                between = (y1 > places[:, 1]) != (y2 > places[:, 1])
                odd ^= between & (places[:, 0] < x1 + (places[:, 1] - y1) * (x2 - x1) / (y2 - y1))
    return odd
