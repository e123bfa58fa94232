"""Contours of a scan: the lines where the quantity of a question equals its level, in the plane of two axes.

The quantity is interpolated on the scale of `Surface.transform`. CLs, for example, falls by orders of magnitude between
neighbouring hypotheses and is interpolated as a significance, z = Phi^-1(1 - CLs); the line CLs = 0.05 lies at z = 1.645.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import interpolation as interpolations
from hfx.driver.plane import polygons, triangulation
from hfx.driver.plane.forbidden import forbidden_margin, outside
from hfx.driver.plane.interpolation import InterpolatedSurface
from hfx.driver.plane.points import PlotData, Points, collect, transformed
from hfx.driver.questions.base import Surface
from hfx.driver.run.file_types import Contours, Curve, UncertaintyLines

__all__ = ["Plane", "collect", "drawn_curves", "forbidden_margin", "plane", "theory_curves"]

Array = NDArray[np.float64]
_Lines = list[list[list[float]]]


@dataclass(frozen=True)
class Plane:
    """A scan in the plane of two axes.

    ``interpolated``: the surface between the points, None where they span no area or where there is no level.
    ``contours``: the content of contour.json.
    """

    points: Points
    interpolated: InterpolatedSurface | None
    contours: Contours

    def band(self, number: int = 0) -> list[Array]:
        """Rings around a band of the question's surface, the innermost by default."""
        return polygons.outline(self.band_polygons(number))

    def band_polygons(self, number: int = 0) -> list[Array]:
        """Polygons side by side that cover a band: where its one curve excludes and its other one does not."""
        surface = self.points.surface
        if self.interpolated is None or number >= len(surface.bands):
            return []
        upper, lower = (self.interpolated.values[:, surface.column(curve)] for curve in surface.bands[number])
        return triangulation.between(self.interpolated.mesh, upper, lower, _level(surface))

    def excluded(self, curve: str | None = None) -> list[Array]:
        """Rings around the area that a curve, by default the observed one, excludes; along the rim of the points at its end."""
        if self.interpolated is None:
            return []
        level = _level(self.points.surface)
        values = self.interpolated.values[:, 0 if curve is None else self.points.surface.column(curve)]
        nowhere = np.full(len(values), level - 1.0)
        return polygons.outline(triangulation.between(self.interpolated.mesh, values, nowhere, level))

    def spanned(self) -> list[Array]:
        """Rings around the area that the points span."""
        mesh = self.points.mesh
        return [] if mesh is None else polygons.outline([mesh.points[triangle] for triangle in mesh.triangles])

    def uncertain(self, curve: str | None = None) -> list[Array]:
        """Rings around where a line, by default the observed one, may lie within a standard deviation of the interpolation."""
        if self.interpolated is None or self.interpolated.deviation is None:
            return []
        column = 0 if curve is None else self.points.surface.column(curve)
        upper, lower = (_shifted(self.interpolated, column, sign) for sign in (1.0, -1.0))
        return polygons.outline(triangulation.between(self.interpolated.mesh, upper, lower, _level(self.points.surface)))


def plane(
    data: PlotData,
    *,
    x: str | None = None,
    y: str | None = None,
    forbidden: str | None = None,
    interpolation: str | None = None,
) -> Plane:
    """The scan in the plane of the axis expressions ``x`` and ``y``: its points, the surface between them, and its curves.

    ``contours`` of the answer is {"x", "y", "choice", "interpolation", "curves": [{"which", "level", "points": [[x, y], ...]}],
    "notes"}; with a Gaussian process also "uncertainty": {curve: {"low": [line, ...], "high": [line, ...]}}, the lines of the
    surface a standard deviation lower and higher. A closed curve repeats its first point. Where the points lie on one line, a
    curve is the one point of a crossing. Parts inside the region ``forbidden``, a comparison such as "y>x-125", are left out, and
    nothing is drawn where the points do not reach. Hypotheses that did not converge are left out and named in the notes; of
    several at one place the one hardest to exclude (largest median) counts. Without a level there are no curves.
    Raises `OptionError` for an expression that cannot be read, and for an interpolation that is not known.
    """
    points = collect(data, x=x, y=y)
    surface, axes = data.surface, points.axes
    interpolated = _interpolated(points, interpolation)
    margin = forbidden_margin(forbidden, axes.x, axes.y) if forbidden and axes.y else None
    content: Contours = {
        "x": axes.x,
        "y": axes.y or surface.name,
        "choice": axes.choice,
        "interpolation": "linear" if interpolated is None else interpolated.name,
        "curves": list(_curves(points, interpolated, margin)),
    }
    if interpolated is not None and interpolated.deviation is not None:
        content["uncertainty"] = {curve: _uncertainty(interpolated, surface, curve) for curve in _main_curves(surface)}
    content["notes"] = [*points.notes, *_interpolation_notes(points, interpolated)]
    return Plane(points, interpolated, content)


