"""Fits of single workspaces for the tests of the solver, and the dense evaluation that they are compared with."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize as scipy_minimize

from hfx.hf_core.batch.problem import FitResult, Problem
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from tests.conformance.points import slope
from tests.conformance.test_likelihood import core
from tests.oracle import dense

Floats = NDArray[np.float64]
FITS = {"bkg": 0.0, "fixed": 1.0, "free": np.nan}


@dataclass(frozen=True, eq=False)
class Case:
    """One workspace with its interpolation codes."""

    ws: dense.Json
    normsys: int = 4
    histosys: str = "4p"

    @cached_property
    def model(self) -> Model:
        return core(self.ws, self.normsys, self.histosys, None, "compiled")

    def index(self, name: str) -> int:
        return [one[0] for one in self.parameters()].index(name)

    def problem(self, mu: float, start: Floats | None = None) -> Problem:
        """The fit with mu held, or free at 0 and above where it is NaN; from the suggested initial values, or from `start`."""
        model, row = self.model, np.zeros(1, dtype=np.int64)
        begin = model.batch.init[row] if start is None else np.atleast_2d(start)
        return Fits(model).problem(row, begin, model.observed(row), np.array([mu]), 0.0)

    def fit(self, mu: float, start: Floats | None = None) -> FitResult:
        return self.model.kernel.minimize(self.problem(mu, start))

    def twice_nll(self, theta: Floats) -> float:
        """By the dense evaluation; infinite where a rate is negative."""
        value = dense.twice_nll(self.ws, theta, self.normsys, self.histosys)
        return value if np.isfinite(value) else np.inf

    def gradient(self, theta: Floats) -> Floats:
        """By differences of the dense evaluation."""
        return np.array([slope(self.twice_nll, theta, axis, 1e-3 * max(0.1, abs(axis @ theta))) for axis in np.eye(len(theta))])

    def parameters(self) -> list[tuple[str, float, float, float, bool]]:
        """(name, init, lower, upper, fixed) of each."""
        return dense.parameters(self.ws)

    def start(self, **values: float) -> Floats:
        """The suggested initial values with mu = 0, changed as given."""
        names = [one[0] for one in self.parameters()]
        theta = np.array([one[1] for one in self.parameters()])
        for name, value in {"mu": 0.0, **values}.items():
            theta[names.index(name)] = value
        return theta

    def scipy(self, mu: float, start: Floats | None = None) -> tuple[float, Floats]:
        """Lowest 2NLL and where, by scipy on the dense evaluation."""
        problem = self.problem(mu, start)
        bounds = list(zip(problem.lower[0], problem.upper[0], strict=True))
        options = {"ftol": 1e-15, "gtol": 1e-8}
        found = scipy_minimize(self.twice_nll, problem.start[0], jac="3-point", bounds=bounds, method="L-BFGS-B", options=options)
        assert found.nit > 0
        return float(found.fun), found.x
