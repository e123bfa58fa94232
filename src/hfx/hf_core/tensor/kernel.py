"""The torch kernel as the model uses it: numpy arrays in and out, tensors on one device in between."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.batch.kernel import Kernel
from hfx.hf_core.batch.problem import RUNNING, Data, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS
from hfx.hf_core.tensor.likelihood import BatchLikelihood
from hfx.hf_core.tensor.minimize import minimize_batch
from hfx.hf_core.tensor.slots import Pace, pace_on

__all__ = ["TorchKernel"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_FEW = 16  # at most one of this many fits may be left to the other kernel
_CPU_ELEMENTS = 500_000  # of the Hessians of one call: 4 MB stay near the cache
_DEVICE_ELEMENTS = 50_000_000  # on another device many rows hide the cost of a call; some ten such arrays exist at a time


class TorchKernel:
    """The batched likelihood and its solver on ``device`` ("cpu", "cuda", "cuda:1"); see
    :class:`hfx.hf_core.batch.kernel.Kernel`.

    A GPU is inefficient for the last few of many fits: they are passed to ``last_fits``, a kernel of the CPU for the same tables,
    where one is given.
    """

    def __init__(self, tables: Tables, device: str, last_fits: Kernel | None = None) -> None:
        self.tables = tables
        self.likelihood = BatchLikelihood(tables, torch.device(device))
        self._last_fits = last_fits

    @property
    def rows_per_call(self) -> int:
        """See :attr:`hfx.hf_core.batch.kernel.Kernel.rows_per_call`."""
        elements = _CPU_ELEMENTS if self.likelihood.device.type == "cpu" else _DEVICE_ELEMENTS
        return elements // max(1, int(self.tables.width.shape[1]) ** 2)

    def with_floor(self, floor: Array) -> TorchKernel:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.with_floor`."""
        other = copy(self)
        other.tables = self.tables._replace(floor=floor)
        other.likelihood = self.likelihood.with_floor(floor)
        other._last_fits = None if self._last_fits is None else self._last_fits.with_floor(floor)
        return other

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.evaluate`."""
        rows, point, side, data, auxiliary = (self._tensor(array) for array in (hypothesis, theta, sign, main, aux))
        value, gradient, hessian = self.likelihood.evaluate(rows, point, side, data, auxiliary, order)
        return _array(value), None if gradient is None else _array(gradient), None if hessian is None else _array(hessian)

    def yields(self, hypothesis: Index, theta: Array) -> tuple[Array, Array]:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.yields`."""
        cells, rates = self.likelihood.yields(self._tensor(hypothesis), self._tensor(theta), self._tensor(_side(theta)))
        return _array(cells), _array(rates)

    def mirror_changes(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.mirror_changes`; one evaluation for each alpha."""
        changes = np.zeros(theta.shape)
        here = self._twice_nll(hypothesis, theta, data)
        alpha = self.tables.alpha[hypothesis]
        for p in np.flatnonzero(alpha.any(axis=0)):
            rows = np.flatnonzero(alpha[:, p])
            mirrored = theta[rows]
            mirrored[:, p] = 2.0 * data.aux[rows, p] - mirrored[:, p]
            changes[rows, p] = self._twice_nll(hypothesis[rows], mirrored, data.rows(rows)) - here[rows]
        return changes

    def minimize(self, problem: Problem, most: int = MAX_ITERATIONS, pace: Pace | None = None) -> FitResult:
        """See :meth:`hfx.hf_core.batch.kernel.Kernel.minimize`; the last few fits are passed to ``last_fits``."""
        pace = pace or pace_on(self.likelihood.device)
        if self._last_fits is None:
            return minimize_batch(self.likelihood, problem, most, replace(pace, leave=0))
        left = min(pace.leave, len(problem.hypothesis) // _FEW)
        result = minimize_batch(self.likelihood, problem, most, replace(pace, leave=left))
        rows = np.flatnonzero(result.status == RUNNING)
        if len(rows):
            _put(result, rows, self._last_fits.minimize(problem.rows(rows), most))
        return result

    def _twice_nll(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        return 2.0 * self.evaluate(hypothesis, theta, _side(theta), data.main, data.aux, 0)[0]

    def _tensor(self, array: Array | Index) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.likelihood.device)


def _side(theta: Array) -> Array:
    """-1 below zero, else 1."""
    return np.where(theta < 0.0, -1.0, 1.0)


def _put(result: FitResult, rows: Index, part: FitResult) -> None:
    for name in FitResult.__dataclass_fields__:
        getattr(result, name)[rows] = getattr(part, name)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array
