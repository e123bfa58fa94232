"""Contents of a source: its files in memory, and the regions that they form."""

import difflib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from hfx.errors import PalletError
from hfx.json_types import JsonValue
from hfx.pallets.addresses import Progress
from hfx.pallets.archives import LIMITS, Budget, Limits, Members, is_archive, read_container, read_nested
from hfx.pallets.formats.foreign import in_container, recognised
from hfx.pallets.formats.label_titles import beside
from hfx.pallets.json_text import parse
from hfx.pallets.patchset import read_patch_set
from hfx.pallets.regions import WORKSPACE_KEYS, Kind, Region, find_regions, kind_of
from hfx.pallets.searches import Search, difference
from hfx.pallets.sources import Located, forget, locate
from hfx.pallets.workspaces.mass_points import find_mass_points

__all__ = ["Contents", "choose_region", "defect_of", "no_background", "read_contents", "searches"]

_SHOWN = 10  # names of regions in an error

_KEYS = f"{', '.join(WORKSPACE_KEYS[:-1])} and {WORKSPACE_KEYS[-1]}"


@dataclass(frozen=True)
class Contents:
    """The files of a source in memory, and the regions that they form.

    Args:
        name: the pallet's name.
        source: the path, URL or DOI as the user typed it.
        doi: the DOI by which the source was fetched, if any.
        members: file contents by path.
        regions: at least one.
        single: the source is one JSON file.
        titles: path of a file with names of labels that lies beside the source.
        mass_points: paths of whole workspaces that became patches of what they have in common.
        apart: by folder, why its workspaces are no mass points of one search.
    """

    name: str
    source: str
    doi: str | None
    members: Members
    regions: tuple[Region, ...]
    single: bool
    titles: Path | None = None
    mass_points: frozenset[str] = frozenset()
    apart: Mapping[str, str] = field(default_factory=dict)

    @property
    def region_names(self) -> tuple[str, ...]:
        return tuple(region.name for region in self.regions) if len(self.regions) > 1 else ()

    def label(self, path: str) -> str:
        """The name of a file in errors and warnings: with the pallet that holds it, unless it is the only file."""
        return path if self.single else f"{self.name}/{path}"


def read_contents(source: str, *, progress: Progress | None = None, limits: Limits = LIMITS) -> Contents:
    """Read a source into memory and sort its files.

    Raises:
        PalletError: not readable, damaged, unsafe, too large, or without a background workspace.
    """
    located = locate(source, progress=progress)
    try:
        return _read(located, source, limits)
    except PalletError as error:
        if not forget(source, located):
            raise
        raise PalletError(f"{error} (it is no longer in the cache: the next attempt downloads it again)") from None


def _read(located: Located, source: str, limits: Limits) -> Contents:
    budget = Budget(located.shown, limits)
    members = read_container(located.path, budget, located.file)
    single = located.path.is_file() and list(members) == [located.file]
    kinds = _kinds(members)
    for _ in range(limits.nesting):
        if "workspace" in kinds.values():
            break
        packed = {name: raw for name, raw in members.items() if is_archive(raw[:512])}
        if not packed:
            break
        members = {name: raw for name, raw in members.items() if name not in packed}
        for name, raw in packed.items():
            members.update(read_nested(name, raw, budget))
        kinds = _kinds(members)
    found = find_mass_points(members, kinds)
    damaged = [path for path, kind in found.kinds.items() if kind == "other" and _nearly(path, found.members[path])]
    regions = find_regions(found.kinds, located.name, damaged)
    contents = Contents(
        located.name, source, located.doi, found.members, regions, single, mass_points=found.patches, apart=found.apart
    )
    if located.doi is None:
        contents = replace(contents, titles=beside(located.path, located.name))
    if not contents.regions:
        raise _no_background(contents, kinds, budget.skipped)
    return contents


def _kinds(members: Members) -> dict[str, Kind]:
    return {name: kind_of(name, raw) for name, raw in members.items()}


def _no_background(contents: Contents, kinds: dict[str, Kind], skipped: Members) -> PalletError:
    """The error of a source without a background; it names the file that comes nearest to one, or one of another format."""
    where = contents.source
    for path, raw in contents.members.items():
        if kinds[path] == "other" and (_nearly(path, raw) or (contents.single and not is_archive(raw[:512]))):
            return _not_a_workspace(raw, contents.label(path))
    for path, kind in kinds.items():
        if kind in ("patchset", "loose"):
            return _patches_alone(contents, path, "a patch set" if kind == "patchset" else "a patch")
    if any(is_archive(raw[:512]) for raw in contents.members.values()):
        return PalletError(f"{where} contains archives within archives, nested too deeply; unpack it and give the folder")
    others = {path: raw for path, raw in contents.members.items() if kinds[path] == "other"}
    if (foreign := in_container({**others, **skipped})) is not None:
        path, form = foreign
        return PalletError(f"{where} contains no HistFactory workspace; {form.explanation(path)}")
    what = f"no HistFactory workspace (a JSON file with {_KEYS})" if contents.members else "no JSON file, and so no pallet"
    return PalletError(f"{where} contains {what}; give the file, folder or archive of a pallet")