def drawn_curves(surface: Surface) -> tuple[str, ...]:
    """The curves of a surface in the order in which they are drawn: observed, median, then the bands from the innermost."""
    bands = [curve for band in surface.bands for curve in band]
    return tuple(dict.fromkeys((*_main_curves(surface), *bands, *surface.curves)))


def theory_curves(contours: Contours, x: str | None = None, y: str | None = None) -> list[Curve]:
    """The curves that come from scans with the signal's cross section up and down.

    With axes given: no curves where they were made over other axes, for they belong to that plane alone.
    """
    if x not in (None, contours.get("x", x)) or y not in (None, contours.get("y", y)):
        return []
    return [curve for curve in contours.get("curves", ()) if curve["which"].startswith("theory")]


def _main_curves(surface: Surface) -> tuple[str, ...]:
    """The observed curve and the median; there may be no median."""
    return tuple(dict.fromkeys((surface.curves[0], surface.median or surface.curves[0])))


def _level(surface: Surface) -> float:
    """The level on the scale of the interpolation; infinite, so that nothing is excluded, where there is none."""
    return np.inf if surface.level is None else float(transformed(surface, np.array(surface.level)))


def _interpolated(points: Points, name: str | None) -> InterpolatedSurface | None:
    name = interpolations.check(name)
    surface = points.surface
    if points.mesh is None or surface.level is None:
        return None
    return interpolations.interpolate(
        points.mesh,
        transformed(surface, points.values),
        name,
        fitted=tuple(map(surface.column, _main_curves(surface))),
        regions=transformed(surface, points.regions),
        best=surface.column(surface.median or surface.curves[0]),
        quantity=surface.scale,
    )


def _interpolation_notes(points: Points, interpolated: InterpolatedSurface | None) -> Iterator[str]:
    """Sentences about how the surface was made, and how far it is from the points."""
    if interpolated is None:
        return
    yield from interpolated.notes
    if interpolated.scatter is None:
        return
    surface = points.surface
    level = _level(surface)
    excluded = transformed(surface, points.values[:, 0]) > level
    _, vertices, order = np.intersect1d(_ordered(interpolated.mesh.points), _ordered(points.places), return_indices=True)
    across = int(((interpolated.values[vertices, 0] > level) != excluded[order]).sum())
    unit = f" {surface.unit}" if surface.unit else ""
    scatter = f"{interpolated.scatter[0]:.2g}{unit}"
    yield f"Smoothing: the fitted {surface.scale.lower()} scatter about the surface with a standard deviation of {scatter}."
    if across:
        lie = "lies" if across == 1 else "lie"
        yield (
            f"{across} of {len(points.places)} points {lie} on the wrong side of the {surface.curves[0]} contour (inside but "
            f"not excluded, or the reverse)."
        )


def _ordered(places: Array) -> NDArray[np.complex128]:
    """Places as numbers that are sorted as they are: by x, then by y."""
    return places[:, 0] + 1j * places[:, 1]


def _lines(points: Points, interpolated: InterpolatedSurface | None, curve: str) -> list[Array]:
    """The lines [k, 2] where one column of the points' values crosses the level; see `plane`."""
    surface, level = points.surface, _level(points.surface)
    column = surface.column(curve)
    if interpolated is not None:
        return triangulation.level_lines(interpolated.mesh, interpolated.values[:, column], level)
    found = triangulation.crossings(points.places, transformed(surface, points.values[:, column]), level)
    if points.axes.y is not None:
        return found
    return [np.array([[line[0, 0], surface.level]], dtype=np.float64) for line in found]


def _curves(
    points: Points, interpolated: InterpolatedSurface | None, margin: Callable[[Array, Array], Array] | None
) -> Iterator[Curve]:
    """The curves of contour.json, outside of where ``margin`` is positive."""
    level = points.surface.level
    if level is None:
        return
    for curve in drawn_curves(points.surface):
        for line in _lines(points, interpolated, curve):
            for part in [line] if margin is None else outside(line, margin):
                yield {"which": curve, "level": level, "points": part.tolist()}


def _uncertainty(interpolated: InterpolatedSurface, surface: Surface, curve: str) -> UncertaintyLines:
    def lines(sign: float) -> _Lines:
        values = _shifted(interpolated, surface.column(curve), sign)
        return [line.tolist() for line in triangulation.level_lines(interpolated.mesh, values, _level(surface))]

    return {"low": lines(-1.0), "high": lines(1.0)}


def _shifted(interpolated: InterpolatedSurface, column: int, sign: float) -> Array:
    """A column of the surface, moved by ``sign`` standard deviations."""
    assert interpolated.deviation is not None
    return interpolated.values[:, column] + sign * interpolated.deviation[:, column]
