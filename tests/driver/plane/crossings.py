"""Distances between a drawn line and the places where the values of neighbouring points themselves cross the level."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from hfx.driver.plane.compare import covered
from hfx.driver.plane.contour import Plane
from hfx.driver.plane.points import Points, transformed

__all__ = ["Crossing", "crossings", "on_the_wrong_side"]

Array = NDArray[np.float64]

_CLEAR = 0.35  # of the step: nearer to the way between two neighbours lies no other point
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Crossing:
    """Two neighbours in a row or column, on different sides of the level.

    ``distance``: of the drawn line from where the straight line between their values crosses it, in units of the step between
    them; infinite where no line crosses the way. ``clear``: no third point is near the way, no other way of this kind
    crosses it, and both values come from one region: only then do the two values alone decide.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    distance: float
    clear: bool


def crossings(plane: Plane, curve: str = "observed") -> Iterator[Crossing]:
    """The crossings of a curve between neighbours in a row or a column."""
    points = plane.points
    level = float(transformed(points.surface, np.array(points.surface.level)))
    values = transformed(points.surface, points.values[:, points.surface.column(curve)])
    lines = shapely.MultiLineString([line["points"] for line in plane.contours["curves"] if line["which"] == curve])
    pairs = list(_neighbours(points.places))
    regions = _regions(points)
    for a, b in pairs:
        if (values[a] > level) != (values[b] > level):
            start, end = points.places[a], points.places[b]
            own = float((level - values[a]) / (values[b] - values[a]))
            way = shapely.LineString([start, end])
            near = shapely.buffer(way, _ROUNDING * way.length)  # a line may end on the way
            met = shapely.get_coordinates(shapely.intersection(near, lines))
            along = (met - start) @ (end - start) / way.length**2
            distance = float(np.abs(along - own).min(initial=np.inf))
            clear = _clear(points, a, b) and not _crossed(points, (a, b), pairs) and bool(regions[a] == regions[b])
            yield Crossing(tuple(start.tolist()), tuple(end.tolist()), distance, clear)


def _regions(points: Points) -> NDArray[np.intp]:
    """The region that each point's values are those of; 0 without regions."""
    same = (points.regions == points.values).all(axis=2)
    return np.asarray(same.argmax(axis=0) if len(same) else np.zeros(len(points.places), dtype=np.intp))


def _crossed(points: Points, pair: tuple[int, int], pairs: list[tuple[int, int]]) -> bool:
    """Whether the way between another pair crosses the one between this pair."""
    unit = points.places / np.ptp(points.places, axis=0)
    ways = shapely.linestrings(unit[np.array(pairs)])
    return bool(shapely.crosses(ways, shapely.LineString(unit[list(pair)])).any())


def _neighbours(places: Array) -> Iterator[tuple[int, int]]:
    for fixed in (0, 1):
        order = np.lexsort((places[:, 1 - fixed], places[:, fixed]))
        for a, b in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
            if places[a, fixed] == places[b, fixed]:
                yield a, b


def _clear(points: Points, a: int, b: int) -> bool:
    unit = points.places / np.ptp(points.places, axis=0)
    others = shapely.points(np.delete(unit, [a, b], axis=0))
    way = shapely.LineString(unit[[a, b]])
    near = shapely.distance(others, shapely.LineString([way.interpolate(at, normalized=True) for at in (0.1, 0.9)]))
    return bool(near.min(initial=np.inf) >= _CLEAR * way.length)


def on_the_wrong_side(plane: Plane, curve: str = "observed") -> list[tuple[float, float]]:
    """The excluded points outside of the area that a curve encloses with the rim of the points, and the others inside of it."""
    span = np.ptp(plane.points.places, axis=0)
    area = shapely.transform(covered(plane.excluded(curve)), lambda places: places / span)
    places = shapely.points(plane.points.places / span)
    excluded = plane.points.excluded(curve)
    # A point of the rim lies on the border of the area.
    outside = shapely.distance(places, area) > 1e-6
    inside = shapely.contains(shapely.buffer(area, -1e-6), places)
    wrong = np.where(excluded, outside, inside)
    return [(float(x), float(y)) for x, y in plane.points.places[wrong]]
