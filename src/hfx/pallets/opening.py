"""Opening of pallets: reads the files of a source, finds its regions, checks the digest and reads the patches."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import PurePosixPath

from hfx.errors import PalletError
from hfx.json_types import JsonObject, memory_of, objects
from hfx.pallets.addresses import Progress
from hfx.pallets.contents import Contents, choose_region, defect_of, no_background, read_contents
from hfx.pallets.formats import label_titles
from hfx.pallets.json_text import first_nonfinite, histfactory_digest, parse, refuse_deep
from hfx.pallets.pallet import Hypothesis, Pallet
from hfx.pallets.patchset import (
    PatchSet,
    named_values,
    patchset_digest,
    read_loose_patch,
    read_patch_set,
    set_labels,
)
from hfx.pallets.regions import WORKSPACE_KEYS, Region, loose_name, named_background, named_patch

__all__ = ["digest_mismatch", "load_background", "load_region", "open_pallet", "region_names"]


def open_pallet(
    source: str | PathLike[str],
    region: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    verify: bool = True,
    poi: str | None = None,
    progress: Progress | None = None,
) -> Pallet:
    """Open a pallet from a file, a folder, an https URL or a HEPData resource DOI.

    Args:
        source: path, URL or DOI (with or without ``https://doi.org/``).
        region: the name of one of several regions; or the stem of one of several patch sets beside one background.
        labels: names for the hypotheses' values, instead of the patch set's or of ``x1``, ``x2``...
        verify: compare the digest (checksum) that the patch set states with that of the background, and raise if they differ;
            False: add a warning to ``Pallet.warnings`` instead. Patches in separate files state no digest: nothing is compared.
            Patches are applied later, by `Pallet.workspace`; ``hfx pallet verify`` applies all of them.
        poi: the name of another parameter of interest, by which a workspace without patches is known to hold a signal.
        progress: called with (bytes so far, bytes in all or None) during a download.

    Raises:
        PalletError: the source cannot be used; the text names the file and the remedy. Where a region must be
            chosen, it lists the regions.
    """
    contents = read_contents(fspath(source), progress=progress)
    chosen, patch_set = choose_region(contents, region)
    return load_region(contents, chosen, patch_set, labels=labels, verify=verify, poi=poi)


def region_names(source: str | PathLike[str], *, progress: Progress | None = None) -> tuple[str, ...]:
    """Names of a pallet's regions, sorted; empty where there is a single one.

    Raises:
        PalletError: the source cannot be used.
    """
    return read_contents(fspath(source), progress=progress).region_names


_NO_PATCHES = "a background alone: it has no patches beside it and no signal in it, so there is nothing to scan"


def load_region(
    contents: Contents,
    region: Region,
    patch_set: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    verify: bool = True,
    alone: bool = False,
    poi: str | None = None,
) -> Pallet:
    """The pallet of one region.

    Args:
        patch_set: path of the patch set to use; None: the only one, or the one whose digest matches.
        alone: a background without patches and without a signal is a pallet without hypotheses, and no error.
        poi: see `open_pallet`.

    Raises:
        PalletError: background or patches cannot be used, or the digest does not match while ``verify``.
    """
    background = load_background(contents, region)
    digest = histfactory_digest(background, "sha256", contents.label(region.background))
    if alone and not (region.patch_sets or region.loose) and not _has_signal(background, poi):
        patches = PatchSet(contents.label(region.background), (), (), {}, warnings=(_NO_PATCHES,))
    else:
        patches = _patches(contents, region, background, patch_set, verify, poi)
    chosen, hypotheses = patches.labels, patches.hypotheses
    if labels is not None and hypotheses:
        chosen, hypotheses = _relabel(patches, tuple(labels), contents.name)
    unused = tuple(f"not used: {contents.label(path)}, another workspace" for path in region.unused)
    several = len(contents.regions) > 1
    broken = tuple(str(no_background(contents, other)) for other in contents.regions if other.broken)
    return Pallet(
        name=contents.name,
        source=contents.source,
        region=region.name if several else (PurePosixPath(patch_set).stem if patch_set else None),
        background=background,
        digest=digest,
        patchset_digest=patchset_digest(hypotheses, patches.file),
        labels=chosen,
        hypotheses=hypotheses,
        doi=contents.doi or (patches.references or {}).get("doi"),
        description=patches.description,
        references=dict(patches.references or {}),
        warnings=patches.warnings + unused + broken,
        label_titles=_label_titles(contents, region),
        background_file=contents.label(region.background),
    )


def _label_titles(contents: Contents, region: Region) -> dict[str, label_titles.LabelTitle]:
    """The names of labels in pictures, from a file in the pallet or beside it."""
    path = label_titles.of_members(contents.members, region.background)
    if path is not None:
        return label_titles.read(_text(contents.members[path], contents.label(path)), contents.label(path))
    if contents.titles is None:
        return {}
    file = str(contents.titles)
    try:
        return label_titles.read(_text(contents.titles.read_bytes(), file), file)
    except OSError as error:
        raise PalletError(f"{file} cannot be read: {error.strerror or error}") from None


def _text(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PalletError(f"{file} is not UTF-8 text; save it as such") from None


def _relabel(patches: PatchSet, labels: tuple[str, ...], pallet: str) -> tuple[tuple[str, ...], tuple[Hypothesis, ...]]:
    if len(set(labels)) < len(labels):
        raise PalletError(f"--labels {','.join(labels)}: names must differ")
    return set_labels(labels, patches.hypotheses, pallet)


def load_background(contents: Contents, region: Region) -> JsonObject:
    """The region's background, its outermost structure checked; hf_core validates the rest when it decodes the workspace."""
    if region.broken:
        raise no_background(contents, region)
    file = contents.label(region.background)
    parsed = parse(contents.members[region.background], file, exact=True)
    document = parsed.document
    if not isinstance(document, dict) or any(key not in document for key in WORKSPACE_KEYS):
        raise PalletError(f"{file} is not a HistFactory workspace: {defect_of(document)}")
    for key in WORKSPACE_KEYS[:3]:
        items = document[key]
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise PalletError(f"{file} is not a HistFactory workspace: {key!r} is not a list of objects")
    if document["version"] != "1.0.0":
        raise PalletError(f"{file} has version {document['version']!r}; hfx reads workspaces of version '1.0.0'")
    refuse_deep(document, file)
    bad = None if parsed.strict else first_nonfinite(document)
    if bad:
        raise PalletError(f"{file} holds a number that is not finite at {bad}; a workspace needs finite numbers")
    return document


def _patches(
    contents: Contents, region: Region, background: JsonObject, patch_set: str | None, verify: bool, poi: str | None
) -> PatchSet:
    if region.patch_sets:
        found = _choose_patch_set(contents, region, background, patch_set, verify)
        if region.loose:
            note = f"not used: {_files(len(region.loose))} next to the patch set {found.file}"
            found = replace(found, warnings=(*found.warnings, note))
        return found
    hypotheses = tuple(_loose(contents, region))
    if hypotheses:
        file = contents.label(region.background)
        labels, hypotheses = set_labels(None, hypotheses, file)
        return PatchSet(file, labels, hypotheses, {}, warnings=tuple(_notes_on_loose(contents, region)))
    return _alone(contents, region, background, poi)


def _notes_on_loose(contents: Contents, region: Region) -> Iterator[str]:
    whole = sum(path in contents.mass_points for path in region.loose)
    if whole:
        yield (
            f"{contents.name}: {whole} whole workspace{'' if whole == 1 else 's'} of one background, which differ in their "
            f"signals alone, are read as hypotheses"
        )
    if whole and not named_background(region.background):
        file = contents.label(region.background)
        yield f"{file} has no signal: it is read as the background of the others, and is no hypothesis"
    if whole < len(region.loose):
        yield f"{contents.name}: patches in separate files state no digest, so hfx cannot verify that they fit the background"


def _files(count: int) -> str:
    return "1 separate patch file" if count == 1 else f"{count} separate patch files"


def _loose(contents: Contents, region: Region) -> Iterator[Hypothesis]:
    prefix, held = region.name.rsplit("-", 1)[-1], memory_of(contents.members[region.background])
    for path in region.loose:
        name, file = loose_name(path, prefix), contents.label(path)
        try:
            parsed = parse(contents.members[path], file, held=held)
            held += parsed.memory
            hypothesis = read_loose_patch(parsed, name, file)
            if hypothesis is None and named_patch(path):
                raise PalletError(f"{file} holds no list of operations")
        except PalletError as error:
            hypothesis = Hypothesis(name, named_values(name)[0], (), str(error))
        if hypothesis is not None:
            yield hypothesis


def _alone(contents: Contents, region: Region, background: JsonObject, poi: str | None) -> PatchSet:
    """A workspace without patches that holds a signal itself: its one hypothesis."""
    file = contents.label(region.background)
    if poi is not None and not _has_signal(background, poi):
        factors = sorted(set(_modifier_names(background, "normfactor")))
        raise PalletError(
            f"--poi {poi}: no sample of {file} has a normfactor of this name; it has {', '.join(factors) or 'none'}"
        )
    if not _has_signal(background, poi):
        own = ", ".join(sorted(_pois(background))) or "none"
        raise PalletError(
            f"{file} has no patches beside it and no signal in it (its parameter of interest, {own}, scales "
            f"no sample); give the folder or archive that holds its patches too, or name another parameter of interest with --poi"
        )
    stem = PurePosixPath(region.background).stem
    return PatchSet(file, (), (Hypothesis(stem, (), ()),), {})


def _has_signal(workspace: JsonObject, poi: str | None = None) -> bool:
    """Whether a parameter of interest, or `poi` in its place, scales any sample."""
    return bool((_pois(workspace) if poi is None else {poi}) & set(_modifier_names(workspace)))


def _pois(workspace: JsonObject) -> set[str]:
    configs = (measurement.get("config") for measurement in objects(workspace["measurements"]))
    return {str(config.get("poi")) for config in configs if isinstance(config, dict)}


def _modifier_names(workspace: JsonObject, kind: str | None = None) -> Iterator[str]:
    for channel in objects(workspace["channels"]):
        for sample in objects(channel.get("samples")):
            for modifier in objects(sample.get("modifiers")):
                if kind in (None, modifier.get("type")):
                    yield str(modifier.get("name"))


# --- digests


def digest_mismatch(patch_set: PatchSet, background: JsonObject, file: str) -> str | None:
    """The reason why the patch set's digests do not confirm the background; None when they do."""
    if not patch_set.digests:
        return "it states no sha256 or md5 digest of its background"
    for algorithm, stated in patch_set.digests.items():
        found = histfactory_digest(background, algorithm, file)
        if found != stated:
            return f"it states {algorithm} {stated[:12]}..., {file} has {found[:12]}..."
    return None


def _choose_patch_set(contents: Contents, region: Region, background: JsonObject, wanted: str | None, verify: bool) -> PatchSet:
    file = contents.label(region.background)
    paths = (wanted,) if wanted else region.patch_sets
    if len(paths) == 1:
        found = _read_patch_set(contents, paths[0], memory_of(contents.members[region.background]))
        mismatch = digest_mismatch(found, background, file)
        if mismatch and verify:
            raise PalletError(
                f"{found.file} was made for another background: {mismatch}; get the pair that "
                f"was published together, or go on anyway with --no-verify (verify=False in Python)"
            )
        note = (f"{found.file} was made for another background: {mismatch}",) if mismatch else ()
        return replace(found, warnings=note + found.warnings)
    return _matching_one(contents, region, background, file)


def _matching_one(contents: Contents, region: Region, background: JsonObject, file: str) -> PatchSet:
    """The one of several patch sets beside a background whose digest matches."""
    matching: list[PatchSet] = []
    reasons: list[str] = []
    held = memory_of(contents.members[region.background])
    for path in region.patch_sets:
        try:
            candidate = _read_patch_set(contents, path, held)
        except PalletError as error:
            reasons.append(str(error))
            continue
        mismatch = digest_mismatch(candidate, background, file)
        if mismatch:
            reasons.append(f"not used: {candidate.file}, made for another background ({mismatch})")
        elif not any(contents.members[path] == contents.members[_path(contents, other)] for other in matching):
            matching.append(candidate)
            held += memory_of(contents.members[path])
    if len(matching) == 1:
        return replace(matching[0], warnings=matching[0].warnings + tuple(reasons))
    which = "none has its digest" if not matching else f"{len(matching)} have its digest"
    names = ", ".join(PurePosixPath(path).name for path in region.patch_sets)
    choose = "take one by its name without .json, as --region NAME" if len(contents.regions) == 1 else "keep one"
    anyway = " --no-verify" if not matching and len(contents.regions) == 1 else ""
    raise PalletError(f"{file} has {len(region.patch_sets)} patch sets beside it ({names}), {which}; {choose}{anyway}")


def _path(contents: Contents, patch_set: PatchSet) -> str:
    return next(path for path in contents.members if contents.label(path) == patch_set.file)


def _read_patch_set(contents: Contents, path: str, held: int) -> PatchSet:
    file = contents.label(path)
    return read_patch_set(parse(contents.members[path], file, held=held), file)
