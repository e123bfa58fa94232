"""The numbers along an axis of labels: whole where the range allows it, and written in full."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, ScalarFormatter

__all__ = ["number_axis"]

_STEPS = (1, 2, 2.5, 5, 10)
# A range with fewer whole numbers gets ticks between them.
_FEWEST = 3
# Numbers this long take so much room that there are a few of them at most.
_LONG, _FEW = 6, 5


def number_axis(axis: Axis) -> None:
    """Choose the ticks of a linear axis whose limits are set. No number has an offset or a factor, as +1e3, beside the axis."""
    low, high = sorted(axis.get_view_interval())
    decimals = max(0, math.ceil(-math.log10((high - low) / _FEW)))
    longest = max(len(f"{abs(end):.{decimals}f}") for end in (low, high))
    locator = MaxNLocator(_FEW if longest >= _LONG else "auto", steps=_STEPS, integer=True, min_n_ticks=_FEWEST)
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_locator(locator)
    axis.set_major_formatter(formatter)
