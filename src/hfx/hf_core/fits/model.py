"""The model: a compiled batch with the kernel that evaluates and fits it, on a CPU or a GPU.

The kernels "compiled" (numba, CPU) and "torch" (padded tensors, any device) give the same numbers. torch takes a second to
import, so that it is imported only where its kernel is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.compile import Batch
from hfx.hf_core.batch.kernel import Kernel
from hfx.hf_core.batch.problem import Data
from hfx.hf_core.cpu.kernel import CompiledKernel
from hfx.hf_core.modifiers.base import NORMAL, POISSON

__all__ = ["Evaluation", "Model", "constant", "make_kernel", "stirling_remainder"]

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


class Model:
    """A compiled batch with a kernel, which evaluates and fits it.

    ``kernel`` is "compiled" (numba, the CPU alone) or "torch" (any device); None takes the compiled one on the CPU and torch
    elsewhere. ``defects[h]`` says why hypothesis h cannot be fitted at all, or is None.
    """

    def __init__(self, batch: Batch, kernel: str | None = None, device: str = "cpu") -> None:
        without_floor = make_kernel(batch, kernel or ("compiled" if device == "cpu" else "torch"), device)
        background, both = _initial_rates(batch, without_floor)
        self.batch = _with_floor(batch, background, both)
        self.kernel = without_floor.with_floor(self.batch.tables.floor)
        self.defects = _defects(self.batch, background, both)

    def observed(self, hypothesis: Index) -> Data:
        """The published data of each row's hypothesis."""
        return Data(self.batch.observed[hypothesis], self.batch.aux[hypothesis])

    def yields(self, hypothesis: Index, theta: Array) -> tuple[Array, Array]:
        """Expected events of each (sample, channel, bin) cell (B, cells) and of each main bin (B, N)."""
        return self.kernel.yields(hypothesis, theta)

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

    def asimov(self, hypothesis: Index, theta: Array) -> Data:
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

    def deviance(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        """2NLL without constants (B,) of each row."""
        return self._twice(hypothesis, theta, data, 0)[0]

    def mirror_changes(self, hypothesis: Index, theta: Array, data: Data) -> Array:
        """The change of 2NLL (B, P) when one alpha alone is mirrored about its auxiliary value; 0 for other parameters."""
        return self.kernel.mirror_changes(hypothesis, theta, data)

    def _twice(self, rows: Index, theta: Array, data: Data, order: int) -> tuple[Array, Array | None, Array | None]:
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
    """The kernel of this name: "compiled" (CPU) or "torch" (CPU or CUDA)."""
    if kernel not in ("compiled", "torch"):
        raise OptionError(f"kernel {kernel!r}: choose compiled or torch")
    compiled = CompiledKernel(batch.tables)
    if kernel == "torch":
        from hfx.hf_core.tensor.kernel import TorchKernel

        return TorchKernel(batch.tables, device, last_fits=compiled)
    if device != "cpu":
        raise OptionError(f"kernel 'compiled' runs on the CPU alone; for device {device!r} take kernel 'torch'")
    return compiled


def _initial_rates(batch: Batch, kernel: Kernel) -> tuple[Array, Array]:
    """Expected events of each main bin (H, N) at the initial parameters, with the POI at 0 and at 1."""
    rows, poi = np.repeat(np.arange(len(batch), dtype=np.int64), 2), np.tile([0.0, 1.0], len(batch))
    theta = batch.init[rows]
    with_poi = np.flatnonzero(batch.poi[rows] >= 0)
    theta[with_poi, batch.poi[rows[with_poi]]] = poi[with_poi]
    rates = kernel.yields(rows, theta)[1]
    return rates[0::2], rates[1::2]


def _with_floor(batch: Batch, background: Array, both: Array) -> Batch:
    """The batch with the floor of each bin: a fraction of the events expected of its background, or where there are none, of its
    signal."""
    rates = np.where(background > _NO_EVENTS, background, np.where(both > _NO_EVENTS, both, 1.0))
    return replace(batch, tables=batch.tables._replace(floor=FLOOR * np.minimum(1.0, rates)))


def _defects(batch: Batch, background: Array, both: Array) -> tuple[str | None, ...]:
    return tuple(_defect(batch, h, background[h], both[h]) for h in range(len(batch)))


def _defect(batch: Batch, h: int, background: Array, both: Array) -> str | None:
    bins = int(batch.tables.bins[h])
    observed = batch.observed[h, :bins]
    for rates, label in ((both[:bins], "the expected rate"), (background[:bins], "the background's expected rate")):
        if (rates < 0.0).any():
            worst = int(np.argmin(rates))
            return (
                f"{batch.bin_names[h][worst]}: {label} is negative ({rates[worst]:.6g}) at the initial parameters; "
                "check the signs of its samples"
            )
    impossible = (both[:bins] < _NO_EVENTS) & (observed > 0.0)
    if impossible.any():
        worst = int(np.argmax(impossible))
        return f"{batch.bin_names[h][worst]}: {observed[worst]:g} events observed where no sample expects any"
    return None


def constant(batch: Batch, hypothesis: Index, data: Data) -> Array:
    """The terms of 2NLL that the deviance omits (B,).

    Poisson: 2 (lnGamma(n + 1) - n log n + n); Normal: 2 log(sigma sqrt(2 pi)).
    """
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

    large = np.clip(n, 16.0, 1e150)  # the series is nothing there, and the square no overflow
    inverse = 1.0 / (large * large)
    series = (
        1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0)))
    ) / large
    small = np.minimum(n, 16.0)
    direct = gammaln(small + 1.0) - small * np.log(small) + small - 0.5 * np.log(2.0 * np.pi * small)
    return np.where(n >= 16.0, series, direct)
