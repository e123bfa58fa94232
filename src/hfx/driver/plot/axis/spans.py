"""The limits of the axes of labels: all values, with a margin."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

__all__ = ["log_span", "span", "x_limits"]

Array = NDArray[np.float64]

_MARGIN = 0.04


def span(values: Array) -> tuple[float, float]:
    """The range of ``values`` with a margin; a range that starts near zero starts at zero."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = 0.5 * abs(low) or 1.0
        return low - room, high + room
    margin = _MARGIN * (high - low)
    near_zero = 0 <= low <= margin
    return (0.0 if near_zero else low - margin), high + margin


def log_span(values: Array) -> tuple[float, float]:
    """The range of ``values`` with a margin for a logarithmic axis, which has no place for what is not positive."""
    positive = values[values > 0]
    if not len(positive):
        return 1.0, 10.0
    low, high = float(np.log(positive.min())), float(np.log(positive.max()))
    margin = _MARGIN * (high - low) if high > low else 1.0
    return float(np.exp(low - margin)), float(np.exp(high + margin))


def x_limits(ax: Axes, values: Array) -> None:
    """Set the limits of the horizontal axis so that they contain ``values``."""
    if ax.get_xscale() == "log":
        ax.set_xlim(log_span(values))
    else:
        ax.set_xlim(span(values) if len(values) else (0.0, 1.0))
