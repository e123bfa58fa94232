"""The fits: one call for both solvers, the compiled one on the CPU and the batched one of torch on any device."""

from __future__ import annotations

from hfx.hf_core.batched import minimize_batch
from hfx.hf_core.model import FusedKernel, Kernel
from hfx.hf_core.problem import (
    CONVERGED,
    EDM_LIMIT,
    FLOOR,
    MAX_ITERATIONS,
    NOT_FINITE,
    STATUS,
    FitResult,
    Problem,
)

__all__ = ["CONVERGED", "EDM_LIMIT", "FLOOR", "MAX_ITERATIONS", "NOT_FINITE", "STATUS", "FitResult", "Problem", "minimize"]


def minimize(kernel: Kernel, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
    """Run all fits of ``problem`` to their certificates; no row depends on another.

    The fused kernel has its own solver, which takes the same steps; every other kernel runs the batched one on its device.
    """
    return kernel.minimize(problem, most) if isinstance(kernel, FusedKernel) else minimize_batch(kernel, problem, most)
