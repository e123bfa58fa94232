"""Coordinates in which the values of a plane vary most evenly, chosen by leaving points out.

A yield falls with a mass and, near a kinematic edge, with the mass splitting; grids are often laid out evenly in the logarithm
of one of them. In such coordinates a surface of one scale fits everywhere, in the axes themselves it may not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["AXES", "Coordinates", "Natural", "candidates", "leave_one_out", "left_out", "ranked", "scaled"]

Array = NDArray[np.float64]

# The covariance by which coordinates are compared: a Matérn-5/2 function of this scale, in units of the range of the points,
# and of this nugget. On published and on generated planes the order that it gives is that of a process fitted in each of them.
_SCALE, _NUGGET = 0.5, 1e-3
# Values may vary fast with the mass splitting, as across a narrow dip beside a kinematic edge: shorter scales along it are taken
# where the error of left-out points is smaller by this factor than with equal ones.
_SHORTER = ((1.0, 0.2), (1.0, 0.06))
_GAIN_OF_SCALES = 0.6
# Another pair of coordinates is taken where the error of left-out points is smaller than with the axes by this factor.
_GAIN = 0.95
_DEPENDENT = 1e-6  # of the range: less than this is left of one coordinate beside the other
_MOST = 300  # points that are compared: the time grows with the cube of their number

_SQRT5 = float(np.sqrt(5.0))


@dataclass(frozen=True)
class Coordinates:
    """Two functions of a place (x, y), named by expressions: x, y, x-y or y-x, or the logarithm of one of them."""

    first: str
    second: str

    def of(self, places: Array) -> Array:
        """The coordinates [n, 2] of ``places`` [n, 2]; NaN or infinite where a logarithm has no value."""
        x, y = places.T
        return np.column_stack([_evaluated(expression, x, y) for expression in (self.first, self.second)])

    def words(self, x: str, y: str) -> tuple[str, str]:
        """The expressions in terms of the axes ``x`` and ``y``."""
        return _words(self.first, x, y), _words(self.second, x, y)


AXES = Coordinates("x", "y")


def candidates(places: Array) -> list[Coordinates]:
    """The coordinates that have finite values at, and between, all ``places`` [n, 2]; the axes themselves first."""
    x, y = places.T
    gap = "x-y" if (x > y).all() else "y-x" if (y > x).all() else None
    pairs = [AXES, *(Coordinates(*pair) for pair in (("x", "log(y)"), ("log(x)", "y"), ("log(x)", "log(y)")))]
    if gap is not None:
        far, near = ("x", "y") if gap == "x-y" else ("y", "x")
        pairs.append(Coordinates(far, gap))
        pairs += [Coordinates(first, f"log({gap})") for first in (far, f"log({far})", f"log({near})")]
    with np.errstate(all="ignore"):
        return [pair for pair in pairs if np.isfinite(pair.of(places)).all()]


@dataclass(frozen=True)
class Natural:
    """Coordinates, and the scales of both in which values vary evenly, relative to each other and to the points' range."""

    pair: Coordinates
    scales: tuple[float, float] = (1.0, 1.0)

    def measure(self, places: Array) -> Callable[[Array], Array]:
        """The function of places [m, 2] to their coordinates in units of the range of ``places``, and of the scales."""
        own = self.pair.of(places)
        low, span = own.min(axis=0), np.ptp(own, axis=0)
        unit = np.where(span > 0, span, 1.0) * np.array(self.scales)
        return lambda some: np.asarray((self.pair.of(some) - low) / unit, dtype=np.float64)


