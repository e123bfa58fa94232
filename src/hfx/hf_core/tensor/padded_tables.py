"""The tables of a batch as rectangles on a device, each hypothesis' in the order of its own parameters.

Leading axes: H hypotheses (or B rows of a batch), K blocks of a hypothesis, M bins of a block, C = K M cells, N main bins, P
parameters; E interpolated factors of a hypothesis, F of a block; R factors of a cell that are parameters themselves, U such
parameters of a hypothesis. Index P, an additional column with the value 1, is that of padding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hfx.hf_core.batch.compile import Tables

__all__ = ["Layout", "make_layout"]

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything that an evaluation reads; one row (H = 1) serves any batch."""

    factor: Tensor  # (H, E): the parameter of each interpolated factor
    factor_table: Tensor  # (H, 8, E)
    factor_place: Tensor  # (H, E): where it lies in (K, P); K P for padding
    factor_of_block: Tensor  # (H, K F): a block's factors among E; E for padding
    nominal: Tensor  # (H, C) events
    odd: Tensor  # (H, C, P) events: S of each shift
    even: Tensor  # (H, C, P) events: D of each shift
    bin: Tensor  # (H, N, C): one where the cell is in the main bin
    own: Tensor  # (H, R, C): the parameters that are factors of the cell
    own_row: Tensor  # (H, R, C): where they are among U; U for padding
    own_parameter: Tensor  # (H, U, P): one where the parameter is that of the row
    constraint: Tensor  # (H, P)
    width: Tensor  # (H, P)
    floor: Tensor  # (H, N) events
    present: Tensor  # (H, N): whether the hypothesis has this main bin

    def take(self, index: Tensor) -> Layout:
        """The rows of ``index``; tables of a single hypothesis stay shared."""
        if len(self.width) == 1:
            return self
        return Layout(*(getattr(self, field.name)[index] for field in fields(self)))

    def only(self, hypothesis: int) -> Layout:
        """The layout of one hypothesis, for all rows of a batch."""
        return Layout(*(getattr(self, field.name)[hypothesis : hypothesis + 1] for field in fields(self)))

    def replace(self, index: Tensor, other: Layout) -> None:
        """Other rows take those of ``index``; tables of a single hypothesis are replaced entirely."""
        for field in fields(self):
            mine, its = getattr(self, field.name), getattr(other, field.name)
            if len(mine) == 1:
                mine.copy_(its)
            else:
                mine.index_copy_(0, index, its)


def make_layout(t: Tables, device: torch.device) -> Layout:
    """The layout of all hypotheses of ``t``."""
    hypotheses, parameters = t.width.shape
    blocks, bins = int(np.diff(t.hypothesis_from).max(initial=1)), int(t.block_bins.max(initial=1))
    block = _ragged(t.hypothesis_block, t.hypothesis_from, len(t.block_bins), blocks)  # (H, K)
    start = np.pad(t.start, ((0, 0), (0, 1)), constant_values=-1)
    start[start < 0] = parameters  # the last key, of padding, too
    used = np.arange(bins) < np.append(t.block_bins, 0)[block][:, :, None]  # (H, K, M)
    factor, table, place, of_block = _factors(t, block, start)
    own = _own(t, block, start, used).reshape(hypotheses, -1, blocks * bins)
    own_row, own_parameter = _own_rows(own, parameters)
    channel = np.append(t.block_channel, 0)[block]
    main = np.take_along_axis(t.offset, channel, axis=1)[:, :, None] + np.arange(bins)
    main = np.where(used, main, -1).reshape(hypotheses, 1, -1)
    rows = np.arange(t.floor.shape[1])
    nominal, odd, even = _cells(t, block, start, used)
    arrays: dict[str, NDArray[Any]] = {
        "factor": factor,
        "factor_table": table,
        "factor_place": place,
        "factor_of_block": of_block,
        "nominal": nominal,
        "odd": odd,
        "even": even,
        "bin": (main == rows[:, None]).astype(np.float64),
        "own": own,
        "own_row": own_row,
        "own_parameter": own_parameter,
        "constraint": t.constraint,
        "width": t.width,
        "floor": t.floor,
        "present": rows < t.bins[:, None],
    }
    return Layout(**{name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in arrays.items()})


def _ragged(values: NDArray[Any], begins: Index, padding: int, width: int | None = None) -> Index:
    """CSR rows as one rectangle."""
    lengths = np.diff(begins)
    width = int(lengths.max(initial=0)) if width is None else width
    inside = np.arange(width) < lengths[:, None]
    rectangle = np.full(inside.shape, padding, dtype=np.int64)
    rectangle[inside] = values[: begins[-1]]
    return rectangle


