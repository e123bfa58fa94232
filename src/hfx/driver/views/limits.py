"""The limits of a scan in words: where its lines end the exclusion, in the labels' own units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from hfx.driver.plane import axes
from hfx.driver.plot.axis.labels import unit
from hfx.driver.questions.base import Brief, Surface
from hfx.driver.run.file_types import Contours, PanelContours
from hfx.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["sentences"]

_RIM = 1e-3  # of the points' range: a line that comes nearer to the last points may go on beyond them
_FAR = 0.07  # of the points' range: so far beyond the last excluded point an end of the line is the interpolation's
_NOTHING = 0.1  # of the smallest step between points: a smaller number is that of the interpolation, and zero
_WIDE = 30.0  # GeV: over a smaller range of masses, or mass splittings, fractions of a GeV count


@dataclass(frozen=True)
class _Plane:
    """The lines of one plane, and of the points in it their places [n, 2] and what they are excluded by."""

    contours: Contours
    surface: Surface
    places: Array
    results: Sequence[Brief]

    @property
    def axes(self) -> tuple[str, str]:
        """The expressions of the two axes."""
        return self.contours["x"], self.contours["y"]

    def line(self, curve: str) -> list[list[float]]:
        """The points [x, y] of all parts of a curve."""
        return [point for one in self.contours.get("curves", ()) if one["which"] == curve for point in one["points"]]

    def excluded(self, curve: str) -> list[bool]:
        """Whether each point is excluded by a curve."""
        column = self.surface.column(curve)
        return [self.surface.excludes(result.numbers[column]) for result in self.results]

    def on_scale(self, axis: int, value: float) -> float:
        """A value on the scale of an axis: its logarithm where that is logarithmic."""
        return math.log(value) if self.is_logarithmic(axis) and value > 0 else value

    def is_logarithmic(self, axis: int) -> bool:
        """Whether an axis is logarithmic."""
        return bool(self.contours.get("logy" if axis else "logx"))

    def scale_range(self, axis: int) -> tuple[float, float]:
        """The range of the points on an axis, on its scale."""
        low, high = self.range(axis)
        return self.on_scale(axis, low), self.on_scale(axis, high)

    def range(self, axis: int) -> tuple[float, float]:
        """The smallest and the largest value of the points on an axis."""
        values = self.places[:, axis]
        known = values[values == values]
        return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)

    def resolution(self, axis: int) -> float:
        """The size below which numbers on an axis are zero: below the points' steps, and below their smallest value."""
        values = sorted({value for value in self.places[:, axis].tolist() if value == value})
        steps = [_NOTHING * (b - a) for a, b in pairwise(values)]
        return min([*steps, *(0.5 * abs(value) for value in values if value)]) if steps else 0.0

    def is_last(self, axis: int, value: float) -> bool:
        """Whether a value is that of the last points on an axis."""
        low, high = self.scale_range(axis)
        return self.on_scale(axis, value) >= high - _RIM * (high - low)

    def beside(self, axis: int, other: float) -> list[float]:
        """The values on an axis of the points in the two rows on either side of a value of the other axis."""
        across = self.places[:, 1 - axis]
        below, above = across[across <= other], across[across >= other]
        rows = [*below[below == below.max(initial=-1e300)], *above[above == above.min(initial=1e300)]]
        return [value for value, row in self.places[:, [axis, 1 - axis]].tolist() if row in rows]

    def is_first(self, axis: int, value: float) -> bool:
        """Whether a value is that of the first points on an axis."""
        low, high = self.scale_range(axis)
        return self.on_scale(axis, value) <= low + _RIM * (high - low)

    def equation(self, axis: int, *values: float) -> str:
        """Values of an axis as "m1 = 736 GeV", with sensible digits: whole GeV over large ranges of a linear axis, else three
        figures."""
        low, high = self.range(axis)
        known, whole = unit(self.axes[axis]), high - low >= _WIDE and not self.is_logarithmic(axis)
        values = tuple(0.0 if abs(value) < self.resolution(axis) else value for value in values)
        numbers = [f"{value:.0f}" if whole and (known or abs(value) >= 100.0) else f"{value:.3g}" for value in values]
        return f"{self.axes[axis]} = {' and '.join(numbers)} {known}".rstrip()


