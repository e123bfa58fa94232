"""Regions of a pallet: the kind of each file, and the files that form a region; pure functions of names and contents.

Published pallets have these layouts: a background beside its patch set; the same one folder deep; a folder for each
region; several ``X_BkgOnly.json`` with ``X_patchset.json`` in one folder; a background with loose patch files in its
folder or below it.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from hfx.errors import PalletError
from hfx.pallets.json_text import parse

__all__ = ["WORKSPACE_KEYS", "Region", "find_regions", "kind_of", "loose_name", "named_background", "named_patch"]

Kind = Literal["workspace", "patchset", "loose", "other"]

WORKSPACE_KEYS = ("channels", "measurements", "observations", "version")

_BACKGROUND = re.compile(r"(?i)(bkg|background|bonly)[_\-. ]?(only)?|workspace")
_PATCH_SET = re.compile(r"(?i)(signal[_\-. ]?)?patch[_\-. ]?sets?|(signal[_\-. ]?)?patches")
_LOOSE = re.compile(r"(?i)(?:^|[_\-.])patch[._]")
_EDGES = "_-. "


@dataclass(frozen=True)
class Region:
    """One model: a background with its patch sets and loose patch files.

    Args:
        name: the name of its folder, or the prefix of its files; "" where there is neither.
        background: path of the background workspace in the pallet.
        patch_sets: paths of the patch sets beside it, sorted.
        loose: paths of loose patch files, in the natural order of their names (2 before 10).
        unused: paths of other workspaces in the same folder.
        broken: the background is missing (its path is "" then), or its file is no workspace; only beside other regions.
    """

    name: str
    background: str
    patch_sets: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    broken: bool = False


def kind_of(name: str, raw: bytes) -> Kind:
    """The kind of a file. Its keys are searched for as text, since parsing 60 MB would take too long; where there are those of a
    workspace, which a patch may contain as a whole, the file is parsed."""
    first = raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[":
        named = bool(_LOOSE.search(PurePosixPath(name).name))
        return "loose" if named or (b'"op"' in raw and b'"path"' in raw) else "other"
    if first == b"{" and all(f'"{key}"'.encode() in raw for key in WORKSPACE_KEYS[:3]):
        return _kind_by_keys(_keys(name, raw))
    if first == b"{" and b'"patches"' in raw:
        return "patchset"
    if first == b"{" and b'"patch"' in raw and b'"op"' in raw:
        return "loose"
    return _kind_by_name(name)


def _kind_by_keys(keys: Collection[str]) -> Kind:
    """The kind of an object with these keys; of a file that cannot be read, none of whose keys are known, that of its text."""
    if "patches" in keys:
        return "patchset"
    if "patch" in keys:
        return "loose"
    return "workspace" if not keys or any(key in keys for key in WORKSPACE_KEYS[:3]) else "other"


def _keys(name: str, raw: bytes) -> Collection[str]:
    """The keys of a JSON object; none of what cannot be read."""
    try:
        document = parse(raw, name).document
    except PalletError:
        return ()
    return document if isinstance(document, dict) else ()


def _kind_by_name(name: str) -> Kind:
    """The kind of a file whose content tells nothing (damaged, empty), from its name, so that errors can name the file."""
    file = PurePosixPath(name).name
    if not file.lower().endswith(".json"):
        return "other"
    if _PATCH_SET.search(file):
        return "patchset"
    return "loose" if _LOOSE.search(file) else "other"


def named_background(path: str) -> bool:
    """Whether a file's name says that it is a background."""
    return bool(_BACKGROUND.search(PurePosixPath(path).name))


def named_patch(path: str) -> bool:
    """Whether a file's name says that it is a patch."""
    return bool(_LOOSE.search(PurePosixPath(path).name))


