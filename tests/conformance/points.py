"""Where the battery is evaluated: points inside the bounds, away from kinks, with positive rates."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tests.oracle import dense

Floats = NDArray[np.float64]

KINKS = (-1.0, 0.0, 1.0)
CLEAR = 0.02  # no alpha of a point is nearer to a kink of the interpolation than this: finite differences fit in


def _alpha(rng: np.random.Generator, low: float, high: float, reach: float) -> float:
    while True:
        alpha = float(rng.uniform(max(low, -reach), min(high, reach)))
        if all(abs(alpha - kink) > CLEAR for kink in KINKS):
            return alpha


def _draw(ws: dense.Json, measurement: str | None, rng: np.random.Generator, reach: float) -> Floats:
    values: list[float] = []
    for block in dense.blocks(ws, measurement).values():
        for init, (low, high), fixed in zip(block.inits, block.bounds, block.fixed, strict=True):
            if fixed:
                values.append(init)
            elif block.kind in ("histosys", "normsys"):
                values.append(_alpha(rng, low, high, reach))
            else:
                spread = 0.05 * init if block.kind == "lumi" else 0.3
                values.append(float(np.clip(init + spread * rng.normal(), low + 0.02, high - 0.02)))
    return np.array(values)


def points(
    ws: dense.Json,
    count: int,
    *,
    measurement: str | None = None,
    normsys: int = 4,
    histosys: str = "4p",
    reach: float = 2.5,
    seed: int = 1,
) -> Floats:
    """`count` points, shape (count, parameters): fixed parameters at their inits, alphas within +-reach."""
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    empty = dense.observed(ws) == 0
    for _ in range(1000):
        theta = _draw(ws, measurement, rng, reach)
        rates = dense.expected(ws, theta, normsys, histosys, measurement)
        if np.all((rates > 0.05) | (empty & (rates == 0))):
            found.append(theta)
        if len(found) == count:
            return np.array(found)
    raise AssertionError("no points with positive rates: choose another workspace")


Scalar = Callable[[Floats], float]


def _line(function: Scalar, theta: Floats, direction: Floats, step: float) -> Iterator[float]:
    return (function(theta + k * step * direction) for k in (-2, -1, 0, 1, 2))


def slope(function: Scalar, theta: Floats, direction: Floats, step: float) -> float:
    """First derivative along a direction, to fourth order in the step."""
    far_below, below, _, above, far_above = _line(function, theta, direction, step)
    return (far_below - 8 * below + 8 * above - far_above) / (12 * step)


def curvature(function: Scalar, theta: Floats, direction: Floats, step: float) -> float:
    """Second derivative along a direction, to fourth order in the step."""
    far_below, below, here, above, far_above = _line(function, theta, direction, step)
    return (-far_below + 16 * below - 30 * here + 16 * above - far_above) / (12 * step**2)
