"""The fits: one call for both solvers, the compiled one on the CPU and the batched one of torch on any device."""

from __future__ import annotations

from hfx.hf_core.batch.problem import (
    CONVERGED,
    EDM_LIMIT,
    FLOOR,
    MAX_ITERATIONS,
    NOT_FINITE,
    STATUS,
    FitResult,
    Problem,
)
from hfx.hf_core.fits.model import Kernel

__all__ = ["CONVERGED", "EDM_LIMIT", "FLOOR", "MAX_ITERATIONS", "NOT_FINITE", "STATUS", "FitResult", "Problem", "minimize"]


def minimize(kernel: Kernel, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
    """Run all fits of ``problem`` to their certificates; no row depends on another.

    Each kernel has its own solver, which take the same steps: the compiled one, and the batched one on torch's device.
    """
    return kernel.minimize(problem, most)