def loose_name(path: str, region: str = "") -> str:
    """Name of the hypothesis in a loose patch file: its stem without a leading ``patch.`` or ``patch_``."""
    stem = PurePosixPath(path).name
    stem = stem[:-5] if stem.lower().endswith(".json") else stem
    if region and stem.casefold().startswith(region.casefold()) and _LOOSE.search(stem):
        stem = stem[len(region) :].lstrip(_EDGES)
    short = re.sub(r"(?i)^patch[._]", "", stem)
    return short or stem


def find_regions(kinds: Mapping[str, Kind], pallet: str, damaged: Collection[str] = ()) -> tuple[Region, ...]:
    """The regions of a pallet, sorted by name.

    Args:
        kinds: the kind of every file, by its path in the pallet.
        pallet: the pallet's name; one of several regions that lies in no folder and has no prefix gets this name.
        damaged: paths of files that are no workspaces, though they were perhaps meant to be backgrounds.

    Where there is a background, patches without one form regions too, so that they are not left out without a word.

    Raises:
        PalletError: two regions would have one name.
    """
    folders: dict[str, list[str]] = {}
    for path in sorted(path for path, kind in kinds.items() if kind == "workspace"):
        folders.setdefault(_folder(path), []).append(path)
    files = [path for path, kind in kinds.items() if kind in ("patchset", "loose")]
    broken = _broken(folders, files, damaged)
    for path in broken:
        folders.setdefault(_folder(path), []).append(path)
    patches = _by_folder(files, folders, kinds)
    folders = {folder: paths for folder, paths in folders.items() if patches[folder] or not broken.issuperset(paths)}
    alone = _without_background(files, [path for paths in patches.values() for path in paths]) if folders else {}
    common = _common_folder((*folders, *alone))
    found = [
        replace(region, broken=region.background in broken)
        for folder, backgrounds in folders.items()
        for region in _in_folder(_relative(folder, common), backgrounds, patches[folder], kinds)
    ]
    found = [region for region in found if region.patch_sets or region.loose or not region.broken]
    found += [_bare(_relative(folder, common), paths, kinds) for folder, paths in alone.items()]
    used = {path for region in found for path in region.patch_sets}
    for path in sorted(path for path in files if kinds[path] == "patchset" and path not in used):
        if prefix := _prefix(path, _PATCH_SET):  # beside several backgrounds, none of which has this prefix
            name = "-".join(part for part in (_relative(_folder(path), common), prefix) if part)
            found.append(_bare(name, [path], kinds))
    if len(found) > 1:
        found = [replace(region, name=region.name or pallet) for region in found]
    names = [region.name for region in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PalletError(f"several backgrounds would make one region {twice[0]!r}: {_paths(found, twice[0])}; keep one")
    return tuple(sorted(found, key=lambda region: region.name))


def _broken(folders: Mapping[str, Sequence[str]], patches: Collection[str], damaged: Collection[str]) -> set[str]:
    """The damaged files that are backgrounds of patches: in a folder without a workspace, or with the prefix of a patch file."""
    if not folders:
        return set()
    return {path for path in damaged if _folder(path) not in folders or _is_of_prefix(path, folders[_folder(path)], patches)}


def _is_of_prefix(path: str, workspaces: Iterable[str], patches: Iterable[str]) -> bool:
    if not all(_BACKGROUND.search(PurePosixPath(one).name) for one in (path, *workspaces)):
        return False
    prefix = _prefix(path, _BACKGROUND).casefold()
    known = [prefix, *(_prefix(one, _BACKGROUND).casefold() for one in workspaces)]
    beside = [PurePosixPath(one).name for one in patches if _folder(one) == _folder(path)]
    return known.count(prefix) == 1 and any(_begins(name, prefix, known) for name in beside)


def _without_background(patches: Iterable[str], used: Collection[str]) -> dict[str, list[str]]:
    """The patch files that no background's folder has got, by their folder."""
    found: dict[str, list[str]] = {}
    for path in sorted(set(patches).difference(used), key=_natural_order):
        found.setdefault(_folder(path), []).append(path)
    return found


def _bare(name: str, paths: Iterable[str], kinds: Mapping[str, Kind]) -> Region:
    sets, loose = (tuple(path for path in paths if kinds[path] == kind) for kind in ("patchset", "loose"))
    return Region(name, "", sets, loose, broken=True)


def _paths(regions: Iterable[Region], name: str) -> str:
    return ", ".join(region.background for region in regions if region.name == name)


def _folder(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


def _common_folder(folders: Iterable[str]) -> str:
    """The folder that holds all regions; for a single region the folder above it, so that the region keeps its name."""
    names = list(folders)
    if len(names) == 1:
        return _folder(names[0]) if names[0] else ""
    return os.path.commonpath(names) if names and all(names) else ""


def _relative(folder: str, common: str) -> str:
    return folder.removeprefix(common).strip("/").replace("/", "-")


def _by_folder(paths: Iterable[str], folders: Iterable[str], kinds: Mapping[str, Kind]) -> dict[str, list[str]]:
    """Paths of patch files, by the nearest folder above them that has a background, or by the only such folder; it gets no patch
    set of another folder if it has its own."""
    found: dict[str, list[str]] = {folder: [] for folder in folders}
    elsewhere = []
    for path in sorted(paths, key=_natural_order):
        folder = _folder(path)
        while folder and folder not in found:
            folder = _folder(folder)
        if folder in found:
            found[folder].append(path)
        else:
            elsewhere.append(path)
    if len(found) == 1:
        home = next(iter(found.values()))
        own = any(kinds[path] == "patchset" for path in home)
        home += [path for path in elsewhere if not (own and kinds[path] == "patchset")]
    return found


def _natural_order(path: str) -> list[tuple[int, str]]:
    """A sort key by which ``p_90`` comes before ``p_1000``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]{1,15})", path) if part]


def _in_folder(folder: str, workspaces: list[str], patches: list[str], kinds: Mapping[str, Kind]) -> list[Region]:
    """The regions of a folder. If there are patches and some workspaces are named as backgrounds, only those are used."""
    patch_sets = [path for path in patches if kinds[path] == "patchset"]
    loose = [path for path in patches if kinds[path] == "loose"]
    named = [path for path in workspaces if _BACKGROUND.search(PurePosixPath(path).name)]
    backgrounds = named if named and patches else workspaces
    unused = tuple(path for path in workspaces if path not in backgrounds)
    if len(backgrounds) == 1:
        return [Region(folder, backgrounds[0], tuple(patch_sets), tuple(loose), unused)]
    prefixes = {path: _prefix(path, _BACKGROUND) for path in backgrounds}
    return [_prefixed(folder, path, prefixes, patch_sets, loose, unused) for path in backgrounds]


def _prefixed(
    folder: str,
    background: str,
    prefixes: Mapping[str, str],
    patch_sets: list[str],
    loose: list[str],
    unused: tuple[str, ...],
) -> Region:
    """The region of one of several backgrounds in a folder: it gets the files with its prefix.

    Where there are none, it gets the patch sets that have no background's prefix.
    """
    prefix = prefixes[background]
    known = {name.casefold() for name in prefixes.values()}
    own = [path for path in patch_sets if _prefix(path, _PATCH_SET).casefold() == prefix.casefold()]
    free = [path for path in patch_sets if _prefix(path, _PATCH_SET).casefold() not in known]
    own_loose = [path for path in loose if prefix and _begins(PurePosixPath(path).name, prefix, known)]
    name = "-".join(part for part in (folder, prefix) if part)
    return Region(name, background, tuple(own or free), tuple(own_loose), unused)


def _begins(file: str, prefix: str, known: Iterable[str]) -> bool:
    """Whether this is the longest known prefix of the file's name."""
    begins = [name for name in known if name and file.casefold().startswith(name)]
    return bool(begins) and max(begins, key=len) == prefix.casefold()


def _prefix(path: str, word: re.Pattern[str]) -> str:
    """A file's stem without the word for its kind: ``SRA_BkgOnly.json`` gives ``SRA``."""
    stem = PurePosixPath(path).stem
    return word.sub("", stem).strip(_EDGES)
