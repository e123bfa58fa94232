"""Interpolation codes of the tests: a hyperbola for shifts, and for factors exponentials of other rates beyond [-1, 1]."""

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from hfx.hf_core.modifiers.interpolation import polynomial_table

Floats = NDArray[np.float64]
_UNIT = 2.0**0.5 - 1.0


@register_jitable
def hyperbola(a: Any, sign: Any) -> tuple[Any, Any, Any]:
    """T, T', T'' of T = (sqrt(1 + a^2) - 1)/(sqrt(2) - 1)."""
    root = (1.0 + a * a) ** 0.5
    return (root - 1.0) / _UNIT, a / root / _UNIT, 1.0 / (root * root * root) / _UNIT


def slow_table(lo: Floats, hi: Floats) -> Floats:
    """The relative slopes at +1 and -1, and beyond, are (hi - 1)/2 and (lo - 1)/2, outwards."""
    return polynomial_table(lo, hi, 0.5 * (lo - 1.0), 0.5 * (hi - 1.0))
