"""Decoding and validation of JSON into a :class:`~hfx.hf_core.specification.Workspace`; every element is checked once.

A JSON object that several patched workspaces share is decoded once by one :class:`Decoder`. A published pallet holds a hundred
thousand modifiers, so each sample is read column by column; only where a column cannot be read are its modifiers checked one by
one, to name the fault in the error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.modifiers.base import Modifier, floats, mismatch, numbers
from hfx.hf_core.modifiers.table import MODIFIERS
from hfx.hf_core.specification import Channel, Measurement, ParameterConfig, Sample, Workspace
from hfx.json_types import JsonValue

__all__ = ["Decoder"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_WORKSPACE_KEYS = {"channels", "measurements", "observations", "version"}
_MODIFIER_KEYS = 3  # name, type and data
_CONFIG_KEYS = {"name", "inits", "bounds", "auxdata", "factors", "sigmas", "fixed"}


class Decoder:
    """Decodes workspaces that share JSON objects; a shared object is decoded and stored once.

    The samples' tuples of names are shared too: equal ones are the same object.
    """

    def __init__(self) -> None:
        # The JSON object is kept with its value: an id is unique only while its object lives.
        self._channels: dict[int, tuple[JsonValue, Channel]] = {}
        self._samples: dict[int, tuple[JsonValue, Sample]] = {}
        self._observations: dict[int, tuple[JsonValue, dict[str, Array]]] = {}
        self._checked: set[tuple[int, str, int]] = set()  # observations, channel's name and bins
        self._measurements: dict[tuple[int, str | None], tuple[JsonValue, Measurement]] = {}
        self._names = _Names()

    def learn(self, document: JsonValue) -> None:
        """Decode a workspace's channels in advance; a fault is reported when the channel is used."""
        with suppress(SpecificationError):
            for item in _array(_object(document, "workspace").get("channels"), "workspace: channels"):
                with suppress(SpecificationError):
                    self.channel(item)

    def fork(self) -> Decoder:
        """A copy with all that is decoded so far; objects that either decodes later are its own."""
        other = Decoder()
        other._channels, other._samples = self._channels.copy(), self._samples.copy()
        other._names = self._names.fork()
        return other

    def workspace(self, document: JsonValue, measurement: str | None = None) -> Workspace:
        """Decode and validate one workspace; ``measurement`` is a name, or None for the first.

        Raises :class:`SpecificationError` naming channel, sample and modifier.
        """
        entries = _object(document, "workspace")
        missing = _WORKSPACE_KEYS - entries.keys()
        if missing:
            raise SpecificationError(f"workspace: no {', '.join(sorted(missing))}; schema 1.0.0 requires it")
        unknown = entries.keys() - _WORKSPACE_KEYS
        if unknown:
            raise SpecificationError(
                f"workspace: unknown key {', '.join(map(repr, sorted(unknown)))}; schema 1.0.0 has none such"
            )
        if entries["version"] != "1.0.0":
            raise SpecificationError(f"workspace: version {entries['version']!r}; only schema 1.0.0 can be read")
        channels = [self.channel(item) for item in _array(entries["channels"], "workspace: channels")]
        _unique([channel.name for channel in channels], "channel")
        observations = self._observed(entries["observations"])
        for channel in channels:
            pair = (id(observations), channel.name, channel.bins)
            if pair not in self._checked:
                _check_observation(channel, observations)
                self._checked.add(pair)
        return Workspace(
            channels=tuple(sorted(channels, key=attrgetter("name"))),
            observations=observations,
            measurement=self._chosen(entries["measurements"], measurement),
        )

    def channel(self, document: JsonValue) -> Channel:
        """Decode one channel; raises :class:`SpecificationError`."""
        known = self._channels.get(id(document))
        if known is not None:
            return known[1]
        entries = _object(document, "channel")
        name = _name(entries, "channel")
        where = f"channel {name!r}"
        _keys(entries, {"name", "samples"}, where)
        documents = _array(entries.get("samples"), f"{where}: samples")
        found = list(map(self._samples.get, map(id, documents)))
        samples = [self._sample(item, where) if one is None else one[1] for item, one in zip(documents, found, strict=True)]
        if not samples:
            raise SpecificationError(f"{where}: has no samples; remove the channel or give it one")
        _unique([sample.name for sample in samples], f"{where}: sample")
        bins = len(samples[0].nominal)
        if {len(sample.nominal) for sample in samples} != {bins}:
            other = next(sample for sample in samples if len(sample.nominal) != bins)
            raise SpecificationError(
                f"{where}, sample {other.name!r}: {len(other.nominal)} bins where sample {samples[0].name!r} has {bins}"
            )
        samples.sort(key=attrgetter("name"))
        channel = Channel(name, bins, tuple(samples))
        self._channels[id(document)] = (document, channel)
        return channel

    def _sample(self, document: JsonValue, where: str) -> Sample:
        known = (document, _sample(document, where, self._names))
        self._samples[id(document)] = known
        return known[1]

    def _observed(self, document: JsonValue) -> dict[str, Array]:
        known = self._observations.get(id(document))
        if known is None:
            known = (document, _observations(document))
            self._observations[id(document)] = known
        return known[1]

    def _chosen(self, document: JsonValue, name: str | None) -> Measurement:
        known = self._measurements.get((id(document), name))
        if known is None:
            known = (document, _measurement(document, name))
            self._measurements[id(document), name] = known
        return known[1]


