"""The order in which the kernels hold a hypothesis' parameters: first those that several bins share, then those of one bin alone,
its own ones.

Factors per bin (staterror, shapesys, shapefactor) grow in number with the bins, but each touches the rate of its own bin alone.
A row of derivatives is therefore kept for the shared parameters, and a few numbers a bin for the others: memory and time then
grow with the number of bins, not with its square or cube.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.structures import Index

__all__ = ["Arrangement", "arrangement"]


class Arrangement(NamedTuple):
    """A orders of parameters, and the one that each hypothesis has. Padding stays where it is."""

    arranged: Index  # (H,): the hypothesis' order, a row of the following
    order: Index  # (A, P): the parameter, in the order of the tables, at each place
    place: Index  # (A, P): the place of each parameter
    shared: Index  # (A,): the number of parameters that are not of one bin alone: they come first
    local_from: Index  # (A, N + 1): the first place of each main bin's own parameters; these lie bin after bin
    inside: Index  # (A,): main bins whose rows of derivatives are fewer than the shared parameters; 0 where they are not

    @property
    def most_shared(self) -> int:
        return int(self.shared.max(initial=0))

    @property
    def most_own(self) -> int:
        """The largest number of parameters of one bin alone, a multiple of eight."""
        return int(((self.local_from[:, -1] - self.shared).max(initial=0) + 7) // 8 * 8)

    @property
    def most_in_one_bin(self) -> int:
        return int(np.diff(self.local_from, axis=1).max(initial=0))


def arrangement(t: Tables) -> Arrangement:
    """The orders of the parameters of these tables; hypotheses with the same channels and parameters have one together."""
    first = np.unique(t.gamma_key, return_index=True)[1]
    keys = t.gamma_key[first]
    block = np.searchsorted(t.gamma_from, first, side="right") - 1
    channel, bins = t.block_channel[block], t.block_bins[block]
    alike = np.concatenate([t.start[:, keys], t.offset[:, channel], t.size[:, None], t.bins[:, None]], axis=1)
    rows, arranged = np.unique(alike, axis=0, return_inverse=True)
    starts, offsets, size, count = rows[:, : len(keys)], rows[:, len(keys) : -2], rows[:, -2], rows[:, -1]
    own = _own_bins(t.width.shape[1], size, starts, offsets, bins)
    order = np.argsort(own, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(own.shape[1])[None, :], axis=1)
    shared = (own < 0).sum(axis=1)
    local_from = np.zeros((len(rows), t.floor.shape[1] + 1), dtype=np.int64)
    row, parameter = np.nonzero((own >= 0) & (own < _PADDING))
    np.add.at(local_from, (row, own[row, parameter] + 1), 1)
    local_from = shared[:, None] + np.cumsum(local_from, axis=1)
    return Arrangement(arranged.reshape(-1), order, place, shared, local_from, np.where(count < shared, count, 0))


_PADDING = np.iinfo(np.int64).max


def _own_bins(width: int, size: Index, starts: Index, offsets: Index, bins: Index) -> Index:
    """The main bin of each parameter (A, P) that is a factor of that bin alone; -1 for others, beyond all bins for padding."""
    key = np.repeat(np.arange(len(bins)), bins)
    inside = np.arange(len(key)) - np.repeat(np.cumsum(bins) - bins, bins)
    row, cell = np.nonzero((starts[:, key] >= 0) & (offsets[:, key] >= 0))
    parameter, own = starts[row, key[cell]] + inside[cell], offsets[row, key[cell]] + inside[cell]
    least = np.full((len(size), width), _PADDING)
    most = np.full((len(size), width), -1)
    np.minimum.at(least, (row, parameter), own)
    np.maximum.at(most, (row, parameter), own)
    found = np.where(least == most, most, -1)
    found[np.arange(width)[None, :] >= size[:, None]] = _PADDING
    return found
