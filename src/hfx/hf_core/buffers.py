"""What one thread's fits work in: buffers for the largest hypothesis, and what of them belongs to one hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.experimental import structref

from hfx.hf_core.jit import inline, jit
from hfx.hf_core.linear import padded

__all__ = ["Work", "resolve", "work"]


class Work(structref.StructRefProxy):
    """One thread's buffers: passed by reference, so that a call copies one pointer."""


@structref.register
class _WorkType(types.StructRef):
    pass


_FIELDS = [
    "resolved",  # (1,): the hypothesis that the indices below are of; -1 for none
    "shape",  # (3, P): T, T', T'' of each parameter
    "clipped",  # (P,)
    "excess",  # (P,): what lies outside [-1, 1], with its sign
    "linear_from",  # (blocks + 1,): where each block's linear factors begin
    "linear",  # their parameters, block after block
    "linear_slope",  # f'/f
    "linear_slot",  # their rows across
    "normsys_from",  # (blocks + 1,): where each block's interpolated factors begin
    "normsys",  # their parameters, block after block; the next seven likewise
    "table",  # (8, normsys): c1..c6, log hi, log lo
    "at",  # where they are interpolated
    "factor",  # f inside [-1, 1]
    "inverse_factor",
    "exponent",  # the logarithm of what is outside; code 1: of f
    "slope",  # f'/f
    "second",  # f''/f
    "shift_from",  # (blocks + 1,)
    "shift_index",  # the parameter of each shift, block after block
    "alpha",  # of one block's shifts, as the next five
    "even",
    "even_slope",
    "moved",
    "summed",
    "curved",
    "scale",  # phi of each cell
    "yields",  # phi A of each cell
    "nu",  # (N,)
    "first",  # (N,) slope of the Poisson term
    "curvature",  # (N,)
    "gamma_from",  # (blocks + 1,): where each block's factors per bin begin (for each modifier, for each bin)
    "gamma_slot",  # their rows across
    "slots",  # (1,): how many rows across there are, and
    "slots_from",  # (blocks + 1,) how many before each block
    "slot",  # (P,): the last one of each parameter
    "slotted",  # (slots,): their parameters, and
    "slot_bin",  # their main bins; -1 for a linear factor
    "second_order",  # (blocks, padded P): f''/f of each block's interpolated factors
    "rows",  # (3 blocks + N, padded P) the next four: l, s, w l + s of each block, the Jacobian of each bin
    "logarithmic",
    "additive",
    "both",
    "jacobian",
    "across",  # (slots, padded P)
    "joint",  # (slots, padded P): what a cell with several factors per bin adds to all but the first of these rows
    "weight",  # (blocks,)
    "row_curvature",  # (N,): the curvature that the rows were made with
    "row_rate",  # (N,): and the rates
    "remainder",  # (padded P): what the diagonal has beside the rows and
    "prior",  # (padded P) the constraints
    "diagonal",  # (padded P): the Hessian's
    "coefficient",  # (products, 2): of the products for two parameters
    "row",  # (products,)
    "inverse",  # (padded P) of D, the next six: of the conjugate gradients
    "solution",
    "residual",
    "direction",
    "product",
    "preconditioned",
    "bend",  # (1,): x' H x of the solution
    "root",  # (N,)
    "along",  # (padded N)
    "inner",  # (padded N, padded N)
    "reflected",  # (P,) where one parameter alone goes
    "ratio",  # (P,) of its factor there
    "changed",  # (P, N): of each bin's rate
]
structref.define_constructor(Work, _WorkType, _FIELDS)  # type: ignore[no-untyped-call]
structref.define_boxing(_WorkType, Work)  # type: ignore[no-untyped-call]


@inline
def _largest(t: Any) -> Any:
    """Over the hypotheses, the most linear factors, interpolated factors, shifts, factors per bin, cells and blocks; and the most
    shifts of a block."""
    linear, normsys, shifts, gammas, cells, blocks, most = 1, 1, 1, 1, 1, 1, 1
    for h in range(len(t.bins)):
        f, n, s, g, c = 0, 0, 0, 0, 0
        for r in range(t.hypothesis_from[h], t.hypothesis_from[h + 1]):
            k = t.hypothesis_block[r]
            own = t.shift_from[k + 1] - t.shift_from[k]
            f += t.linear_from[k + 1] - t.linear_from[k]
            n += t.normsys_from[k + 1] - t.normsys_from[k]
            s += own
            g += (t.gamma_from[k + 1] - t.gamma_from[k]) * t.block_bins[k]
            c += t.block_bins[k]
            most = max(most, own)
        linear, normsys, shifts = max(linear, f), max(normsys, n), max(shifts, s)
        gammas, cells = max(gammas, g), max(cells, c)
        blocks = max(blocks, t.hypothesis_from[h + 1] - t.hypothesis_from[h])
    return linear, normsys, shifts, gammas, cells, blocks, most


