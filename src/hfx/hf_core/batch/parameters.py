"""The parameters of a workspace: order, initial values, bounds and constraint terms.

Order and defaults are pyhf's: blocks by modifier type, inside a block by first encounter over the sorted channels, samples
and modifiers. Constraints are kept in units of the parameter: ``Normal(aux | theta, sigma)`` for alphas, lumi and staterror,
``Poisson(tau aux | tau theta)`` for shapesys, so that a huge tau (1.9e11 in a published pallet) never meets another huge
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import AUX, FIXED, INIT, LOWER, POISSON, ROWS, UPPER, WIDTH, Carriers, ParameterSet
from hfx.hf_core.modifiers.table import MODIFIERS
from hfx.hf_core.specification import Channel, Measurement, ParameterConfig, Sample, Workspace

__all__ = ["ParameterTable", "Parameters", "parameter_table"]

Array = NDArray[np.float64]


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
        self._per_sample = [kind for kind, modifier in MODIFIERS.items() if modifier.depends_on_samples]
        self._others = [kind for kind, modifier in MODIFIERS.items() if not modifier.depends_on_samples]
        # Each set with the objects that it is made of: an id is unique only while its object lives.
        self._scalars: dict[str, tuple[ParameterConfig | None, ParameterSet]] = {}
        self._made: dict[_SetKey, tuple[Carriers, ParameterConfig | None, ParameterSet]] = {}
        self._earlier = {kind: _earlier(kind, self._others) for kind in self._others}
        self._nothing = _Encountered(dict.fromkeys(self._others, _NO_NAMES))
        self._tables: dict[tuple[object, ...], tuple[Measurement, ParameterTable]] = {}

    def table(self, workspace: Workspace) -> ParameterTable:
        """See :func:`parameter_table`."""
        measurement = workspace.measurement
        from_samples = self._sets_from_samples(workspace, measurement)
        parts = [(entry.kind, entry.name, *entry.offsets.items(), len(entry)) for entry in from_samples]
        key = (id(measurement), *parts, *self._order(workspace))
        known = self._tables.get(key)
        if known is not None:
            return _with_sets(known[1], from_samples)
        table = self._table(workspace, from_samples)
        self._tables[key] = (measurement, table)
        return table

    def _order(self, workspace: Workspace) -> list[object]:
        """A key for the order of the parameters that no sample's data decide: the background's samples, and the names that the
        signals' samples add before or between them. A normsys whose name is a histosys of the background adds none."""
        poi, met = workspace.measurement.poi, self._nothing
        signals: list[tuple[_Encountered, Sample]] = []
        for channel in workspace.channels:
            for sample in channel.samples:
                if poi in sample.normfactors:
                    signals.append((met, sample))
                else:
                    met = met.then(sample)
        order: list[object] = [id(met)]
        earlier = {kind: met.union(others) for kind, others in self._earlier.items()}
        for place, sample in signals:
            for kind in self._others:
                new = place.new(kind, names) if (names := sample.names.get(kind)) else ()
                if new and (known := earlier[kind]):
                    new = tuple([name for name in new if name not in known])
                if new:
                    order.append((id(place), kind, new))
        return order

    def _table(self, workspace: Workspace, from_samples: Sequence[ParameterSet]) -> ParameterTable:
        """The table, from its sets in pyhf's order."""
        measurement = workspace.measurement
        kinds = _kinds(workspace, from_samples)
        made = {entry.name: entry for entry in from_samples}
        sets = [made[name] if name in made else self._scalar_set(kind, name, measurement) for name, kind in kinds.items()]
        labels = [entry.labels for entry in sets]
        start = dict(zip(kinds, accumulate(map(len, labels), initial=0), strict=False))
        return ParameterTable(
            kinds=kinds,
            start=start,
            offsets={entry.name: entry.offsets for entry in from_samples},
            labels=tuple(chain.from_iterable(labels)),
            values=np.concatenate([entry.values for entry in sets], axis=1) if sets else np.zeros((len(ROWS), 0)),
            poi=start.get(measurement.poi),
        )

    def _scalar_set(self, kind: str, name: str, measurement: Measurement) -> ParameterSet:
        config = measurement.parameters.get(name)
        known = self._scalars.get(name)
        if known is None or known[0] is not config or known[1].kind != kind:
            (entry,) = MODIFIERS[kind].parameter_sets([Carriers(name)], measurement)
            known = (config, _override(entry, measurement))
            self._scalars[name] = known
        return known[1]

    def _sets_from_samples(self, workspace: Workspace, measurement: Measurement) -> list[ParameterSet]:
        """The sets that depend on samples, by type in the order of first encounter."""
        wanted: list[_SetKey] = []
        missing: dict[str, list[tuple[_SetKey, Carriers]]] = {}
        for kind, by_name in _carriers(workspace, self._per_sample).items():
            for name, channels in by_name.items():
                key: _SetKey = (kind, name, *[(channel.name, *map(id, samples)) for channel, samples in channels])
                wanted.append(key)
                known = self._made.get(key)
                if known is None or known[1] is not measurement.parameters.get(name):
                    missing.setdefault(kind, []).append((key, Carriers(name, channels)))
        for kind, pairs in missing.items():
            entries = MODIFIERS[kind].parameter_sets([carriers for _, carriers in pairs], measurement)
            for (key, carriers), entry in zip(pairs, entries, strict=True):
                self._made[key] = carriers, measurement.parameters.get(entry.name), _override(entry, measurement)
        return [self._made[key][2] for key in wanted]


