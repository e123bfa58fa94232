"""Inspection and verification of pallets: their contents and faults, as dataclasses for the terminal and for ``--json``."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from hfx.errors import PalletError, PatchError
from hfx.hf_core.reasons import WITHOUT_SIGNAL
from hfx.json_types import JsonObject, JsonValue, LabelValue, objects
from hfx.pallets.addresses import Progress
from hfx.pallets.contents import Contents, choose_region, no_background, read_contents
from hfx.pallets.opening import load_region
from hfx.pallets.pallet import Hypothesis, Pallet
from hfx.pallets.regions import Region
from hfx.pallets.workspaces.model_choice import ModelChoice

__all__ = [
    "ChannelSummary",
    "DigestResult",
    "Inspection",
    "LabelRange",
    "ParameterSummary",
    "RegionInspection",
    "RegionVerification",
    "Verification",
    "citations",
    "inspect",
    "verify",
]

DigestResult = Literal["matches", "mismatch", "none stated"]

_WHOLE = ModelChoice()


Faults = Callable[[Pallet], Iterable[tuple[str, str]]]
"""A check of a pallet: name and reason of each hypothesis that cannot be used. It raises `PalletError` where none can."""

Check = Callable[[Mapping[str, Pallet]], None]
"""A check of the regions of a pallet, by name, before they are looked at. It raises an error."""


@dataclass(frozen=True)
class ChannelSummary:
    """A channel of the background: its number of bins, its samples, its observed events."""

    name: str
    bins: int
    samples: tuple[str, ...]
    observed: float | None


@dataclass(frozen=True)
class ParameterSummary:
    """Parameters of one modifier type in background and signals.

    Args:
        type: as ``normsys``.
        names: the number of names; a name that several types share counts for each type, though it is one parameter.
        components: the number of scalar parameters; one for each bin for staterror, shapesys and shapefactor.
        signal_only: the number of names that occur in patches only.
    """

    type: str
    names: int
    components: int
    signal_only: int


@dataclass(frozen=True)
class LabelRange:
    """A label of the hypotheses: its least and greatest value, and the number of different values. ``texts``: its values where
    they are no numbers; it has no least and greatest one then."""

    label: str
    least: float | None
    greatest: float | None
    different: int
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegionInspection:
    """One region: its background and its hypotheses.

    Args:
        region: its name, or None.
        digest: sha256 of the background.
        digest_result: ``matches``, ``mismatch``, or ``none stated`` (loose patch files, a single workspace).
        measurements: name and parameter of interest of each.
        channels, parameters, labels: summaries of the background and the patches.
        hypotheses: name and values of each.
        defects: name and reason of each hypothesis that cannot be used.
        warnings: sentences for the user.
    """

    region: str | None
    digest: str
    digest_result: DigestResult
    measurements: tuple[tuple[str, str], ...]
    channels: tuple[ChannelSummary, ...]
    parameters: tuple[ParameterSummary, ...]
    labels: tuple[LabelRange, ...]
    hypotheses: tuple[tuple[str, tuple[LabelValue, ...]], ...]
    defects: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """A pallet: its description, its regions and its citations."""

    name: str
    source: str
    doi: str | None
    description: str
    references: dict[str, str]
    cite: tuple[str, ...]
    regions: tuple[RegionInspection, ...]


@dataclass(frozen=True)
class RegionVerification:
    """Result of the verification of one region.

    Args:
        region: its name, or None.
        digest: sha256 of the background.
        digest_result: ``matches``, ``mismatch``, or ``none stated`` (loose patch files, a single workspace).
        problem: the mismatch and its remedy, or what is wrong with the background; None where there is neither.
        hypotheses: the number of hypotheses.
        defects: name and reason of each hypothesis that cannot be used.
        without_signal: name and reason of those that have no signal in this region, which is no defect of its files.
    """

    region: str | None
    digest: str
    digest_result: DigestResult
    problem: str | None
    hypotheses: int
    defects: tuple[tuple[str, str], ...]
    without_signal: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Verification:
    """Result of the verification of a pallet, region by region."""

    name: str
    source: str
    regions: tuple[RegionVerification, ...]

    @property
    def verified(self) -> bool:
        """True unless a stated digest differs from that of its background."""
        return not any(region.digest_result == "mismatch" for region in self.regions)

    @property
    def applies(self) -> bool:
        """True where every patch is well-formed and applies to its background."""
        return not any(region.defects for region in self.regions)


def inspect(
    source: str,
    region: str | None = None,
    *,
    choice: ModelChoice = _WHOLE,
    check: Check | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Summaries of a pallet's contents, of all regions when none is chosen. A wrong digest is reported, not raised.

    Args:
        choice: the model that is summarised of each workspace; its measurement is not chosen, all are listed.

    Raises:
        PalletError: the source cannot be used.
    """
    contents = read_contents(source, progress=progress)
    looked_at = list(map(partial(_looked_at, choice), _opened(contents, _regions(contents, region), choice, check)))
    first = looked_at[0][0]
    return Inspection(
        name=contents.name,
        source=source,
        doi=first.doi,
        description=first.description,
        references=first.references,
        cite=citations(first),
        regions=tuple(region for _, region in looked_at),
    )


