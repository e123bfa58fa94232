"""Work arrays of one thread, sized for the largest hypothesis, and the indices in them that belong to one hypothesis."""

from __future__ import annotations

from typing import cast

import numba
import numpy as np
from numba import types
from numba.core.types import Type
from numba.experimental import structref

from hfx.hf_core.batch.compile import Tables
from hfx.hf_core.cpu.arrangement import Arrangement, arrangement
from hfx.hf_core.cpu.compilation import entry, inline, separately_compiled
from hfx.hf_core.cpu.linear_algebra import padded, zeros
from hfx.hf_core.cpu.structures import AnyArray, Array, Flags, Index, Kinds, numba_type

__all__ = [
    "TablesReference",
    "WorkArrays",
    "make_tables",
    "make_work_arrays",
    "resolve",
    "tables_by_reference",
    "tables_fields",
    "tables_type",
    "work_arrays",
    "work_arrays_type",
    "work_fields",
]


class WorkArrays(structref.StructRefProxy):
    """One thread's work arrays, passed by reference: a call copies one pointer."""

    blocks: Index  # (1,): the number of the hypothesis' blocks that are evaluated, the first ones
    resolved: Index  # (1,): the hypothesis that the indices below are of; -1 for none
    arranged: Index  # (1,): the number of its parameters' order, of which are the next four; -1 for none
    order: Index  # (P,): the parameter, in the order of the tables, at each place
    place: Index  # (P,): the place of each parameter; all others below are places
    shared: Index  # (1,): the number of parameters that are not of one bin alone
    local_from: Index  # (N + 1,): the first of each bin's own parameters
    constraint: Kinds  # (P,), as the next three, from the tables
    width: Array
    kinked: Flags
    interpolated: Flags
    shape: Array  # (3, P): T, T', T'' of each parameter
    clipped: Array  # (P,)
    excess: Array  # (P,): the part outside [-1, 1], with its sign
    linear_from: Index  # (blocks + 1,): where each block's linear factors begin
    linear: Index  # their parameters, block after block
    linear_slope: Array  # f'/f
    linear_slot: Index  # their rows across
    normsys_from: Index  # (blocks + 1,): where each block's interpolated factors begin
    normsys: Index  # their parameters, block after block; the next seven likewise
    table: Array  # (8, normsys): c1..c6, log hi, log lo
    at: Array  # their clipped parameters
    factor: Array  # f inside [-1, 1]
    inverse_factor: Array
    exponent: Array  # code 1: the logarithm of f
    slope: Array  # f'/f
    second: Array  # f''/f
    shift_from: Index  # (blocks + 1,)
    shift_index: Index  # the parameter of each shift, block after block
    alpha: Array  # of one block's shifts, as the next five
    even: Array
    even_slope: Array
    moved: Array
    summed: Array
    curved: Array
    scale: Array  # phi of each cell
    yields: Array  # phi A of each cell
    nu: Array  # (N,)
    first: Array  # (N,) slope of the Poisson term
    curvature: Array  # (N,)
    gamma_from: Index  # (blocks + 1,): where each block's factors per bin begin (for each modifier, for each bin)
    gamma: Index  # their parameters
    gamma_slot: Index  # their rows across
    slots: Index  # (1,): the number of rows across, and
    slots_from: Index  # (blocks + 1,) their number before each block
    slot: Index  # (P,): the last one of each parameter
    slotted: Index  # (slots,): their parameters, and
    slot_bin: Index  # their main bins; -1 for a linear factor
    outward: Array  # (2, shared, blocks): log hi and log lo of each parameter in each block
    beyond: Array  # (blocks,): the logarithm of the exponentials outside [-1, 1]
    bent: Array  # (padded P): the part of the diagonal from f''/f and T''
    rows: Array  # (3 blocks + N, padded shared) the next four: l, s, w l + s of each block, the Jacobian of each bin
    logarithmic: Array
    additive: Array
    both: Array
    jacobian: Array
    own: Array  # (P,): the Jacobian of its bin for each bin's own parameters
    across: Array  # (slots, padded shared)
    across_own: Array  # (slots, largest number of a bin's own parameters)
    joint: Array  # as across: the part of a cell with several factors per bin in all but the first of these rows
    joint_own: Array
    weight: Array  # (blocks,)
    row_curvature: Array  # (N,): the curvature that the rows were made with
    row_rate: Array  # (N,): and the rates
    remainder: Array  # (padded P): the diagonal without the rows and
    prior: Array  # (padded P) the constraints
    diagonal: Array  # (padded P): the Hessian's
    coefficient: Array  # (products, 2): of the products for two parameters
    row: Index  # (products,)
    inverse: Array  # (padded P) of D, the next six: of the conjugate gradients
    solution: Array
    residual: Array
    direction: Array
    product: Array
    preconditioned: Array
    bend: Array  # (1,): x' H x of the solution
    root: Array  # (N,)
    along: Array  # (padded N)
    inner: Array  # (padded N, padded N), for hypotheses with fewer bins than shared parameters
    reflected: Array  # (P,) each alpha, mirrored
    ratio: Array  # (P,) of its factor there
    raised: Array  # (P,) the change of the NLL
    changed: Array  # (shared, N): of each bin's rate