def sentences(contours: Contours, labels: Sequence[str], results: Sequence[Brief], surface: Surface | None) -> Iterator[str]:
    """For each plane of a scan how far along its axes the observed and the median exclusion go; for one axis the values at which
    the lines cross the level. Nothing where there is no line, and for axes that these labels do not have."""
    if surface is None or surface.level is None:
        return
    panels = cast(Sequence[PanelContours], contours.get("panels") or [contours])
    for one in panels:
        plane = _plane(one, labels, results, surface)
        if plane is None:
            continue
        curves = dict.fromkeys((surface.curves[0], surface.median or surface.curves[0]))
        words = _crossings if plane.axes[1] == surface.name else _reach
        if any(map(plane.line, curves)):
            where = f"{one['where']}: " if one.get("where") else ""
            yield where + "; ".join(f"{curve} {words(plane, curve)}" for curve in curves)


def _plane(contours: PanelContours, labels: Sequence[str], results: Sequence[Brief], surface: Surface) -> _Plane | None:
    """One plane with its points; None without axes, and for axes that cannot be read."""
    if "x" not in contours or "y" not in contours:
        return None
    x, y = contours["x"], contours["y"]
    good = [result for result in results if result.converged]
    try:
        inside = axes.selected(labels, [one.values for one in good], contours.get("where"))
        chosen = [result for result, one in zip(good, inside, strict=True) if one]
        values = axes.label_values(labels, [one.values for one in chosen])
        places = axes.places(axes.Axes(x, None if y == surface.name else y, ""), labels, values)
    except (OptionError, StopIteration):
        return None
    return _Plane(contours, surface, places, chosen) if chosen else None


def _reach(plane: _Plane, curve: str) -> str:
    """How far along both axes the excluded area goes, and where it has its end: on the line, or where the points end."""
    line = plane.line(curve)
    if not line:
        return _nowhere(plane, curve)
    excluded = [place for place, inside in zip(plane.places.tolist(), plane.excluded(curve), strict=True) if inside]
    first, second = (_end(plane, [*line, *excluded], len(line), axis) for axis in (0, 1))
    return f"{first[0]} {first[1]} and {second[1] if first[0] == second[0] else ' '.join(second)}"


def _end(plane: _Plane, area: Sequence[Sequence[float]], on_line: int, axis: int) -> tuple[str, str]:
    """In words the upper end of an area along an axis, or its lower one where the area is open above and not below.

    ``area``: places, of which the first ``on_line`` are on the line, and the others excluded points.
    """

    def upper(index: int) -> float:
        return area[index][axis]

    top, bottom = max(range(len(area)), key=upper), min(range(len(area)), key=upper)
    down = plane.is_last(axis, upper(top)) and not plane.is_first(axis, upper(bottom))
    index = bottom if down else top
    value, remarks = upper(index), [f"at {plane.equation(1 - axis, area[index][1 - axis])}"]
    if index >= on_line or (not down and plane.is_last(axis, value)):
        remarks.append("where the points end")
    elif last := _last_point(plane, [place[axis] for place in area[on_line:]], axis, area[index], down):
        remarks.append(last)
    return "down to" if down else "up to", f"{plane.equation(axis, value)} ({', '.join(remarks)})"


def _last_point(plane: _Plane, excluded: Sequence[float], axis: int, place: Sequence[float], down: bool) -> str:
    """A remark that says how far excluded points reach, for an end of the line far beyond them; empty for an end near them."""
    low, high = plane.scale_range(axis)
    last, end = (min if down else max)(excluded, default=None), place[axis]
    if last is None or abs(plane.on_scale(axis, end) - plane.on_scale(axis, last)) <= _FAR * (high - low):
        return ""
    # Up to the next points the line may go: there it crosses.
    if not any(min(last, end) < value < max(last, end) for value in plane.beside(axis, place[1 - axis])):
        return ""
    farthest = "smallest" if down else "largest"
    return f"the {farthest} excluded point has {plane.equation(axis, last).partition(' = ')[2]}"


def _crossings(plane: _Plane, curve: str) -> str:
    """The values of the one axis at which a line crosses the level, and which side is excluded."""
    values = sorted(point[0] for point in plane.line(curve))
    if not values:
        return _nowhere(plane, curve)
    first = plane.excluded(curve)[int(plane.places[:, 0].argmin())]
    sides = {(1, True): " (excluded below)", (1, False): " (excluded above)", (2, False): " (excluded between)"}
    return f"{plane.equation(0, *values)}{sides.get((len(values), first), '')}"


def _nowhere(plane: _Plane, curve: str) -> str:
    excluded = plane.excluded(curve)
    if not any(excluded):
        return "nowhere: no point is excluded"
    return "beyond the points: all are excluded" if all(excluded) else "not drawn"
