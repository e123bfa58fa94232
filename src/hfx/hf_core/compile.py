"""Many patched workspaces as one batched model: what hypotheses share is stored once.

A *block* is one sample in one channel. Blocks lie in flat tables; a hypothesis is a list of block numbers plus the map from
parameter names to its own parameter indices. The samples of the background, being the same objects in every hypothesis, give
one block each; only a signal adds its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.hf_core.interpolation import HISTOSYS_CODES, NORMSYS_CODES, normsys_4_table
from hfx.hf_core.parameters import ROWS, Parameters, ParameterTable
from hfx.hf_core.specification import Channel, Sample, Workspace

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
    ``samples[h]`` names channel and sample of each of its blocks.
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

    def parameter_names(self, hypothesis: int) -> tuple[str, ...]:
        """Names in pyhf's order and spelling (``model.config.par_names``)."""
        return self.labels[hypothesis]


def compile_batch(
    workspaces: Sequence[Workspace],
    *,
    normsys: int = 4,
    histosys: str = "4p",
    parameters: Sequence[ParameterTable] | None = None,
) -> Batch:
    """Compile ``workspaces`` (one a hypothesis; decode them with one Decoder so that they share samples).

    ``normsys`` is 1 or 4, ``histosys`` "0", "2" or "4p"; ``parameters`` are their tables where these are there already. Raises
    :class:`SpecificationError` for a workspace whose modifiers contradict each other and :class:`OptionError` for an unknown
    code.
    """
    if normsys not in NORMSYS_CODES:
        raise OptionError(f"normsys code {normsys!r}: choose 1 or 4")
    if str(histosys) not in HISTOSYS_CODES:
        raise OptionError(f"histosys code {histosys!r}: choose 0, 2 or 4p")
    if parameters is None:
        shared = Parameters()
        parameters = [shared.table(workspace) for workspace in workspaces]
    builder = _Builder()
    rows = [
        [builder.block(channel, sample) for channel in workspace.channels for sample in channel.samples]
        for workspace in workspaces
    ]
    return _assemble(workspaces, parameters, builder, rows, normsys, HISTOSYS_CODES[str(histosys)])


