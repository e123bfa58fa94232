"""Compilation of many patched workspaces into one batch: samples that hypotheses share are stored once.

A *block* is one sample in one channel. Blocks lie in flat tables; a hypothesis is a list of block numbers plus the map from
parameter names to its own parameter indices. The samples of the background, being the same objects in every hypothesis, give
one block each; only a signal adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.batch.blocks import Blocks, BlockTables, Keys, ordered
from hfx.hf_core.batch.parameters import Parameters, ParameterTable
from hfx.hf_core.modifiers.base import CONSTRAINT, ROWS
from hfx.hf_core.modifiers.interpolation import FACTOR_CODES, SHIFT_CODES, FactorCode, ShiftCode
from hfx.hf_core.specification import Workspace

__all__ = ["Batch", "Tables", "compile_batch"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Tables(NamedTuple):
    """The flat tables that the kernels read. ``*_from`` arrays are CSR offsets, one longer than their rows.

    Blocks: channel, number of bins, first cell; their scalar factors (linear or normsys), their factors per bin (gamma) and
    their additive shifts. ``start[h, key]`` is the index of a parameter set in hypothesis h, -1 where it has none;
    ``offset[h, channel]`` the first main bin of a channel, -1 where h lacks it.
    """

    normsys_code: int
    histosys_code: int
    block_channel: Index
    block_bins: Index
    block_cell: Index
    nominal: Array  # (cells,)
    linear_from: Index
    linear_key: Index
    normsys_from: Index
    normsys_key: Index
    normsys_table: Array  # (8, normsys): c1..c6, log hi, log lo
    gamma_from: Index
    gamma_key: Index
    shift_from: Index
    shift_key: Index
    shift_cell: Index  # (blocks,) where a block's (bins, shifts) rectangle begins in the two tables
    shift_odd: Array  # S = (hi - lo)/2, in events
    shift_even: Array  # D = (hi + lo)/2 - nominal, in events
    hypothesis_from: Index
    hypothesis_block: Index
    start: Index  # (H, keys)
    offset: Index  # (H, channels)
    background: Index  # (H,) how many of its blocks, the first ones, the POI does not scale
    poi: Index  # (H,) the parameter of interest, -1 where no modifier uses it
    bins: Index  # (H,)
    size: Index  # (H,) number of parameters
    constraint: NDArray[np.int8]  # (H, P)
    width: Array  # (H, P): sigma or tau
    floor: Array  # (H, N), in events
    kinked: NDArray[np.bool_]  # (H, P): has a kink at zero (normsys code 1, histosys code 0)
    alpha: NDArray[np.bool_]  # (H, P): interpolates (normsys, histosys)


@dataclass(frozen=True, eq=False)
class Batch:
    """A compiled batch of H hypotheses, padded to P parameters and N main bins.

    ``init``, ``lower``, ``upper``, ``aux`` have shape (H, P) in each hypothesis' own (pyhf's) parameter order; padding is
    fixed at 0. ``observed`` (H, N) in events. ``poi`` (H,) is -1 where no modifier uses the parameter of interest.
    ``labels[h]`` are the names of its parameters in pyhf's order and spelling (``model.config.par_names``); ``samples[h]`` names
    channel and sample of each of its blocks.
    """

    tables: Tables
    init: Array
    lower: Array
    upper: Array
    fixed: NDArray[np.bool_]
    aux: Array
    observed: Array
    poi: Index
    labels: tuple[tuple[str, ...], ...]
    auxiliary: tuple[Index, ...]
    bin_names: tuple[tuple[str, ...], ...]
    samples: tuple[tuple[tuple[str, str], ...], ...]

    def __len__(self) -> int:
        return len(self.poi)


def compile_batch(
    workspaces: Sequence[Workspace],
    *,
    normsys: int = 4,
    histosys: str = "4p",
    parameters: Sequence[ParameterTable] | None = None,
) -> Batch:
    """Compile ``workspaces`` (one a hypothesis; decode them with one Decoder so that they share samples).

    ``normsys`` is 1 or 4, ``histosys`` "0", "2" or "4p"; ``parameters`` are the tables of the workspaces, made here where they
    are not given. Raises :class:`SpecificationError` for a workspace whose modifiers contradict each other and
    :class:`OptionError` for an unknown code.
    """
    if normsys not in FACTOR_CODES:
        raise OptionError(f"normsys code {normsys!r}: choose {_either(FACTOR_CODES)}")
    if str(histosys) not in SHIFT_CODES:
        raise OptionError(f"histosys code {histosys!r}: choose {_either(SHIFT_CODES)}")
    factor_code, shift_code = FACTOR_CODES[normsys], SHIFT_CODES[str(histosys)]
    if parameters is None:
        shared = Parameters()
        parameters = [shared.table(workspace) for workspace in workspaces]
    blocks = Blocks()
    samples = [ordered(workspace) for workspace in workspaces]
    rows = [blocks.row(one) for one, _ in samples]
    names = blocks.names()
    labels = tuple(tuple([names[number] for number in row]) for row in rows)
    background = [count for _, count in samples]
    tables = blocks.tables(factor_code)
    return _assemble(workspaces, parameters, tables, rows, background, labels, factor_code, shift_code)


def _either(codes: Mapping[int, FactorCode] | Mapping[str, ShiftCode]) -> str:
    *others, last = map(str, codes)
    return f"{', '.join(others)} or {last}"


def _assemble(
    workspaces: Sequence[Workspace],
    parameters: Sequence[ParameterTable],
    blocks: BlockTables,
    rows: Sequence[Sequence[int]],
    background: Sequence[int],
    samples: tuple[tuple[tuple[str, str], ...], ...],
    factor_code: FactorCode,
    shift_code: ShiftCode,
) -> Batch:
    columns = _parameter_columns(parameters)
    offset, bins, observed = _channel_columns(workspaces, blocks.channels)
    start = _starts(parameters, blocks.keys)
    poi = _index([-1 if table.poi is None else table.poi for table in parameters])
    width = columns["init"].shape[1]
    factors, shifts = _index(blocks.normsys.keys), blocks.shift_key
    with_kink = np.concatenate([factors if factor_code.kinked else factors[:0], shifts if shift_code.kinked else shifts[:0]])
    tables = Tables(
        normsys_code=factor_code.number,
        histosys_code=shift_code.number,
        block_channel=_index(blocks.channel),
        block_bins=_index(blocks.bins),
        block_cell=_index(np.cumsum([0, *blocks.bins])[:-1]),
        nominal=blocks.nominal,
        linear_from=_index(blocks.linear.ends),
        linear_key=_index(blocks.linear.keys),
        normsys_from=_index(blocks.normsys.ends),
        normsys_key=factors,
        normsys_table=blocks.normsys_table,
        gamma_from=_index(blocks.gamma.ends),
        gamma_key=_index(blocks.gamma.keys),
        shift_from=blocks.shift_from,
        shift_key=shifts,
        shift_cell=_index(blocks.shifts.cell),
        shift_odd=blocks.shifts.odd,
        shift_even=blocks.shifts.even,
        hypothesis_from=_index(np.cumsum([0, *map(len, rows)])),
        hypothesis_block=_index([block for row in rows for block in row]),
        start=start,
        offset=offset,
        background=_index(background),
        poi=poi,
        bins=bins,
        size=_index([len(table.labels) for table in parameters]),
        constraint=columns["constraint"].astype(np.int8),
        width=columns["width"],
        floor=np.ones_like(observed),
        kinked=_marked(start, width, with_kink),
        alpha=_marked(start, width, np.concatenate([factors, shifts])),
    )
    return Batch(
        tables=tables,
        init=columns["init"],
        lower=columns["lower"],
        upper=columns["upper"],
        fixed=columns["fixed"] != 0.0,
        aux=columns["aux"],
        observed=observed,
        poi=poi,
        labels=tuple(table.labels for table in parameters),
        auxiliary=tuple(np.flatnonzero(table.values[CONSTRAINT]) for table in parameters),
        bin_names=_bin_names(workspaces),
        samples=samples,
    )


_PADDING = {"width": 1.0, "fixed": 1.0}


def _parameter_columns(parameters: Sequence[ParameterTable]) -> dict[str, Array]:
    """Each row of the parameter tables, padded to (H, P): padding is fixed at 0, with width 1."""
    width = max((len(table.labels) for table in parameters), default=0)
    padded = np.zeros((len(ROWS), len(parameters), width))
    padded[:] = np.array([_PADDING.get(name, 0.0) for name in ROWS])[:, None, None]
    for h, table in enumerate(parameters):
        padded[:, h, : len(table.labels)] = table.values
    return dict(zip(ROWS, padded, strict=True))


def _channel_columns(workspaces: Sequence[Workspace], channels: Mapping[str, int]) -> tuple[Index, Index, Array]:
    """The first bin of each channel (H, channels), the number of main bins (H,) and the observed events (H, N)."""
    bins = _index([sum(channel.bins for channel in workspace.channels) for workspace in workspaces])
    offset = np.full((len(workspaces), len(channels)), -1, dtype=np.int64)
    observed = np.zeros((len(workspaces), int(bins.max(initial=0))))
    for h, workspace in enumerate(workspaces):
        place = 0
        for channel in workspace.channels:
            offset[h, channels[channel.name]] = place
            observed[h, place : place + channel.bins] = workspace.observations[channel.name]
            place += channel.bins
    return offset, bins, observed


def _bin_names(workspaces: Sequence[Workspace]) -> tuple[tuple[str, ...], ...]:
    """The names of each workspace's main bins, made once for those that have the same channels."""
    known: dict[tuple[tuple[str, int], ...], tuple[str, ...]] = {}
    found = []
    for workspace in workspaces:
        channels = tuple([(channel.name, channel.bins) for channel in workspace.channels])
        if channels not in known:
            known[channels] = tuple([f"channel {name!r} bin {i}" for name, bins in channels for i in range(bins)])
        found.append(known[channels])
    return tuple(found)


