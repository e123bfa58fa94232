"""The interpolation codes, each formula once.

The functions use arithmetic and ``abs`` alone, so that the same text serves numba scalars, numpy arrays and torch tensors.
They have no branches: with ``c = clip(a, -1, 1)`` the inner form continues outside as its own tangent or exponential.

Conventions: ``a`` is the nuisance parameter in units of its prior width, ``sign`` is +1 or -1 (the side that counts at
``a = 0``, where codes 0 and 1 have a kink). Source of the codes: arXiv:2103.02182 section 2 and CERN-OPEN-2012-016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FACTOR_CODES",
    "SHIFT_CODES",
    "FactorCode",
    "Shape",
    "ShiftCode",
    "clip",
    "histosys_0",
    "histosys_2",
    "histosys_4p",
    "normsys_4",
    "normsys_4_table",
    "polynomial_table",
]

Array = NDArray[np.float64]
Value = TypeVar("Value", float, NDArray[np.floating], "Tensor")


@register_jitable
def clip(a: Value) -> Value:
    """``a`` limited to [-1, 1]."""
    return 0.5 * (abs(a + 1.0) - abs(a - 1.0))


@register_jitable
def histosys_0(a: Value, sign: Value) -> tuple[Value, Value, Value]:
    """T, T', T'' of code 0: the shift is ``a S + T(a) D`` with S = (hi - lo)/2 and D = (hi + lo)/2 - nominal."""
    return a * sign, sign, 0.0 * a


@register_jitable
def histosys_2(a: Value, sign: Value) -> tuple[Value, Value, Value]:
    """T, T', T'' of code 2: quadratic inside |a| <= 1, its tangent outside."""
    c = clip(a)
    outside = abs(a) - abs(c)
    inside = 1.0 * (outside <= 0.0)
    return c * c + 2.0 * abs(c) * outside, 2.0 * c, 2.0 * inside


@register_jitable
def histosys_4p(a: Value, sign: Value) -> tuple[Value, Value, Value]:
    """T, T', T'' of code 4p: a^2 (15 - 10 a^2 + 3 a^4)/8 inside |a| <= 1, |a| outside; two continuous derivatives."""
    c = clip(a)
    c2 = c * c
    value = 0.125 * c2 * (15.0 - c2 * (10.0 - 3.0 * c2)) + (abs(a) - abs(c))
    slope = 0.125 * c * (30.0 - c2 * (40.0 - 18.0 * c2))
    return value, slope, 0.125 * (30.0 - c2 * (120.0 - 90.0 * c2))


@register_jitable
def normsys_4(c: Value, c1: Value, c2: Value, c3: Value, c4: Value, c5: Value, c6: Value) -> tuple[Value, Value, Value]:
    """f, f', f'' of code 4 at ``c = clip(a)``; all three times exp((|a| - |c|) log r) outside, r = hi or lo."""
    value = 1.0 + c * (c1 + c * (c2 + c * (c3 + c * (c4 + c * (c5 + c * c6)))))
    slope = c1 + c * (2.0 * c2 + c * (3.0 * c3 + c * (4.0 * c4 + c * (5.0 * c5 + c * 6.0 * c6))))
    curvature = 2.0 * c2 + c * (6.0 * c3 + c * (12.0 * c4 + c * (20.0 * c5 + c * 30.0 * c6)))
    return value, slope, curvature


def normsys_4_table(lo: Array, hi: Array) -> Array:
    """The table of codes 1 and 4 (see :func:`polynomial_table`): hi^a and lo^-a for |a| > 1."""
    return polynomial_table(lo, hi, np.log(lo), np.log(hi))


def polynomial_table(lo: Array, hi: Array, rate_lo: Array, rate_hi: Array) -> Array:
    """c1..c6, ``rate_hi`` and ``rate_lo`` for factors ``lo``, ``hi`` of shape (n,): shape (8, n).

    The polynomial 1 + c1 a + ... + c6 a^6 matches hi exp(rate_hi (a - 1)) at a = 1 and lo exp(rate_lo (-a - 1)) at a = -1 in
    value, first and second derivative.
    """
    odd = np.stack([(hi - lo), (hi * rate_hi - lo * rate_lo), (hi * rate_hi**2 - lo * rate_lo**2)]) / 2.0
    even = np.stack([(hi + lo) - 2.0, (hi * rate_hi + lo * rate_lo), (hi * rate_hi**2 + lo * rate_lo**2)]) / 2.0
    coefficients = [
        (15.0 * odd[0] - 7.0 * odd[1] + odd[2]) / 8.0,
        (24.0 * even[0] - 9.0 * even[1] + even[2]) / 8.0,
        (-5.0 * odd[0] + 5.0 * odd[1] - odd[2]) / 4.0,
        (-12.0 * even[0] + 7.0 * even[1] - even[2]) / 4.0,
        (3.0 * odd[0] - 3.0 * odd[1] + odd[2]) / 8.0,
        (8.0 * even[0] - 5.0 * even[1] + even[2]) / 8.0,
    ]
    return np.stack([*coefficients, rate_hi, rate_lo])


class Shape(Protocol):
    """The function of a :class:`ShiftCode`."""

    def __call__(self, a: Value, sign: Value, /) -> tuple[Value, Value, Value]: ...


@dataclass(frozen=True)
class ShiftCode:
    """A code for shifts: ``shape(a, sign)`` gives T, T', T''. The shift is ``a S + T(a) D`` with S = (hi - lo)/2 and
    D = (hi + lo)/2 - nominal.

    ``number`` is the code's own in the kernels. ``kinked``: T has a kink at zero, so that T' depends on ``sign``.
    """

    number: int
    shape: Shape
    kinked: bool = False


@dataclass(frozen=True)
class FactorCode:
    """A code for factors: ``table(lo, hi)`` gives six coefficients and two rates, see :func:`polynomial_table`.

    The factor is the polynomial for |a| <= 1 and exponential beyond; the kernels rely on two continuous derivatives. Number 1
    alone is hi^a or lo^-a throughout: the kernels have branches for it. ``kinked``: the slope at zero depends on the side.
    """

    number: int
    table: Callable[[Array, Array], Array]
    kinked: bool = False


# A new code is one more line in one of these two tables. The compiled kernel tries codes for shifts from the last to the first.
SHIFT_CODES: dict[str, ShiftCode] = {
    "0": ShiftCode(0, histosys_0, kinked=True),
    "2": ShiftCode(2, histosys_2),
    "4p": ShiftCode(4, histosys_4p),
}
FACTOR_CODES: dict[int, FactorCode] = {
    1: FactorCode(1, normsys_4_table, kinked=True),
    4: FactorCode(4, normsys_4_table),
}
