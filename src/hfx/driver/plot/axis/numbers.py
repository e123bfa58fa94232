"""The numbers along an axis of labels: whole where the range allows it, and written in full."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

__all__ = ["number_axis"]

_STEPS = (1, 2, 2.5, 5, 10)
# A range with fewer whole numbers gets ticks between them.
_FEWEST = 3
# Numbers this long take so much room that there are a few of them at most.
_LONG, _FEW = 6, 5
# Over fewer decades a logarithmic axis has numbers between the powers of ten.
_NARROW = 2.0
# Powers of ten that are written in full, if all numbers of the axis are such.
_PLAIN = (1e-3, 1e5)


def number_axis(axis: Axis) -> None:
    """Choose the ticks of an axis whose limits are set. No number has an offset or a factor, as +1e3, beside the axis."""
    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() == "log":
        _number_log_axis(axis, low, high)
        return
    decimals = max(0, math.ceil(-math.log10((high - low) / _FEW)))
    longest = max(len(f"{abs(end):.{decimals}f}") for end in (low, high))
    locator = MaxNLocator(_FEW if longest >= _LONG else "auto", steps=_STEPS, integer=True, min_n_ticks=_FEWEST)
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_locator(locator)
    axis.set_major_formatter(formatter)


def _number_log_axis(axis: Axis, low: float, high: float) -> None:
    narrow = math.log10(high / low) < _NARROW
    plain = _PLAIN[0] <= low and high <= _PLAIN[1]
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axis.set_major_formatter(FuncFormatter(_written) if plain or narrow else LogFormatterMathtext())
    axis.set_minor_locator(LogLocator(subs=[float(digit) for digit in range(2, 10)], numticks=30))
    axis.set_minor_formatter(NullFormatter())


def _written(value: float, position: int | None = None) -> str:
    return f"{value:g}"
