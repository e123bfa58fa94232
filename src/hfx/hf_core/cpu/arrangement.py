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
from hfx.hf_core.cpu.array_types import Index

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
    width, most = t.width.shape[1], t.floor.shape[1]
    order, place = np.empty((2, len(rows), width), dtype=np.int64)
    shared, inside = np.empty((2, len(rows)), dtype=np.int64)
    local_from = np.empty((len(rows), most + 1), dtype=np.int64)
    for a, row in enumerate(rows):
        starts, offsets, (size, count) = row[: len(keys)], row[len(keys) : -2], row[-2:]
        bin_of = _own_bins(width, size, starts, offsets, bins)
        order[a] = np.argsort(bin_of, kind="stable")
        place[a, order[a]] = np.arange(width)
        shared[a] = np.count_nonzero(bin_of[:size] < 0)
        local_from[a] = shared[a] + np.searchsorted(np.sort(bin_of[:size][bin_of[:size] >= 0]), np.arange(most + 1))
        inside[a] = count if count < shared[a] else 0
    return Arrangement(np.ascontiguousarray(arranged.reshape(-1)), order, place, shared, local_from, inside)


def _own_bins(width: int, size: int, starts: Index, offsets: Index, bins: Index) -> Index:
    """The main bin of each parameter (P,) that is a factor of that bin alone; -1 for others, and beyond all bins for padding."""
    found = np.full(width, -1)
    several = np.zeros(width, dtype=np.bool_)
    for start, offset, count in zip(starts, offsets, bins, strict=True):
        if start >= 0 and offset >= 0:
            own = np.arange(offset, offset + count)
            known = found[start : start + count]
            several[start : start + count] |= (known >= 0) & (known != own)
            known[:] = own
    found[several] = -1
    found[size:] = np.iinfo(np.int64).max
    return found
