"""The likelihood of a batch as padded torch tensors on any device; the same function as `cpu.rates`.

The letters of the axes are those of `tensor.padded_tables`. Rows lie along the parameters (`tensor.hessian_rows`), so that
shifts are matrix products, and no array has more axes than (B, rows, P).
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.modifiers.interpolation import SHIFT_CODES
from hfx.hf_core.tensor.hessian_rows import Rows, along, back
from hfx.hf_core.tensor.likelihood_terms import away_from_zero, constraint, normsys, poisson
from hfx.hf_core.tensor.padded_tables import Layout, make_layout

__all__ = ["BatchLikelihood"]


@dataclass(frozen=True, eq=False)
class _Cells:
    """The expected events at one point and the values that their derivatives need."""

    slopes: Tensor  # (B, E) f'/f
    seconds: Tensor  # (B, E) f''/f
    shift: Tensor  # (B, P) T
    shift_slope: Tensor  # (B, P) T'
    shift_second: Tensor  # (B, P) T''
    own: Tensor  # (B, R, C): the factors that are parameters themselves
    factor: Tensor  # (B, C) phi
    rate: Tensor  # (B, C) phi A
    nu: Tensor  # (B, N)


class BatchLikelihood:
    """The likelihood of all rows of a batch at once, by torch operations on ``device``."""

    def __init__(self, tables: Tables, device: torch.device) -> None:
        self.tables = tables
        self.device = device
        self.layout = make_layout(tables, device)
        (self._shift,) = [code.shape for code in SHIFT_CODES.values() if code.number == tables.histosys_code]
        self.recorded: dict[
            tuple[int, int, int], object
        ] = {}  # iterations that :mod:`hfx.hf_core.tensor.slots` has recorded, by size
        self._yields = torch.from_numpy(_cells_in_order(tables, self.layout.nominal.shape[1])).to(device)

    @property
    def matrix_free(self) -> BatchLikelihood:
        """See :class:`hfx.hf_core.tensor.matrix_step.TensorLikelihood`."""
        return self

    def with_floor(self, floor: NDArray[np.float64]) -> BatchLikelihood:
        """The same likelihood with ``floor`` (H, N), in events."""
        other = copy(self)
        other.tables = self.tables._replace(floor=floor)
        other.layout = replace(self.layout, floor=torch.from_numpy(np.ascontiguousarray(floor)).to(self.device))
        other.recorded = {}
        return other

    def of(self, hypothesis: NDArray[np.int64]) -> BatchLikelihood:
        """The kernel for rows of these hypotheses (B,): where they are all the same one, its tables serve all rows."""
        if len(hypothesis) == 0 or (hypothesis != hypothesis[0]).any():
            return self
        alone, (number,) = copy(self), hypothesis[:1].tolist()
        alone.layout = self.layout.only(number)
        alone._yields = self._yields[number : number + 1]
        return alone

    def evaluate(
        self, hypothesis: Tensor, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor, order: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """See :class:`hfx.hf_core.tensor.matrix_step.TensorLikelihood`."""
        at = self.layout.take(hypothesis)
        if order == 0:
            return self.value(at, theta, sign, main, aux), None, None
        rows = self.rows(at, theta, sign, main, aux)
        return rows.value, rows.gradient, rows.hessian() if order == 2 else rows.gauss_newton()

    def yields(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`hfx.hf_core.tensor.matrix_step.TensorLikelihood`."""
        cells = self._cells(self.layout.take(hypothesis), theta, sign)
        order = self._yields[hypothesis] if len(self._yields) > 1 else self._yields.expand(len(theta), -1)
        nothing = torch.zeros_like(cells.rate[:, :1])
        return torch.cat([cells.rate, nothing], 1).gather(1, order), cells.nu

    def value(self, at: Layout, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor) -> Tensor:
        """NLL deviance (B,), half of 2NLL."""
        terms = poisson(self._cells(at, theta, sign).nu, main, at.floor)[0]
        pulls = constraint(at.constraint, theta, aux, at.width)[0]
        return torch.where(at.present, terms, 0.0).sum(1) + pulls.sum(1)

    def rows(self, at: Layout, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor) -> Rows:
        """The likelihood with its first and second derivatives."""
        cells = self._cells(at, theta, sign)
        value, first, second = (torch.where(at.present, term, 0.0) for term in poisson(cells.nu, main, at.floor))
        pulls, slopes, prior = constraint(at.constraint, theta, aux, at.width)
        rows, weight, remainder = self._rows(at, cells, first)
        n, k = first.shape[1], weight.shape[1]
        return Rows(
            value=value.sum(1) + pulls.sum(1),
            gradient=back(rows[:, 2 * k : 2 * k + n], first) + slopes,
            rows=rows,
            blocks=k,
            bins=n,
            weight=weight,
            curvature=second,
            prior=prior,
            remainder=remainder,
            own=at.own_parameter,
        )

    def _cells(self, at: Layout, theta: Tensor, sign: Tensor) -> _Cells:
        code, (rows, cells) = self.tables.normsys_code, (len(theta), at.nominal.shape[1])
        x = torch.nn.functional.pad(theta, (0, 1), value=1.0)
        factor = at.factor.expand(rows, -1)
        side = torch.nn.functional.pad(sign, (0, 1), value=1.0).gather(1, factor) if code == 1 else x
        scale, slopes, seconds = normsys(code, x.gather(1, factor), side, at.factor_table)
        blocks = cells // self._bins
        each = torch.nn.functional.pad(scale, (0, 1), value=1.0).gather(1, at.factor_of_block.expand(rows, -1))
        scale = each.view(rows, blocks, at.factor_of_block.shape[1] // blocks).prod(2)
        shift, shift_slope, shift_second = self._shift(theta, sign)
        additive = at.nominal + along(at.odd, theta) + along(at.even, shift)
        own = away_from_zero(x.gather(1, at.own.flatten(1).expand(rows, -1))).view(rows, at.own.shape[1], cells)
        phi = (scale[:, :, None] * _blocks(own.prod(1), self._bins)).flatten(1)
        rate = phi * additive
        return _Cells(slopes, seconds, shift, shift_slope, shift_second, own, phi, rate, along(at.bin, rate))

    @property
    def _bins(self) -> int:
        return int(self.tables.block_bins.max(initial=1))

    def _rows(self, at: Layout, cells: _Cells, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The rows (B, 2K + N + U, P), the blocks' weights (B, K) and the remainder of the diagonal (B, P)."""
        weights = back(at.bin, first)  # of the cells
        logarithmic, second = self._spread(at, cells.slopes), self._spread(at, cells.seconds)
        odd, even = (_sum_of_blocks(table, weights * cells.factor, self._bins) for table in (at.odd, at.even))
        additive = torch.addcmul(odd, cells.shift_slope[:, None, :], even)
        weight = _blocks(weights * cells.rate, self._bins).sum(2)
        remainder = even.sum(1) * cells.shift_second + back(second - logarithmic * logarithmic, weight)
        bins = self._rows_of_bins(at, cells, weights, logarithmic)
        return torch.cat([logarithmic, additive, bins], 1), weight, remainder

    def _spread(self, at: Layout, values: Tensor) -> Tensor:
        """Values of the interpolated factors (B, E) as (B, K, P)."""
        parameters = at.width.shape[1]
        blocks = at.nominal.shape[1] // self._bins
        flat = values.new_zeros((len(values), blocks * parameters + 1))
        flat.scatter_(1, at.factor_place.expand(len(values), -1), values)
        return flat[:, :-1].view(len(values), blocks, parameters)

    def _rows_of_bins(self, at: Layout, cells: _Cells, weights: Tensor, logarithmic: Tensor) -> Tensor:
        """The Jacobian of the bins and the rows across (B, N + U, P): sums over cells of their derivatives.

        In a row across, the entry of another such parameter is half of it: its own row has the other half.
        """
        inverse = self._inverse(at, cells.own)
        rows = torch.cat([at.bin.expand(len(weights), -1, -1), weights[:, None, :] * inverse], 1)
        rate, factor = rows * cells.rate[:, None, :], rows * cells.factor[:, None, :]
        of_blocks = rate.view(*rate.shape[:2], logarithmic.shape[1], self._bins).sum(3)
        shifted = torch.addcmul(_times(factor, at.odd), cells.shift_slope[:, None, :], _times(factor, at.even))
        own = rate @ inverse.transpose(1, 2)
        bins = at.bin.shape[1]
        half = 0.5 - 0.5 * torch.eye(own.shape[2], dtype=own.dtype, device=own.device)
        own = torch.cat([own[:, :bins], own[:, bins:] * half], 1)
        return of_blocks @ logarithmic + shifted + _times(own, at.own_parameter)

    def _inverse(self, at: Layout, own: Tensor) -> Tensor:
        """One over the factor that each row's parameter is of each cell, else zero: (B, U, C)."""
        rows, _, cells = own.shape
        spread = own.new_zeros((rows, at.own_parameter.shape[1] + 1, cells))
        spread.scatter_(1, at.own_row.expand(rows, -1, -1), 1.0 / own)
        return spread[:, :-1]


def _times(rows: Tensor, table: Tensor) -> Tensor:
    """``rows`` (B, X, C) times ``table`` (B or 1, C, P): (B, X, P)."""
    return rows @ (table[0] if len(table) == 1 else table)


def _blocks(cells: Tensor, bins: int) -> Tensor:
    """(B, K M) as (B, K, M)."""
    return cells.view(len(cells), cells.shape[1] // bins, bins)


def _sum_of_blocks(table: Tensor, weights: Tensor, bins: int) -> Tensor:
    """``table`` (B or 1, K M, P) with the cells' ``weights`` (B, K M), summed over the M bins of each block: (B, K, P)."""
    by_block, table = _blocks(weights, bins), table.view(len(table), table.shape[1] // bins, bins, table.shape[2])
    if len(table) == 1:
        return torch.bmm(by_block.transpose(0, 1), table[0]).transpose(0, 1)
    return (by_block[:, :, None, :] @ table)[:, :, 0, :]


def _cells_in_order(t: Tables, cells: int) -> NDArray[Any]:
    """The indices among C of each hypothesis' (sample, channel, bin) cells, in their order (H, cells); C for padding."""
    bins = int(t.block_bins.max(initial=1))
    places = []
    for first, last in zip(t.hypothesis_from[:-1], t.hypothesis_from[1:], strict=True):
        counts = t.block_bins[t.hypothesis_block[first:last]]
        places.append(np.concatenate([np.zeros(0, dtype=np.int64), *(r * bins + np.arange(n) for r, n in enumerate(counts))]))
    order = np.full((len(places), max(map(len, places), default=0)), cells, dtype=np.int64)
    for row, place in zip(order, places, strict=True):
        row[: len(place)] = place
    return order
