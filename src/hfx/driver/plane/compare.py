"""Distances between two exclusion contours: the area between them, and distances from line to line."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hfx.json_types import JsonObject

__all__ = ["Difference", "between", "covered", "difference", "resampled"]

Array = NDArray[np.float64]

_STEPS = 2000  # the range of the lines over the distance between neighbouring places on them
_RIM = 0.02  # of the range: nearer to the rim of the points than this, a published line may just follow it


@dataclass(frozen=True)
class Difference:
    """Two contours compared, in the unit of the axes; ``unit``: its name, if both axes have it.

    ``area``: where one excludes and the other does not, within the area that the points span; ``published_area``: what the
    published one excludes there. ``mean`` and ``largest``: the distances of places along our line from the published one;
    ``mean_back`` and ``largest_back``: of places along the published line, inside the area that the points span, from ours.
    """

    area: float
    published_area: float
    mean: float | None
    largest: float | None
    mean_back: float | None
    largest_back: float | None
    unit: str | None = None

    @property
    def relative(self) -> float | None:
        """The area between the curves relative to the published one; None where there is no published area."""
        return self.area / self.published_area if self.published_area > 0 else None

    def content(self) -> JsonObject:
        """The numbers as contour.json holds them."""
        return {"relative_area": self.relative, **asdict(self)}

    def sentence(self) -> str:
        """The numbers in words."""
        area = "no published area there"
        if self.relative is not None:
            area = f"area between the curves {_rounded(100 * self.relative)} % of the published area"
        if self.mean is None or self.mean_back is None:
            return f"{area}; there are not two lines to measure between"
        unit, others = (f" {self.unit}", "") if self.unit else ("", ", in units of the axes")
        largest = max(self.largest or 0.0, self.largest_back or 0.0)
        return (
            f"{area}; mean distance {_rounded(self.mean)}{unit} ({_rounded(self.mean_back)}{unit} measured from the published "
            f"line), largest {_rounded(largest)}{unit}{others}"
        )


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 or value < 1e-9 else f"{value:.2g}"


def difference(
    ours: Sequence[Array],
    published: Sequence[Array],
    excluded: Sequence[Array],
    spanned: Sequence[Array],
    unit: str | None = None,
) -> Difference:
    """The lines ``ours`` and ``published`` [k, 2] compared.

    ``excluded``: rings around what ours exclude; ``spanned``: rings around the area that the points span. A closed published
    line excludes what lies inside it. Where all are open, they exclude what ours do, except for the area between each of them
    and the nearest of ours, joined at their ends. ``unit``: that of both axes.
    """
    inside = covered(spanned)
    theirs = shapely.intersection(covered(_published_rings(published, ours, excluded)), inside)
    different = shapely.symmetric_difference(shapely.intersection(covered(excluded), inside), theirs)
    mean, largest = between(ours, published)
    mean_back, largest_back = between(_clear_of_rim(published, inside), ours)
    return Difference(float(different.area), float(theirs.area), mean, largest, mean_back, largest_back, unit)


def covered(rings: Sequence[Array]) -> shapely.Geometry:
    """The area inside an odd number of rings."""
    return reduce(shapely.symmetric_difference, map(_area, rings), shapely.MultiPolygon())


def _area(ring: Array) -> shapely.Geometry:
    """The area inside a ring, by the even-odd rule where it crosses itself."""
    corners = ring[:-1] if np.array_equal(ring[0], ring[-1]) else ring
    return shapely.MultiPolygon(list(_polygons(shapely.make_valid(shapely.Polygon(corners)))) if len(corners) > 2 else [])


def _polygons(geometry: shapely.Geometry) -> Iterator[shapely.Polygon]:
    """The polygons among the parts of a geometry, without lines and points."""
    if geometry.geom_type == "Polygon":
        yield geometry
    elif hasattr(geometry, "geoms"):
        for part in geometry.geoms:
            yield from _polygons(part)


def _published_rings(published: Sequence[Array], ours: Sequence[Array], excluded: Sequence[Array]) -> list[Array]:
    """Rings, even-odd, around what published lines exclude."""
    if not ours or any(np.array_equal(line[0], line[-1]) for line in published):
        return list(published)
    # Even-odd: what lies inside a ring of both lists changes sides.
    return [*excluded, *(_joined(line, ours) for line in published)]


def _joined(line: Array, ours: Sequence[Array]) -> Array:
    """The ring of a line and of the one of ours whose ends are nearest to its ends."""

    def distance_of_ends(other: Array) -> float:
        return float(np.hypot(*(line[0] - other[0])) + np.hypot(*(line[-1] - other[-1])))

    nearest = min((one for mine in ours for one in (mine, mine[::-1])), key=distance_of_ends)
    return np.concatenate([nearest, line[::-1]])


def resampled(line: Array, step: float) -> Array:
    """Places [m, 2] along a line, its own points and others between, nowhere more than ``step`` apart."""
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
    places = np.concatenate([_even(line, step) for line in lines])
    distances = np.asarray(tree.query(places)[0])
    return float(distances.mean()), float(distances.max())


def _even(line: Array, step: float) -> Array:
    """Places along a line, ``step`` apart: each stands for an equal length of it."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / step)) + 1))
    return np.column_stack([np.interp(at, along, line[:, k]) for k in (0, 1)])


def _step(lines: Sequence[Array]) -> float:
    return float(np.ptp(np.concatenate(lines), axis=0).max()) / _STEPS or 1.0


def _clear_of_rim(lines: Sequence[Array], area: shapely.Geometry) -> list[Array]:
    """The parts of lines that lie inside an area, and not along its rim."""
    if area.is_empty or not lines:
        return []
    # Distances from the rim are in units of the range along each axis.
    step, unit = _step(list(lines)), _RIM * np.ptp(np.reshape(area.bounds, (2, 2)), axis=0)
    rim = shapely.transform(area.boundary, lambda places: places / unit)
    parts = []
    for line in lines:
        places = resampled(line, step)
        clear = shapely.contains_xy(area, places) & (shapely.distance(shapely.points(places / unit), rim) > 1.0)
        edges = np.flatnonzero(np.diff(np.r_[False, clear, False].astype(int)))
        parts += [places[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
    return parts
