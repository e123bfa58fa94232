"""Exclusion by CLs: its level, and the significance that contours are interpolated on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hfx.driver.questions.base import FEW, Surface
from hfx.functions.jobs.cls_options import ClsOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["LEVEL", "SURFACE", "cls_of", "model_words", "significance", "tested"]

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


def tested(options: ClsOptions) -> str:
    """The signal and the model that are tested, for a picture, where they are not those of the pallet; LaTeX."""
    strength = [rf"$\mu = {options.mu:g}$"] if options.mu != 1.0 else []
    scale = [rf"signal yields $\times\,{options.signal_scale:g}$"] if options.signal_scale != 1.0 else []
    return ", ".join([*strength, *scale, *(text.replace("$", r"\$") for text in model_words(options, FEW))])


def model_words(options: ClsOptions, most: int) -> list[str]:
    """The choice of the model in words, where it is not the pallet's own; with the names of at most so many channels."""
    poi = [f"parameter of interest {options.poi}"] if options.poi is not None else []
    dropped = options.drop_channel or ()
    which = ", ".join(dropped) if len(dropped) <= most else f"{len(dropped)} channels"
    return [*poi, *([f"without {which}"] if dropped else [])]
