"""CLs: the quantity that is drawn, its level, and the scale on which it is interpolated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hfx.driver.questions.base import Surface

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LEVEL", "SURFACE", "significance"]

LEVEL = 0.05
"""A hypothesis with a smaller CLs is excluded."""

# The ends of the line, where Phi^-1 is infinite: z stays within -8.2 and 37.
_SMALLEST, _LARGEST = 1e-300, 1.0 - 1e-16


def significance(cls: ArrayLike) -> NDArray[np.float64]:
    """Phi^-1(1 - CLs), elementwise; finite for CLs of 0 and 1, NaN for NaN."""
    import numpy as np
    from scipy.special import ndtri

    return np.asarray(-ndtri(np.clip(cls, _SMALLEST, _LARGEST)), dtype=np.float64)


SURFACE = Surface(
    name="CLs",
    curves=("observed", "expected-2", "expected-1", "expected", "expected+1", "expected+2"),
    level=LEVEL,
    median="expected",
    bands=(("expected-1", "expected+1"), ("expected-2", "expected+2")),
    transform=significance,
    statement="All limits at 95% CL",
)
