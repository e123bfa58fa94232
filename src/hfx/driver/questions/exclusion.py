"""Exclusion by CLs: its level, and the significance that contours are interpolated on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hfx.driver.questions.base import Surface

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["LEVEL", "SURFACE", "cls_of", "significance"]

LEVEL = 0.05
"""A hypothesis with a smaller CLs is excluded at 95 % confidence level."""

# The ends of the line, where the quantile is infinite: the significance stays within -8.2 and 37.
_SMALLEST, _LARGEST = 1e-300, 1.0 - 1e-16


def significance(cls: Array) -> Array:
    """Phi^-1(1 - CLs), element-wise; finite for CLs of 0 and 1, NaN for NaN."""
    import numpy as np
    from scipy.special import ndtri

    return np.asarray(-ndtri(np.clip(cls, _SMALLEST, _LARGEST)), dtype=np.float64)


def cls_of(significance: Array) -> Array:
    """1 - Phi(significance), element-wise: CLs."""
    import numpy as np
    from scipy.special import ndtr

    return np.asarray(ndtr(-significance), dtype=np.float64)


SURFACE = Surface(
    name="CLs",
    curves=("observed", "expected-2", "expected-1", "expected", "expected+1", "expected+2"),
    level=LEVEL,
    median="expected",
    bands=(("expected-1", "expected+1"), ("expected-2", "expected+2")),
    transform=significance,
    inverse=cls_of,
    scale="Significances",
    unit="sigma",
    statement="All limits at 95% CL",
    criterion="at 95 % confidence level",
)
