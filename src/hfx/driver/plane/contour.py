"""Contours of a scan: the lines where the quantity of a question equals its level, in the plane of two axes.

The quantity is interpolated on the scale of `Surface.transform`. CLs, for example, falls by orders of magnitude between
neighbouring hypotheses and is interpolated as a significance, z = Phi^-1(1 - CLs); the line CLs = 0.05 lies at z = 1.645.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.axes import Axes
from hfx.driver.plane.forbidden import forbidden_margin, outside
from hfx.driver.plane.points import PlotData, Points, collect, transformed
from hfx.driver.plane.surface import interpolation as interpolations
from hfx.driver.plane.surface import level_sets, polygons, triangulation
from hfx.driver.plane.surface.coordinates import AXES
from hfx.driver.plane.surface.interpolation import InterpolatedSurface
from hfx.driver.plane.surface.kinematic_edge import rim_at_edge
from hfx.driver.questions.base import Surface
from hfx.driver.run.file_types import Contours, Curve, UncertaintyLines

__all__ = ["Plane", "collect", "drawn_curves", "forbidden_margin", "plane", "theory_curves"]

Array = NDArray[np.float64]
Edges = NDArray[np.intp]
_Lines = list[list[list[float]]]
Margin = Callable[[Array, Array], Array]


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
        return self.rings(self.band_polygons(number))

    def rings(self, areas: Sequence[Array]) -> list[Array]:
        """Rings, in the values of the axes, around polygons on their scales, as of `band_polygons`."""
        return [self.points.axes.unscaled(ring) for ring in polygons.outline(list(areas))]

    def band_polygons(self, number: int = 0) -> list[Array]:
        """Polygons side by side, on the scales of the axes, that cover a band: where its one curve excludes and the other does
        not."""
        surface = self.points.surface
        if self.interpolated is None or number >= len(surface.bands):
            return []
        upper, lower = ((surface.column(curve), 0.0) for curve in surface.bands[number])
        return level_sets.between(self.interpolated.pieces, upper, lower, _level(surface))

    def excluded(self, curve: str | None = None) -> list[Array]:
        """Rings around the area that a curve, by default the observed one, excludes; along the rim of the points at its end."""
        if self.interpolated is None:
            return []
        column = 0 if curve is None else self.points.surface.column(curve)
        return self.rings(level_sets.above(self.interpolated.pieces, column, _level(self.points.surface)))

    def spanned(self) -> list[Array]:
        """Rings around the area that the points span."""
        mesh = self.points.mesh if self.interpolated is None else self.interpolated.mesh
        return [] if mesh is None else self.rings([mesh.points[triangle] for triangle in mesh.triangles])

    def uncertain(self, curve: str | None = None) -> list[Array]:
        """Rings around where a line, by default the observed one, may lie within a standard deviation of the interpolation."""
        if self.interpolated is None or not self.interpolated.states_deviations:
            return []
        column = 0 if curve is None else self.points.surface.column(curve)
        level = _level(self.points.surface)
        return self.rings(level_sets.between(self.interpolated.pieces, (column, 1.0), (column, -1.0), level))


def plane(
    data: PlotData,
    *,
    x: str | None = None,
    y: str | None = None,
    logx: bool = False,
    logy: bool = False,
    forbidden: str | None = None,
    interpolation: str | None = None,
) -> Plane:
    """The scan in the plane of the axis expressions ``x`` and ``y``: its points, the surface between them, and its curves.

    ``contours`` of the answer is {"x", "y", "choice", "interpolation", "curves": [{"which", "level", "points": [[x, y], ...]}],
    "notes"}, with the interpolation's "coordinates"; with a Gaussian process also "uncertainty": {curve: {"low": [line, ...],
    "high": [line, ...]}}, the lines of the surface a standard deviation lower and higher. A closed curve repeats its first point.
    Where the points lie on one line, a curve is the one point of a crossing. Parts inside the region ``forbidden``, a comparison
    such as "y>x-125", are left out, and nothing is drawn where the points do not reach, where labels vary that the place does
    not determine, or where every point is forbidden. Hypotheses that did not converge are left out and named in the notes; of
    several at one place the one hardest to exclude (largest median) counts. Without a level there are no curves. With ``logx`` or
    ``logy`` the axis is logarithmic: the surface is made over its logarithm, and the entry of that name is true.
    Raises `OptionError` for an expression that cannot be read, and for an interpolation that is not known.
    """
    name = interpolations.check(interpolation)
    points = collect(data, x=x, y=y, logx=logx, logy=logy)
    surface, axes = data.surface, points.axes
    margin = forbidden_margin(forbidden, axes.x, axes.y) if forbidden and axes.y else None
    covered = margin is not None and _covers(margin, points)
    if covered:
        points = replace(points, notes=(*points.notes, _COVERED.format(forbidden)))
    # A line through several slices would have no meaning.
    has_lines = surface.level is None or not (covered or (points.hidden and axes.y is not None))
    interpolated = _interpolated(points, name) if has_lines else None
    content: Contours = {
        "x": axes.x,
        "y": axes.y or surface.name,
        "choice": axes.choice,
        "interpolation": "none" if not has_lines else "linear" if interpolated is None else interpolated.name,
        "curves": list(_curves(points, interpolated, margin)) if has_lines else [],
    }
    if axes.logx:
        content["logx"] = True
    if axes.logy:
        content["logy"] = True
    if interpolated is not None and axes.y is not None:
        content["coordinates"] = list(interpolated.coordinates.words(*axes.names))
    if interpolated is not None and interpolated.states_deviations:
        content["uncertainty"] = {curve: _uncertainty(points, interpolated, curve) for curve in _main_curves(surface)}
    content["notes"] = [*points.notes, *_interpolation_notes(points, interpolated)]
    return Plane(points, interpolated, content)


_COVERED = (
    "Every point is in the forbidden region: --forbidden '{}' describes what cannot be, and no line is drawn; perhaps the "
    "opposite comparison is meant."
)


def _covers(margin: Margin, points: Points) -> bool:
    """Whether the forbidden region contains every point."""
    return len(points.places) > 0 and bool((margin(*points.places.T) > 0).all())


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


def _interpolated(points: Points, name: str) -> InterpolatedSurface | None:
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
        level=_level(surface),
    )


def _interpolation_notes(points: Points, interpolated: InterpolatedSurface | None) -> Iterator[str]:
    """Sentences about how the surface was made, and how far it can be trusted."""
    if interpolated is None or points.axes.y is None:
        return
    yield from interpolated.notes
    surface, unit = points.surface, f" {points.surface.unit}" if points.surface.unit else ""
    if interpolated.coordinates != AXES:
        first, second = interpolated.coordinates.words(*points.axes.names)
        yield f"Coordinates: the surface is made over {first} and {second}, which predict points that are left out better."
    if interpolated.error is not None and np.isfinite(interpolated.error[0]):
        yield (
            f"Accuracy: the Gaussian process predicts the points beside the {surface.curves[0]} line, left out one at a time, "
            f"with an error of {interpolated.error[0]:.2g}{unit} (root mean square)."
        )
    if interpolated.scatter is not None:
        yield from _smoothing_notes(points, interpolated, f"{interpolated.scatter[0]:.2g}{unit}")


def _smoothing_notes(points: Points, interpolated: InterpolatedSurface, scatter: str) -> Iterator[str]:
    surface, level = points.surface, _level(points.surface)
    yield f"Smoothed: the {surface.scale.lower()} of the points lie about {scatter} (standard deviation) off the drawn surface."
    drawn = _at_points(points, interpolated)
    across = int(((drawn > level) != (transformed(surface, points.values[:, 0]) > level)).sum())
    if across:
        lie = "lies" if across == 1 else "lie"
        yield (
            f"{across} of {len(points.places)} points {lie} on the wrong side of the {surface.curves[0]} contour (inside but "
            f"not excluded, or the reverse)."
        )


def _at_points(points: Points, interpolated: InterpolatedSurface) -> Array:
    """The first column of the surface at the points."""
    found, at = transformed(points.surface, points.values[:, 0]).copy(), _ordered(points.axes.scaled(points.places))
    for piece in interpolated.pieces:
        _, vertices, order = np.intersect1d(_ordered(piece.mesh.points), at, return_indices=True)
        found[order] = piece.values[vertices, 0]
    return found


def _ordered(places: Array) -> NDArray[np.complex128]:
    """Places as numbers that are sorted as they are: by x, then by y."""
    return places[:, 0] + 1j * places[:, 1]


def _lines(points: Points, interpolated: InterpolatedSurface | None, curve: str, closed: Edges | None) -> list[Array]:
    """The lines [k, 2], on the scales of the axes, where one column of the points' values crosses the level; see `plane`."""
    surface, level = points.surface, _level(points.surface)
    column = surface.column(curve)
    if interpolated is not None:
        return level_sets.lines(interpolated.mesh, interpolated.pieces, column, level, closed)
    found = triangulation.crossings(points.axes.scaled(points.places), transformed(surface, points.values[:, column]), level)
    if points.axes.y is not None:
        return found
    return [np.array([[line[0, 0], surface.level]], dtype=np.float64) for line in found]


