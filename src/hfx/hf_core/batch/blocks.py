"""The blocks of a batch, a sample in a channel each, and the flat tables that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.shifts import Shifts, names_of, shift_tables
from hfx.hf_core.modifiers.base import Effect
from hfx.hf_core.modifiers.interpolation import FactorCode
from hfx.hf_core.modifiers.table import MODIFIERS, of_effect
from hfx.hf_core.specification import Channel, Sample, Workspace

__all__ = ["BlockTables", "Blocks", "Keys", "Ragged", "ordered"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Keys:
    """Numbers of the parameters that blocks refer to: one parameter (``scalar``), or the part of one channel in a set with an
    entry for each bin (``binned``, by name and channel)."""

    def __init__(self) -> None:
        self.scalar: dict[str, int] = {}
        self.binned: dict[tuple[str, str], int] = {}
        self._rows: dict[int, tuple[tuple[str, ...], Index]] = {}  # with the names: an id is unique only while they live

    def __len__(self) -> int:
        return len(self.scalar) + len(self.binned)

    def of(self, names: Sequence[str]) -> list[int]:
        known = self.scalar
        try:
            return [known[name] for name in names]
        except KeyError:
            for name in names:
                if name not in known:
                    known[name] = len(self)
            return [known[name] for name in names]

    def row(self, names: tuple[str, ...]) -> Index:
        """The same as an array, kept: samples that one Decoder decoded share equal tuples of names."""
        known = self._rows.get(id(names))
        if known is None:
            known = (names, np.array(self.of(names), dtype=np.int64))
            self._rows[id(names)] = known
        return known[1]

    def in_channel(self, names: Sequence[str], channel: str) -> list[int]:
        return [self.binned.setdefault((name, channel), len(self)) for name in names]


@dataclass
class Ragged:
    """Keys of each block as CSR: ``ends`` is one longer than the rows."""

    keys: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=lambda: [0])

    def add(self, row: Sequence[int]) -> None:
        self.keys += row
        self.ends.append(len(self.keys))


@dataclass(frozen=True, eq=False)
class BlockTables:
    """See :class:`hfx.hf_core.batch.compile.Tables`; ``channels`` and ``keys`` are the numbers that the tables use."""

    channels: dict[str, int]
    keys: Keys
    channel: list[int]
    bins: list[int]
    nominal: Array
    linear: Ragged
    normsys: Ragged
    gamma: Ragged
    shift_from: Index
    shift_key: Index
    normsys_table: Array
    shifts: Shifts


def ordered(workspace: Workspace) -> tuple[list[tuple[Channel, Sample]], int]:
    """The workspace's samples by channel, the signals (those with the POI) last, so that the blocks that hypotheses share come
    first; and the number of those that are no signals."""
    poi = workspace.measurement.poi
    parts: tuple[list[tuple[Channel, Sample]], list[tuple[Channel, Sample]]] = ([], [])
    for channel in workspace.channels:
        for sample in channel.samples:
            parts[poi in sample.normfactors].append((channel, sample))
    return parts[0] + parts[1], len(parts[0])


class Blocks:
    """Collects the blocks of workspaces; a sample that several share (the same object) is one block."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._blocks: list[tuple[Channel, Sample]] = []

    def row(self, samples: Sequence[tuple[Channel, Sample]]) -> list[int]:
        """The numbers of a workspace's blocks, given as :func:`ordered` has them."""
        row, numbers, blocks = [], self._numbers, self._blocks
        for channel, sample in samples:
            number = numbers.setdefault((channel.name, id(sample)), len(blocks))
            if number == len(blocks):
                blocks.append((channel, sample))
            row.append(number)
        return row

    def names(self) -> list[tuple[str, str]]:
        """Channel and sample of each block so far."""
        return [(channel.name, sample.name) for channel, sample in self._blocks]

    def tables(self, code: FactorCode) -> BlockTables:
        """The tables of all blocks so far, with ``code`` for their interpolated factors."""
        factors, interpolated = of_effect(Effect.FACTOR), of_effect(Effect.INTERPOLATED_FACTOR)
        per_bin, added = of_effect(Effect.BIN_FACTOR), of_effect(Effect.SHIFT)
        keys, channels = Keys(), dict[str, int]()
        linear, normsys, gamma = Ragged(), Ragged(), Ragged()
        shifted = names_of(self._blocks, added)
        shifts, shift = shift_tables(self._blocks, shifted), []
        all_names = zip(self._blocks, names_of(self._blocks, interpolated), shifted, shifts.moves, strict=True)
        for (channel, sample), alphas, moved, moves in all_names:
            names = sample.names
            channels.setdefault(channel.name, len(channels))
            linear.add(keys.of([name for kind in factors if kind in names for name in names[kind]]))
            normsys.add(keys.of(alphas))
            gamma.add(keys.in_channel([name for kind in per_bin if kind in names for name in names[kind]], channel.name))
            shift.append(keys.row(moved)[moves])
        types = [(kind, MODIFIERS[kind].variations) for kind in interpolated]
        pairs = [variations(sample) for _, sample in self._blocks for kind, variations in types if kind in sample.names]
        lo, hi = _join([down for down, _ in pairs]), _join([up for _, up in pairs])
        return BlockTables(
            channels=channels,
            keys=keys,
            channel=[channels[channel.name] for channel, _ in self._blocks],
            bins=[channel.bins for channel, _ in self._blocks],
            nominal=_join([sample.nominal for _, sample in self._blocks]),
            linear=linear,
            normsys=normsys,
            gamma=gamma,
            shift_from=np.cumsum([0, *map(len, shift)]),
            shift_key=np.concatenate([np.zeros(0, dtype=np.int64), *shift]),
            normsys_table=code.table(lo, hi),
            shifts=shifts,
        )


def _join(arrays: Sequence[Array]) -> Array:
    return np.concatenate(arrays) if arrays else np.zeros(0)
