"""The interface of a kernel: evaluation and minimisation of the likelihoods of a batch, on a CPU or another device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.problem import Data, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS

__all__ = ["Kernel"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Kernel(Protocol):
    """Evaluates and fits rows. A row is a hypothesis' number, its parameters and its own data.

    Shapes: B rows, P parameters, N main bins. Every array is float64, ``hypothesis`` (B,) int64. No row depends on another.
    """

    @property
    def tables(self) -> Tables:
        """The tables of the batch that this kernel evaluates."""

    @property
    def rows_per_call(self) -> int:
        """The largest number of fits that :meth:`minimize` takes efficiently in one call."""

    def with_floor(self, floor: Array) -> Kernel:
        """The same kernel with ``floor`` (H, N), in events: the rate below which a Poisson term is continued as a parabola."""

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        """The NLL deviance (half of 2NLL) (B,); with ``order`` 1 or 2 its gradient (B, P) and Hessian (B, P, P) too.

        Order 1 gives the Gauss-Newton part of the Hessian, order 2 the exact Hessian. ``sign`` (B, P) is +1 or -1: the side on
        which the derivative of a parameter at its kink at zero is taken.
        """

    def yields(self, hypothesis: Index, theta: Array) -> tuple[Array, Array]:
        """The expected events of each (sample, channel, bin) cell (B, cells) and of each main bin (B, N)."""

    def mirror_changes(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        """The change of 2NLL (B, P) when one alpha alone is mirrored about its auxiliary value; 0 for other parameters."""

    def minimize(self, problem: Problem, most: int = MAX_ITERATIONS) -> FitResult:
        """Fit every row of ``problem`` in at most ``most`` iterations."""
