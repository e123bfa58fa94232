"""The points of a plane: the hypotheses that a picture shows, at their places on two axes, with their values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import axes as plane_axes
from hfx.driver.plane import logarithms
from hfx.driver.plane.axes import Axes
from hfx.driver.plane.surface import triangulation
from hfx.driver.questions.base import Brief, Surface, listed
from hfx.driver.run.file_types import Failure
from hfx.hf_core.reasons import no_signal
from hfx.json_types import LabelValue

__all__ = ["BETWEEN", "PlotData", "Points", "along_axis", "collect", "transformed"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

BETWEEN = 16
"""Steps from point to point along the one axis in which values are drawn."""

_NAMED = 5  # hypotheses that a note names before it counts the others


@dataclass(frozen=True)
class PlotData:
    """The data of a picture: the hypotheses' labels, results and failures, and the quantity that is drawn.

    ``failures`` are hypotheses without a result; a name is in one of the two sequences.
    """

    labels: tuple[str, ...]
    results: Sequence[Brief]
    failures: Sequence[Failure]
    surface: Surface

    def values(self) -> Array:
        """The values of the labels [n, labels], of the results and then of the failures; NaN where one is no number."""
        return plane_axes.label_values(self.labels, self.rows())

    def rows(self) -> list[Sequence[LabelValue]]:
        """The values of the labels as they are, texts too, in the same order."""
        return [*(result.values for result in self.results), *(failure["values"] for failure in self.failures)]


@dataclass(frozen=True)
class Points:
    """The hypotheses that count, in the plane of two axes.

    Where ``axes.y`` is None, the picture is that of the value against ``axes.x`` and the second column of ``places`` is zero.
    ``places`` [n, 2] are distinct and sorted; ``values`` [n, c] holds the curves of ``surface`` in their order. ``failed`` [m,
    2] are the places of hypotheses without a usable result. ``mesh``, on the scales of the axes, is None where the points span
    no area. ``hidden``: labels that vary but that the place in the plane does not determine. ``regions`` [r, n, c]: of a
    combination of regions the values of every region, NaN where it has none; else r is 0. ``indices`` [n] and
    ``failed_indices`` [m]: positions in the results of `PlotData`, followed by its failures. ``names`` [n]: of the hypotheses
    at ``places``. ``answers`` [n]: of a combination the regions that their values are taken from, else empty.
    """

    axes: Axes
    surface: Surface
    places: Array
    values: Array
    failed: Array
    mesh: triangulation.Mesh | None
    hidden: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    regions: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    indices: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    failed_indices: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    names: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def excluded(self, curve: str | None = None) -> NDArray[np.bool_]:
        """Whether each point [n] is excluded by a curve, by default the observed one; False without a level."""
        if self.surface.level is None:
            return np.zeros(len(self.values), dtype=bool)
        column = 0 if curve is None else self.surface.column(curve)
        return np.asarray(self.values[:, column] < self.surface.level)


def transformed(surface: Surface, values: Array) -> Array:
    """Values on the scale that they are interpolated on: excluded ones lie above the level's value on this scale."""
    if surface.transform is not None:
        return surface.transform(values)
    return values if surface.level is None else -values


def along_axis(points: Points) -> tuple[Array, Array]:
    """Places [k] along the one axis, and values [k, c] there: those of the points, every `BETWEEN`-th, and others between them.

    Between points the values are interpolated linearly on the scale of the surface, and of the axis, as for the crossings in
    contour.json.
    """
    along, values, back = points.places[:, 0], points.values, points.surface.inverse
    if back is None or len(along) < 2:
        return along, values
    on_scale = points.axes.scaled(points.places)
    steps = np.arange((len(along) - 1) * BETWEEN + 1) / BETWEEN
    known = np.arange(len(along))
    scaled = transformed(points.surface, values)
    between = back(np.column_stack([np.interp(steps, known, column) for column in scaled.T]))
    between[::BETWEEN] = values
    finer = np.column_stack([np.interp(steps, known, column) for column in on_scale.T])
    found = points.axes.unscaled(finer)[:, 0]
    found[::BETWEEN] = along
    return found, between


def collect(data: PlotData, *, x: str | None = None, y: str | None = None, logx: bool = False, logy: bool = False) -> Points:
    """The hypotheses of ``data`` that a picture shows, over the axis expressions ``x`` and ``y`` or axes that are chosen.

    Raises `OptionError` for an expression that cannot be read, and for a value without a place on a logarithmic axis.
    """
    surface = data.surface
    by_name = sorted(range(len(data.results)), key=lambda i: data.results[i].name)
    results = [data.results[i] for i in by_name]
    failures = sorted(range(len(data.failures)), key=lambda i: data.failures[i]["name"])
    positions = np.array([*by_name, *(len(results) + i for i in failures)], dtype=np.intp)
    labels, table, rows = data.labels, data.values()[positions], data.rows()
    axes = plane_axes.choose(labels, [rows[i] for i in positions], x, y, quantity=surface.name)
    axes = replace(axes, logx=logx, logy=logy and axes.y is not None)
    places = plane_axes.places(axes, labels, table)
    logarithms.check_positive(axes, [*(one.name for one in results), *(data.failures[i]["name"] for i in failures)], places)
    values = _rows([result.numbers for result in results], len(surface.curves))
    placed = np.asarray(np.isfinite(places).all(axis=1), dtype=bool)
    good = np.isfinite(values).all(axis=1) & np.array([result.converged for result in results], dtype=bool)
    usable = placed[: len(results)] & good
    order, repeated = _distinct(places[: len(results)][usable], values[usable], surface)
    counted = np.flatnonzero(usable)[order]
    points, values = places[counted], values[counted]
    failed = np.r_[np.flatnonzero(~usable), np.arange(len(results), len(places))]
    failed = failed[placed[failed]]
    mesh = triangulation.triangulate(axes.scaled(points)) if axes.y is not None else None
    notes = [
        *_left_out([result.name for result, counts in zip(results, good, strict=True) if not counts], data.failures),
        *_without_place([result.name for result, at in zip(results, placed, strict=False) if not at], axes),
        *_repeated(repeated, surface),
        *plane_axes.mixture(axes, labels, [rows[i] for i in positions]),
        *logarithms.advice(axes, points),
        *_shape_notes(points, mesh, axes, surface),
        *_exclusion_notes(values, surface),
    ]
    return Points(
        axes=axes,
        surface=surface,
        places=points,
        values=values,
        failed=places[failed],
        mesh=mesh,
        hidden=plane_axes.hidden(axes, labels, table),
        notes=tuple(notes),
        regions=_by_region([results[i] for i in counted], len(surface.curves)),
        indices=positions[counted],
        failed_indices=positions[failed],
        names=tuple(results[i].name for i in counted),
        answers=tuple(str(results[i].region) for i in counted if results[i].region is not None),
    )