def ranked(places: Array, sets: Sequence[tuple[NDArray[np.bool_], Array]]) -> list[Natural]:
    """The candidates from the best on, by the error with which each point's value is predicted from the other points.

    ``sets``: [(which of the places have values, the values [k, c])], several where several surfaces share the plane. The axes
    stand first unless another pair is clearly better; scales differ where that is much better.
    """

    def error(one: Natural) -> float:
        return sum(_error(one.pair.of(places[known]), values, one.scales) for known, values in sets)

    equal = {one: error(one) for one in map(Natural, candidates(places))}
    gaps = [one.pair for one in equal if "-" in one.pair.second]
    unequal = {one: error(one) for one in (Natural(pair, scales) for pair in gaps for scales in _SHORTER)}
    if min(unequal.values(), default=np.inf) < _GAIN_OF_SCALES * min(equal.values()):
        every = {**unequal, **equal}
        best = {one.pair: one for one in sorted(every, key=lambda one: -every[one])}
        return sorted(best.values(), key=lambda one: every[one])
    order = sorted(equal, key=lambda one: equal[one])
    axes = Natural(AXES)
    if not equal[order[0]] <= _GAIN * equal[axes]:
        order.remove(axes)
        order.insert(0, axes)
    return order


def leave_one_out(covariance: Array, basis: Array, values: Array) -> tuple[Array, Array]:
    """The errors [n, c] of values predicted at each point from the other points, and the variances [n] of the predictions.

    ``covariance`` [n, n], nugget included, in units of the process' variance; ``basis`` [n, b]: the trend's functions.
    Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press, 2006), eqs. 5.12, and 2.42 for the trend.
    """
    inverse = np.linalg.inv(covariance)
    solved = inverse @ basis
    projected = inverse - solved @ np.linalg.solve(basis.T @ solved, solved.T)
    precision = np.diag(projected)
    return (projected @ values) / precision[:, None], 1.0 / precision


def scaled(coordinates: Array) -> Array:
    """Coordinates [n, 2] in units of their range, from 0 to 1."""
    low, span = coordinates.min(axis=0), np.ptp(coordinates, axis=0)
    return np.asarray((coordinates - low) / np.where(span > 0, span, 1.0), dtype=np.float64)


def left_out(unit: Array, values: Array) -> Array:
    """The errors with which values [n] at places [n, 2], in units of their range, are predicted from the other ones; those of
    some of the places where there are many. Infinite where the places lie on a line."""
    some = _some(len(unit))
    return _errors(unit[some], values[some, None])[:, 0] if _span_an_area(unit[some]) else np.full(len(some), np.inf)


def _error(coordinates: Array, values: Array, scales: tuple[float, float]) -> float:
    """The sum of the squared errors at left-out points, as a root; infinite where the coordinates depend on each other."""
    unit = scaled(coordinates) / np.array(scales)
    some = _some(len(unit))
    if not _span_an_area(unit[some]):
        return np.inf
    return float(np.sqrt((_errors(unit[some], values[some]) ** 2).sum()))


def _some(count: int) -> NDArray[np.intp]:
    return np.random.default_rng(count).permutation(count)[:_MOST]


def _span_an_area(unit: Array) -> bool:
    basis = _trend(unit)
    return bool(np.linalg.matrix_rank(basis, tol=_DEPENDENT * np.sqrt(len(basis))) == basis.shape[1])


def _errors(unit: Array, values: Array) -> Array:
    distance = _SQRT5 * cdist(unit, unit) / _SCALE
    covariance = (1.0 + distance + distance**2 / 3.0) * np.exp(-distance) + _NUGGET * np.eye(len(unit))
    return leave_one_out(covariance, _trend(unit), values)[0]


def _trend(unit: Array) -> Array:
    return np.column_stack([np.ones(len(unit)), unit])


def _evaluated(expression: str, x: Array, y: Array) -> Array:
    inner = expression.removeprefix("log(").removesuffix(")")
    values: Mapping[str, Array] = {"x": x, "y": y, "x-y": x - y, "y-x": y - x}
    return np.log(values[inner]) if inner != expression else values[inner]


def _words(expression: str, x: str, y: str) -> str:
    names = {"x": x, "y": y}
    inner = expression.removeprefix("log(").removesuffix(")")
    # An axis may be an expression itself.
    parts = [names[part] if names[part].isidentifier() or "-" not in inner else f"({names[part]})" for part in inner.split("-")]
    text = "-".join(parts)
    return f"log({text})" if inner != expression else text
