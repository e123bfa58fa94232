"""The parameters of a workspace: order, initial values, bounds and constraint terms (``ParameterSet``).

Order and defaults are pyhf's: blocks by modifier type, inside a block by first encounter over the sorted channels, samples
and modifiers. Constraints are kept in units of the parameter: ``Normal(aux | theta, sigma)`` for alphas, lumi and staterror,
``Poisson(tau aux | tau theta)`` for shapesys, so that a huge tau (1.9e11 in a published pallet) never meets another huge
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.specification import Channel, Measurement, ParameterConfig, Sample, Workspace

__all__ = ["NORMAL", "POISSON", "ROWS", "UNCONSTRAINED", "ParameterSet", "ParameterTable", "Parameters", "parameter_table"]

Array = NDArray[np.float64]
UNCONSTRAINED, NORMAL, POISSON = 0, 1, 2
_BLOCKS = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")


# Channels with those of their samples that carry a modifier of one name.
Places = Sequence[tuple[Channel, Sequence[Sample]]]


@dataclass(frozen=True, eq=False)
class ParameterSet:
    """All parameters of one name: ``values`` (7, n), a row for each of ROWS.

    ``width`` is sigma for NORMAL and tau for POISSON. ``offsets`` gives, for a parameter set with one entry a bin, where each
    channel's bins begin.
    """

    name: str
    kind: str
    constraint: int
    values: Array
    scalar: bool
    offsets: Mapping[str, int]

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """pyhf's spelling: the name, with ``[i]`` where the set has one parameter a bin."""
        if self.scalar:
            return (self.name,)
        return tuple([f"{self.name}[{i}]" for i in range(len(self))])


ROWS = ("init", "lower", "upper", "fixed", "aux", "width", "constraint")
_INIT, _LOWER, _UPPER, _FIXED, _AUX, _WIDTH, _CONSTRAINT = range(len(ROWS))


@dataclass(frozen=True, eq=False)
class ParameterTable:
    """The parameters of one workspace in order: ``values`` (7, P), a row for each of ROWS (``fixed`` and ``constraint`` as
    numbers). ``kinds`` has the names of the sets, in order, with their modifier types; ``start`` is where each begins, and
    ``offsets`` where in each set with one entry a bin each channel's bins begin. ``poi`` is the parameter of interest, None where
    no modifier uses it. Tables may share all but their values."""

    kinds: Mapping[str, str]
    start: Mapping[str, int]
    offsets: Mapping[str, Mapping[str, int]]
    labels: tuple[str, ...]
    values: Array
    poi: int | None


def parameter_table(workspace: Workspace) -> ParameterTable:
    """The parameters of ``workspace``, or :class:`SpecificationError` where two modifiers of one name disagree."""
    return Parameters().table(workspace)