class _Names:
    """Sorts the names of modifiers of one type. Equal names are sorted once, and equal results are the same object."""

    def __init__(self) -> None:
        self._ordered: dict[tuple[str, ...], tuple[tuple[str, ...], list[int] | None]] = {}
        self._sorted: dict[tuple[str, ...], tuple[str, ...]] = {}

    def fork(self) -> _Names:
        other = _Names()
        other._ordered, other._sorted = self._ordered.copy(), self._sorted.copy()
        return other

    def ordered(self, names: tuple[str, ...], kind: str, where: str) -> tuple[tuple[str, ...], list[int] | None]:
        """The sorted names and their indices in ``names`` (None where these are sorted); an error where a name is repeated."""
        try:
            known = self._ordered.get(names)
        except TypeError:  # a list or an object, which cannot be looked up
            known = None
        if known is None:
            if set(map(type, names)) != {str}:
                raise SpecificationError(f"{where}: a {kind} modifier's name is not text")
            _unique(names, f"{where}: {kind} modifier")
            in_order = tuple(sorted(names))
            in_order = self._sorted.setdefault(in_order, in_order)
            known = (in_order, None if in_order == names else sorted(range(len(names)), key=names.__getitem__))
            self._ordered[names] = known
        return known


def _sample(document: JsonValue, where: str, known: _Names) -> Sample:
    entries = _object(document, f"{where}: sample")
    where = f"{where}, sample {_name(entries, f'{where}: sample')!r}"
    _keys(entries, {"name", "data", "modifiers"}, where)
    names: dict[str, tuple[str, ...]] = {}
    data: dict[str, list[JsonValue]] = {}
    for kind, (given, own) in _groups(entries.get("modifiers"), where).items():
        names[kind], places = known.ordered(tuple(given), kind, where)
        data[kind] = own if places is None else [own[place] for place in places]
    columns = _columns(entries.get("data"), data)
    if columns is None:
        raise SpecificationError(_fault(entries.get("data"), names, data, where))
    nominal, events, numbers_ = columns
    return Sample(str(entries["name"]), nominal, names, events, numbers_)


def _groups(document: JsonValue, where: str) -> dict[str, tuple[list[str], list[JsonValue]]]:
    """Names and data of a sample's modifiers, by their type, in the order of the table."""
    groups: dict[str, tuple[list[str], list[JsonValue]]] = {kind: ([], []) for kind in MODIFIERS}
    modifiers = _array(document, f"{where}: modifiers")
    item: Any  # not checked one by one, since there may be a hundred thousand: a fault raises one of the errors below
    try:
        for item in modifiers:
            if len(item) != _MODIFIER_KEYS:
                raise KeyError
            names, data = groups[item["type"]]
            names.append(item["name"])
            data.append(item["data"])
    except (KeyError, TypeError, IndexError):
        raise SpecificationError(f"{where}: {_bad_modifier(modifiers)}") from None
    return {kind: group for kind, group in groups.items() if group[0]}