def _nearly(path: str, raw: bytes) -> bool:
    """Whether a file was perhaps meant to be the background."""
    named = "bkg" in path.lower() or "background" in path.lower()
    return (named or b'"channels"' in raw) and not is_archive(raw[:512])


def no_background(contents: Contents, region: Region) -> PalletError:
    """The error of a region whose background is broken."""
    files = f"patches ({contents.label((*region.patch_sets, *region.loose)[0])})"
    if region.background:
        error = _not_a_workspace(contents.members[region.background], contents.label(region.background))
        return PalletError(f"region {region.name} has {files} and no background that can be used: {error}")
    missing = "no background workspace; put the background's file, BkgOnly.json, next to them"
    return PalletError(f"region {region.name} has {files}, but {missing}")


def _not_a_workspace(raw: bytes, file: str) -> PalletError:
    if (foreign := recognised(file, raw)) is not None:
        return PalletError(foreign.explanation(file))
    try:
        document = parse(raw, file).document
    except PalletError as error:
        return error
    return PalletError(
        f"{file} is not a HistFactory workspace: {defect_of(document)}; give the file, folder or archive of a pallet"
    )


def _patches_alone(contents: Contents, path: str, what: str) -> PalletError:
    if not contents.single:
        missing = "no background workspace; put the background's file, BkgOnly.json, next to it"
        return PalletError(f"{contents.source} contains {what} ({path}), but {missing}")
    try:
        parse(contents.members[path], path)
    except PalletError as error:
        return error
    return PalletError(f"{contents.source} is {what} alone; give the folder or archive that also contains its background")


def defect_of(document: JsonValue) -> str:
    """Why a document is no workspace, as words for an error: another type of value, or missing keys."""
    if not isinstance(document, dict):
        return f"it is {'a list' if isinstance(document, list) else 'a single value'}; a workspace is an object"
    missing = [key for key in WORKSPACE_KEYS if key not in document]
    return f"it lacks {', '.join(repr(key) for key in missing) or 'nothing but a plain layout'}"


def choose_region(contents: Contents, wanted: str | None) -> tuple[Region, str | None]:
    """The region, and the path of the patch set where ``wanted`` is the stem of one.

    Raises:
        PalletError: a choice is missing or unknown; the regions are listed.
    """
    if contents.region_names:
        return _one_of_several(contents, wanted), None
    region = contents.regions[0]
    if wanted is None or wanted == region.name or _names_the_file(contents, wanted):
        return region, None
    for path in region.patch_sets:
        if wanted in (PurePosixPath(path).name, PurePosixPath(path).stem):
            return region, path
    sets = [PurePosixPath(path).stem for path in region.patch_sets]
    several = f", or choose one of its patch sets with --region: {', '.join(sets)}" if len(sets) > 1 else ""
    raise PalletError(f"--region {wanted}: {contents.source} has only one analysis region; leave --region out{several}")


def _names_the_file(contents: Contents, wanted: str) -> bool:
    """Whether the name of a pallet that was cut out of a larger one ends with the region's name, as "sbottom-RegionA" does."""
    return re.search(rf"(^|[_\-. ]){re.escape(wanted)}$", contents.name) is not None


def _one_of_several(contents: Contents, wanted: str | None) -> Region:
    names = contents.region_names
    for region in contents.regions:
        if region.name == wanted:
            return region
    listed = _listed(contents)
    if wanted is not None:
        hint = f"; did you mean {near}?" if (near := _nearest(wanted, names)) else "; give one of them, or all"
        raise PalletError(f"--region {wanted}: {contents.source} has no such analysis region; its regions: {listed}{hint}")
    for region in contents.regions:
        if region.broken:
            raise PalletError(f"{no_background(contents, region)}. To go on without it, choose another region with --region NAME")
    if reason := difference(searches(contents)):
        raise PalletError(
            f"{contents.source} contains {len(names)} pallets: {listed}; these are different searches ({reason}): choose one "
            "with --region NAME, or give its own file or folder"
        )
    apart = f" (they are no mass points of one search: {next(iter(contents.apart.values()))})" if contents.apart else ""
    raise PalletError(
        f"{contents.source} contains {len(names)} analysis regions: {listed}{apart}; choose one with --region NAME, or "
        "scan all of them with --region all"
    )


def _nearest(wanted: str, names: Sequence[str]) -> str | None:
    """The name that was perhaps meant: one that differs in capital letters alone, or else the only similar one."""
    alike = [name for name in (*names, "all") if name.casefold() == wanted.casefold()]
    near = alike or difflib.get_close_matches(wanted, names, n=2, cutoff=0.8)
    return near[0] if len(near) == 1 else None


def _listed(contents: Contents) -> str:
    """The names of the regions, the first ones of many."""
    names = contents.region_names
    if len(names) <= _SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more ('hfx pallet inspect {contents.source}' lists all)"


def searches(contents: Contents) -> dict[str, Search]:
    """The searches of the regions whose patch set can be read."""
    found = {}
    for region in contents.regions:
        for path in region.patch_sets[:1]:
            with suppress(PalletError):
                patches = read_patch_set(parse(contents.members[path], path), path)
                found[region.name] = Search(patches.labels, patches.references or {})
    return found