_FIELDS = list(WorkArrays.__annotations__)


@numba_type(WorkArrays, _FIELDS)
class _WorkArraysType(types.StructRef):
    pass


class TablesReference(structref.StructRefProxy):
    """A batch's Tables and the orders of its parameters: passed by reference, too."""


_TABLES = (*Tables._fields, *Arrangement._fields[:-1])


@numba_type(TablesReference, _TABLES)
class _TablesReferenceType(types.StructRef):
    pass


@entry
def make_work_arrays(arrays: tuple[AnyArray, ...]) -> WorkArrays:
    """:class:`WorkArrays` of these arrays, one for each field."""
    return WorkArrays(*arrays)  # type: ignore[no-untyped-call]


@entry
def make_tables(tables: tuple[object, ...]) -> TablesReference:
    """The Tables of these entries."""
    return TablesReference(*tables)  # type: ignore[no-untyped-call]


def tables_by_reference(tables: Tables, arranged: Arrangement | None = None) -> Tables:
    """The Tables as the kernels take them: a :class:`TablesReference`, whose fields are the same."""
    return cast(Tables, make_tables(tables_fields(tables, arranged)))


def tables_fields(tables: Tables, arranged: Arrangement | None = None) -> tuple[object, ...]:
    """The entries of a :class:`TablesReference`."""
    return (*tables, *(arranged or arrangement(tables))[:-1])


def tables_type(tables: Tables) -> Type:
    """numba's type of the result of :func:`tables_by_reference`."""
    return _TablesReferenceType(list(zip(_TABLES, map(numba.typeof, tables_fields(tables)), strict=True)))  # type: ignore[no-untyped-call]


def work_arrays_type(tables: Tables) -> Type:
    """numba's type of the result of :func:`work_arrays`."""
    return _WorkArraysType(list(zip(_FIELDS, map(numba.typeof, work_fields(tables)), strict=True)))  # type: ignore[no-untyped-call]


def _most(t: Tables, counts: Index) -> int:
    """The largest sum over a hypothesis of ``counts``, given for each block."""
    ends = np.concatenate([[0], np.cumsum(counts[t.hypothesis_block])])
    return int(np.diff(ends[t.hypothesis_from]).max(initial=1))


def work_arrays(t: Tables, arranged: Arrangement | None = None) -> WorkArrays:
    """Work arrays for the largest hypothesis."""
    return make_work_arrays(work_fields(t, arranged))


