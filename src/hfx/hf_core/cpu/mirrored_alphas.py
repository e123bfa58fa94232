"""The change of the NLL when one alpha is mirrored about its auxiliary value, for all alphas in one pass over the tables."""

from __future__ import annotations

import math

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.buffers import WorkArrays
from hfx.hf_core.cpu.compilation import jit, separately_compiled
from hfx.hf_core.cpu.rates import TINY, constraint, poisson, shift_shape
from hfx.hf_core.cpu.structures import Array
from hfx.hf_core.modifiers.base import NORMAL
from hfx.hf_core.modifiers.interpolation import clip, normsys_4

__all__ = ["reflect"]


@jit
def _factor(t: Tables, e: int, a: float) -> float:
    """The factor of normsys entry ``e``."""
    table = t.normsys_table
    if t.normsys_code == 1:
        return math.exp(a * table[6, e]) if a >= 0.0 else math.exp(-a * table[7, e])
    c = clip(a)
    found: float = normsys_4(c, table[0, e], table[1, e], table[2, e], table[3, e], table[4, e], table[5, e])[0]
    if a != c:
        found *= math.exp((a - c) * table[6, e] if a > 0.0 else (c - a) * table[7, e])
    return found


@separately_compiled
def reflect(t: Tables, h: int, theta: Array, main: Array, aux: Array, w: WorkArrays) -> None:
    """Into ``w.raised`` (P,) the change of the NLL when one alpha alone is mirrored about its auxiliary value, at the point where
    :func:`hfx.hf_core.cpu.rates.value` was last computed; 0 for other parameters.

    One pass over the tables for all of them: the change of the rates lies in ``w.changed`` (P, N), and the sums of Poisson terms
    follow. A factor f becomes f r and the shifts A + B, so that a cell's rate changes by rate (r - 1) + phi r B.
    """
    shared, bins, raised = w.shared[0], t.bins[h], w.raised
    raised[:] = 0.0
    for p in range(shared):
        for n in range(bins):
            w.changed[p, n] = 0.0
        w.reflected[p] = 2.0 * aux[p] - theta[p] if w.interpolated[p] else theta[p]
        w.ratio[p] = 1.0
    first, cell = t.hypothesis_from[h], 0
    for r in range(t.hypothesis_from[h + 1] - first):
        k = t.hypothesis_block[first + r]
        place, length = t.offset[h, t.block_channel[k]], t.block_bins[k]
        begin, shifts = w.shift_from[r], w.shift_from[r + 1] - w.shift_from[r]
        at = w.normsys_from[r]
        for e in range(t.normsys_from[k], t.normsys_from[k + 1]):
            p = w.normsys[at]
            at += 1
            here = _factor(t, e, theta[p])
            there = _factor(t, e, w.reflected[p])
            ratio = there / (here if abs(here) >= TINY else TINY)
            w.ratio[p] = ratio
            for i in range(length):
                w.changed[p, place + i] += w.yields[cell + i] * (ratio - 1.0)
        for j in range(shifts):
            p = w.shift_index[begin + j]
            there, here = w.reflected[p], theta[p]
            even = shift_shape(t.histosys_code, there, 1.0 if there >= 0.0 else -1.0)[0] - w.shape[0, p]
            for i in range(length):
                entry = t.shift_cell[k] + i * shifts + j
                moved = (there - here) * t.shift_odd[entry] + even * t.shift_even[entry]
                w.changed[p, place + i] += w.scale[cell + i] * w.ratio[p] * moved
        for e in range(w.normsys_from[r], w.normsys_from[r + 1]):
            w.ratio[w.normsys[e]] = 1.0
        cell += length
    for p in range(shared):
        if w.reflected[p] != theta[p]:
            width = w.width[p]
            total = constraint(NORMAL, w.reflected[p], aux[p], width)[0] - constraint(NORMAL, theta[p], aux[p], width)[0]
            for n in range(bins):
                if w.changed[p, n] != 0.0:
                    floor = t.floor[h, n]
                    total += poisson(w.nu[n] + w.changed[p, n], main[n], floor)[0] - poisson(w.nu[n], main[n], floor)[0]
            raised[p] = total
