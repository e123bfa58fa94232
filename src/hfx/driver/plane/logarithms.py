"""Logarithmic axes: the hypotheses that have no place on them, and when to advise one."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.axes import Axes
from hfx.errors import OptionError

__all__ = ["advice", "check_positive"]

Array = NDArray[np.float64]

_DECADES = 2.0  # over so many a logarithmic axis is advised,
_FEWEST = 4  # for so many values at least
_EVEN = 0.5  # whose ratios, as logarithms, are equal within this fraction of their mean


def check_positive(axes: Axes, names: Sequence[str], places: Array) -> None:
    """Raise `OptionError`, which names the first such hypothesis, for a value of a logarithmic axis that has no logarithm."""
    for option, axis, logarithmic, column in _columns(axes, places):
        if logarithmic and (bad := np.flatnonzero(column <= 0)).size:
            name, value = names[int(bad[0])], column[bad[0]]
            raise OptionError(
                f"{option}: {axis} = {value:g} of the hypothesis {name} cannot be drawn on a logarithmic axis"
                f"{_others(bad.size - 1)}; select the others with --where '{axis}>0', or leave {option} out"
            )


def advice(axes: Axes, places: Array) -> Iterator[str]:
    """A sentence for each axis whose values span more than two decades in nearly constant ratios, and that is linear."""
    for option, axis, logarithmic, column in _columns(axes, places):
        values = np.unique(column[np.isfinite(column)])
        if logarithmic or len(values) < _FEWEST or values[0] <= 0 or values[-1] / values[0] <= 10**_DECADES:
            continue
        ratios = np.diff(np.log(values))
        if np.ptp(ratios) <= 2 * _EVEN * ratios.mean():
            yield (
                f"{axis} takes values in equal ratios ({values[0]:g} to {values[-1]:g}): interpolate and draw in its logarithm "
                f"with 'hfx plot RUN {option}'; limits change."
            )


def _others(count: int) -> str:
    if not count:
        return ""
    return "; neither can that of 1 other hypothesis" if count == 1 else f"; neither can those of {count} other hypotheses"


def _columns(axes: Axes, places: Array) -> Iterator[tuple[str, str, bool, Array]]:
    yield "--logx", axes.x, axes.logx, places[:, 0]
    if axes.y is not None:
        yield "--logy", axes.y, axes.logy, places[:, 1]
