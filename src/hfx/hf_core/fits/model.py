"""Evaluating a compiled batch: one interface over the kernels, on CPU and CUDA.

A fit is a row: the number of its hypothesis, its parameters and its own data. ``fused`` (numba, CPU) and ``torch`` (dense
tensors, any device) give the same numbers; the choice is an argument, never a global. Kernels take and give numpy arrays:
torch, a second to import, is loaded where its kernel is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.batch import Batch, Tables
from hfx.hf_core.batch.parameters import NORMAL, POISSON
from hfx.hf_core.batch.problem import Data, FitResult, Problem
from hfx.hf_core.cpu import derivatives
from hfx.hf_core.cpu.buffers import given, work
from hfx.hf_core.cpu.compilation import kept
from hfx.hf_core.cpu.minimize import minimize_rows
from hfx.hf_core.cpu.newton_step import state

__all__ = ["Data", "Evaluation", "FusedKernel", "Kernel", "Model", "constant", "is_compiled", "stirling_remainder"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_NO_EVENTS = 1e-12
FLOOR = 1e-3  # events; or this fraction of the nominal rate where that is below one event


@dataclass(frozen=True, eq=False)
class Evaluation:
    """2NLL with all constants (B,), and with order 2 its gradient (B, P) and Hessian (B, P, P)."""

    twice_nll: Array
    gradient: Array | None = None
    hessian: Array | None = None


class Kernel(Protocol):
    """Evaluates and fits rows; every array is float64, ``hypothesis`` (B,) int64.

    ``evaluate`` gives the NLL deviance (half of 2NLL) (B,), and with ``order`` 1 its gradient (B, P) and the Gauss-Newton part of
    the Hessian (B, P, P), with 2 the exact Hessian. ``sign`` (B, P) is the side on which a kink at zero is read. ``yields`` gives
    the expected events of each cell (B, cells) and of each main bin (B, N).
    """

    tables: Tables

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]: ...

    def yields(self, hypothesis: Index, theta: Array, sign: Array) -> tuple[Array, Array]: ...

    def minimize(self, problem: Problem, most: int) -> FitResult:
        """Fit every row of ``problem`` in at most ``most`` iterations."""


class FusedKernel:
    """The numba kernel on the CPU."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._given = given(tables)
        self.cells = _largest_cells(tables)
        self._buffers: list[tuple[Any, Any]] = []  # that no thread uses now: fresh memory costs more than many a call's work

    def evaluate(
        self, hypothesis: Index, theta: Array, sign: Array, main: Array, aux: Array, order: int
    ) -> tuple[Array, Array | None, Array | None]:
        if order == 0:
            return 0.5 * self._at(hypothesis, theta, main, aux)[0].deviance, None, None
        rows, parameters = theta.shape
        value, gradient, hessian = np.empty(rows), np.empty((rows, parameters)), np.empty((rows, parameters, parameters))
        h, x, s, n, a = (np.ascontiguousarray(item) for item in (hypothesis, theta, sign, main, aux))
        buffers = self._take()
        derivatives.evaluate(self._given, h, x, s, n, a, order == 2, value, gradient, hessian, *buffers)
        self._buffers.append(buffers)
        return value, gradient, hessian

    def yields(self, hypothesis: Index, theta: Array, sign: Array) -> tuple[Array, Array]:
        result, rates, _ = self._at(hypothesis, theta, np.zeros((len(theta), self.tables.floor.shape[1])), np.zeros_like(theta))
        return result.yields, rates

    def reflect(self, problem: Problem) -> Array:
        """See :meth:`Model.reflect`."""
        return self._rows(problem, -1, reflect=True)[2]

    def _at(self, hypothesis: Index, theta: Array, main: Array, aux: Array) -> tuple[FitResult, Array, Array]:
        """Deviance, yields and rates (B, N) at ``theta``: neither depends on the side on which a kink is read."""
        unbounded = np.full(theta.shape, np.inf)
        return self._rows(Problem(hypothesis, theta, -unbounded, unbounded, Data(main, aux)), -1)

    def minimize(self, problem: Problem, most: int) -> FitResult:
        """See :meth:`Kernel.minimize`."""
        return self._rows(problem, most)[0]

    def _rows(self, problem: Problem, most: int, *, reflect: bool = False) -> tuple[FitResult, Array, Array]:
        rows = len(problem.hypothesis)
        result = FitResult(
            theta=np.array(problem.start, order="C"),
            deviance=np.empty(rows),
            edm=np.empty(rows),
            iterations=np.empty(rows, dtype=np.int64),
            status=np.empty(rows, dtype=np.int64),
            yields=np.empty((rows, self.cells)),
        )
        bin_rates = np.empty((rows, self.tables.floor.shape[1]))
        given = (problem.lower, problem.upper, problem.data.main, problem.data.aux)
        lower, upper, main, aux = (np.ascontiguousarray(array) for array in given)
        hypothesis = np.ascontiguousarray(problem.hypothesis)
        target = np.full(rows, np.inf) if problem.target is None else np.ascontiguousarray(problem.target)
        raised = np.zeros((rows if reflect else 0, problem.start.shape[1]))
        found = (result.deviance, result.edm, result.iterations, result.status, result.yields, bin_rates, raised)
        buffers = self._take()
        minimize_rows(self._given, hypothesis, result.theta, lower, upper, main, aux, most, target, *found, *buffers)
        self._buffers.append(buffers)
        return result, bin_rates, raised

    def _take(self) -> tuple[Any, Any]:
        """Buffers that no thread uses; they are given back to ``_buffers``."""
        try:
            return self._buffers.pop()
        except IndexError:
            return work(self.tables), state(self.tables.width.shape[1])


