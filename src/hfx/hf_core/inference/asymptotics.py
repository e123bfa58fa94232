"""CLs from the profile likelihood ratio in the asymptotic limit (arXiv:1007.1727, eqs. 59-66; CLs: J. Phys. G28 2693).

All functions are element-wise over arrays of any shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, log_ndtr

from hfx.errors import OptionError

__all__ = ["TEST_STATISTICS", "CLs", "asymptotic_cls", "test_statistic"]

Array = NDArray[np.float64]
TEST_STATISTICS = ("qtilde", "q")
# Deviations of the expected band, in sigma: index 0 is -2 sigma, where the test statistic is 2 and CLs smallest.
_BAND = np.array([2.0, 1.0, 0.0, -1.0, -2.0])


@dataclass(frozen=True, eq=False)
class CLs:
    """Observed CLs, CLsb, CLb (shape of q) and expected CLs (shape of q, 5), index 0 at -2 sigma."""

    CLs_obs: Array
    CLsb_obs: Array
    CLb_obs: Array
    CLs_exp: Array


def test_statistic(fixed: ArrayLike, free: ArrayLike, muhat: ArrayLike, mu: float) -> Array:
    """q = max(0, 2NLL(fixed) - 2NLL(free)), and 0 where muhat > mu (one-sided: no excess speaks against mu)."""
    fixed, free = np.asarray(fixed, dtype=np.float64), np.asarray(free, dtype=np.float64)
    finite = np.isfinite(fixed) & np.isfinite(free)
    difference = np.where(finite, fixed, 0.0) - np.where(finite, free, 0.0)
    result: Array = np.where(np.asarray(muhat) > mu, 0.0, np.maximum(0.0, difference))
    return np.where(finite, result, np.nan)


def asymptotic_cls(q: ArrayLike, q_asimov: ArrayLike, test_stat: str = "qtilde") -> CLs:
    """CLs of the test statistic ``q`` and its value ``q_asimov`` on background-only Asimov data.

    The tails are evaluated in logarithms, so that a ratio of two tiny probabilities keeps its digits.
    """
    if test_stat not in TEST_STATISTICS:
        raise OptionError(f"test statistic {test_stat!r}: choose {' or '.join(TEST_STATISTICS)}")
    q, q_asimov = np.asarray(q, dtype=np.float64), np.asarray(q_asimov, dtype=np.float64)
    root, root_asimov = np.sqrt(q), np.sqrt(q_asimov)
    t = root - root_asimov
    if test_stat == "qtilde":
        above = (root > root_asimov) & (root_asimov > 0.0)
        t = np.where(above, (q - q_asimov) / np.where(above, 2.0 * root_asimov, 1.0), t)
    exponent = np.where(above, 0.5 * q, root_asimov * (t + 0.5 * root_asimov)) if test_stat == "qtilde" else None
    log_sb, log_b = log_ndtr(-t - root_asimov), log_ndtr(-t)
    band = log_ndtr(-_BAND - root_asimov[..., None]) - log_ndtr(-_BAND)
    return CLs(_tail_ratio(t, root_asimov, exponent), _exp(log_sb), _exp(log_b), _exp(band))


def _tail_ratio(t: Array, shift: Array, exponent: Array | None) -> Array:
    """Phi(-t - s)/Phi(-t). For t > 0 by erfc(x) = exp(-x^2) erfcx(x) (DLMF 7.2), the exponents' difference in closed form."""
    above = t > 0.0
    x, s = np.where(above, t, 0.0), np.where(above, shift, 0.0)
    difference = s * (x + 0.5 * s) if exponent is None else np.where(above, exponent, 0.0)
    scaled = np.exp(-difference) * erfcx((x + s) / np.sqrt(2.0)) / erfcx(x / np.sqrt(2.0))
    below = np.where(above, 0.0, t)
    return np.where(above, scaled, _exp(log_ndtr(-below - shift) - log_ndtr(-below)))


def _exp(values: Any) -> Array:
    result: Array = np.exp(np.asarray(values, dtype=np.float64))
    return result


test_statistic.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name