_Columns = tuple[Array, dict[str, dict[str, Array]], dict[str, dict[str, Array]]]


def _columns(nominal: Any, data: Mapping[str, Sequence[Any]]) -> _Columns | None:
    """The nominal yields and, by type and field, the events and the numbers of a sample's modifiers; None where any is not valid.

    All are gathered first and become one array, of which the columns are parts: small arrays are expensive to make.
    """
    rows: list[Any] = [nominal]
    flat: list[Any] = []
    last: list[Any] = []
    fields = [_fields(MODIFIERS[kind]) for kind in data]
    try:
        for own, (events, numbers_) in zip(data.values(), fields, strict=True):
            for name, get in events:
                rows += map(get, own) if name else own
            for _, get, _ in numbers_:
                last += map(get, own)
            if not events and not numbers_ and own != [None] * len(own):
                return None
            if (named := sum(bool(name) for name, *_ in (*events, *numbers_))) and {*map(len, own)} != {named}:
                return None
        for row in rows:
            flat += row
        bins = len(nominal)
        regular = bins > 0 and set(map(len, rows)) == {bins} and set(map(type, rows)) <= _ARRAYS
    except (KeyError, TypeError, IndexError):
        return None
    flat += last
    values = floats(flat) if regular else None
    if values is None:
        return None
    cells, end = values[: bins * len(rows)].reshape(len(rows), bins), 1
    found: _Columns = (cells[0], {}, {})
    scalars, here = values[bins * len(rows) :], 0
    positive = scalars > 0.0
    for (kind, own), (events, numbers_) in zip(data.items(), fields, strict=True):
        size = len(own)
        if events:
            found[1][kind] = {name: cells[end + i * size : end + (i + 1) * size] for i, (name, _) in enumerate(events)}
            end += size * len(events)
        if numbers_:
            found[2][kind] = {name: scalars[here + i * size : here + (i + 1) * size] for i, (name, _, _) in enumerate(numbers_)}
            for i, (_, _, signed) in enumerate(numbers_):
                if signed:
                    positive[here + i * size : here + (i + 1) * size] = True
            here += size * len(numbers_)
    return found if positive.all() else None


_Getter = Callable[[Any], Any]


@cache
def _fields(modifier: Modifier) -> tuple[list[tuple[str, _Getter]], list[tuple[str, _Getter, bool]]]:
    """The fields of a modifier's data and what reads them: those with events, and those with numbers, of which it is said
    whether they may be zero or below. A nameless field is the data itself."""
    positive = modifier.positive()
    return (
        [(name, itemgetter(name)) for name in modifier.events],
        [(name, itemgetter(name), name not in positive) for name in modifier.numbers],
    )


def _bad_modifier(modifiers: Sequence[JsonValue]) -> str:
    """The fault of the first item that is no modifier."""
    for item in modifiers:
        if not isinstance(item, Mapping):
            return "a modifier is not a JSON object"
        missing = [key for key in ("name", "type", "data") if key not in item]
        if missing:
            return f"modifier {item.get('name', '?')!r} has no {', '.join(missing)}"
        if unknown := [str(key) for key in item if key not in ("name", "type", "data")]:
            return f"modifier {item['name']!r}: unknown key {', '.join(map(repr, sorted(unknown)))}"
        if item["type"] not in tuple(MODIFIERS):
            return f"modifier {item['name']!r} has type {item['type']!r}; the types are {', '.join(MODIFIERS)}"
    return "its modifiers cannot be read"


def _fault(nominal: JsonValue, names: Mapping[str, Sequence[str]], data: Mapping[str, Sequence[JsonValue]], where: str) -> str:
    """The first fault for which :func:`_columns` cannot read a sample."""
    try:
        bins = len(numbers(nominal, f"{where}: data"))
        for kind, own in data.items():
            for name, one in zip(names[kind], own, strict=True):
                MODIFIERS[kind].check(one, bins, f"{where}, {kind} {name!r}")
    except SpecificationError as error:
        return str(error)
    return f"{where}: its data cannot be read as numbers"


