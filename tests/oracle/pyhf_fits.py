"""pyhf's own fits, by both of its optimisers: what a fit of hfx must not lie above."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyhf
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@contextmanager
def _optimizer(name: str) -> Iterator[None]:
    pyhf.set_backend("numpy", name)
    log = logging.getLogger("pyhf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        # pyhf steps where rates are negative and takes their logarithm, and prints each failure at length.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        pyhf.set_backend("numpy", "scipy")


def fit(model: pyhf.Model, data: Floats, mu: float | None, optimizer: str) -> tuple[float, Floats]:
    """2NLL (infinite on failure) and parameters of one fit; mu None: free but not below 0, as in qtilde."""
    bounds = [tuple(bound) for bound in model.config.suggested_bounds()]
    bounds[model.config.poi_index] = (0.0, bounds[model.config.poi_index][1])
    fixed = {"par_bounds": bounds}
    try:
        with _optimizer(optimizer):
            if mu is None:
                theta = pyhf.infer.mle.fit(list(data), model, **fixed)
            else:
                theta = pyhf.infer.mle.fixed_poi_fit(mu, list(data), model, **fixed)
            theta = np.asarray(theta, dtype=float)
            value = -2.0 * model.logpdf(theta, data).item()
    except (
        pyhf.exceptions.FailedMinimization,
        AttributeError,
    ):  # minuit's wrapper fails where nothing is free
        return np.inf, np.full(model.config.npars, np.nan)
    return (value if np.isfinite(value) else np.inf), theta


def best_fit(model: pyhf.Model, data: Floats, mu: float | None) -> tuple[float, Floats]:
    """The lower of SLSQP's and minuit's 2NLL, with its parameters."""
    found = [fit(model, data, mu, optimizer) for optimizer in ("scipy", "minuit")]
    return min(found, key=lambda one: one[0])
