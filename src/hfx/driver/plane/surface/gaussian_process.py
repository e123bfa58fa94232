"""Gaussian processes over scattered points of a plane: length scales by maximum likelihood, prediction, uncertainty.

A value is a linear trend, plus a smooth function with a Matérn-5/2 covariance, plus the point's own scatter (the
nugget: a published signal is made of a finite number of simulated events). The covariance depends on the distance
|A (p - q)| with a triangular matrix A, so that the function may vary fast across a diagonal, such as a kinematic
limit, and slowly along it. Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press, 2006):
eqs. 2.41 and 2.42 (trend, prediction, uncertainty), 4.17 (Matérn), 5.9 (gradient of the likelihood); the variance is
profiled, the trend integrated out (restricted likelihood).

The likelihood depends on the function at the points and not in the gaps between them: where the points of a plane are
close together in one corner, the largest likelihood may have a scale that is too short to reach from point to point
elsewhere, and the function is its trend in between. So the root mean square distance of neighbours is at most _REACH scales.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from hfx.driver.plane.surface.coordinates import leave_one_out

__all__ = ["FEWEST", "GaussianProcess", "fit"]

Array = NDArray[np.float64]

FEWEST = 8
"""Fewer points than this do not determine length scales."""

# (log of the two scales of A, its skew, log of the nugget): where the search for the largest likelihood begins.
_STARTS = ((1.0, 0.5, 0.0, -5.0), (1.0, 0.5, 4.0, -5.0), (1.0, 0.5, -4.0, -5.0))
_BOUNDS = ((-3.0, 5.0), (-3.0, 5.0), (-150.0, 150.0), (-16.0, 0.0))
_REACH = 0.5
_STIFFNESS = 50.0  # of the penalty beyond it, in log likelihood for each square of a factor e
_MOST = 300  # points in the likelihood: its time grows with the cube of their number
_PARTS = 4096  # places that are predicted at a time
_JITTER = 1e-9  # of the variance: keeps the covariance of near places positive definite


@dataclass(frozen=True)
class GaussianProcess:
    """A process fitted to values [n, c] at n points: `mean` [m, c] and `deviation` [m, c] at any m places.

    ``metric`` [2, 2] is A in units of 1 / range of the points; ``nugget`` is the points' scatter as a fraction of the
    variance.
    """

    low: Array
    span: Array
    unit: Array
    metric: Array
    nugget: float
    variance: Array
    trend: Array
    weights: Array
    factor: Array
    values: Array

    @property
    def scatter(self) -> Array:
        """The standard deviation [c] of the points about the function, in units of the values."""
        return np.asarray(np.sqrt(self.nugget * self.variance), dtype=np.float64)

    def mean(self, places: Array) -> Array:
        """The expected function [m, c] at ``places`` [m, 2]."""
        parts = [self._mean(some) for some in _parts((places - self.low) / self.span)]
        return np.concatenate(parts) if parts else np.zeros((0, self.trend.shape[1]))

    def deviation(self, places: Array) -> Array:
        """The standard deviation [m, c] of the function at ``places`` [m, 2], without the points' own scatter."""
        known = solve_triangular(self.factor, _with_trend(self.unit), lower=True)
        inverse = np.linalg.inv(known.T @ known)
        parts = [self._unit_variance(some, known, inverse) for some in _parts((places - self.low) / self.span)]
        unit = np.sqrt(np.maximum(np.concatenate(parts), 0.0)) if parts else np.zeros(0)
        return np.asarray(unit[:, None] * np.sqrt(self.variance), dtype=np.float64)

    def left_out(self) -> tuple[Array, Array]:
        """The errors [n, c] of the values that the process predicts at each of its points from all others, scales and nugget
        unchanged, and the standard deviations [n, c] that it states for them."""
        covariance = self.factor @ self.factor.T
        errors, variances = leave_one_out(covariance, _with_trend(self.unit), self.values)
        return errors, np.sqrt(variances[:, None] * self.variance)

    def _mean(self, unit: Array) -> Array:
        return np.asarray(_with_trend(unit) @ self.trend + self._covariance(unit) @ self.weights, dtype=np.float64)

    def _unit_variance(self, unit: Array, known: Array, inverse: Array) -> Array:
        near = solve_triangular(self.factor, self._covariance(unit).T, lower=True)
        lacking = _with_trend(unit) - near.T @ known
        return np.asarray(1.0 - (near**2).sum(axis=0) + np.einsum("ij,jk,ik->i", lacking, inverse, lacking))

    def _covariance(self, unit: Array) -> Array:
        return _matern(cdist(unit @ self.metric.T, self.unit @ self.metric.T))


