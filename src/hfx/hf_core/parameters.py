"""The parameters of a workspace: order, initial values, bounds and constraint terms (``ParameterSet``).

Order and defaults are pyhf's: blocks by modifier type, inside a block by first encounter over the sorted channels, samples
and modifiers. Constraints are kept in units of the parameter: ``Normal(aux | theta, sigma)`` for alphas, lumi and staterror,
``Poisson(tau aux | tau theta)`` for shapesys, so that a huge tau (1.9e11 in a published pallet) never meets another huge
number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.specification import Channel, Measurement, ParameterConfig, Sample, Workspace

__all__ = ["NORMAL", "POISSON", "UNCONSTRAINED", "ParameterSet", "ParameterTable", "parameter_sets", "parameter_table"]

Array = NDArray[np.float64]
UNCONSTRAINED, NORMAL, POISSON = 0, 1, 2
_BLOCKS = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")


@dataclass(frozen=True, eq=False)
class ParameterSet:
    """All parameters of one name, shape (n,) each; ``width`` is sigma for NORMAL and tau for POISSON.

    ``offsets`` gives, for a parameter set with one entry a bin, where each channel's bins begin.
    """

    name: str
    kind: str
    constraint: int
    init: Array
    lower: Array
    upper: Array
    fixed: NDArray[np.bool_]
    aux: Array
    width: Array
    scalar: bool
    offsets: dict[str, int]

    @property
    def labels(self) -> tuple[str, ...]:
        """pyhf's spelling: the name, with ``[i]`` where the set has one parameter a bin."""
        if self.scalar:
            return (self.name,)
        return tuple(f"{self.name}[{i}]" for i in range(len(self.init)))


@dataclass(frozen=True, eq=False)
class ParameterTable:
    """The parameters of one workspace in order, flat: shape (P,) each. ``start`` is where each name's set begins."""

    sets: tuple[ParameterSet, ...]
    start: dict[str, int]
    labels: tuple[str, ...]
    init: Array
    lower: Array
    upper: Array
    fixed: NDArray[np.bool_]
    constraint: NDArray[np.int8]
    aux: Array
    width: Array
    poi: int | None


def parameter_table(workspace: Workspace) -> ParameterTable:
    """The parameters of ``workspace``, or :class:`SpecificationError` where two modifiers of one name disagree."""
    sets = parameter_sets(workspace)
    start: dict[str, int] = {}
    size = 0
    for entry in sets:
        start[entry.name] = size
        size += len(entry.init)

    def flat(attribute: str) -> Array:
        return np.concatenate([getattr(entry, attribute) for entry in sets]) if sets else np.zeros(0)

    constraint = np.repeat([entry.constraint for entry in sets], [len(entry.init) for entry in sets]).astype(np.int8)
    poi = workspace.measurement.poi
    return ParameterTable(
        sets=sets,
        start=start,
        labels=tuple(label for entry in sets for label in entry.labels),
        init=flat("init"),
        lower=flat("lower"),
        upper=flat("upper"),
        fixed=flat("fixed").astype(np.bool_),
        constraint=constraint,
        aux=flat("aux"),
        width=flat("width"),
        poi=start.get(poi),
    )


def parameter_sets(workspace: Workspace) -> tuple[ParameterSet, ...]:
    """One :class:`ParameterSet` a name, in pyhf's order, with the measurement's overrides applied."""
    found: dict[str, ParameterSet] = {}
    for kind in _BLOCKS:
        group = _ALPHAS if kind in _ALPHAS else (kind,)
        settled = {name for name, entry in found.items() if entry.kind in group} if kind in _SHAREABLE else set()
        for channel in workspace.channels:
            for sample in channel.samples:
                for name in [name for name in getattr(sample, kind) if name not in settled]:
                    _encounter(found, kind, channel, sample, name, workspace.measurement)
                    if kind in _SHAREABLE:
                        settled.add(name)
    # pyhf registers every staterror with the first cell already: they come by name, not by first encounter.
    others = [entry for entry in found.values() if entry.kind != "staterror"]
    gammas = sorted((entry for entry in found.values() if entry.kind == "staterror"), key=lambda entry: entry.name)
    return tuple(_override(entry, workspace.measurement) for entry in (*others, *gammas))


def _encounter(
    found: dict[str, ParameterSet], kind: str, channel: Channel, sample: Sample, name: str, measurement: Measurement
) -> None:
    known = found.get(name)
    if known is None:
        found[name] = _new_set(kind, channel, sample, name, measurement)
        return
    where = f"channel {channel.name!r}, sample {sample.name!r}, {kind} {name!r}"
    if known.kind != kind:
        raise SpecificationError(f"{where}: the name is a {known.kind} elsewhere; use another name")
    if kind == "shapesys":
        raise SpecificationError(f"{where}: a shapesys cannot be shared; use another name")
    if kind == "shapefactor":
        if len(known.init) < channel.bins:
            raise SpecificationError(f"{where}: more bins than in the first channel that has it; use another name")
        known.offsets[channel.name] = 0
    elif channel.name not in known.offsets:  # a staterror of several channels has one gamma for each bin of each
        known.offsets[channel.name] = len(known.init)
        more = _staterror(channel, name)
        columns = ("init", "lower", "upper", "fixed", "aux", "width")
        joined: dict[str, Any] = {column: np.concatenate([getattr(known, column), getattr(more, column)]) for column in columns}
        found[name] = replace(known, **joined)