def work_fields(t: Tables, arranged: Arrangement | None = None) -> tuple[AnyArray, ...]:
    """The arrays of :class:`WorkArrays`, in the order of its fields."""
    parameters, bins = t.width.shape[1], t.floor.shape[1]
    arranged = arranged or arrangement(t)
    shared, largest, inside = arranged.most_shared, arranged.most_in_one_bin, int(arranged.inside.max(initial=0))
    width, row = padded(parameters), padded(shared)
    linear, normsys, shifts = (_most(t, np.diff(begin)) for begin in (t.linear_from, t.normsys_from, t.shift_from))
    gammas, cells = _most(t, np.diff(t.gamma_from) * t.block_bins), _most(t, t.block_bins)
    blocks, most = int(np.diff(t.hypothesis_from).max(initial=1)), int(np.diff(t.shift_from).max(initial=1))
    slots = shared + gammas
    rows = zeros((3 * blocks + bins, row))
    arrays: dict[str, AnyArray] = {
        "blocks": zeros(1, dtype=np.int64),
        "resolved": np.full(1, -1),
        "arranged": np.full(1, -1),
        "order": zeros(parameters, dtype=np.int64),
        "place": zeros(parameters, dtype=np.int64),
        "shared": zeros(1, dtype=np.int64),
        "local_from": zeros(bins + 1, dtype=np.int64),
        "constraint": zeros(parameters, dtype=np.int8),
        "width": zeros(parameters),
        "kinked": zeros(parameters, dtype=np.bool_),
        "interpolated": zeros(parameters, dtype=np.bool_),
        "shape": zeros((3, parameters)),
        "clipped": zeros(parameters),
        "excess": zeros(parameters),
        "linear_from": zeros(blocks + 1, dtype=np.int64),
        "linear": zeros(linear, dtype=np.int64),
        "linear_slope": zeros(linear),
        "linear_slot": zeros(linear, dtype=np.int64),
        "normsys_from": zeros(blocks + 1, dtype=np.int64),
        "normsys": zeros(normsys, dtype=np.int64),
        "table": zeros((8, normsys)),
        "at": zeros(normsys),
        "factor": zeros(normsys),
        "inverse_factor": zeros(normsys),
        "exponent": zeros(normsys),
        "slope": zeros(normsys),
        "second": zeros(normsys),
        "shift_from": zeros(blocks + 1, dtype=np.int64),
        "shift_index": zeros(shifts, dtype=np.int64),
        "alpha": zeros(most),
        "even": zeros(most),
        "even_slope": zeros(most),
        "moved": zeros(most),
        "summed": zeros(most),
        "curved": zeros(most),
        "scale": zeros(cells),
        "yields": zeros(cells),
        "nu": zeros(bins),
        "first": zeros(bins),
        "curvature": zeros(bins),
        "gamma_from": zeros(blocks + 1, dtype=np.int64),
        "gamma": zeros(gammas, dtype=np.int64),
        "gamma_slot": zeros(gammas, dtype=np.int64),
        "slots": zeros(1, dtype=np.int64),
        "slots_from": zeros(blocks + 1, dtype=np.int64),
        "slot": zeros(parameters, dtype=np.int64),
        "slotted": zeros(slots, dtype=np.int64),
        "slot_bin": zeros(slots, dtype=np.int64),
        "outward": zeros((2, shared, blocks)),
        "beyond": zeros(blocks),
        "bent": zeros(width),
        "rows": rows,
        "logarithmic": rows[:blocks],
        "additive": rows[blocks : 2 * blocks],
        "both": rows[2 * blocks : 3 * blocks],
        "jacobian": rows[3 * blocks :],
        "own": zeros(parameters),
        "across": zeros((slots, row)),
        "across_own": zeros((slots, largest)),
        "joint": zeros((slots, row)),
        "joint_own": zeros((slots, largest)),
        "weight": zeros(blocks),
        "row_curvature": zeros(bins),
        "row_rate": zeros(bins),
        "remainder": zeros(width),
        "prior": zeros(width),
        "diagonal": zeros(width),
        "coefficient": zeros((2 * blocks + bins + 2, 2)),
        "row": zeros(2 * blocks + bins + 2, dtype=np.int64),
        "inverse": zeros(width),
        "solution": zeros(width),
        "residual": zeros(width),
        "direction": zeros(width),
        "product": zeros(width),
        "preconditioned": zeros(width),
        "bend": zeros(1),
        "root": zeros(bins),
        "along": zeros(padded(bins)),
        "inner": zeros((padded(inside), padded(inside))),
        "reflected": zeros(parameters),
        "ratio": zeros(parameters),
        "raised": zeros(parameters),
        "changed": zeros((shared, bins)),
    }
    return tuple(arrays[name] for name in _FIELDS)