def verify(
    source: str,
    region: str | None = None,
    *,
    choice: ModelChoice = _WHOLE,
    check: Check | None = None,
    progress: Progress | None = None,
    faults: Faults | None = None,
) -> Verification:
    """Check the patches of one region or of all: that the digest of a patch set is that of its background, and that every patch
    can be applied to it. ``faults`` finds more: of a pallet, names and reasons of hypotheses that cannot be used. ``choice``: the
    model that they check.

    Raises:
        PalletError: the source cannot be read at all, or a region's files cannot. A background that is missing or damaged is the
            problem of its region, where all of several are verified.
    """
    contents = read_contents(source, progress=progress)
    regions = _regions(contents, region)
    usable = [one for one in regions if not one[0].broken or len(regions) == 1]
    found = list(map(partial(_verified, faults or _faults), _opened(contents, usable, choice, check)))
    found += [_without_background(contents, one) for one, _ in regions if one.broken]
    return Verification(contents.name, source, tuple(sorted(found, key=lambda one: one.region or "")))


def citations(pallet: Pallet) -> tuple[str, ...]:
    """The citations of a pallet: its HEPData record, its paper, the DOI of its likelihoods, other references."""
    found = []
    record = pallet.references.get("hepdata", "")
    if record:
        found.append(f"HEPData record {record}: https://www.hepdata.net/record/{record}")
    if record.startswith("ins") and record[3:].isdigit():
        found.append(f"the paper: https://inspirehep.net/literature/{record[3:]}")
    if pallet.doi:
        found.append(f"the likelihoods: https://doi.org/{pallet.doi}")
    others = (item for item in pallet.references.items() if item[0] not in ("hepdata", "doi"))
    return (*found, *(f"{key}: {value}" for key, value in others))


def _regions(contents: Contents, wanted: str | None) -> list[tuple[Region, str | None]]:
    if wanted is None or wanted == "all":
        return [(region, None) for region in contents.regions]
    return [choose_region(contents, wanted)]


_Opened = tuple[Pallet, DigestResult, str | None]
"""The pallet of a region whatever its digest, the result of the digest check, and the mismatch if there is one."""


def _opened(
    contents: Contents, regions: Sequence[tuple[Region, str | None]], choice: ModelChoice, check: Check | None
) -> Iterator[_Opened]:
    """One region after another; where a part of the model is chosen, all are read first, and checked together."""
    if check is not None and choice != _WHOLE:
        found = [_open(contents, chosen, path, choice.poi) for chosen, path in regions]
        check({str(pallet.region or ""): pallet for pallet, _, _ in found if pallet.hypotheses or len(found) == 1})
        yield from found
    else:
        for chosen, path in regions:
            yield _open(contents, chosen, path, choice.poi)


def _open(contents: Contents, region: Region, patch_set: str | None, poi: str | None) -> _Opened:
    try:
        pallet = load_region(contents, region, patch_set, alone=True, poi=poi)
        return pallet, "matches" if region.patch_sets else "none stated", None
    except PalletError as error:
        return load_region(contents, region, patch_set, verify=False, poi=poi), "mismatch", str(error)


def _looked_at(choice: ModelChoice, opened: _Opened) -> tuple[Pallet, RegionInspection]:
    """A region's pallet without its content, which would fill the memory where there are many regions, and its summary."""
    pallet, result, _ = opened
    return replace(pallet, background={}, hypotheses=()), _inspected(pallet, result, choice)


def _verified(faults: Faults, opened: _Opened) -> RegionVerification:
    pallet, result, problem = opened
    found: tuple[tuple[str, str], ...] = ()
    try:
        found = tuple(faults(pallet))
    except PalletError as error:
        problem = problem or str(error)
    bare = tuple(one for one in found if one[1] in WITHOUT_SIGNAL)
    defects = tuple(one for one in found if one not in bare)
    return RegionVerification(pallet.region, pallet.digest, result, problem, len(pallet.hypotheses), defects, bare)


def _without_background(contents: Contents, region: Region) -> RegionVerification:
    return RegionVerification(region.name, "", "none stated", str(no_background(contents, region)), 0, ())


def _defects(pallet: Pallet) -> tuple[tuple[str, str], ...]:
    return tuple(_faults(pallet))


def _faults(pallet: Pallet) -> Iterator[tuple[str, str]]:
    """Names and reasons: entries that are malformed, and patches that do not apply."""
    for hypothesis in pallet.hypotheses:
        if hypothesis.defect is not None:
            yield hypothesis.name, hypothesis.defect
            continue
        try:
            pallet.workspace(hypothesis.name)
        except PatchError as error:
            yield hypothesis.name, str(error)