def _rows(numbers: Sequence[Sequence[float | None]], width: int) -> Array:
    """Rows of numbers [n, width]; NaN where one is missing."""
    missing = (None,) * width
    return np.array([row if len(row) == width else missing for row in numbers], dtype=np.float64).reshape(-1, width)


def _deciding(surface: Surface) -> int:
    """The column that decides between hypotheses at one place, and between regions."""
    return 0 if surface.median is None else surface.column(surface.median)


def _distinct(places: Array, values: Array, surface: Surface) -> tuple[Indices, int]:
    """The order of the sorted distinct places, and how many hypotheses are left out.

    Of several hypotheses at one place the one that is hardest to exclude is kept.
    """
    order = np.lexsort((-values[:, _deciding(surface)], places[:, 1], places[:, 0]))
    first = np.r_[True, np.any(np.diff(places[order], axis=0) != 0, axis=1)][: len(places)]
    return order[first], int((~first).sum())


def _by_region(results: Sequence[Brief], width: int) -> Array:
    """The values [regions, results, width] of a combination of regions; no regions where any result lacks them."""
    if not all(result.by_region for result in results):
        return np.zeros((0, len(results), width))
    names = sorted({name for result in results for name in result.by_region})
    values = [_rows([result.by_region.get(name, ()) for result in results], width) for name in names]
    return np.array(values, dtype=np.float64).reshape(len(names), len(results), width)


def _left_out(names: Sequence[str], failures: Sequence[Failure]) -> Iterator[str]:
    if names:
        yield f"{_have(names)} no converged result, left out: {listed(names, _NAMED)}."
    bare = [failure["name"] for failure in failures if no_signal(failure["reason"]) is not None]
    if failed := len(failures) - len(bare):
        yield "1 hypothesis failed and is left out." if failed == 1 else f"{failed} hypotheses failed and are left out."
    if bare:
        yield f"{_have(bare)} no signal and {'is' if len(bare) == 1 else 'are'} left out."


def _without_place(names: Sequence[str], axes: Axes) -> Iterator[str]:
    if names:
        along = axes.x if axes.y is None else f"{axes.x} or {axes.y}"
        yield f"{_have(names)} no finite value of {along}, left out: {listed(names, _NAMED)}."


def _have(names: Sequence[str]) -> str:
    return "1 hypothesis has" if len(names) == 1 else f"{len(names)} hypotheses have"


def _repeated(count: int, surface: Surface) -> Iterator[str]:
    if count:
        median = f"median expected {surface.name}" if surface.median else surface.name
        which = f"hardest to exclude (largest {median})" if surface.level is not None else f"with the largest {median}"
        not_drawn = "1 is not" if count == 1 else f"{count} are not"
        yield f"Some hypotheses lie at the same place: of these, only the one {which} is drawn; {not_drawn}."


def _shape_notes(points: Array, mesh: triangulation.Mesh | None, axes: Axes, surface: Surface) -> Iterator[str]:
    """Sentences about contours through points that span no area, or that lie far apart."""
    if not len(points):
        yield "No hypothesis has a usable result: there is nothing to draw."
    elif surface.level is None:
        return
    elif len(points) == 1:
        yield "There is one point: no contour can be drawn."
    elif axes.y is None:
        return
    elif mesh is None:
        yield f"All points lie on one line: the crossings of {surface.name} = {surface.level:g} along it are given, no area."
    else:
        for axis, values in zip((axes.x, axes.y), points.T, strict=True):
            if len(found := np.unique(values)) == 2:
                between = f"{found[0]:g} and {found[1]:g}"
                yield f"{axis} has two values, {between}: between them the lines are interpolated, far from any point."


def _exclusion_notes(values: Array, surface: Surface) -> Iterator[str]:
    """Sentences about curves that have all points on one side of the level; for one point that goes without saying."""
    if surface.level is None or len(values) < 2:
        return
    for curve in dict.fromkeys((surface.curves[0], surface.median or surface.curves[0])):
        excluded = values[:, surface.column(curve)] < surface.level
        if excluded.all() or not excluded.any():
            yield f"{'All points are' if excluded.all() else 'No point is'} excluded ({curve})."