def is_compiled() -> bool:
    """Whether the CPU's kernels are compiled, now or by an earlier run; else the first fit takes some 12 seconds."""
    return kept(minimize_rows.dispatcher)


def _largest_cells(tables: Tables) -> int:
    cells = np.concatenate([[0], np.cumsum(tables.block_bins[tables.hypothesis_block])])
    return int(np.diff(cells[tables.hypothesis_from]).max(initial=0))


class Model:
    """A compiled batch with a kernel: what the fits run on.

    ``defects[h]`` says why hypothesis h cannot be fitted at all, or is None.
    """

    def __init__(self, batch: Batch, kernel: str = "fused", device: str = "cpu") -> None:
        background, both = _initial_rates(batch)
        self.batch = _with_floor(batch, background, both)
        self.kernel = make_kernel(self.batch, kernel, device)
        self.on_cpu = device == "cpu"
        self.defects = _defects(self.batch, background, both)

    def observed(self, hypothesis: NDArray[np.int64]) -> Data:
        """The published data of each row's hypothesis."""
        return Data(self.batch.observed[hypothesis], self.batch.aux[hypothesis])

    def yields(self, hypothesis: NDArray[np.int64], theta: Array) -> tuple[Array, Array]:
        """Expected events of each (sample, channel, bin) cell (B, cells) and of each main bin (B, N)."""
        return self.kernel.yields(hypothesis, theta, np.where(theta < 0.0, -1.0, 1.0))

    def cell_name(self, hypothesis: int, cell: int) -> str:
        """Sample, channel and bin of a cell of :meth:`yields`."""
        tables = self.batch.tables
        rows = range(tables.hypothesis_from[hypothesis], tables.hypothesis_from[hypothesis + 1])
        for row, (channel, sample) in zip(rows, self.batch.samples[hypothesis], strict=True):
            bins = int(tables.block_bins[tables.hypothesis_block[row]])
            if cell < bins:
                return f"sample {sample!r} in channel {channel!r} bin {cell}"
            cell -= bins
        raise IndexError(cell)

    def asimov(self, hypothesis: NDArray[np.int64], theta: Array) -> Data:
        """The Asimov data of ``theta``: expected main data, and auxdata equal to the parameters (in their own units)."""
        _, rates = self.yields(hypothesis, theta)
        constrained = self.batch.tables.constraint[hypothesis] != 0
        # A rate that a factor at zero switches off is exactly none.
        return Data(np.where(rates < _NO_EVENTS, 0.0, rates), np.where(constrained, theta, self.batch.aux[hypothesis]))

    def evaluate(self, hypothesis: int, theta: Array, order: int = 0, data: Array | None = None) -> Evaluation:
        """2NLL of one hypothesis at ``theta`` (P,) or (B, P), in pyhf's order; ``data`` (main then auxdata) as pyhf has it.

        All constants are kept, so that the value is -2 ``pyhf.Model.logpdf``.
        """
        theta = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        rows = np.full(len(theta), hypothesis, dtype=np.int64)
        values = self.observed(rows) if data is None else self._data(hypothesis, data, len(theta))
        value, gradient, hessian = self._twice(rows, theta, values, order)
        size = theta.shape[1]
        return Evaluation(
            value + constant(self.batch, rows, values),
            None if gradient is None else gradient[:, :size],
            None if hessian is None else hessian[:, :size, :size],
        )

    def deviance(self, hypothesis: NDArray[np.int64], theta: Array, data: Data) -> Array:
        """2NLL without constants (B,) of each row."""
        return self._twice(hypothesis, theta, data, 0)[0]

    def reflect(self, hypothesis: NDArray[np.int64], theta: Array, data: Data) -> Array:
        """By how much 2NLL rises (B, P) when one alpha alone goes to the other side of its constraint; 0 for other parameters."""
        if isinstance(self.kernel, FusedKernel):
            unbounded = np.full(theta.shape, np.inf)
            return self.kernel.reflect(Problem(hypothesis, theta, -unbounded, unbounded, data))
        raised = np.zeros(theta.shape)
        here = self._twice(hypothesis, theta, data, 0)[0]
        for p in np.flatnonzero(self.batch.tables.alpha[hypothesis].any(axis=0)):
            rows = np.flatnonzero(self.batch.tables.alpha[hypothesis, p])
            there = theta[rows]
            there[:, p] = 2.0 * data.aux[rows, p] - there[:, p]
            raised[rows, p] = self._twice(hypothesis[rows], there, data.rows(rows), 0)[0] - here[rows]
        return raised

    def _twice(self, rows: NDArray[np.int64], theta: Array, data: Data, order: int) -> tuple[Array, Array | None, Array | None]:
        """The kernel's numbers times two: 2NLL instead of NLL."""
        padded = np.zeros((len(theta), self.batch.init.shape[1]))
        padded[:, : theta.shape[1]] = theta
        sign = np.where(padded < 0.0, -1.0, 1.0)
        value, gradient, hessian = self.kernel.evaluate(rows, padded, sign, data.main, data.aux, order)
        return 2.0 * value, None if gradient is None else 2.0 * gradient, None if hessian is None else 2.0 * hessian

    def _data(self, hypothesis: int, data: Array, rows: int) -> Data:
        """``data`` in pyhf's order as main and auxiliary data."""
        bins = int(self.batch.tables.bins[hypothesis])
        main = np.zeros((rows, self.batch.observed.shape[1]))
        main[:, :bins] = data[:bins]
        aux = np.repeat(self.batch.aux[hypothesis][None, :], rows, axis=0)
        index = self.batch.auxiliary[hypothesis]
        poisson = self.batch.tables.constraint[hypothesis, index] == POISSON
        aux[:, index] = data[bins:] / np.where(poisson, self.batch.tables.width[hypothesis, index], 1.0)
        return Data(main, aux)