def _marked(start: Index, width: int, keys: Index) -> NDArray[np.bool_]:
    """The parameters of ``keys``: (H, P)."""
    marked = np.zeros((len(start), width), dtype=np.bool_)
    begins = start[:, np.unique(keys)]
    rows, columns = np.nonzero(begins >= 0)
    marked[rows, begins[rows, columns]] = True
    return marked


def _starts(parameters: Sequence[ParameterTable], keys: Keys) -> Index:
    """The first parameter of each key in each hypothesis: (H, keys)."""
    start = np.full((len(parameters), len(keys)), -1, dtype=np.int64)
    columns = list(keys.scalar.values())
    alike: dict[int, list[int]] = {}  # most tables share all but their values
    for h, table in enumerate(parameters):
        alike.setdefault(id(table.start), []).append(h)
    for rows in alike.values():
        begins, offsets = parameters[rows[0]].start, parameters[rows[0]].offsets
        row = start[rows[0]]
        row[columns] = [begins.get(name, -1) for name in keys.scalar]
        for (name, channel), key in keys.binned.items():
            if channel in offsets.get(name, ()):
                row[key] = begins[name] + offsets[name][channel]
        start[rows] = row
    return start


def _index(values: Sequence[int] | NDArray[np.int64]) -> Index:
    return np.ascontiguousarray(np.array(values, dtype=np.int64))