class Parameters:
    """The parameters of workspaces that one Decoder decoded: a set that they share is made once, and so is a whole table but for
    the sets that differ."""

    def __init__(self) -> None:
        # A set with what it is made of: an id is unique only while its object lives.
        self._scalars: dict[str, tuple[ParameterConfig | None, ParameterSet]] = {}
        self._binned: dict[tuple[Any, ...], tuple[Places, ParameterConfig | None, ParameterSet]] = {}
        self._nothing = _Met()
        self._tables: dict[tuple[Any, ...], tuple[Measurement, ParameterTable]] = {}

    def table(self, workspace: Workspace) -> ParameterTable:
        """See :func:`parameter_table`."""
        measurement = workspace.measurement
        binned = self._binned_sets(workspace, measurement)
        parts = [(entry.kind, entry.name, *entry.offsets.items(), len(entry)) for entry in binned]
        key = (id(measurement), *parts, *self._order(workspace))
        known = self._tables.get(key)
        if known is not None:
            return _with_sets(known[1], binned)
        table = self._table(workspace, binned)
        self._tables[key] = (measurement, table)
        return table

    def _order(self, workspace: Workspace) -> list[Any]:
        """What decides the order of the scalar parameters: the background's samples, and what the signals' bring in before or
        beside them. A normsys whose name is a histosys of the background brings in nothing."""
        poi, met = workspace.measurement.poi, self._nothing
        signals: list[tuple[_Met, Sample]] = []
        for channel in workspace.channels:
            for sample in channel.samples:
                if poi in sample.normfactor:
                    signals.append((met, sample))
                else:
                    met = met.then(sample)
        shapes = met.known["histosys"]
        order: list[Any] = [id(met)]
        for place, sample in signals:
            for kind in _SCALAR:
                new = place.new(kind, getattr(sample, kind))
                if new and kind == "normsys":
                    new = tuple([name for name in new if name not in shapes])
                if new:
                    order.append((id(place), kind, new))
        return order

    def _table(self, workspace: Workspace, binned: Sequence[ParameterSet]) -> ParameterTable:
        """The table, from its sets in pyhf's order."""
        measurement = workspace.measurement
        kinds = _kinds(workspace, binned)
        with_bins = {entry.name: entry for entry in binned}
        sets = [
            with_bins[name] if kind in _PER_BIN else self._scalar_set(kind, name, measurement) for name, kind in kinds.items()
        ]
        labels = [entry.labels for entry in sets]
        start = dict(zip(kinds, accumulate(map(len, labels), initial=0), strict=False))
        return ParameterTable(
            kinds=kinds,
            start=start,
            offsets={entry.name: entry.offsets for entry in binned},
            labels=tuple(chain.from_iterable(labels)),
            values=np.concatenate([entry.values for entry in sets], axis=1) if sets else np.zeros((len(ROWS), 0)),
            poi=start.get(measurement.poi),
        )

    def _scalar_set(self, kind: str, name: str, measurement: Measurement) -> ParameterSet:
        config = measurement.parameters.get(name)
        known = self._scalars.get(name)
        if known is None or known[0] is not config or known[1].kind != kind:
            known = (config, _override(_new_scalar(kind, name, measurement), measurement))
            self._scalars[name] = known
        return known[1]

    def _binned_sets(self, workspace: Workspace, measurement: Measurement) -> list[ParameterSet]:
        """The sets with one entry a bin, by type in the order of first encounter."""
        carriers = _carriers(workspace)
        wanted = {
            (kind, name, *[(channel.name, *map(id, samples)) for channel, samples in places]): (kind, name, places)
            for kind in _PER_BIN
            for name, places in carriers[kind].items()
        }
        missing = {}
        for key, (kind, name, places) in wanted.items():
            known = self._binned.get(key)
            if known is None or known[1] is not measurement.parameters.get(name):
                missing[key] = (kind, name, places)
        for key, entry in zip(missing, _binned(list(missing.values())), strict=True):
            places, config = missing[key][2], measurement.parameters.get(entry.name)
            self._binned[key] = (places, config, _override(entry, measurement))
        return [self._binned[key][2] for key in wanted]


def _with_sets(table: ParameterTable, binned: Sequence[ParameterSet]) -> ParameterTable:
    """The table with these sets' values in place of its own."""
    values = table.values.copy()
    for entry in binned:
        begin = table.start[entry.name]
        values[:, begin : begin + len(entry)] = entry.values
    return replace(table, values=values)