def make_kernel(batch: Batch, kernel: str, device: str) -> Kernel:
    """``fused`` (CPU) or ``torch`` (CPU or CUDA)."""
    if kernel == "fused":
        if device != "cpu":
            raise OptionError(f"kernel 'fused' runs on the CPU alone; for device {device!r} take kernel 'torch'")
        return FusedKernel(batch.tables)
    from hfx.hf_core.tensor.kernel import TorchKernel

    return TorchKernel(batch.tables, device)


def _initial_rates(batch: Batch) -> tuple[Array, Array]:
    """Expected events of each main bin (H, N) at the initial parameters, with the POI at 0 and at 1."""
    rows, mu = np.repeat(np.arange(len(batch), dtype=np.int64), 2), np.tile([0.0, 1.0], len(batch))
    theta = batch.init[rows]
    with_poi = np.flatnonzero(batch.poi[rows] >= 0)
    theta[with_poi, batch.poi[rows[with_poi]]] = mu[with_poi]
    rates = FusedKernel(batch.tables).yields(rows, theta, np.where(theta < 0.0, -1.0, 1.0))[1]
    return rates[0::2], rates[1::2]


def _with_floor(batch: Batch, background: Array, both: Array) -> Batch:
    """The floor of each bin: below what its background alone expects, or where that is nothing, its signal."""
    rates = np.where(background > _NO_EVENTS, background, np.where(both > _NO_EVENTS, both, 1.0))
    return replace(batch, tables=batch.tables._replace(floor=FLOOR * np.minimum(1.0, rates)))