_ARRAYS = {list, tuple}


def _observations(document: JsonValue) -> dict[str, Array]:
    observations: dict[str, Array] = {}
    for item in _array(document, "workspace: observations"):
        entries = _object(item, "observation")
        name = _name(entries, "observation")
        if name in observations:
            raise SpecificationError(f"observation {name!r}: given twice; keep one")
        _keys(entries, {"name", "data"}, f"observation {name!r}")
        observations[name] = numbers(entries.get("data"), f"observation {name!r}: data")
    return observations


def _check_observation(channel: Channel, observations: Mapping[str, Array]) -> None:
    data = observations.get(channel.name)
    if data is None:
        raise SpecificationError(f"channel {channel.name!r}: has no observation of that name; add it to observations")
    if len(data) != channel.bins:
        raise SpecificationError(f"observation {channel.name!r}: {mismatch(len(data), channel.bins)}")
    if (data < 0.0).any():
        raise SpecificationError(f"observation {channel.name!r}: bin {int(np.argmin(data))} is negative")


def _measurement(document: JsonValue, name: str | None) -> Measurement:
    items = [_object(item, "measurement") for item in _array(document, "workspace: measurements")]
    if not items:
        raise SpecificationError("workspace: has no measurement; it must name the parameter of interest")
    names = [_name(item, "measurement") for item in items]
    if name is not None and name not in names:
        raise SpecificationError(f"measurement {name!r}: not in the workspace; it has {', '.join(names)}")
    item = items[0 if name is None else names.index(name)]
    where = f"measurement {item['name']!r}"
    _keys(item, {"name", "config"}, where)
    config = _object(item.get("config"), f"{where}: config")
    _keys(config, {"poi", "parameters"}, f"{where}: config")
    poi = config.get("poi")
    if not isinstance(poi, str):
        raise SpecificationError(f"{where}: config needs the text 'poi'")
    configs = [_parameter(entry, where) for entry in _array(config.get("parameters"), f"{where}: parameters")]
    _unique([entry.name for entry in configs], f"{where}: parameter")
    return Measurement(str(item["name"]), poi, {entry.name: entry for entry in configs})


def _parameter(document: JsonValue, where: str) -> ParameterConfig:
    entries = _object(document, f"{where}: parameter")
    name = _name(entries, f"{where}: parameter")
    where = f"{where}, parameter {name!r}"
    _keys(entries, _CONFIG_KEYS, where)
    fixed = entries.get("fixed")
    if fixed is not None and not isinstance(fixed, bool):
        raise SpecificationError(f"{where}: fixed must be true or false")
    values = {
        key: tuple(numbers(entries[key], f"{where}: {key}").tolist())
        for key in ("inits", "auxdata", "factors", "sigmas")
        if key in entries
    }
    bounds = None
    if "bounds" in entries:
        rows = [numbers(row, f"{where}: bounds") for row in _array(entries["bounds"], f"{where}: bounds")]
        if any(len(row) != 2 or row[0] > row[1] for row in rows):
            raise SpecificationError(f"{where}: each of bounds must be [lower, upper]")
        bounds = tuple((float(row[0]), float(row[1])) for row in rows)
    return ParameterConfig(name=name, bounds=bounds, fixed=fixed, **values)


def _object(value: JsonValue, where: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise SpecificationError(f"{where}: must be a JSON object")
    return value


def _array(value: JsonValue, where: str) -> Sequence[JsonValue]:
    if not isinstance(value, list | tuple):
        raise SpecificationError(f"{where}: must be a JSON array")
    return value


def _name(entries: Mapping[str, JsonValue], where: str) -> str:
    name = entries.get("name")
    if not isinstance(name, str):
        raise SpecificationError(f"{where}: needs a name")
    return name


def _keys(entries: Mapping[str, JsonValue], allowed: set[str], where: str) -> None:
    unknown = entries.keys() - allowed
    if unknown:
        raise SpecificationError(f"{where}: unknown key {', '.join(map(repr, sorted(map(str, unknown))))}")


def _unique(names: Collection[str], label: str) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SpecificationError(f"{label} {name!r}: given twice; names must be unique")
        seen.add(name)
