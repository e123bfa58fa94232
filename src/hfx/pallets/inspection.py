"""What is in a pallet, and is it whole: plain values for the terminal, for scripts and for ``--json``."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hfx.errors import PalletError, PatchError
from hfx.pallets.addresses import Progress
from hfx.pallets.contents import Contents, choose_region, read_contents
from hfx.pallets.json_text import objects
from hfx.pallets.opening import load_region
from hfx.pallets.pallet import Pallet
from hfx.pallets.regions import Region

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
        names: how many names; a name may stand under several types, and is then one parameter.
        components: how many numbers are behind them; a bin each for staterror, shapesys and shapefactor.
        signal_only: how many of the names stand in patches alone.
    """

    type: str
    names: int
    components: int
    signal_only: int


@dataclass(frozen=True)
class LabelRange:
    """A label of the hypotheses with the least and greatest value and how many different ones there are."""

    label: str
    least: float
    greatest: float
    different: int


@dataclass(frozen=True)
class RegionInspection:
    """One region: its background and its hypotheses.

    Args:
        region: its name, or None.
        digest: sha256 of the background.
        digest_result: ``matches``, ``mismatch``, or ``none stated`` (loose patch files, a single workspace).
        measurements: name and parameter of interest of each.
        channels, parameters, labels: what the background and the patches hold.
        hypotheses: name and values of each.
        defects: name and reason of the hypotheses that cannot be used.
        warnings: sentences for the user.
    """

    region: str | None
    digest: str
    digest_result: DigestResult
    measurements: tuple[tuple[str, str], ...]
    channels: tuple[ChannelSummary, ...]
    parameters: tuple[ParameterSummary, ...]
    labels: tuple[LabelRange, ...]
    hypotheses: tuple[tuple[str, tuple[float, ...]], ...]
    defects: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """A pallet: its regions, and what to cite."""

    name: str
    source: str
    doi: str | None
    description: str
    references: dict[str, str]
    cite: tuple[str, ...]
    regions: tuple[RegionInspection, ...]


@dataclass(frozen=True)
class RegionVerification:
    """Whether one region is whole.

    Args:
        region: its name, or None.
        digest: sha256 of the background.
        digest_result: ``matches``, ``mismatch``, or ``none stated`` (loose patch files, a single workspace).
        problem: what does not match, and what to do; None where nothing contradicts.
        hypotheses: how many patches there are.
        defects: name and reason of those that cannot be used.
    """

    region: str | None
    digest: str
    digest_result: DigestResult
    problem: str | None
    hypotheses: int
    defects: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Verification:
    """Whether a pallet is whole, region by region."""

    name: str
    source: str
    regions: tuple[RegionVerification, ...]

    @property
    def verified(self) -> bool:
        """No digest contradicts."""
        return not any(region.digest_result == "mismatch" for region in self.regions)

    @property
    def applies(self) -> bool:
        """Every patch is sound and applies."""
        return not any(region.defects for region in self.regions)


def inspect(source: str, region: str | None = None, *, progress: Progress | None = None) -> Inspection:
    """What is in a pallet; of all its regions when none is chosen. A wrong digest is shown, not an error.

    Raises:
        PalletError: the source cannot be used.
    """
    contents = read_contents(source, progress=progress)
    pallets = [_open(contents, chosen, path) for chosen, path in _regions(contents, region)]
    first = pallets[0][0]
    return Inspection(
        name=contents.name,
        source=source,
        doi=first.doi,
        description=first.description,
        references=first.references,
        cite=citations(first),
        regions=tuple(_inspected(pallet, result) for pallet, result, _ in pallets),
    )


def verify(source: str, region: str | None = None, *, progress: Progress | None = None) -> Verification:
    """Whether digests match and every patch applies, for one region or all.

    Raises:
        PalletError: the source cannot be read at all, or a region's files cannot.
    """
    contents = read_contents(source, progress=progress)
    found = tuple(_verified(contents, chosen, path) for chosen, path in _regions(contents, region))
    return Verification(contents.name, source, found)


def citations(pallet: Pallet) -> tuple[str, ...]:
    """What to cite for a pallet: its record, its paper, the DOI that it came by."""
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


def _open(contents: Contents, region: Region, patch_set: str | None) -> tuple[Pallet, DigestResult, str | None]:
    """The pallet of a region, whatever its digest; with what the digest says and what contradicts."""
    try:
        pallet = load_region(contents, region, patch_set)
        return pallet, "matches" if region.patch_sets else "none stated", None
    except PalletError as error:
        return load_region(contents, region, patch_set, verify=False), "mismatch", str(error)


def _verified(contents: Contents, region: Region, patch_set: str | None) -> RegionVerification:
    pallet, result, problem = _open(contents, region, patch_set)
    return RegionVerification(pallet.region, pallet.digest, result, problem, len(pallet.hypotheses), _defects(pallet))


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


def _inspected(pallet: Pallet, result: DigestResult) -> RegionInspection:
    workspace = pallet.background
    return RegionInspection(
        region=pallet.region,
        digest=pallet.digest,
        digest_result=result,
        measurements=tuple(_measurements(workspace)),
        channels=_channels(workspace),
        parameters=_parameters(pallet),
        labels=tuple(_ranges(pallet)),
        hypotheses=tuple((hypothesis.name, hypothesis.values) for hypothesis in pallet.hypotheses),
        defects=_defects(pallet),
        warnings=pallet.warnings,
    )


def _measurements(workspace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for measurement in workspace["measurements"]:
        config = measurement.get("config")
        yield str(measurement.get("name")), str(config.get("poi")) if isinstance(config, dict) else ""


def _channels(workspace: dict[str, Any]) -> tuple[ChannelSummary, ...]:
    observed = {str(item.get("name")): item.get("data") for item in workspace["observations"]}
    return tuple(_channel(channel, observed) for channel in workspace["channels"])


def _channel(channel: dict[str, Any], observed: dict[str, Any]) -> ChannelSummary:
    samples = objects(channel.get("samples"))
    data = observed.get(str(channel.get("name")))
    first = samples[0].get("data") if samples else data
    return ChannelSummary(
        str(channel.get("name")),
        len(first) if isinstance(first, list) else 0,
        tuple(str(sample.get("name")) for sample in samples),
        float(sum(data)) if isinstance(data, list) and all(isinstance(n, int | float) for n in data) else None,
    )


_PER_BIN = ("staterror", "shapesys", "shapefactor")


def _parameters(pallet: Pallet) -> tuple[ParameterSummary, ...]:
    """Names by modifier type; a broken sample counts for what can be read of it."""
    background = _sizes(sample for c in pallet.background["channels"] for sample in objects(c.get("samples")))
    signal = _sizes(sample for h in pallet.hypotheses for sample in _added_samples(h.patch))
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


def _added_samples(patch: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operation in patch:
        value = operation.get("value")
        if isinstance(value, dict):
            yield from [value] if "modifiers" in value else objects(value.get("samples"))


def _sizes(samples: Iterable[dict[str, Any]]) -> defaultdict[str, dict[str, int]]:
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
        yield LabelRange(label, min(column), max(column), len(set(column)))
