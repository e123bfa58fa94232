"""Exclusion contours from a scan's results: which points, which lines.

CLs falls by orders of magnitude between neighbouring hypotheses, so it is interpolated as a significance,
z = Phi^-1(1 - CLs), by `hfx.driver.plane.interpolation`; the line CLs = 0.05 lies at z = 1.645.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import interpolation, rings, triangulation
from hfx.driver.plane.forbidden import forbidden_margin, outside
from hfx.driver.plane.points import LEVEL, WHICH, Field, collect, significance

__all__ = ["LEVEL", "WHICH", "Field", "Plane", "collect", "contours", "forbidden_margin", "plane", "significance"]

Array = NDArray[np.float64]

_DRAWN = ("observed", "expected", "expected-1", "expected+1", "expected-2", "expected+2")
_UNCERTAIN = ("observed", "expected")
_LEVEL = float(significance(LEVEL))


@dataclass(frozen=True)
class Plane:
    """A scan in the plane of its axes: `field`, the points; `surface`, between them (None where they span no area).

    `contours` is the content of contour.json, see `contours`.
    """

    field: Field
    surface: interpolation.Surface | None
    contours: Mapping[str, Any]

    def band(self) -> list[Array]:
        """Rings around where the -1 sigma expected surface is above the level and the +1 sigma one is not."""
        return rings.outline(self.band_tiles())

    def band_tiles(self) -> list[Array]:
        """Polygons that tile the same."""
        if self.surface is None:
            return []
        upper, lower = (self.surface.values[:, WHICH.index(which)] for which in ("expected-1", "expected+1"))
        return triangulation.between(self.surface.mesh, upper, lower, _LEVEL)

    def excluded(self, which: str = "observed") -> list[Array]:
        """Rings around what is excluded, along the rim of the points where it reaches it."""
        if self.surface is None:
            return []
        values = self.surface.values[:, WHICH.index(which)]
        nowhere = np.full(len(values), _LEVEL - 1.0)
        return rings.outline(triangulation.between(self.surface.mesh, values, nowhere, _LEVEL))

    def spanned(self) -> list[Array]:
        """Rings around the area that the points span."""
        mesh = self.field.mesh
        return [] if mesh is None else rings.outline([mesh.points[triangle] for triangle in mesh.triangles])

    def uncertain(self, which: str = "observed") -> list[Array]:
        """Rings around where the line may lie, by a standard deviation of the interpolation."""
        if self.surface is None or self.surface.deviation is None:
            return []
        upper, lower = (_shifted(self.surface, which, sign) for sign in (1.0, -1.0))
        return rings.outline(triangulation.between(self.surface.mesh, upper, lower, _LEVEL))


def contours(
    scan: Mapping[str, Any],
    *,
    x: str | None = None,
    y: str | None = None,
    forbidden: str | None = None,
    interpolation: str | None = None,
) -> dict[str, Any]:
    """Curves at CLs = 0.05 of `scan`, the content of scan.json, over the axis expressions `x` and `y`.

    Returns {"x", "y", "choice", "interpolation", "curves": [{"which", "level", "points": [[x, y], ...]}], "notes"};
    with a Gaussian process also "uncertainty": {"observed": {"low": [line, ...], "high": [line, ...]}, "expected": ...},
    the lines of the surface a standard deviation lower and higher. A closed curve repeats its first point. Where the
    points lie on one line, a curve is the one point of a crossing. Parts inside the region `forbidden`, a comparison
    such as "y>x-125", are left out, and nothing is drawn where the points do not reach. Hypotheses that did not
    converge are left out and named in the notes; of several at one place the one hardest to exclude (largest median
    expected CLs) counts. OptionError: an expression that cannot be read, an interpolation that is not known.
    """
    return dict(plane(scan, x=x, y=y, forbidden=forbidden, interpolation=interpolation).contours)


def plane(
    scan: Mapping[str, Any],
    *,
    x: str | None = None,
    y: str | None = None,
    forbidden: str | None = None,
    interpolation: str | None = None,
) -> Plane:
    """`scan` in the plane of its axes, its surface and its curves; the arguments are those of `contours`."""
    field = collect(scan, x=x, y=y)
    surface = _surface(field, interpolation)
    margin = forbidden_margin(forbidden, field.x, field.y) if forbidden and field.y else None
    curves = [
        {"which": which, "level": LEVEL, "points": part.tolist()}
        for which in _DRAWN
        for line in _lines(field, surface, which)
        for part in ([line] if margin is None else outside(line, margin))
    ]
    content: dict[str, Any] = {
        "x": field.x,
        "y": field.y or "CLs",
        "choice": field.choice,
        "interpolation": "linear" if surface is None else surface.name,
        "curves": curves,
    }
    if surface is not None and surface.deviation is not None:
        content["uncertainty"] = {which: dict(_uncertainty(surface, which)) for which in _UNCERTAIN}
    content["notes"] = [*field.notes, *_surface_notes(field, surface)]
    return Plane(field, surface, content)


def _surface(field: Field, name: str | None) -> interpolation.Surface | None:
    name = interpolation.check(name)
    if field.mesh is None:
        return None
    judged = tuple(WHICH.index(which) for which in _UNCERTAIN)
    regions = significance(field.regions)
    return interpolation.surface(field.mesh, significance(field.cls), name, judged, regions, WHICH.index("expected"))


def _surface_notes(field: Field, surface: interpolation.Surface | None) -> Iterator[str]:
    """How the surface was made, and where it does not pass through the points."""
    if surface is None:
        return
    yield from surface.notes
    if surface.scatter is None:
        return
    column = WHICH.index("observed")
    excluded = significance(field.cls[:, column]) > _LEVEL
    _, there, here = np.intersect1d(_ordered(surface.mesh.points), _ordered(field.points), return_indices=True)
    across = int(((surface.values[there, column] > _LEVEL) != excluded[here]).sum())
    yield (
        f"The line is drawn through a smooth surface, from which single points differ by {surface.scatter[column]:.2g} sigma; "
        f"{across} of {len(field.points)} points lie on the other side of the observed line than their own CLs says."
    )


def _ordered(points: Array) -> NDArray[np.complex128]:
    """Points as numbers that sort as they do: by x, then by y."""
    return points[:, 0] + 1j * points[:, 1]


def _lines(field: Field, surface: interpolation.Surface | None, which: str) -> list[Array]:
    """Where one column of the field crosses LEVEL, as [k, 2] lines; see contours."""
    column = WHICH.index(which)
    if surface is not None:
        return triangulation.level_lines(surface.mesh, surface.values[:, column], _LEVEL)
    found = triangulation.crossings(field.points, significance(field.cls[:, column]), _LEVEL)
    return found if field.y is not None else [np.array([[line[0, 0], LEVEL]]) for line in found]


def _uncertainty(surface: interpolation.Surface, which: str) -> Iterator[tuple[str, list[Any]]]:
    for name, sign in (("low", -1.0), ("high", 1.0)):
        lines = triangulation.level_lines(surface.mesh, _shifted(surface, which, sign), _LEVEL)
        yield name, [line.tolist() for line in lines]


def _shifted(surface: interpolation.Surface, which: str, sign: float) -> Array:
    """A column of the surface, moved by `sign` standard deviations."""
    assert surface.deviation is not None
    column = WHICH.index(which)
    return surface.values[:, column] + sign * surface.deviation[:, column]