@separately_compiled
def resolve(t: Tables, h: int, w: WorkArrays) -> None:
    """Writes the indices of hypothesis h's parameters, which are the same for all evaluations of a fit.

    The hypotheses of a pallet differ in the blocks of their signals, which come last: the indices of the others stay.
    """
    w.blocks[0] = t.hypothesis_from[h + 1] - t.hypothesis_from[h]
    before = w.resolved[0]
    if h == before:
        return
    w.resolved[0] = h
    alike = _arrange(t, h, w)
    shared = _shared(t, h, before) if before >= 0 and alike else 0
    first, blocks = t.hypothesis_from[h], t.hypothesis_from[h + 1] - t.hypothesis_from[h]
    for r in range(shared, len(w.weight)):  # a block's entries stay where they are
        w.logarithmic[r, :] = 0.0
        w.additive[r, :] = 0.0
        w.outward[:, :, r] = 0.0
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
            w.linear[linear] = w.place[t.start[h, t.linear_key[e]]]
            w.linear_slot[linear] = _slot(w, w.linear[linear], -1)
            linear += 1
        begin, end = t.normsys_from[k], t.normsys_from[k + 1]
        for e in range(begin, end):
            p = w.place[t.start[h, t.normsys_key[e]]]
            w.normsys[normsys + e - begin] = p
            w.outward[0, p, r], w.outward[1, p, r] = t.normsys_table[6, e], t.normsys_table[7, e]
        for row in range(8):
            for e in range(begin, end):
                w.table[row, normsys + e - begin] = t.normsys_table[row, e]
        normsys += end - begin
        for e in range(t.shift_from[k], t.shift_from[k + 1]):
            w.shift_index[shift] = w.place[t.start[h, t.shift_key[e]]]
            shift += 1
        for e in range(t.gamma_from[k], t.gamma_from[k + 1]):
            for i in range(t.block_bins[k]):
                w.gamma[gamma] = w.place[t.start[h, t.gamma_key[e]] + i]
                w.gamma_slot[gamma] = _slot(w, w.gamma[gamma], place + i)
                gamma += 1
        w.linear_from[r + 1], w.normsys_from[r + 1], w.shift_from[r + 1] = linear, normsys, shift
        w.gamma_from[r + 1], w.slots_from[r + 1] = gamma, w.slots[0]


@inline
def _arrange(t: Tables, h: int, w: WorkArrays) -> bool:
    """The order of hypothesis h's parameters, and what the tables say of each; whether the order is that of before."""
    arranged = t.arranged[h]  # type: ignore[attr-defined]  # of the reference alone, as the next four
    alike = bool(w.arranged[0] == arranged)
    if not alike:
        w.arranged[0] = arranged
        w.shared[0] = t.shared[arranged]  # type: ignore[attr-defined]
        for p in range(len(w.order)):
            w.order[p] = t.order[arranged, p]  # type: ignore[attr-defined]
            w.place[p] = t.place[arranged, p]  # type: ignore[attr-defined]
        for n in range(len(w.local_from)):
            w.local_from[n] = t.local_from[arranged, n]  # type: ignore[attr-defined]
    for p in range(t.size[h]):
        w.constraint[p] = t.constraint[h, w.order[p]]
        w.width[p] = t.width[h, w.order[p]]
        w.kinked[p] = t.kinked[h, w.order[p]]
        w.interpolated[p] = t.alpha[h, w.order[p]]
    return alike


@inline
def _shared(t: Tables, h: int, other: int) -> int:
    """The number of first blocks that two hypotheses share, if they have the same parameters and main bins; else none."""
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
def _slot(w: WorkArrays, p: int, n: int) -> int:
    """The row across of parameter p as a factor of main bin n; a new one where its last one is another bin's."""
    slot = w.slot[p]
    if slot < 0 or w.slot_bin[slot] != n:
        slot = w.slots[0]
        w.slot[p], w.slotted[slot], w.slot_bin[slot] = slot, p, n
        w.slots[0] = slot + 1
    return int(slot)