def _defects(batch: Batch, background: Array, both: Array) -> tuple[str | None, ...]:
    return tuple(_defect(batch, h, background[h], both[h]) for h in range(len(batch)))


def _defect(batch: Batch, h: int, background: Array, both: Array) -> str | None:
    bins = int(batch.tables.bins[h])
    observed = batch.observed[h, :bins]
    for rates, what in ((both[:bins], "the expected rate"), (background[:bins], "the background's expected rate")):
        if (rates < 0.0).any():
            worst = int(np.argmin(rates))
            return (
                f"{batch.bin_names[h][worst]}: {what} is negative ({rates[worst]:.6g}) at the initial parameters; "
                "check the signs of its samples"
            )
    impossible = (both[:bins] < _NO_EVENTS) & (observed > 0.0)
    if impossible.any():
        worst = int(np.argmax(impossible))
        return f"{batch.bin_names[h][worst]}: {observed[worst]:g} events observed where no sample expects any"
    return None


def constant(batch: Batch, hypothesis: NDArray[np.int64], data: Data) -> Array:
    """What the deviance leaves out of 2NLL: (B,). Poisson: 2 (lnGamma(n + 1) - n log n + n); Normal: 2 log(sigma sqrt(2 pi))."""
    kind = batch.tables.constraint[hypothesis]
    width = batch.tables.width[hypothesis]
    normal = np.where(kind == NORMAL, 2.0 * np.log(width) + np.log(2.0 * np.pi), 0.0)
    poisson = np.where(kind == POISSON, _poisson_constant(width * data.aux), 0.0)
    result: Array = _poisson_constant(data.main).sum(axis=1) + (normal + poisson).sum(axis=1)
    return result


def _poisson_constant(n: Array) -> Array:
    safe = np.where(n > 0.0, n, 1.0)
    return np.where(n > 0.0, np.log(2.0 * np.pi * safe) + 2.0 * stirling_remainder(safe), 0.0)


def stirling_remainder(n: Array) -> Array:
    """lnGamma(n + 1) - n log n + n - log(2 pi n)/2, by Stirling's series above 16 (DLMF 5.11.1), to 1e-16 absolute."""
    from scipy.special import gammaln

    large = np.maximum(n, 16.0)
    inverse = 1.0 / (large * large)
    series = (
        1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0)))
    ) / large
    small = np.minimum(n, 16.0)
    direct = gammaln(small + 1.0) - small * np.log(small) + small - 0.5 * np.log(2.0 * np.pi * small)
    return np.where(n >= 16.0, series, direct)