def _inspected(pallet: Pallet, result: DigestResult, choice: ModelChoice) -> RegionInspection:
    workspace = choice.applied(pallet.background)
    return RegionInspection(
        region=pallet.region,
        digest=pallet.digest,
        digest_result=result,
        measurements=tuple(_measurements(workspace)),
        channels=_channels(workspace),
        parameters=_parameters(pallet, choice),
        labels=tuple(_ranges(pallet)),
        hypotheses=tuple((hypothesis.name, hypothesis.values) for hypothesis in pallet.hypotheses),
        defects=_defects(pallet),
        warnings=pallet.warnings,
    )


def _measurements(workspace: JsonObject) -> Iterator[tuple[str, str]]:
    """Name and parameter of interest of each measurement."""
    for measurement in objects(workspace["measurements"]):
        config = measurement.get("config")
        yield str(measurement.get("name")), str(config.get("poi")) if isinstance(config, dict) else ""


def _channels(workspace: JsonObject) -> tuple[ChannelSummary, ...]:
    observed = {str(item.get("name")): item.get("data") for item in objects(workspace["observations"])}
    return tuple(_channel(channel, observed) for channel in objects(workspace["channels"]))


def _channel(channel: JsonObject, observed: JsonObject) -> ChannelSummary:
    samples = objects(channel.get("samples"))
    data = observed.get(str(channel.get("name")))
    first = samples[0].get("data") if samples else data
    return ChannelSummary(
        str(channel.get("name")),
        len(first) if isinstance(first, list) else 0,
        tuple(str(sample.get("name")) for sample in samples),
        _total(data),
    )


def _total(data: JsonValue) -> float | None:
    """The sum of a list of numbers; None for anything else."""
    if not isinstance(data, list):
        return None
    numbers = [value for value in data if isinstance(value, int | float)]
    return float(sum(numbers)) if len(numbers) == len(data) else None


_PER_BIN = ("staterror", "shapesys", "shapefactor")


def _parameters(pallet: Pallet, choice: ModelChoice) -> tuple[ParameterSummary, ...]:
    """The parameters of each modifier type; of a malformed sample, those that can be read."""
    samples = list(_samples(choice.applied(pallet.background)))
    background = _sizes(samples)
    added = _added_samples if not choice.without else partial(_new_samples, pallet, choice, set(map(id, samples)))
    signal = _sizes(sample for h in pallet.hypotheses for sample in added(h))
    types = sorted(background.keys() | signal.keys())
    return tuple(
        ParameterSummary(
            kind,
            len(background[kind].keys() | signal[kind].keys()),
            sum({**signal[kind], **background[kind]}.values()),
            len(signal[kind].keys() - background[kind].keys()),
        )
        for kind in types
    )


def _samples(workspace: JsonObject) -> Iterator[JsonObject]:
    for channel in objects(workspace["channels"]):
        yield from objects(channel.get("samples"))


def _new_samples(pallet: Pallet, choice: ModelChoice, known: Collection[int], hypothesis: Hypothesis) -> Iterator[JsonObject]:
    """The samples of a hypothesis in the channels that are left, without those of the background (`known`, by id)."""
    with suppress(PatchError):
        workspace = choice.applied(pallet.workspace(hypothesis.name))
        yield from (sample for sample in _samples(workspace) if id(sample) not in known)


def _added_samples(hypothesis: Hypothesis) -> Iterator[JsonObject]:
    """The samples that a patch adds, alone or within a channel."""
    for operation in hypothesis.patch:
        value = operation.get("value")
        if isinstance(value, dict):
            yield from [value] if "modifiers" in value else objects(value.get("samples"))


def _sizes(samples: Iterable[JsonObject]) -> defaultdict[str, dict[str, int]]:
    """Number of components by modifier type and name."""
    sizes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for sample in samples:
        data = sample.get("data")
        bins = len(data) if isinstance(data, list) else 0
        for modifier in objects(sample.get("modifiers")):
            kind = str(modifier.get("type"))
            sizes[kind][str(modifier.get("name"))] = bins if kind in _PER_BIN else 1
    return sizes


def _ranges(pallet: Pallet) -> Iterator[LabelRange]:
    rows = [h.values for h in pallet.hypotheses if len(h.values) == len(pallet.labels)]
    for label, column in zip(pallet.labels, zip(*rows, strict=True), strict=False):
        numbers = [value for value in column if not isinstance(value, str)]
        texts = tuple(sorted({value for value in column if isinstance(value, str)}))
        least, greatest = (None, None) if texts else (min(numbers), max(numbers))
        yield LabelRange(label, least, greatest, len(set(column)), texts)
