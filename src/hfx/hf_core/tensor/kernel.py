"""The torch kernel as the model sees it: numpy arrays in and out, tensors on one device in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batch.batch import Tables
from hfx.hf_core.batch.problem import RUNNING, FitResult, Problem
from hfx.hf_core.fits.model import FusedKernel
from hfx.hf_core.tensor.likelihood import DenseKernel
from hfx.hf_core.tensor.minimize import minimize_batch
from hfx.hf_core.tensor.slots import Pace, pace_on

__all__ = ["TorchKernel"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_FEW = 16  # one of so many fits may be left to the CPU


class TorchKernel:
    """The dense kernel and its batched solver on ``device`` ("cpu", "cuda", "cuda:1"); see `fits.model.Kernel`."""

    def __init__(self, tables: Tables, device: str) -> None:
        self.tables = tables
        self.dense = DenseKernel(tables, torch.device(device))

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        """See :meth:`hfx.hf_core.fits.model.Kernel.evaluate`."""
        rows, point, side, data, auxiliary = (self._tensor(array) for array in (hypothesis, theta, sign, main, aux))
        value, gradient, hessian = self.dense.evaluate(rows, point, side, data, auxiliary, order)
        return _array(value), None if gradient is None else _array(gradient), None if hessian is None else _array(hessian)

    def yields(self, hypothesis: Index, theta: Array, sign: Array) -> tuple[Array, Array]:
        """See :meth:`hfx.hf_core.fits.model.Kernel.yields`."""
        cells, rates = self.dense.yields(self._tensor(hypothesis), self._tensor(theta), self._tensor(sign))
        return _array(cells), _array(rates)

    def minimize(self, problem: Problem, most: int, pace: Pace | None = None) -> FitResult:
        """See `fits.model.Kernel.minimize`. A GPU has no use for the last few of many fits: they are left to the
        compiled kernel of the CPU, which takes the same steps."""
        pace = pace or pace_on(self.dense.device)
        left = min(pace.leave, len(problem.hypothesis) // _FEW)
        result = minimize_batch(self.dense, problem, most, replace(pace, leave=left))
        rows = np.flatnonzero(result.status == RUNNING)
        if len(rows):
            _put(result, rows, FusedKernel(self.tables).minimize(problem.rows(rows), most))
        return result

    def _tensor(self, array: Array | Index) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.dense.device)


def _put(result: FitResult, rows: Index, part: FitResult) -> None:
    for name in FitResult.__dataclass_fields__:
        getattr(result, name)[rows] = getattr(part, name)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array
