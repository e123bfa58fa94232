"""Whole workspaces, one for each mass point, as hypotheses of one background: they differ in their signal samples alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from hfx.errors import PalletError
from hfx.json_types import JsonObject, JsonValue, objects
from hfx.pallets.json_text import canonical, parse
from hfx.pallets.regions import Kind

__all__ = ["MassPoints", "find_mass_points"]

Members = dict[str, bytes]
_COMMON = "(common background)"


@dataclass(frozen=True)
class MassPoints:
    """The files of a pallet, in which whole workspaces became patches.

    Args:
        members, kinds: contents and kinds of all files; the background that workspaces have in common is one more.
        patches: the paths of the workspaces that became patches.
        apart: by folder, why its workspaces are no mass points of one search.
    """

    members: Members
    kinds: dict[str, Kind]
    patches: frozenset[str] = frozenset()
    apart: Mapping[str, str] = field(default_factory=dict)


class _Parts(NamedTuple):
    """A workspace in two: its digest without the signal, and the signal's samples by channel."""

    path: str
    digest: bytes
    signal: dict[str, list[JsonObject]]


def find_mass_points(members: Members, kinds: dict[str, Kind]) -> MassPoints:
    """The files with the workspaces of each folder as patches, where these differ from the folder's only background, or from each
    other, in the samples alone that the parameter of interest scales. Folders with patch sets stay as they are."""
    found = MassPoints(members, kinds)
    folders: dict[PurePosixPath, list[str]] = {}
    for path, kind in sorted(kinds.items()):
        if kind == "workspace":
            folders.setdefault(PurePosixPath(path).parent, []).append(path)
    with_sets = {PurePosixPath(path).parent for path, kind in kinds.items() if kind == "patchset"}
    for folder, paths in folders.items():
        if len(paths) > 1 and folder not in with_sets:
            found = _in_folder(found, folder, paths)
    return found


def _in_folder(found: MassPoints, folder: PurePosixPath, paths: Sequence[str]) -> MassPoints:
    try:
        parts = [_parts(path, _document(found.members, path)) for path in paths]
    except PalletError:  # the file is named where it is read as a region
        return found
    points, backgrounds = [one for one in parts if one.signal], [one for one in parts if not one.signal]
    if not points or len(backgrounds) > 1:
        return found
    first = backgrounds[0] if backgrounds else points[0]
    for one in points:
        if one.digest != first.digest and (words := _difference(found.members, first.path, one.path)):
            name = PurePosixPath(one.path).name
            reason = f"{name} differs from {PurePosixPath(first.path).name} also in {words}"
            return MassPoints(found.members, found.kinds, found.patches, {**found.apart, str(folder): reason})
    return _with_patches(found, folder, first.path, points, common=not backgrounds)


def _document(members: Mapping[str, bytes], path: str) -> JsonObject:
    document = parse(members[path], path, exact=True).document
    if not isinstance(document, dict):
        raise PalletError(f"{path} is not a HistFactory workspace")
    return document


def _with_patches(found: MassPoints, folder: PurePosixPath, first: str, points: Sequence[_Parts], *, common: bool) -> MassPoints:
    """The files with the points as patches of the first workspace, or of the part that it has in common with the others."""
    background = _stripped(_document(found.members, first))
    members, kinds = dict(found.members), dict(found.kinds)
    if common:
        path = str(folder / _COMMON)
        members[path], kinds[path] = _dumped(background), "workspace"
    place = {str(channel.get("name")): index for index, channel in enumerate(objects(background["channels"]))}
    for one in points:
        operations: list[JsonValue] = [
            {"op": "add", "path": f"/channels/{place[channel]}/samples/-", "value": sample}
            for channel, samples in one.signal.items()
            for sample in samples
        ]
        members[one.path], kinds[one.path] = _dumped(operations), "loose"
    return MassPoints(members, kinds, found.patches.union(one.path for one in points), found.apart)


def _dumped(document: JsonValue) -> bytes:
    return json.dumps(document).encode()


def _pois(workspace: JsonObject) -> set[str]:
    configs = (measurement.get("config") for measurement in objects(workspace.get("measurements")))
    return {str(config.get("poi")) for config in configs if isinstance(config, dict)}


def _is_signal(sample: JsonObject, pois: set[str]) -> bool:
    return any(one.get("type") == "normfactor" and one.get("name") in pois for one in objects(sample.get("modifiers")))


def _parts(path: str, workspace: JsonObject) -> _Parts:
    pois = _pois(workspace)
    signal = {
        str(channel.get("name")): [sample for sample in objects(channel.get("samples")) if _is_signal(sample, pois)]
        for channel in objects(workspace["channels"])
    }
    digest = canonical(_normal(_stripped(workspace)), path)
    return _Parts(path, digest, {channel: samples for channel, samples in signal.items() if samples})


def _stripped(workspace: JsonObject) -> JsonObject:
    """The workspace without its signal."""
    pois = _pois(workspace)
    channels: list[JsonValue] = [
        {**channel, "samples": [one for one in objects(channel.get("samples")) if not _is_signal(one, pois)]}
        for channel in objects(workspace["channels"])
    ]
    return {**workspace, "channels": channels}


def _normal(value: JsonValue) -> JsonValue:
    """The value with every list of named things in the order of their names, which has no meaning in a workspace."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return sorted(map(_normal, value), key=_name_and_type)
    return value


def _name_and_type(item: JsonValue) -> tuple[str, str]:
    assert isinstance(item, dict)
    return str(item.get("name")), str(item.get("type"))


def _difference(members: Mapping[str, bytes], first: str, other: str) -> str | None:
    """The first place in which two workspaces without their signals differ, in words; None where they are equal but for the
    spelling of numbers."""
    one, two = (_normal(_stripped(_document(members, path))) for path in (first, other))
    assert isinstance(one, dict) and isinstance(two, dict)
    return next(_places(one, two), None if one == two else "its structure")


def _places(one: JsonObject, two: JsonObject) -> Iterator[str]:
    yield from _named(one, two, "channels", "channel", _samples)
    yield from _named(one, two, "observations", "the observation of", _whole)
    yield from _named(one, two, "measurements", "measurement", _whole)
    if {**one, "channels": 0, "observations": 0, "measurements": 0} != {
        **two,
        "channels": 0,
        "observations": 0,
        "measurements": 0,
    }:
        yield "its version"


_Places = Callable[[JsonObject, JsonObject], Iterator[str]]


def _whole(one: JsonObject, two: JsonObject) -> Iterator[str]:
    if one != two:
        yield ""


def _samples(one: JsonObject, two: JsonObject) -> Iterator[str]:
    yield from _named(one, two, "samples", ", sample", _whole)


def _named(one: JsonObject, two: JsonObject, key: str, word: str, within: _Places) -> Iterator[str]:
    """The named things that differ, or that one of the two lacks."""
    here, there = ({str(item.get("name")): item for item in objects(document.get(key))} for document in (one, two))
    for name in dict.fromkeys((*here, *there)):
        if name not in here or name not in there:
            yield f"{word} {name!r}, which only one of them has"
        else:
            yield from (f"{word} {name!r}{words}" for words in within(here[name], there[name]))