_SetKey = tuple[object, ...]  # type, name, and of each channel its name and its samples' ids


def _earlier(kind: str, kinds: Sequence[str]) -> tuple[str, ...]:
    """Those of ``kinds`` before ``kind`` in the table that share its parameters."""
    shared = MODIFIERS[kind].parameter_kind
    return tuple(other for other in kinds[: kinds.index(kind)] if MODIFIERS[other].parameter_kind == shared)


def _with_sets(table: ParameterTable, from_samples: Sequence[ParameterSet]) -> ParameterTable:
    """The table with these sets' values in place of its own."""
    values = table.values.copy()
    for entry in from_samples:
        begin = table.start[entry.name]
        values[:, begin : begin + len(entry)] = entry.values
    return replace(table, values=values)


_NO_NAMES = frozenset[str]()


class _Encountered:
    """The names of parameters, by type, that some samples carry. The value after one sample more is looked up by that sample; it
    is this object itself where the sample adds no name."""

    def __init__(self, known: Mapping[str, frozenset[str]]) -> None:
        self.known = known
        # With the sample, and with the names: an id is unique only while its object lives.
        self._after: dict[int, tuple[Sample, _Encountered]] = {}
        self._new: dict[str, dict[int, tuple[tuple[str, ...], tuple[str, ...]]]] = {kind: {} for kind in known}

    def union(self, kinds: Sequence[str]) -> frozenset[str]:
        """The names of all these types."""
        if len(kinds) == 1:
            return self.known[kinds[0]]
        return frozenset[str]().union(*[self.known[kind] for kind in kinds]) if kinds else _NO_NAMES

    def then(self, sample: Sample) -> _Encountered:
        """With one sample more."""
        after = self._after.get(id(sample))
        if after is None:
            added = {kind: self.new(kind, sample.names.get(kind, ())) for kind in self.known}
            more = {kind: self.known[kind].union(new) for kind, new in added.items()}
            after = (sample, _Encountered(more) if any(added.values()) else self)
            self._after[id(sample)] = after
        return after[1]

    def new(self, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``names`` that are not among these. Samples that one Decoder decoded share equal tuples of names."""
        looked_up = self._new[kind].get(id(names))
        if looked_up is None:
            known = self.known[kind]
            looked_up = (names, tuple([name for name in names if name not in known]))
            self._new[kind][id(names)] = looked_up
        return looked_up[1]


def _carriers(workspace: Workspace, kinds: Sequence[str]) -> dict[str, dict[str, list[tuple[Channel, list[Sample]]]]]:
    """Of each of these types, each name with the samples that carry it, by channel; all as first encountered."""
    found: dict[str, dict[str, list[tuple[Channel, list[Sample]]]]] = {kind: {} for kind in kinds}
    for channel in workspace.channels:
        for sample in channel.samples:
            names = sample.names
            for kind in kinds:
                if kind in names:
                    for name in names[kind]:
                        places = found[kind].setdefault(name, [])
                        if not places or places[-1][0] is not channel:
                            places.append((channel, []))
                        places[-1][1].append(sample)
    return found


def _kinds(workspace: Workspace, from_samples: Sequence[ParameterSet]) -> dict[str, str]:
    """Each parameter's name with the type of its first modifier, in pyhf's order."""
    samples = [sample for channel in workspace.channels for sample in channel.samples]
    found: dict[str, str] = {}
    for kind, modifier in MODIFIERS.items():
        names: Iterable[str] = [entry.name for entry in from_samples if entry.kind == kind]
        if not modifier.depends_on_samples:
            # Samples that one Decoder decoded share equal tuples of names: each is looked at once.
            tuples = {id(carried): carried for sample in samples if (carried := sample.names.get(kind))}
            names = dict.fromkeys(chain.from_iterable(tuples.values()))
        if modifier.ordered_by_name:
            names = sorted(names)
        for name in names:
            if MODIFIERS[found.setdefault(name, kind)].parameter_kind != modifier.parameter_kind:
                raise SpecificationError(
                    f"{_first(workspace, kind, name)}: the name is a {found[name]} elsewhere; use another name"
                )
    return found


def _first(workspace: Workspace, kind: str, name: str) -> str:
    return next(
        f"channel {channel.name!r}, sample {sample.name!r}, {kind} {name!r}"
        for channel in workspace.channels
        for sample in channel.samples
        if name in sample.names.get(kind, ())
    )


def _override(entry: ParameterSet, measurement: Measurement) -> ParameterSet:
    """The set with the settings of the measurement."""
    config = measurement.parameters.get(entry.name)
    if config is None:
        return entry
    where = f"measurement {measurement.name!r}, parameter {entry.name!r}"
    values = entry.values.copy()
    for key, row in (("inits", INIT), ("factors", WIDTH), ("sigmas", WIDTH), ("auxdata", AUX)):
        configured = _configured(entry, config, key, where)
        if configured is not None:
            values[row] = configured
    if entry.constraint == POISSON:
        # auxdata are counts: tau times the parameter's own unit; without an override they stay the nominal tau.
        counts = entry.values[WIDTH] if config.auxdata is None else values[AUX]
        values[AUX] = counts / values[WIDTH]
    if not (values[WIDTH] > 0.0).all():
        raise SpecificationError(f"{where}: sigmas and factors must be positive")
    if config.bounds is not None:
        _length(len(config.bounds), len(entry), where, "bounds")
        values[LOWER], values[UPPER] = np.array(config.bounds).T
    if config.fixed is not None:
        values[FIXED] = config.fixed
    _check_inits(entry, values, config, where)
    return replace(entry, values=values)


def _check_inits(entry: ParameterSet, values: Array, config: ParameterConfig, where: str) -> None:
    """Raise :class:`SpecificationError` for a first initial value outside its bounds, also where the parameter is fixed at it, as
    pyhf does: which of the two is meant cannot be told."""
    init, lower, upper = values[INIT], values[LOWER], values[UPPER]
    outside = (init < lower) | (init > upper)
    if outside.any():
        i = int(np.argmax(outside))
        component = "" if entry.scalar else f" of bin {i}"
        default = "" if config.inits is not None else " (the default)"
        fixed = ", at which it is fixed," if values[FIXED][i] else ""
        raise SpecificationError(
            f"{where}: the initial value {init[i]:g}{component}{default}{fixed} lies outside the bounds "
            f"[{lower[i]:g}, {upper[i]:g}]; change one of them"
        )


def _configured(entry: ParameterSet, config: ParameterConfig, key: str, where: str) -> Array | None:
    values = getattr(config, key)
    if values is None:
        return None
    if key != "inits" and key not in MODIFIERS[entry.kind].settings:
        raise SpecificationError(f"{where}: a {entry.kind} has no {key}; remove it")
    _length(len(values), len(entry), where, key)
    return np.array(values, dtype=np.float64)


def _length(found: int, expected: int, where: str, key: str) -> None:
    if found != expected:
        raise SpecificationError(f"{where}: {found} values in {key}, expected {expected}")