def fit(points: Array, values: Array, gaps: Array, fitted: Array | None = None) -> GaussianProcess:
    """The process through ``values`` [n, c] at distinct ``points`` [n, 2], at least FEWEST.

    ``gaps`` [e, 2]: the differences between neighbouring points, which the scales must reach across. All columns share
    length scales and nugget: those of the largest likelihood of ``fitted`` [n, j] (default: all columns), of which each has
    its own variance and trend.
    """
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    unit = (points - low) / span
    some = np.random.default_rng(len(unit)).permutation(len(unit))[:_MOST]
    spread = (gaps / span).T @ (gaps / span) / max(len(gaps), 1)
    best = _likeliest(unit[some], (values if fitted is None else fitted)[some], spread)
    metric, nugget = _metric(best), float(np.exp(best[3]))
    factor = cholesky(_matern(cdist(unit @ metric.T, unit @ metric.T)) + _diagonal(nugget, len(unit)), lower=True)
    basis = _with_trend(unit)
    solved = cho_solve((factor, True), np.c_[basis, values])
    trend = np.linalg.solve(basis.T @ solved[:, :3], basis.T @ solved[:, 3:])
    weights = solved[:, 3:] - solved[:, :3] @ trend
    variance = np.maximum((values * weights).sum(axis=0), 0.0) / (len(unit) - 3)
    return GaussianProcess(low, span, unit, metric, nugget, variance, trend, weights, factor, values)


def _likeliest(unit: Array, values: Array, spread: Array) -> Array:
    """The parameters (see _STARTS) of the largest likelihood; ``spread`` [2, 2]: mean squares of the gaps."""
    basis = _with_trend(unit)
    # Columns that a linear trend describes exactly do not determine scales; what is left of them are rounding errors.
    rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    values = rest[:, np.abs(rest).max(axis=0) > 1e-9 * np.maximum(1.0, np.abs(values).max(axis=0))]
    if not values.shape[1]:
        return np.array(_STARTS[0])
    pairs = unit[:, None, :] - unit[None, :, :]

    def objective(parameters: Array) -> tuple[float, Array]:
        (deviance, slope), (penalty, push) = _deviance(parameters, pairs, basis, values), _penalty(parameters, spread)
        return deviance + penalty, slope + push

    options = {"ftol": 1e-7}
    found = [minimize(objective, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options=options) for start in _STARTS]
    return np.asarray(min(found, key=lambda result: float(result.fun)).x, dtype=np.float64)


def _deviance(parameters: Array, pairs: Array, basis: Array, values: Array) -> tuple[float, Array]:
    """-log of the restricted likelihood, summed over the columns of ``values``, up to constants, and its gradient."""
    metric, nugget = _metric(parameters), float(np.exp(parameters[3]))
    offsets = pairs @ metric.T
    distance = np.sqrt((offsets**2).sum(axis=2))
    count, free = values.shape[1], len(values) - basis.shape[1]
    factor = cho_factor(_matern(distance) + _diagonal(nugget, len(values)), lower=True)
    inverse = cho_solve(factor, np.eye(len(values)))
    solved = inverse @ basis
    information = basis.T @ solved
    projected = inverse - solved @ np.linalg.solve(information, solved.T)
    weights = projected @ values
    squares = (values * weights).sum(axis=0)
    log_volume = 2 * np.log(np.diag(factor[0])).sum() + np.linalg.slogdet(information)[1]
    deviance = 0.5 * (free * np.log(squares).sum() + count * log_volume)
    slope = 0.5 * (count * projected - free * (weights / squares) @ weights.T)
    # d Matern / d (distance^2), times d (distance^2) / d A
    inner = slope * (-5.0 / 3.0) * (1.0 + np.sqrt(5.0) * distance) * np.exp(-np.sqrt(5.0) * distance)
    by_metric = [(inner * offsets[:, :, i] * pairs[:, :, j]).sum() for i, j in ((0, 0), (1, 1), (0, 1))]
    gradient = [by_metric[0] * metric[0, 0], by_metric[1] * metric[1, 1], by_metric[2], nugget * np.trace(slope)]
    return float(deviance), np.array(gradient)


def _penalty(parameters: Array, spread: Array) -> tuple[float, Array]:
    """The penalty on the deviance for scales that do not reach across the gaps, and its gradient."""
    metric = _metric(parameters)
    gap = max(float(np.trace(metric @ spread @ metric.T)), 1e-300)
    excess = max(0.0, np.log(gap / _REACH**2))
    slope = 4 * _STIFFNESS * excess / gap * (metric @ spread)
    return _STIFFNESS * excess**2, np.array([slope[0, 0] * metric[0, 0], slope[1, 1] * metric[1, 1], slope[0, 1], 0.0])


def _metric(parameters: Array) -> Array:
    return np.array([[np.exp(parameters[0]), parameters[2]], [0.0, np.exp(parameters[1])]])


def _matern(distance: Array) -> Array:
    scaled = np.sqrt(5.0) * distance
    return np.asarray((1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled), dtype=np.float64)


def _diagonal(nugget: float, count: int) -> Array:
    return np.asarray((nugget + _JITTER) * np.eye(count), dtype=np.float64)


def _with_trend(unit: Array) -> Array:
    return np.column_stack([np.ones(len(unit)), unit])


def _parts(unit: Array) -> list[Array]:
    return [unit[start : start + _PARTS] for start in range(0, len(unit), _PARTS)]
