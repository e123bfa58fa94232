"""The plane that the page draws: where each hypothesis lies in it, and the contour of the results so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from hfx.driver.plane import contour, rings, triangulation
from hfx.driver.plane.expressions import parse
from hfx.driver.plane.points import PlotData
from hfx.driver.plot import scan_picture
from hfx.driver.plot.axis_labels import axis_label
from hfx.driver.questions.cls import SURFACE
from hfx.driver.run.contents import Failure
from hfx.driver.views.page import rows
from hfx.driver.views.page.request import Asked
from hfx.driver.views.page.rows import Row
from hfx.driver.views.page.unicode_labels import plain

__all__ = ["Plane", "drawn", "laid_out"]

Array = NDArray[np.float64]
Table = Mapping[str, Array]

# Significant digits that go to the browser: more than a screen shows.
_DIGITS = 7
_SLICES = 24
_STEPS = 41  # of the grid on which a forbidden region's border is found


@dataclass(frozen=True)
class Plane:
    """Axes, and the rows' places: `places` [n, 2], the second column CLs' where `y` is None; `chosen` [n] is the selection."""

    x: str
    y: str | None
    where: str | None
    places: Array
    chosen: NDArray[np.bool_]
    said: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        """As it goes to the browser."""
        at = [[_short(a), _short(b)] if inside else None for (a, b), inside in zip(self.places, self.chosen, strict=True)]
        return {"x": self.x, "y": self.y, "where": self.where, "at": at, **self.said}


def laid_out(table_rows: Sequence[Row], labels: Sequence[str], options: Mapping[str, Any], asked: Asked) -> Plane:
    """The plane of these rows. Raises `OptionError` for an expression that cannot be read."""
    x, y = asked.x or options.get("x"), asked.y or options.get("y")
    points = [{"name": row.name, "values": list(row.values)} for row in table_rows]
    table = _table(points, labels)
    chosen = _selected(table, asked.where, len(points))
    kept: list[Failure] = [
        {"name": row.name, "values": list(row.values), "reason": ""}
        for row, inside in zip(table_rows, chosen, strict=True)
        if inside
    ]
    field = contour.collect(PlotData(tuple(labels), (), kept, SURFACE), x=x, y=y)
    places = (
        np.column_stack([_along(field.axes.x, table, "--x"), _along(field.axes.y, table, "--y")]) if points else np.zeros((0, 2))
    )
    chosen &= np.isfinite(places).all(axis=1)
    own = (field.axes.x, field.axes.y) == tuple(options.get(axis) or getattr(field.axes, axis) for axis in ("x", "y"))
    said: dict[str, Any] = {
        "choice": field.axes.choice,
        "hidden": list(field.hidden),
        "axes": _axes(table),
        "slices": _slices(table),
        "xlabel": plain((options.get("xlabel") if own else None) or axis_label(field.axes.x)),
        "ylabel": plain((options.get("ylabel") if own else None) or axis_label(field.axes.y or "CLs")),
        "forbidden": None,
        "forbidden_area": [],
    }
    if own and field.axes.y and (forbidden := options.get("forbidden")):
        said |= {"forbidden": forbidden, "forbidden_area": _forbidden(forbidden, field.axes.x, field.axes.y, places[chosen])}
    return Plane(field.axes.x, field.axes.y, asked.where, places, chosen, said)


def _table(points: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Array]:
    """Values by label, as `contour` names them; NaN where there is none."""
    width = max((len(point["values"]) for point in points), default=0)
    names = list(labels) or [f"x{i + 1}" for i in range(width)]
    if not names:
        return {"hypothesis": np.arange(1.0, len(points) + 1.0)}
    table = np.full((len(points), len(names)), np.nan)
    for i, point in enumerate(points):
        values = point["values"][: len(names)]
        table[i, : len(values)] = values
    return {name: table[:, j] for j, name in enumerate(names)}


def _selected(table: Table, where: str | None, length: int) -> NDArray[np.bool_]:
    if not where:
        return np.ones(length, dtype=bool)
    condition = parse(where, table, option="--where", condition=True).evaluate(table)
    return np.array(np.broadcast_to(np.asarray(condition, dtype=bool), (length,)))


def _along(axis: str | None, table: Table, option: str) -> Array:
    length = len(next(iter(table.values())))
    if axis is None:
        return np.zeros(length)
    if axis in table:
        return table[axis]
    values = parse(axis, table, option=option, condition=False).evaluate(table)
    return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), (length,)))


def _axes(table: Table) -> list[str]:
    """Axes to offer: the labels that vary, and the differences of two of them."""
    varying = [label for label, values in table.items() if len(np.unique(values[np.isfinite(values)])) > 1]
    differences = [f"{a}-{b}" for a in varying for b in varying if a != b and a.isidentifier() and b.isidentifier()]
    return varying + (differences if len(varying) > 2 else [])


def _slices(table: Table) -> list[dict[str, Any]]:
    """Selections to offer where more than two labels vary: a value of one, or of a difference, that many points share."""
    names = _axes(table)
    if len(names) < 3:
        return []
    found: Counter[str] = Counter()
    for name in names:
        values = table[name] if name in table else _along(name, table, "--where")
        numbers, counts = np.unique(values[np.isfinite(values)].round(6), return_counts=True)
        text = name if name.replace("-", "").isidentifier() else f"`{name}`"
        found |= Counter({f"{text}=={number:g}": int(n) for number, n in zip(numbers, counts, strict=True) if n > 3})
    # A difference and its opposite are one slice.
    said: dict[str, int] = {}
    for text, n in found.most_common():
        first, _, second = text.partition("==")[0].partition("-")
        if not second or not any(other.startswith(f"{second}-{first}==") and m == n for other, m in said.items()):
            said[text] = n
    return [{"where": text, "points": n} for text, n in list(said.items())[:_SLICES]]


def drawn(plane: Plane, table_rows: Sequence[Row], labels: Sequence[str], interpolation: str | None = "linear") -> dict[str, Any]:
    """The contour of the rows so far; what is "open" lies in triangles with a hypothesis that has no result yet.

    While results come the quickest `interpolation` will do: the others take up to seconds a picture.

    {"curves": [{"which", "points", "open": positions of segments, ...}], "band", "open_band": [ring, ...], filled by
    the even-odd rule; "notes", "made_of", "of", "awaited"}.
    """
    kept = [row for row, inside in zip(table_rows, plane.chosen, strict=True) if inside]
    briefs = [row.brief() for row in kept]
    results = [scan_picture.brief(b) for b in briefs if "status" in b]
    failures: list[Failure] = [
        {"name": row.name, "values": list(row.values), "reason": ""} for row in kept if row.state == rows.FAILED
    ]
    found = contour.plane(
        PlotData(tuple(labels), results, failures, SURFACE),
        x=plane.x,
        y=plane.y,
        forbidden=plane.said.get("forbidden"),
        interpolation=interpolation,
    )
    awaited = np.array([not row.done for row in table_rows], dtype=bool) & plane.chosen
    near = _Awaited(found.points.mesh, plane.places[awaited])
    band = found.band_polygons()
    open_tiles = near.hold([tile.mean(axis=0) for tile in band])
    return {
        "curves": [{**c, "points": _rounded(c["points"]), "open": near.segments(c["points"])} for c in found.contours["curves"]],
        "band": _rings([tile for tile, waits in zip(band, open_tiles, strict=True) if not waits]),
        "open_band": _rings([tile for tile, waits in zip(band, open_tiles, strict=True) if waits]),
        "notes": found.contours["notes"],
        "made_of": int(sum(row.cls is not None and row.converged for row in kept)),
        "of": len(kept),
        "awaited": int(awaited.sum()),
    }


def _rings(polygons: Sequence[Array]) -> list[list[list[float]]]:
    return [_rounded(ring) for ring in rings.outline(polygons)]


def _forbidden(expression: str, x: str, y: str, places: Array) -> list[list[list[float]]]:
    """Rings around the part of a forbidden region that a picture of these places can show, wider than their range."""
    if not len(places):
        return []
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.where(high > low, 0.2 * (high - low), np.maximum(np.abs(low), 1.0))
    steps = [np.linspace(a, b, _STEPS) for a, b in zip(low - room, high + room, strict=True)]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    at = np.arange(len(points)).reshape(_STEPS, _STEPS)
    a, b, c, d = (corner.ravel() for corner in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    mesh = triangulation.Mesh(points, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]))
    margin = contour.forbidden_margin(expression, x, y)(points[:, 0], points[:, 1])
    return _rings(triangulation.between(mesh, margin, np.full(len(points), -1.0), 0.0))


class _Awaited:
    """Which triangles hold a hypothesis that has no result yet: a line through them is a guess that will be tested."""

    def __init__(self, mesh: triangulation.Mesh | None, places: Array) -> None:
        self._held: set[int] = set()
        if mesh is None or not len(places):
            return
        # The triangles that `surfaces` interpolates on, found again for their way of locating a point.
        self._low, self._span = mesh.points.min(axis=0), np.ptp(mesh.points, axis=0)
        self._triangles = Delaunay(self._unit(mesh.points))
        self._held = set(self._find(places)) - {-1}

    def segments(self, points: Sequence[Sequence[float]]) -> list[int]:
        """The positions of the segments of a line that cross such triangles."""
        line = np.array(points)
        return [i for i, waits in enumerate(self.hold((line[1:] + line[:-1]) / 2)) if waits]

    def hold(self, places: Sequence[Array] | Array) -> list[bool]:
        """Whether each of these places is in such a triangle."""
        if not self._held or not len(places):
            return [False] * len(places)
        return [triangle in self._held for triangle in self._find(np.array(places))]

    def _find(self, places: Array) -> list[int]:
        found: list[int] = self._triangles.find_simplex(self._unit(places), tol=1e-9).tolist()
        return found

    def _unit(self, places: Array) -> Array:
        return np.asarray((places - self._low) / self._span, dtype=np.float64)


def _rounded(points: Any) -> list[list[float]]:
    return [[_short(a), _short(b)] for a, b in (points.tolist() if isinstance(points, np.ndarray) else points)]


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