class _Builder:
    """Collects the blocks; each (channel, sample object) once."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[str, int], int] = {}
        self.channels: dict[str, int] = {}
        self.keys: dict[tuple[str, str], int] = {}
        self.columns: dict[str, list[int]] = {name: [] for name in ("channel", "bins", "cell")}
        self.rows: dict[str, list[int]] = {name: [] for name in ("linear", "normsys", "gamma", "shift")}
        self.ends: dict[str, list[int]] = {name: [0] for name in self.rows}
        self.nominal: list[Array] = []
        self.normsys: list[Array] = []
        self.odd: list[Array] = []
        self.even: list[Array] = []
        self.shift_cell: list[int] = []
        self.cells = 0
        self.shift_cells = 0

    def block(self, channel: Channel, sample: Sample) -> int:
        key = (channel.name, id(sample))
        number = self.blocks.get(key)
        if number is None:
            number = self.blocks[key] = len(self.blocks)
            self._add(channel, sample)
        return number

    def _key(self, name: str, channel: str = "") -> int:
        return self.keys.setdefault((name, channel), len(self.keys))

    def _add(self, channel: Channel, sample: Sample) -> None:
        self.columns["channel"].append(self.channels.setdefault(channel.name, len(self.channels)))
        self.columns["bins"].append(channel.bins)
        self.columns["cell"].append(self.cells)
        self.cells += channel.bins
        self.nominal.append(sample.nominal)
        self.rows["linear"] += [self._key(name) for name in (*sample.lumi, *sample.normfactor)]
        self.rows["normsys"] += [self._key(name) for name in sample.normsys]
        if sample.normsys:
            self.normsys.append(normsys_4_table(sample.normsys_lo, sample.normsys_hi))
        per_bin = (*sample.shapefactor, *sample.shapesys, *sample.staterror)
        self.rows["gamma"] += [self._key(name, channel.name) for name in per_bin]
        self.shift_cell.append(self.shift_cells)
        if sample.histosys:
            self._add_shifts(channel, sample)
        for name, rows in self.rows.items():
            self.ends[name].append(len(rows))

    def _add_shifts(self, channel: Channel, sample: Sample) -> None:
        odd = (sample.histosys_hi - sample.histosys_lo) / 2.0
        even = (sample.histosys_hi + sample.histosys_lo) / 2.0 - sample.nominal
        moving = np.flatnonzero((odd != 0.0).any(axis=1) | (even != 0.0).any(axis=1))
        # Published pallets hold thousands with hi == lo == nominal; they move nothing.
        self.rows["shift"] += [self._key(sample.histosys[i]) for i in moving]
        self.odd.append(odd[moving].T.ravel())
        self.even.append(even[moving].T.ravel())
        self.shift_cells += len(moving) * channel.bins


def _assemble(
    workspaces: Sequence[Workspace],
    parameters: Sequence[ParameterTable],
    builder: _Builder,
    rows: Sequence[Sequence[int]],
    normsys: int,
    histosys: int,
) -> Batch:
    columns = _parameter_columns(parameters)
    offset, bins, observed = _channel_columns(workspaces, builder)
    start = _starts(parameters, builder)
    width = columns["init"].shape[1]
    factors, shifts = builder.rows["normsys"], builder.rows["shift"]
    with_kink = (factors if normsys == 1 else []) + (shifts if histosys == 0 else [])
    tables = Tables(
        normsys_code=normsys,
        histosys_code=histosys,
        block_channel=_index(builder.columns["channel"]),
        block_bins=_index(builder.columns["bins"]),
        block_cell=_index(builder.columns["cell"]),
        nominal=_join(builder.nominal),
        linear_from=_index(builder.ends["linear"]),
        linear_key=_index(builder.rows["linear"]),
        normsys_from=_index(builder.ends["normsys"]),
        normsys_key=_index(builder.rows["normsys"]),
        normsys_table=np.ascontiguousarray(np.concatenate(builder.normsys).T) if builder.normsys else np.zeros((8, 0)),
        gamma_from=_index(builder.ends["gamma"]),
        gamma_key=_index(builder.rows["gamma"]),
        shift_from=_index(builder.ends["shift"]),
        shift_key=_index(builder.rows["shift"]),
        shift_cell=_index(builder.shift_cell),
        shift_odd=_join(builder.odd),
        shift_even=_join(builder.even),
        hypothesis_from=_index(np.cumsum([0, *map(len, rows)])),
        hypothesis_block=_index([block for row in rows for block in row]),
        start=start,
        offset=offset,
        bins=bins,
        size=_index([len(table.labels) for table in parameters]),
        constraint=columns["constraint"].astype(np.int8),
        width=columns["width"],
        floor=np.ones_like(observed),
        kinked=_marked(start, width, with_kink),
        alpha=_marked(start, width, factors + shifts),
    )
    return Batch(
        tables=tables,
        init=columns["init"],
        lower=columns["lower"],
        upper=columns["upper"],
        fixed=columns["fixed"] != 0.0,
        aux=columns["aux"],
        observed=observed,
        poi=_index([-1 if table.poi is None else table.poi for table in parameters]),
        labels=tuple(table.labels for table in parameters),
        auxiliary=tuple(np.flatnonzero(table.values[_CONSTRAINT]) for table in parameters),
        bin_names=tuple(
            tuple(f"channel {channel.name!r} bin {i}" for channel in workspace.channels for i in range(channel.bins))
            for workspace in workspaces
        ),
        samples=tuple(
            tuple((channel.name, sample.name) for channel in workspace.channels for sample in channel.samples)
            for workspace in workspaces
        ),
    )


_PADDING = {"width": 1.0, "fixed": 1.0}
_CONSTRAINT = ROWS.index("constraint")


def _parameter_columns(parameters: Sequence[ParameterTable]) -> dict[str, Array]:
    """Each row of the parameter tables, padded to (H, P): padding is fixed at 0, with width 1."""
    width = max((len(table.labels) for table in parameters), default=0)
    padded = np.zeros((len(ROWS), len(parameters), width))
    padded[:] = np.array([_PADDING.get(name, 0.0) for name in ROWS])[:, None, None]
    for h, table in enumerate(parameters):
        padded[:, h, : len(table.labels)] = table.values
    return dict(zip(ROWS, padded, strict=True))


def _channel_columns(workspaces: Sequence[Workspace], builder: _Builder) -> tuple[Index, Index, Array]:
    """Where each channel's bins begin (H, channels), the number of main bins (H,) and the observed events (H, N)."""
    bins = _index([sum(channel.bins for channel in workspace.channels) for workspace in workspaces])
    offset = np.full((len(workspaces), len(builder.channels)), -1, dtype=np.int64)
    observed = np.zeros((len(workspaces), int(bins.max(initial=0))))
    for h, workspace in enumerate(workspaces):
        place = 0
        for channel in workspace.channels:
            offset[h, builder.channels[channel.name]] = place
            observed[h, place : place + channel.bins] = workspace.observations[channel.name]
            place += channel.bins
    return offset, bins, observed


def _marked(start: Index, width: int, keys: Sequence[int]) -> NDArray[np.bool_]:
    """The parameters of ``keys``: (H, P)."""
    marked = np.zeros((len(start), width), dtype=np.bool_)
    for key in set(keys):
        rows = np.flatnonzero(start[:, key] >= 0)
        marked[rows, start[rows, key]] = True
    return marked


def _starts(parameters: Sequence[ParameterTable], builder: _Builder) -> Index:
    """Where each key's parameters begin in each hypothesis: (H, keys)."""
    start = np.full((len(parameters), len(builder.keys)), -1, dtype=np.int64)
    for h, table in enumerate(parameters):
        begins = table.start
        offsets = {entry.name: entry.offsets for entry in table.sets if entry.offsets}
        for (name, channel), key in builder.keys.items():
            begin = begins.get(name)
            if begin is None:
                continue
            if not channel:
                start[h, key] = begin
            elif channel in offsets.get(name, {}):
                start[h, key] = begin + offsets[name][channel]
    return start


def _index(values: Sequence[int] | NDArray[np.int64]) -> Index:
    return np.ascontiguousarray(np.array(values, dtype=np.int64))


def _join(arrays: Sequence[Array]) -> Array:
    return np.concatenate(arrays) if arrays else np.zeros(0)
