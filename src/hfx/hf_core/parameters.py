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
    numbers). ``start`` is where each name's set begins, ``poi`` the parameter of interest, None where no modifier uses it."""

    sets: tuple[ParameterSet, ...]
    start: Mapping[str, int]
    labels: tuple[str, ...]
    values: Array
    poi: int | None


def parameter_table(workspace: Workspace) -> ParameterTable:
    """The parameters of ``workspace``, or :class:`SpecificationError` where two modifiers of one name disagree."""
    return Parameters().table(workspace)


class Parameters:
    """The parameters of workspaces that one Decoder decoded: a set that they share is made once."""

    def __init__(self) -> None:
        # A set with what it is made of: an id is unique only while its object lives.
        self._scalars: dict[str, tuple[ParameterConfig | None, ParameterSet]] = {}
        self._binned: dict[tuple[Any, ...], tuple[Places, ParameterConfig | None, ParameterSet]] = {}

    def table(self, workspace: Workspace) -> ParameterTable:
        """See :func:`parameter_table`."""
        sets = self._sets(workspace)
        labels = [entry.labels for entry in sets]
        start = dict(zip([entry.name for entry in sets], accumulate(map(len, labels), initial=0), strict=False))
        return ParameterTable(
            sets=sets,
            start=start,
            labels=tuple(chain.from_iterable(labels)),
            values=np.concatenate([entry.values for entry in sets], axis=1) if sets else np.zeros((len(ROWS), 0)),
            poi=start.get(workspace.measurement.poi),
        )

    def _sets(self, workspace: Workspace) -> tuple[ParameterSet, ...]:
        """One :class:`ParameterSet` a name, in pyhf's order, with the measurement's overrides applied."""
        measurement = workspace.measurement
        carriers = {kind: _carriers(workspace, kind) for kind in _PER_BIN}
        return tuple(
            [
                self._binned_set(kind, name, carriers[kind][name], measurement)
                if kind in _PER_BIN
                else self._scalar_set(kind, name, measurement)
                for name, kind in _kinds(workspace, carriers).items()
            ]
        )

    def _scalar_set(self, kind: str, name: str, measurement: Measurement) -> ParameterSet:
        config = measurement.parameters.get(name)
        known = self._scalars.get(name)
        if known is None or known[0] is not config or known[1].kind != kind:
            known = (config, _override(_new_scalar(kind, name, measurement), measurement))
            self._scalars[name] = known
        return known[1]

    def _binned_set(self, kind: str, name: str, places: Places, measurement: Measurement) -> ParameterSet:
        config = measurement.parameters.get(name)
        key = (kind, name, *[(channel.name, *map(id, carriers)) for channel, carriers in places])
        known = self._binned.get(key)
        if known is None or known[1] is not config:
            known = (places, config, _override(_PER_BIN[kind](name, places), measurement))
            self._binned[key] = known
        return known[2]


def _carriers(workspace: Workspace, kind: str) -> dict[str, Places]:
    """Each name of a type with the samples that carry it, by channel; in the order of first encounter."""
    found: dict[str, list[tuple[Channel, list[Sample]]]] = {}
    for channel in workspace.channels:
        for sample in channel.samples:
            for name in getattr(sample, kind):
                places = found.setdefault(name, [])
                if not places or places[-1][0] is not channel:
                    places.append((channel, []))
                places[-1][1].append(sample)
    return dict(found)


def _kinds(workspace: Workspace, carriers: Mapping[str, Mapping[str, Places]]) -> dict[str, str]:
    """Each parameter's name with the type of its first modifier, in pyhf's order."""
    samples = [sample for channel in workspace.channels for sample in channel.samples]
    found: dict[str, str] = {}
    for kind in _BLOCKS:
        group = _ALPHAS if kind in _ALPHAS else (kind,)
        names: Iterable[str] = carriers.get(kind, ())
        if kind not in carriers:
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
    name: str,
    kind: str,
    constraint: int,
    offsets: Mapping[str, int],
    lower: float,
    width: Array,
    fixed: NDArray[np.bool_] | None = None,
) -> ParameterSet:
    values = np.empty((len(ROWS), len(width)))
    values[:] = np.array([[1.0], [lower], [10.0], [0.0], [1.0], [1.0], [constraint]])
    values[_WIDTH] = width
    if fixed is not None:
        values[_FIXED] = fixed
    return ParameterSet(name, kind, constraint, values, False, offsets)


def _shapefactor(name: str, places: Places) -> ParameterSet:
    """One factor a bin, shared by the channels that have it: the first decides how many."""
    bins = places[0][0].bins
    for channel, carriers in places:
        if channel.bins > bins:
            where = f"channel {channel.name!r}, sample {carriers[0].name!r}, shapefactor {name!r}"
            raise SpecificationError(f"{where}: more bins than in the first channel that has it; use another name")
    return _vector(name, "shapefactor", UNCONSTRAINED, {channel.name: 0 for channel, _ in places}, 0.0, np.ones(bins))


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
    return _vector(name, "shapesys", POISSON, {channel.name: 0}, 1e-10, tau, ~usable)


def _staterror(name: str, places: Places) -> ParameterSet:
    """sigma_b = sqrt(sum_s delta_sb^2) / sum_s nominal_sb over every sample of the channel that carries the modifier; one gamma
    for each bin of each channel."""
    offsets, sigmas, bins = {}, [], 0
    for channel, carriers in places:
        offsets[channel.name] = bins
        bins += channel.bins
        total = np.array([sample.nominal for sample in carriers]).sum(axis=0)
        deltas = np.array([sample.staterror_data[sample.staterror.index(name)] for sample in carriers])
        positive = total > 0.0
        relative = deltas / np.where(positive, total, 1.0)
        sigmas.append(np.where(positive, np.sqrt((relative * relative).sum(axis=0)), 0.0))
    sigma = sigmas[0] if len(sigmas) == 1 else np.concatenate(sigmas)
    fixed = sigma == 0.0
    return _vector(name, "staterror", NORMAL, offsets, 1e-10, np.where(fixed, 1.0, sigma), fixed)


_PER_BIN = {"shapefactor": _shapefactor, "shapesys": _shapesys, "staterror": _staterror}


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
