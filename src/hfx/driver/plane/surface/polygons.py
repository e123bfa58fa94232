"""Rings around areas of the plane that are given as polygons side by side."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["outline"]

Array = NDArray[np.float64]

_DIGITS = 10  # of coordinates in units of their range: fewer than those in which one corner, computed from two sides, differs


def outline(polygons: Sequence[Array]) -> list[Array]:
    """The closed rings [k, 2] around the area that ``polygons`` [m, 2] cover; polygons side by side share whole sides.

    A ring repeats its first point. Outer rings run counter-clockwise, holes clockwise.
    """
    if not polygons:
        return []
    counts = [len(polygon) for polygon in polygons]
    corners = np.concatenate(list(polygons))
    low, span = corners.min(axis=0), np.ptp(corners, axis=0)
    span = np.where(span > 0, span, 1.0)
    # Corners that two polygons share differ in their last digits: rounded, they are equal.
    corners = ((corners - low) / span).round(_DIGITS)
    parts = shapely.polygons(shapely.linearrings(corners, indices=np.repeat(np.arange(len(counts)), counts)))
    covered = shapely.coverage_union_all(parts[shapely.area(parts) > 0])
    return [
        low + span * shapely.get_coordinates(ring)[::-1]
        for connected in shapely.get_parts(shapely.normalize(covered))
        for ring in shapely.get_rings(connected)
    ]
