"""The torch kernel as the model sees it: numpy arrays in and out, tensors on one device in between."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batched import minimize_batch
from hfx.hf_core.compile import Tables
from hfx.hf_core.dense import DenseKernel
from hfx.hf_core.problem import FitResult, Problem

__all__ = ["TorchKernel"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class TorchKernel:
    """The dense kernel and its batched solver on ``device`` ("cpu", "cuda", "cuda:1"); see :class:`hfx.hf_core.model.Kernel`."""

    def __init__(self, tables: Tables, device: str) -> None:
        self.tables = tables
        self.dense = DenseKernel(tables, torch.device(device))

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        """See :meth:`hfx.hf_core.model.Kernel.evaluate`."""
        rows, point, side, data, auxiliary = (self._tensor(array) for array in (hypothesis, theta, sign, main, aux))
        value, gradient, hessian = self.dense.evaluate(rows, point, side, data, auxiliary, order)
        return _array(value), None if gradient is None else _array(gradient), None if hessian is None else _array(hessian)

    def yields(self, hypothesis: Index, theta: Array, sign: Array) -> tuple[Array, Array]:
        """See :meth:`hfx.hf_core.model.Kernel.yields`."""
        cells, rates = self.dense.yields(self._tensor(hypothesis), self._tensor(theta), self._tensor(sign))
        return _array(cells), _array(rates)

    def minimize(self, problem: Problem, most: int) -> FitResult:
        """See :meth:`hfx.hf_core.model.Kernel.minimize`."""
        return minimize_batch(self.dense, problem, most)

    def _tensor(self, array: Array | Index) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.dense.device)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array