def _curves(points: Points, interpolated: InterpolatedSurface | None, margin: Margin | None) -> Iterator[Curve]:
    """The curves of contour.json, outside of where ``margin`` is positive, closed along the kinematic edge."""
    level, axes = points.surface.level, points.axes
    if level is None:
        return
    on_scale = None if margin is None else _on_scale(margin, axes)
    closed = None if interpolated is None else _rim(interpolated.mesh, on_scale, axes)
    for curve in drawn_curves(points.surface):
        for line in _lines(points, interpolated, curve, closed):
            for part in [line] if on_scale is None else outside(line, on_scale):
                yield {"which": curve, "level": level, "points": axes.unscaled(part).tolist()}


def _on_scale(margin: Margin, axes: Axes) -> Margin:
    """The margin of the forbidden region as a function of places on the scales of the axes."""

    def on_scale(at_x: Array, at_y: Array) -> Array:
        return margin(*axes.unscaled(np.column_stack([at_x, at_y])).T)

    return on_scale


def _rim(mesh: triangulation.Mesh, margin: Margin | None, axes: Axes) -> Edges:
    """The edges of the rim along which lines are closed. Of axes of which one is logarithmic the difference is no splitting."""
    return mesh.rim[:0] if margin is None and axes.logx != axes.logy else rim_at_edge(mesh, margin)


def _uncertainty(points: Points, interpolated: InterpolatedSurface, curve: str) -> UncertaintyLines:
    def lines(sign: float) -> _Lines:
        column, level = points.surface.column(curve), _level(points.surface)
        found = level_sets.lines(interpolated.mesh, interpolated.pieces, column, level, deviations=sign)
        return [points.axes.unscaled(line).tolist() for line in found]

    return {"low": lines(-1.0), "high": lines(1.0)}
