"""The dense kernel: the same likelihood as :mod:`fused`, as padded torch tensors on any device.

Leading axes: B rows (fits), K blocks of a hypothesis, M bins of a channel; F factors, G shifts and Q per-bin factors of a block;
P parameters, one more column (theta = 1) taking what is padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.compile import Tables
from hfx.hf_core.interpolation import clip, histosys_0, histosys_2, histosys_4p, normsys_4
from hfx.hf_core.parameters import NORMAL, POISSON

__all__ = ["DenseKernel"]

_TINY = 1e-150
_SHIFTS = {0: histosys_0, 2: histosys_2, 4: histosys_4p}


@dataclass(frozen=True, eq=False)
class _Cells:
    """What one evaluation at one point needs of the blocks."""

    slopes: Tensor  # (B, K, F) d log f / d theta
    seconds: Tensor  # (B, K, F) f'' / f
    factor_index: Tensor  # (B, K, F)
    shift_index: Tensor  # (B, K, G)
    shift_slope: Tensor  # (B, K, G, M) dA / d alpha
    shift_second: Tensor  # (B, K, G, M)
    gamma_index: Tensor  # (B, K, Q, M)
    factor: Tensor  # (B, K, M) phi
    rate: Tensor  # (B, K, M) phi A
    place: Tensor  # (B, K, M) main bin, N for padding


class DenseKernel:
    """Evaluates rows with torch operations on ``device``."""

    def __init__(self, tables: Tables, device: torch.device) -> None:
        self.tables = tables
        self.device = device
        self.bins = tables.floor.shape[1]
        self.parameters = tables.width.shape[1]
        self._layout()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _layout(self) -> None:
        """Padded tables by block, one padding block at the end; padding keys point to the last column of ``start``."""
        t = self.tables
        blocks = len(t.block_bins)
        most = int(t.block_bins.max(initial=1))
        no_key = t.start.shape[1]
        self.start = self._tensor(np.pad(t.start, ((0, 0), (0, 1)), constant_values=self.parameters))
        self.start[self.start < 0] = self.parameters
        self.linear_key = self._ragged(t.linear_key, t.linear_from, no_key)
        self.normsys_key = self._ragged(t.normsys_key, t.normsys_from, no_key)
        rows = np.arange(len(t.normsys_key))
        self.normsys_row = self._ragged(rows, t.normsys_from, len(rows))
        self.normsys_table = self._tensor(np.pad(t.normsys_table.T, ((0, 1), (0, 0))))
        self.gamma_key = self._ragged(t.gamma_key, t.gamma_from, no_key)
        self.shift_key = self._ragged(t.shift_key, t.shift_from, no_key)
        shifts = self.shift_key.shape[1]
        odd, even = np.zeros((2, blocks + 1, shifts, most))
        nominal = np.zeros((blocks + 1, most))
        used = np.zeros((blocks + 1, most), dtype=np.bool_)
        for k in range(blocks):
            n = int(t.block_bins[k])
            nominal[k, :n] = t.nominal[t.block_cell[k] : t.block_cell[k] + n]
            used[k, :n] = True
            count = int(t.shift_from[k + 1] - t.shift_from[k])
            cells = slice(t.shift_cell[k], t.shift_cell[k] + n * count)
            odd[k, :count, :n] = t.shift_odd[cells].reshape(n, count).T
            even[k, :count, :n] = t.shift_even[cells].reshape(n, count).T
        self.odd, self.even = self._tensor(odd), self._tensor(even)
        self.nominal, self.used = self._tensor(nominal), self._tensor(used)
        self.block = self._ragged(t.hypothesis_block, t.hypothesis_from, blocks)[:-1]
        channel = np.append(t.block_channel, 0)
        self.channel = self._tensor(channel)
        self.offset = self._tensor(t.offset)
        self.floor = self._tensor(t.floor)
        self.constraint, self.width = self._tensor(t.constraint), self._tensor(t.width)
        self.main_bins = self._tensor(t.bins)

    def _ragged(self, values: NDArray[Any], begins: NDArray[np.int64], padding: int) -> Tensor:
        """CSR rows as one rectangle, with a last row of padding."""
        lengths = np.diff(begins)
        rectangle = np.full((len(lengths) + 1, int(lengths.max(initial=0))), padding, dtype=np.int64)
        for row, (first, length) in enumerate(zip(begins[:-1], lengths, strict=True)):
            rectangle[row, :length] = values[first : first + length]
        return self._tensor(rectangle)

    def yields(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`hfx.hf_core.batched.TensorKernel`."""
        cells = self._cells(hypothesis, theta, sign)
        used = self.used[self.block[hypothesis]].flatten(1)
        rate = cells.rate.flatten(1)
        most = int(used.sum(1).max()) if len(used) else 0
        column = torch.where(used, torch.cumsum(used, 1) - 1, most)
        packed = torch.zeros((len(theta), most + 1), dtype=theta.dtype, device=self.device)
        packed.scatter_(1, column, rate)
        return packed[:, :most], self._rates(cells)

    def _rates(self, cells: _Cells) -> Tensor:
        rates = torch.zeros((len(cells.rate), self.bins + 1), dtype=cells.rate.dtype, device=self.device)
        return rates.scatter_add_(1, cells.place.flatten(1), cells.rate.flatten(1))[:, : self.bins]

    def _cells(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> _Cells:
        t = self.tables
        one = torch.ones((len(theta), 1), dtype=theta.dtype, device=self.device)
        x, side = torch.cat([theta, one], 1), torch.cat([sign, one], 1)
        block = self.block[hypothesis]
        start = self.start[hypothesis]
        rows = torch.arange(len(theta), device=self.device)

        def index(keys: Tensor) -> Tensor:
            return start[rows[:, None, None], keys[block]]

        def value(at: Tensor, of: Tensor = x) -> Tensor:
            return of[rows.reshape(-1, *[1] * (at.dim() - 1)), at]

        linear_index, normsys_index, shift_index = (index(keys) for keys in (self.linear_key, self.normsys_key, self.shift_key))
        linear = _away_from_zero(value(linear_index))
        rows_of_table = self.normsys_table[self.normsys_row[block]]
        scale, slope, second = _normsys(t.normsys_code, value(normsys_index), value(normsys_index, side), rows_of_table)
        a = value(shift_index)
        even, even_slope, even_second = _SHIFTS[t.histosys_code](a, value(shift_index, side))
        odd_table, even_table = self.odd[block], self.even[block]
        additive = self.nominal[block] + (a[..., None] * odd_table + even[..., None] * even_table).sum(2)
        m = torch.arange(additive.shape[2], device=self.device)
        used = self.used[block]
        gamma_start = index(self.gamma_key)[..., None]
        inside = (gamma_start < self.parameters) & used[:, :, None, :]
        gamma_index = torch.where(inside, gamma_start + m, self.parameters)
        gamma = _away_from_zero(value(gamma_index)).prod(2)
        factor = (linear.prod(2) * scale.prod(2))[..., None] * gamma
        place = self.offset[hypothesis][rows[:, None], self.channel[block]][..., None] + m
        return _Cells(
            slopes=torch.cat([1.0 / linear, slope], 2),
            seconds=torch.cat([torch.zeros_like(linear), second], 2),
            factor_index=torch.cat([linear_index, normsys_index], 2),
            shift_index=shift_index,
            shift_slope=odd_table + even_slope[..., None] * even_table,
            shift_second=even_second[..., None] * even_table,
            gamma_index=gamma_index,
            factor=factor,
            rate=torch.where(used, factor * additive, 0.0),
            place=torch.where(used, place, self.bins),
        )

    def evaluate(
        self, hypothesis: Tensor, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor, order: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """See :class:`hfx.hf_core.batched.TensorKernel`."""
        cells = self._cells(hypothesis, theta, sign)
        present = torch.arange(self.bins, device=self.device) < self.main_bins[hypothesis][:, None]
        terms = _poisson(self._rates(cells), main, self.floor[hypothesis])
        value, first, second = (torch.where(present, term, 0.0) for term in terms)
        pulls, slopes, curvatures = _constraint(self.constraint[hypothesis], theta, aux, self.width[hypothesis])
        total = value.sum(1) + pulls.sum(1)
        if order == 0:
            return total, None, None
        gradient, hessian = self._derivatives(cells, theta, first, second, order == 2)
        torch.diagonal(hessian, dim1=1, dim2=2).add_(curvatures)
        return total, gradient + slopes, hessian

    def _derivatives(self, cells: _Cells, theta: Tensor, first: Tensor, second: Tensor, exact: bool) -> tuple[Tensor, Tensor]:
        """Gradient and Hessian of the main terms: rate Lambda Lambda' + d Lambda' + Lambda d' for each cell."""
        rows, blocks, bins = cells.rate.shape
        columns = self.parameters + 1

        def spread(index: Tensor, values: Tensor) -> Tensor:
            shape = (*index.shape[:-1], columns)
            return torch.zeros(shape, dtype=theta.dtype, device=self.device).scatter_add_(-1, index, values)

        logarithmic = spread(cells.factor_index, cells.slopes)[:, :, None, :].expand(-1, -1, bins, -1)
        extended = torch.cat([theta, torch.ones_like(theta[:, :1])], 1)
        batch = torch.arange(rows, device=self.device)[:, None, None, None]
        gamma_index = cells.gamma_index.transpose(2, 3)
        logarithmic = logarithmic + spread(gamma_index, 1.0 / _away_from_zero(extended[batch, gamma_index]))
        shift_index = cells.shift_index[:, :, None, :].expand(-1, -1, bins, -1)
        factor = cells.factor[..., None]
        additive = spread(shift_index, factor * cells.shift_slope.transpose(2, 3))
        seconds = cells.rate[..., None] * spread(cells.factor_index, cells.seconds)[:, :, None, :]
        seconds = seconds + spread(shift_index, factor * cells.shift_second.transpose(2, 3))
        seconds = seconds + 2.0 * additive * logarithmic
        jacobian = additive + cells.rate[..., None] * logarithmic
        flat = (rows, blocks * bins, columns)
        place = cells.place.reshape(rows, blocks * bins)
        by_bin = torch.zeros((rows, self.bins + 1, columns), dtype=theta.dtype, device=self.device)
        by_bin.scatter_add_(1, place[..., None].expand(flat), jacobian.reshape(flat))
        by_bin = by_bin[:, : self.bins, : self.parameters]
        gradient = torch.einsum("bn,bnp->bp", first, by_bin)
        gauss_newton = by_bin.transpose(1, 2) @ (second[..., None] * by_bin)
        if not exact:
            return gradient, gauss_newton
        weight = torch.cat([first, torch.zeros_like(first[:, :1])], 1).gather(1, place)[..., None]
        logarithmic = logarithmic.reshape(flat)[..., : self.parameters]
        half = weight * (0.5 * cells.rate.reshape(rows, -1, 1) * logarithmic + additive.reshape(flat)[..., :-1])
        curved = half.transpose(1, 2) @ logarithmic
        hessian = curved + curved.transpose(1, 2)
        # A linear factor at zero makes the diagonal of l l' enormous; it is not part of the Hessian.
        diagonal = (weight * seconds.reshape(flat)[..., : self.parameters]).sum(1)
        torch.diagonal(hessian, dim1=1, dim2=2).copy_(diagonal)
        return gradient, hessian + gauss_newton


def _away_from_zero(value: Tensor) -> Tensor:
    return torch.where(value.abs() < _TINY, _TINY, value)


def _normsys(code: int, a: Tensor, sign: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f, f'/f, f''/f."""
    log_hi, log_lo = table[..., 6], table[..., 7]
    if code == 1:
        slope = torch.where(sign > 0.0, log_hi, -log_lo)
        return torch.exp(a * slope), slope, slope * slope
    c = clip(a)
    value, slope, second = normsys_4(c, *(table[..., i] for i in range(6)))
    value = _away_from_zero(value)
    outside = torch.exp((a - c).clamp(min=0.0) * log_hi + (c - a).clamp(min=0.0) * log_lo)
    return value * outside, slope / value, second / value


def _poisson(nu: Tensor, n: Tensor, floor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`hfx.hf_core.fused.poisson`, element-wise."""
    some = n > 0.0
    n_safe = torch.where(some, n, 1.0)
    empty_floor, floor = floor, torch.where(some, torch.minimum(floor, 0.5 * n), floor)
    at = torch.where(nu >= floor, nu, floor)
    u = (at - n_safe) / n_safe
    value, slope, curvature = n_safe * (u - torch.log1p(u)), (at - n_safe) / at, n_safe / (at * at)
    step = torch.where(nu >= floor, 0.0, nu - floor)
    value, slope = value + step * (slope + 0.5 * curvature * step), slope + curvature * step
    below = nu < 0.0
    empty = torch.where(below, nu + 0.5 * nu * nu / empty_floor, nu)
    empty_slope = torch.where(below, 1.0 + nu / empty_floor, 1.0)
    empty_curvature = torch.where(below, 1.0 / empty_floor, 0.0)
    return (
        torch.where(some, value, empty),
        torch.where(some, slope, empty_slope),
        torch.where(some, curvature, empty_curvature),
    )


def _constraint(kind: Tensor, theta: Tensor, aux: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`hfx.hf_core.fused.constraint`, element-wise; zero where unconstrained."""
    pull = (theta - aux) / width
    normal = (0.5 * pull * pull, pull / width, 1.0 / (width * width))
    some = aux > 0.0
    a, x = torch.where(some, aux, 1.0), torch.where(kind == POISSON, theta, 1.0)
    u = (x - a) / a
    poisson = (
        torch.where(some, width * a * (u - torch.log1p(u)), width * x),
        torch.where(some, width * (x - a) / x, width),
        torch.where(some, width * a / (x * x), 0.0),
    )
    chosen = (
        torch.where(kind == NORMAL, first, torch.where(kind == POISSON, second, 0.0))
        for first, second in zip(normal, poisson, strict=True)
    )
    return next(chosen), next(chosen), next(chosen)