def _with_padding(rectangle: Index, padding: int) -> Index:
    """One row of padding more: that of the block that is padding."""
    return np.pad(rectangle, ((0, 1), (0, 0)), constant_values=padding)


def _factors(t: Tables, block: Index, start: Index) -> tuple[Index, NDArray[np.float64], Index, Index]:
    """Parameter, table and place of each interpolated factor, and which belong to each block."""
    parameters, count = t.width.shape[1], len(t.normsys_key)
    entry = _with_padding(_ragged(np.arange(count), t.normsys_from, count), count)[block]  # (H, K, F)
    hypotheses, blocks, most = entry.shape
    some = entry < count
    lengths = some.sum((1, 2))
    begins = np.concatenate([[0], np.cumsum(lengths)])
    width = max(1, int(lengths.max(initial=0)))
    flat = _ragged(entry[some], begins, count, width)  # (H, E)
    of_block = np.full(entry.shape, width, dtype=np.int64)
    of_block[some] = np.concatenate([np.arange(n) for n in lengths]) if len(lengths) else 0
    which = _ragged(np.nonzero(some)[1], begins, 0, width)
    factor = np.take_along_axis(start, np.append(t.normsys_key, start.shape[1] - 1)[flat], axis=1)
    place = np.where(flat < count, which * parameters + factor, blocks * parameters)
    table = np.pad(t.normsys_table, ((0, 0), (0, 1)))[:, flat].transpose(1, 0, 2)
    return factor, table, place, of_block.reshape(hypotheses, blocks * most)


def _cells(t: Tables, block: Index, start: Index, used: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Nominal events (H, C) and the two tables of the shifts (H, C, P)."""
    hypotheses, parameters = t.width.shape
    bins = used.shape[2]
    cells = np.append(t.block_cell, 0)[block][:, :, None] + np.arange(bins)
    nominal = np.where(used, t.nominal[np.where(used, cells, 0)], 0.0).reshape(hypotheses, -1)
    shifts = np.append(np.diff(t.shift_from), 0)
    most = int(shifts.max(initial=0))
    begin, shift = np.append(t.shift_cell, 0)[: len(shifts)], np.arange(most)
    keys = _with_padding(_ragged(t.shift_key, t.shift_from, start.shape[1] - 1), start.shape[1] - 1)[block]
    index = np.take_along_axis(start, keys.reshape(hypotheses, -1), axis=1).reshape(*block.shape, 1, most)
    entry = begin[block][:, :, None, None] + np.arange(bins)[:, None] * shifts[block][:, :, None, None] + shift
    some = used[..., None] & (shift < shifts[block][:, :, None, None])
    tables = []
    for values in (t.shift_odd, t.shift_even):
        spread = np.zeros((*used.shape, parameters + 1))
        moved = np.where(some, np.append(values, 0.0)[np.where(some, entry, len(values))], 0.0)
        np.put_along_axis(spread, np.broadcast_to(index, some.shape), moved, axis=3)
        tables.append(spread[..., :parameters].reshape(hypotheses, -1, parameters))
    return nominal, tables[0], tables[1]


def _own(t: Tables, block: Index, start: Index, used: NDArray[np.bool_]) -> Index:
    """The parameters that are factors of each cell (H, R, K, M): linear ones, then those of its bin."""
    bins, parameters = used.shape[2], t.width.shape[1]
    found = []
    for keys, begins, step in ((t.linear_key, t.linear_from, 0), (t.gamma_key, t.gamma_from, 1)):
        rectangle = _with_padding(_ragged(keys, begins, start.shape[1] - 1), start.shape[1] - 1)[block]  # (H, K, R)
        index = np.take_along_axis(start, rectangle.reshape(len(start), -1), axis=1).reshape(rectangle.shape)
        each = index.transpose(0, 2, 1)[..., None] + step * np.arange(bins)
        found.append(np.where((index.transpose(0, 2, 1)[..., None] < parameters) & used[:, None], each, parameters))
    return np.concatenate(found, axis=1)


def _own_rows(own: Index, parameters: int) -> tuple[Index, NDArray[np.float64]]:
    """The index of each parameter of ``own`` (H, R, C) among those of its hypothesis, and these as an indicator (H, U, P)."""
    marked = np.zeros((len(own), parameters + 1), dtype=np.bool_)
    np.put_along_axis(marked, own.reshape(len(own), -1), True, axis=1)
    marked[:, parameters] = False
    count = int(marked.sum(1).max(initial=0))
    row = np.where(marked, np.cumsum(marked, axis=1) - 1, count)
    which = np.take_along_axis(row, own.reshape(len(own), -1), axis=1).reshape(own.shape)
    one = (row[:, None, :parameters] == np.arange(count)[:, None]).astype(np.float64)
    return which, one