class _Met:
    """The names of scalar parameters, by type, that some samples carry. What comes after is looked up by the next sample; it is
    the same object after one that adds no name."""

    def __init__(self, known: Mapping[str, frozenset[str]] | None = None) -> None:
        self.known = known or dict.fromkeys(_SCALAR, frozenset[str]())
        self._after: dict[int, tuple[Sample, _Met]] = {}  # with the sample: its id is unique only while it lives

    def then(self, sample: Sample) -> _Met:
        """With one sample more."""
        after = self._after.get(id(sample))
        if after is None:
            added = {kind: self.new(kind, getattr(sample, kind)) for kind in _SCALAR}
            more = {kind: self.known[kind].union(new) for kind, new in added.items()}
            after = (sample, _Met(more) if any(added.values()) else self)
            self._after[id(sample)] = after
        return after[1]

    def new(self, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``names`` that are not among these."""
        known = self.known[kind]
        return () if known.issuperset(names) else tuple([name for name in names if name not in known])


def _carriers(workspace: Workspace) -> dict[str, dict[str, Places]]:
    """Of each type with one entry a bin, each name with the samples that carry it, by channel; both as first encountered."""
    found: dict[str, dict[str, list[tuple[Channel, list[Sample]]]]] = {kind: {} for kind in _PER_BIN}
    for channel in workspace.channels:
        for sample in channel.samples:
            for kind in _PER_BIN:
                for name in getattr(sample, kind):
                    places = found[kind].setdefault(name, [])
                    if not places or places[-1][0] is not channel:
                        places.append((channel, []))
                    places[-1][1].append(sample)
    return {kind: dict(own) for kind, own in found.items()}


def _kinds(workspace: Workspace, binned: Sequence[ParameterSet]) -> dict[str, str]:
    """Each parameter's name with the type of its first modifier, in pyhf's order."""
    samples = [sample for channel in workspace.channels for sample in channel.samples]
    found: dict[str, str] = {}
    for kind in _BLOCKS:
        group = _ALPHAS if kind in _ALPHAS else (kind,)
        names: Iterable[str] = [entry.name for entry in binned if entry.kind == kind]
        if kind in _SCALAR:
            # Samples that one Decoder decoded share equal tuples of names: each is looked at once.
            tuples = {id(names): names for sample in samples if (names := getattr(sample, kind))}
            names = dict.fromkeys(chain.from_iterable(tuples.values()))
        elif kind == "staterror":
            names = sorted(names)  # pyhf registers each with the first cell already: by name, not by first encounter
        for name in names:
            if found.setdefault(name, kind) not in group:
                raise SpecificationError(
                    f"{_first(workspace, kind, name)}: the name is a {found[name]} elsewhere; use another name"
                )
    return found


def _first(workspace: Workspace, kind: str, name: str) -> str:
    return next(
        f"channel {channel.name!r}, sample {sample.name!r}, {kind} {name!r}"
        for channel in workspace.channels
        for sample in channel.samples
        if name in getattr(sample, kind)
    )


_SCALAR = ("histosys", "lumi", "normfactor", "normsys")
_ALPHAS = ("histosys", "normsys")  # one name of these two types is one alpha


def _new_scalar(kind: str, name: str, measurement: Measurement) -> ParameterSet:
    if kind == "lumi":
        return _lumi(name, measurement)
    if kind == "normfactor":
        return _scalar(name, kind, UNCONSTRAINED, 1.0, 0.0, 10.0)
    return _scalar(name, kind, NORMAL, 0.0, -5.0, 5.0)


def _scalar(name: str, kind: str, constraint: int, init: float, lower: float, upper: float) -> ParameterSet:
    values = np.array([[init], [lower], [upper], [0.0], [init], [1.0], [constraint]])
    return ParameterSet(name, kind, constraint, values, True, {})


def _lumi(name: str, measurement: Measurement) -> ParameterSet:
    config = measurement.parameters.get(name)
    where = f"measurement {measurement.name!r}, parameter {name!r}"
    if config is None or None in (config.inits, config.bounds, config.auxdata, config.sigmas):
        raise SpecificationError(f"{where}: a lumi modifier needs inits, bounds, auxdata and sigmas there")
    return _scalar(name, "lumi", NORMAL, 1.0, 0.0, 10.0)


def _vector(
    name: str, kind: str, offsets: Mapping[str, int], width: Array, fixed: NDArray[np.bool_] | None = None
) -> ParameterSet:
    constraint, column = _VECTORS[kind]
    values = column.repeat(len(width), axis=1)
    values[_WIDTH] = width
    if fixed is not None:
        values[_FIXED] = fixed
    return ParameterSet(name, kind, constraint, values, False, offsets)


def _column(constraint: int, lower: float) -> tuple[int, Array]:
    return constraint, np.array([[1.0], [lower], [10.0], [0.0], [1.0], [1.0], [constraint]])


_VECTORS = {
    "shapefactor": _column(UNCONSTRAINED, 0.0),
    "shapesys": _column(POISSON, 1e-10),
    "staterror": _column(NORMAL, 1e-10),
}
_PER_BIN = tuple(_VECTORS)


def _shapefactor(name: str, places: Places) -> ParameterSet:
    """One factor a bin, shared by the channels that have it: the first decides how many."""
    bins = places[0][0].bins
    for channel, carriers in places:
        if channel.bins > bins:
            where = f"channel {channel.name!r}, sample {carriers[0].name!r}, shapefactor {name!r}"
            raise SpecificationError(f"{where}: more bins than in the first channel that has it; use another name")
    return _vector(name, "shapefactor", {channel.name: 0 for channel, _ in places}, np.ones(bins))


def _shapesys(name: str, places: Places) -> ParameterSet:
    """tau_b = (nominal / uncertainty)^2; a bin without yield or uncertainty has tau = 1 and its gamma fixed."""
    carriers = [(channel, sample) for channel, samples in places for sample in samples]
    if len(carriers) > 1:
        where = f"channel {carriers[1][0].name!r}, sample {carriers[1][1].name!r}, shapesys {name!r}"
        raise SpecificationError(f"{where}: a shapesys cannot be shared; use another name")
    channel, sample = carriers[0]
    uncertainty = sample.shapesys_data[sample.shapesys.index(name)]
    usable = (sample.nominal > 0.0) & (uncertainty > 0.0)
    tau = np.ones(channel.bins)
    tau[usable] = (sample.nominal[usable] / uncertainty[usable]) ** 2
    return _vector(name, "shapesys", {channel.name: 0}, tau, ~usable)


def _staterrors(names: Sequence[str], places: Sequence[Places]) -> list[ParameterSet]:
    """sigma_b = sqrt(sum_s delta_sb^2) / sum_s nominal_sb over every sample of the channel that carries the modifier; one gamma
    for each bin of each channel. All sets are computed at once: most have few bins."""
    offsets: list[dict[str, int]] = []
    carriers: list[tuple[int, Array, Array]] = []  # where its bins begin in ``sigma``, nominal, delta
    ends = [0]
    for name, each in zip(names, places, strict=True):
        end, begins = ends[-1], {}
        for channel, samples in each:
            begins[channel.name] = end - ends[-1]
            carriers += [(end, sample.nominal, sample.staterror_data[sample.staterror.index(name)]) for sample in samples]
            end += channel.bins
        offsets.append(begins)
        ends.append(end)
    sigma = _relative_uncertainty(carriers, ends[-1])
    fixed = sigma == 0.0
    width = np.where(fixed, 1.0, sigma)
    return [
        _vector(name, "staterror", begins, width[begin:end], fixed[begin:end])
        for name, begins, begin, end in zip(names, offsets, ends[:-1], ends[1:], strict=True)
    ]


def _relative_uncertainty(carriers: Sequence[tuple[int, Array, Array]], size: int) -> Array:
    """The root of the sum of delta^2 by the sum of nominal, for each of ``size`` bins; 0 where nothing is expected. Each carrier
    has nominal and delta of the bins from ``begin`` on."""
    if not carriers:
        return np.zeros(size)
    begins, nominals, deltas = zip(*carriers, strict=True)
    lengths = list(map(len, nominals))
    first = np.cumsum([0, *lengths[:-1]])
    bin_of = np.arange(sum(lengths)) + np.repeat(np.array(begins) - first, lengths)
    total = np.bincount(bin_of, np.concatenate(nominals), size)
    positive = total > 0.0
    relative = np.concatenate(deltas) / np.where(positive, total, 1.0)[bin_of]
    return np.where(positive, np.sqrt(np.bincount(bin_of, relative * relative, size)), 0.0)


def _binned(wanted: Sequence[tuple[str, str, Places]]) -> list[ParameterSet]:
    """The sets of each (type, name, places) with one entry a bin."""
    errors = [(name, places) for kind, name, places in wanted if kind == "staterror"]
    made = iter(_staterrors([name for name, _ in errors], [places for _, places in errors]))
    return [
        next(made) if kind == "staterror" else _shapefactor(name, places) if kind == "shapefactor" else _shapesys(name, places)
        for kind, name, places in wanted
    ]


_ALLOWED = {
    "auxdata": ("histosys", "normsys", "lumi", "staterror", "shapesys"),
    "sigmas": ("lumi", "staterror"),
    "factors": ("shapesys",),
}


def _override(entry: ParameterSet, measurement: Measurement) -> ParameterSet:
    """The set with what the measurement says of it."""
    config = measurement.parameters.get(entry.name)
    if config is None:
        return entry
    where = f"measurement {measurement.name!r}, parameter {entry.name!r}"
    values = entry.values.copy()
    for key, row in (("inits", _INIT), ("factors", _WIDTH), ("sigmas", _WIDTH), ("auxdata", _AUX)):
        configured = _configured(entry, config, key, where)
        if configured is not None:
            values[row] = configured
    if entry.kind == "shapesys":
        # auxdata are counts: tau times the parameter's own unit; without an override they stay the nominal tau.
        counts = entry.values[_WIDTH] if config.auxdata is None else values[_AUX]
        values[_AUX] = counts / values[_WIDTH]
    if not (values[_WIDTH] > 0.0).all():
        raise SpecificationError(f"{where}: sigmas and factors must be positive")
    if config.bounds is not None:
        _length(len(config.bounds), len(entry), where, "bounds")
        values[_LOWER], values[_UPPER] = np.array(config.bounds).T
    if config.fixed is not None:
        values[_FIXED] = config.fixed
    return replace(entry, values=values)


def _configured(entry: ParameterSet, config: ParameterConfig, key: str, where: str) -> Array | None:
    values = getattr(config, key)
    if values is None:
        return None
    if entry.kind not in _ALLOWED.get(key, _BLOCKS):
        raise SpecificationError(f"{where}: a {entry.kind} has no {key}; remove it")
    _length(len(values), len(entry), where, key)
    return np.array(values, dtype=np.float64)


def _length(found: int, expected: int, where: str, key: str) -> None:
    if found != expected:
        raise SpecificationError(f"{where}: {found} values in {key}, expected {expected}")