@jit
def work(t: Any) -> Any:
    """Buffers for the largest hypothesis."""
    parameters, bins = t.width.shape[1], t.floor.shape[1]
    width = padded(parameters)
    linear, normsys, shifts, gammas, cells, blocks, most = _largest(t)
    slots = parameters + gammas
    rows = np.zeros((3 * blocks + bins, width))
    return Work(  # type: ignore[no-untyped-call]
        np.full(1, -1),
        np.zeros((3, parameters)),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(linear, dtype=np.int64),
        np.zeros(linear),
        np.zeros(linear, dtype=np.int64),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(normsys, dtype=np.int64),
        np.zeros((8, normsys)),
        np.zeros(normsys),
        np.zeros(normsys),
        np.zeros(normsys),
        np.zeros(normsys),
        np.zeros(normsys),
        np.zeros(normsys),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(shifts, dtype=np.int64),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(most),
        np.zeros(cells),
        np.zeros(cells),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(gammas, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.zeros(blocks + 1, dtype=np.int64),
        np.zeros(parameters, dtype=np.int64),
        np.zeros(slots, dtype=np.int64),
        np.zeros(slots, dtype=np.int64),
        np.zeros((blocks, width)),
        rows,
        rows[:blocks],
        rows[blocks : 2 * blocks],
        rows[2 * blocks : 3 * blocks],
        rows[3 * blocks :],
        np.zeros((slots, width)),
        np.zeros((slots, width)),
        np.zeros(blocks),
        np.zeros(bins),
        np.zeros(bins),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros((2 * blocks + bins + 2, 2)),
        np.zeros(2 * blocks + bins + 2, dtype=np.int64),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros(1),
        np.zeros(bins),
        np.zeros(padded(bins)),
        np.zeros((padded(bins), padded(bins))),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros((parameters, bins)),
    )


@jit
def resolve(t: Any, h: int, w: Any) -> None:
    """Which parameters hypothesis h's factors and shifts are: what stays the same for all evaluations of a fit.

    The hypotheses of a pallet differ in their signals' blocks, which come last: what is known of the others stays.
    """
    before = w.resolved[0]
    if h == before:
        return
    w.resolved[0] = h
    shared = _shared(t, h, before) if before >= 0 else 0
    first, blocks = t.hypothesis_from[h], t.hypothesis_from[h + 1] - t.hypothesis_from[h]
    for r in range(shared, len(w.weight)):  # a block's entries stay where they are
        w.logarithmic[r, :] = 0.0
        w.additive[r, :] = 0.0
        w.second_order[r, :] = 0.0
    w.yields[:] = 0.0  # a smaller hypothesis leaves the last ones empty
    linear, normsys = w.linear_from[shared], w.normsys_from[shared]
    shift, gamma = w.shift_from[shared], w.gamma_from[shared]
    w.slots[0] = w.slots_from[shared]
    w.slot[:] = -1
    for slot in range(w.slots[0]):
        w.slot[w.slotted[slot]] = slot
    for r in range(shared, blocks):
        k = t.hypothesis_block[first + r]
        place = t.offset[h, t.block_channel[k]]
        for e in range(t.linear_from[k], t.linear_from[k + 1]):
            w.linear[linear] = t.start[h, t.linear_key[e]]
            w.linear_slot[linear] = _slot(w, w.linear[linear], -1)
            linear += 1
        begin, end = t.normsys_from[k], t.normsys_from[k + 1]
        for e in range(begin, end):
            w.normsys[normsys + e - begin] = t.start[h, t.normsys_key[e]]
        for row in range(8):
            for e in range(begin, end):
                w.table[row, normsys + e - begin] = t.normsys_table[row, e]
        normsys += end - begin
        for e in range(t.shift_from[k], t.shift_from[k + 1]):
            w.shift_index[shift] = t.start[h, t.shift_key[e]]
            shift += 1
        for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
            for i in range(t.block_bins[k]):
                w.gamma_slot[gamma] = _slot(w, t.start[h, t.gamma_key[e]] + i, place + i)
                gamma += 1
        w.linear_from[r + 1], w.normsys_from[r + 1], w.shift_from[r + 1] = linear, normsys, shift
        w.gamma_from[r + 1], w.slots_from[r + 1] = gamma, w.slots[0]


@inline
def _shared(t: Any, h: int, other: int) -> int:
    """How many of the first blocks two hypotheses share, where they have the same parameters and main bins; else none."""
    same = t.size[h] == t.size[other] and t.bins[h] == t.bins[other]
    for key in range(t.start.shape[1]):
        same &= t.start[h, key] == t.start[other, key]
    for channel in range(t.offset.shape[1]):
        same &= t.offset[h, channel] == t.offset[other, channel]
    first, second, shared = t.hypothesis_from[h], t.hypothesis_from[other], 0
    most = min(t.hypothesis_from[h + 1] - first, t.hypothesis_from[other + 1] - second) if same else 0
    while shared < most and t.hypothesis_block[first + shared] == t.hypothesis_block[second + shared]:
        shared += 1
    return int(shared)


@inline
def _slot(w: Any, p: int, n: int) -> int:
    """The row across of parameter p as a factor of main bin n; a new one where its last one is another bin's."""
    slot = w.slot[p]
    if slot < 0 or w.slot_bin[slot] != n:
        slot = w.slots[0]
        w.slot[p], w.slotted[slot], w.slot_bin[slot] = slot, p, n
        w.slots[0] = slot + 1
    return int(slot)
