"""The additive shifts of many blocks, as the flat tables that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.modifiers.base import Effect
from hfx.hf_core.modifiers.table import MODIFIERS, of_effect
from hfx.hf_core.specification import Channel, Sample

__all__ = ["Shifts", "names_of", "shift_tables"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


_NONE = np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Shifts:
    """``moves`` says which of each block's shifts (shifts,) are not zero; their rectangle (bins, shifts), in events, begins at
    ``cell`` (blocks,) of the two tables.

    ``odd`` is S = (hi - lo)/2, ``even`` D = (hi + lo)/2 - nominal.
    """

    moves: tuple[NDArray[np.bool_], ...]
    cell: Index
    odd: Array
    even: Array


@dataclass(frozen=True, eq=False)
class _Group:
    """The shifts of the blocks ``members`` (K,), all of one number of bins: ``count`` (K,) of them are not zero, and have one row
    each in ``odd`` and ``even``, (rows, bins)."""

    members: Sequence[int]
    moves: list[NDArray[np.bool_]]
    count: Index
    odd: Array
    even: Array


def names_of(blocks: Sequence[tuple[Channel, Sample]], kinds: Sequence[str]) -> list[tuple[str, ...]]:
    """The names of each block's modifiers of the types ``kinds``; the sample's own tuple where it has one of them alone."""
    if len(kinds) == 1:
        (kind,) = kinds
        return [sample.names.get(kind, ()) for _, sample in blocks]
    found = []
    for _, sample in blocks:
        carried = [sample.names[kind] for kind in kinds if kind in sample.names]
        found.append(carried[0] if len(carried) == 1 else tuple(chain.from_iterable(carried)))
    return found


def shift_tables(blocks: Sequence[tuple[Channel, Sample]], names: Sequence[tuple[str, ...]]) -> Shifts:
    """The shifts of ``blocks``, which have these ``names``, without those that are zero: published pallets hold thousands with
    hi == lo == nominal."""
    kinds = of_effect(Effect.SHIFT)
    given = list(map(len, names))
    by_bins: dict[int, list[int]] = {}
    for k, (channel, _) in enumerate(blocks):
        if given[k]:
            by_bins.setdefault(channel.bins, []).append(k)
    groups = [
        _group([blocks[k][1] for k in members], members, np.array([given[k] for k in members]), kinds)
        for members in by_bins.values()
    ]
    moves = [_NONE] * len(blocks)
    size = np.zeros(len(blocks) + 1, dtype=np.int64)
    for group in groups:
        size[np.array(group.members) + 1] = group.count * group.odd.shape[1]
        for k, moving in zip(group.members, group.moves, strict=True):
            moves[k] = moving
    cell = np.cumsum(size)
    odd, even = np.empty((2, cell[-1]))
    for group in groups:
        place = _places(group, cell)
        odd[place], even[place] = group.odd, group.even
    return Shifts(tuple(moves), cell[:-1], odd, even)


def _group(samples: Sequence[Sample], members: Sequence[int], given: Index, kinds: Sequence[str]) -> _Group:
    """`given`: the number of shifts of each of the samples."""
    types = [(kind, MODIFIERS[kind].variations) for kind in kinds]
    pairs = [variations(sample) for sample in samples for kind, variations in types if kind in sample.names]
    lo, hi = np.concatenate([down for down, _ in pairs]), np.concatenate([up for _, up in pairs])
    nominal = np.repeat(np.array([sample.nominal for sample in samples]), given, axis=0)
    odd = (hi - lo) / 2.0
    even = (hi + lo) / 2.0 - nominal
    moves = ((odd != 0.0) | (even != 0.0)).any(axis=1)
    first = np.cumsum(given) - given
    count = np.add.reduceat(moves.astype(np.int64), first)
    each = [moves[begin : begin + size] for begin, size in zip(first.tolist(), given.tolist(), strict=True)]
    return _Group(members, each, count, odd[moves], even[moves])


def _places(group: _Group, cell: Index) -> Index:
    """The indices in the flat tables of the entries of the group's rows: (rows, bins)."""
    rows, bins = group.odd.shape
    first = np.repeat(np.cumsum(group.count) - group.count, group.count)
    begin = np.repeat(cell[np.array(group.members)], group.count) + np.arange(rows) - first
    place: Index = begin[:, None] + np.arange(bins) * np.repeat(group.count, group.count)[:, None]
    return place