_ALPHAS = ("histosys", "normsys")  # one name of these two types is one alpha
_SHAREABLE = ("histosys", "normsys", "normfactor", "lumi")


def _new_set(kind: str, channel: Channel, sample: Sample, name: str, measurement: Measurement) -> ParameterSet:
    if kind in ("normsys", "histosys"):
        return _scalar(name, kind, NORMAL, 0.0, -5.0, 5.0, width=1.0)
    if kind == "normfactor":
        return _scalar(name, kind, UNCONSTRAINED, 1.0, 0.0, 10.0)
    if kind == "lumi":
        return _lumi(name, measurement)
    if kind == "shapefactor":
        return _vector(name, kind, UNCONSTRAINED, channel, lower=0.0, width=np.ones(channel.bins))
    if kind == "shapesys":
        return _shapesys(channel, sample, name)
    return _staterror(channel, name)


def _scalar(name: str, kind: str, constraint: int, init: float, lower: float, upper: float, width: float = 1.0) -> ParameterSet:
    columns = np.array([[init], [lower], [upper], [init], [width]])
    return ParameterSet(name, kind, constraint, columns[0], columns[1], columns[2], _FREE, columns[3], columns[4], True, {})


_FREE = np.zeros(1, np.bool_)


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
    channel: Channel,
    lower: float,
    width: Array,
    fixed: NDArray[np.bool_] | None = None,
) -> ParameterSet:
    ones = np.ones(channel.bins)
    held = np.zeros(channel.bins, np.bool_) if fixed is None else fixed
    return ParameterSet(name, kind, constraint, ones, lower * ones, 10.0 * ones, held, ones, width, False, {channel.name: 0})


def _shapesys(channel: Channel, sample: Sample, name: str) -> ParameterSet:
    """tau_b = (nominal / uncertainty)^2; a bin without yield or uncertainty has tau = 1 and its gamma fixed."""
    uncertainty = sample.shapesys_data[sample.shapesys.index(name)]
    usable = (sample.nominal > 0.0) & (uncertainty > 0.0)
    tau = np.ones(channel.bins)
    tau[usable] = (sample.nominal[usable] / uncertainty[usable]) ** 2
    return _vector(name, "shapesys", POISSON, channel, lower=1e-10, width=tau, fixed=~usable)


def _staterror(channel: Channel, name: str) -> ParameterSet:
    """sigma_b = sqrt(sum_s delta_sb^2) / sum_s nominal_sb over every sample of the channel that carries the modifier."""
    carriers = [sample for sample in channel.samples if name in sample.staterror]
    total = np.sum([sample.nominal for sample in carriers], axis=0)
    deltas = [sample.staterror_data[sample.staterror.index(name)] for sample in carriers]
    sigma = np.zeros(channel.bins)
    positive = total > 0.0
    sigma[positive] = np.sqrt(np.sum([(delta[positive] / total[positive]) ** 2 for delta in deltas], axis=0))
    fixed = sigma == 0.0
    sigma[fixed] = 1.0
    return _vector(name, "staterror", NORMAL, channel, lower=1e-10, width=sigma, fixed=fixed)


_ALLOWED = {
    "auxdata": ("histosys", "normsys", "lumi", "staterror", "shapesys"),
    "sigmas": ("lumi", "staterror"),
    "factors": ("shapesys",),
}


def _override(entry: ParameterSet, measurement: Measurement) -> ParameterSet:
    config = measurement.parameters.get(entry.name)
    if config is None:
        return entry
    where = f"measurement {measurement.name!r}, parameter {entry.name!r}"
    changes: dict[str, Any] = {}
    for key, column in (("inits", "init"), ("factors", "width"), ("sigmas", "width"), ("auxdata", "aux")):
        values = _configured(entry, config, key, where)
        if values is not None:
            changes[column] = values
    if entry.kind == "shapesys":
        # auxdata are counts: tau times the parameter's own unit; without an override they stay the nominal tau.
        counts = changes.get("aux", entry.width)
        changes["aux"] = counts / changes.get("width", entry.width)
    _positive(changes.get("width"), where)
    if config.bounds is not None:
        bounds = np.array(config.bounds)
        _length(len(bounds), len(entry.init), where, "bounds")
        changes["lower"], changes["upper"] = bounds[:, 0].copy(), bounds[:, 1].copy()
    if config.fixed is not None:
        return replace(entry, fixed=np.full(len(entry.init), config.fixed), **changes)
    return replace(entry, **changes)


def _configured(entry: ParameterSet, config: ParameterConfig, key: str, where: str) -> Array | None:
    values = getattr(config, key)
    if values is None:
        return None
    if entry.kind not in _ALLOWED.get(key, _BLOCKS):
        raise SpecificationError(f"{where}: a {entry.kind} has no {key}; remove it")
    _length(len(values), len(entry.init), where, key)
    return np.array(values, dtype=np.float64)


def _length(found: int, expected: int, where: str, key: str) -> None:
    if found != expected:
        raise SpecificationError(f"{where}: {found} values in {key}, expected {expected}")


def _positive(widths: Array | None, where: str) -> None:
    if widths is not None and not (widths > 0.0).all():
        raise SpecificationError(f"{where}: sigmas and factors must be positive")
