"""Parameters that a fit ends with on one of their bounds."""

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.fits.model import Model

__all__ = ["at_bounds"]

_NEAR = 1e-9  # of the bound, or of one


def at_bounds(model: Model, h: int, theta: NDArray[np.float64], most: int) -> dict[str, float]:
    """The first ``most`` parameters of hypothesis ``h`` that lie on a bound at ``theta`` (P,), with these bounds: free ones, and
    not the parameter of interest, whose range is that of the test statistic."""
    batch, size = model.batch, len(theta)
    lower, upper = batch.lower[h, :size], batch.upper[h, :size]
    at_lower, at_upper = (np.abs(theta - bound) <= _NEAR * np.maximum(1.0, np.abs(bound)) for bound in (lower, upper))
    free = ~batch.fixed[h, :size].astype(bool) & (lower < upper)
    if batch.poi[h] >= 0:
        free[batch.poi[h]] = False
    found = np.flatnonzero(free & (at_lower | at_upper))[:most]
    return {batch.labels[h][i]: float(lower[i] if at_lower[i] else upper[i]) for i in found}
