"""``--region all``: each region scanned in a folder of its own, and their combination.

At every mass point the combination takes the region with the best expected result, as published contours do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hfx.driver.questions import scan_content as contents
from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import provenance
from hfx.driver.run.file_types import Failure, PalletBlock, RunContent, ScanContent
from hfx.driver.run.folder import opened, safe_name
from hfx.driver.run.journal import Journal
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.run.scan_file import read_scan
from hfx.driver.scan import plan, run_identity, theory_band
from hfx.driver.scan.open_source import open_regions, open_source, refusal
from hfx.driver.scan.preparation import Ready, check_scan, ready
from hfx.driver.scan.remarks import remarks
from hfx.driver.scan.run_context import RunContext
from hfx.driver.scan.run_identity import Identity
from hfx.driver.scan.scan import Finished, finish, scan_pallet
from hfx.errors import OptionError
from hfx.hf_core.reasons import WITHOUT_SIGNAL
from hfx.json_types import JsonObject, LabelValue
from hfx.pallets import Pallet

__all__ = ["combine", "folders_of", "ready_regions", "ready_source", "scan_regions"]


def scan_regions(source: str | Path | Pallet, options: ScanOptions, context: RunContext) -> Finished:
    """Scan every region of a pallet and combine them; a pallet of one region is scanned as it is."""
    pallets = open_regions(source, options, context)
    if "" in pallets:
        return scan_pallet(pallets[""], replace(options, region=None), context)
    return _scan_opened(pallets, options, context)


def _scan_opened(pallets: dict[str, Pallet], options: ScanOptions, context: RunContext) -> Finished:
    begin = ready_regions(pallets, options)
    path = begin.path
    if context.remarks:
        for sentence in remarks(pallets, options, folders_of(pallets, path)):
            context.say(sentence)
    context = replace(context, remarks=False)  # nor by its parts
    with opened(path, context.say) as folder:
        if context.began is not None:
            context.began(path)
        head: RunContent = {**begin.head(options, folder.run()), "selected": _counts(pallets, options)}
        journal = Journal(folder, head, context.listener)
        with journal.running():
            scans = {name: _scan_region(p, name, path, options, context) for name, p in pallets.items()}
            results, failures = combine(options.question, scans)
            concluded: JsonObject = {name: one["conclusions"] for name, one in scans.items() if "conclusions" in one}
            conclusions: JsonObject | None = {"regions": concluded} if concluded else None
            content = contents.content(options.question, begin.pallet, options.public(), results, failures, conclusions)
            curves = theory_band.curves(pallets, options, path, context, _scan_opened)
            finish(content, curves, options, journal, context)
    return Finished(content, path)


def ready_source(source: str, options: ScanOptions, context: RunContext) -> Ready:
    """`hfx.driver.scan.preparation.ready` for a source, one region of it or all."""
    if options.region != "all":
        return ready(open_source(source, options, context), options)
    pallets = open_regions(source, options, context)
    return ready(pallets[""], replace(options, region=None)) if "" in pallets else ready_regions(pallets, options)


def ready_regions(pallets: Mapping[str, Pallet], options: ScanOptions) -> Ready:
    """`hfx.driver.scan.preparation.ready` for a combination of these regions; raises `OptionError` for a question that has no
    number to compare them by."""
    if _compared_by(options.question) is None:
        raise OptionError(
            f"--region all: the question {options.question.name} has no expected value by which regions could be compared; "
            f"give one of {', '.join(pallets)}"
        )
    theory_band.check(options, _selected(pallets, options))
    first = next(iter(pallets.values()))
    by_region = {name: run_identity.of_scan(pallet, options.question) for name, pallet in pallets.items()}
    same = {**run_identity.of_scan(first, options.question), **_combined(by_region)}
    path = Path(options.output) if options.output else run_identity.default_folder(first.name, "all", same)
    begin = Ready(path, _block(pallets), same)
    for variation in theory_band.variations(dict(pallets), options, path):
        check_scan(ready_regions(variation.source, variation.options))
    return begin


def folders_of(regions: Iterable[str], path: Path) -> dict[str, Path]:
    """The folders of regions beneath that of their combination."""
    return {name: path / safe_name(name) for name in regions}


def _combined(by_region: Mapping[str, Identity]) -> Identity:
    """The entries of a combination's identity in place of one region's."""
    return {
        "region": "all",
        "regions": ", ".join(by_region),
        "background": " ".join(str(one["background"]) for one in by_region.values()),
        "patches": " ".join(str(one["patches"]) for one in by_region.values()),
    }


def _block(pallets: Mapping[str, Pallet]) -> PalletBlock:
    blocks = {name: provenance.pallet_block(pallet) for name, pallet in pallets.items()}
    first = next(iter(blocks.values()))
    return {
        **first,
        "region": "all",
        "regions": list(blocks),
        "digest": " ".join(str(block["digest"]) for block in blocks.values()),
        "patchset_digest": " ".join(str(block["patchset_digest"]) for block in blocks.values()),
        "hypotheses": _number_of_places(pallets.values()),
    }


def _number_of_places(pallets: Iterable[Pallet]) -> int:
    """How many hypotheses the combination of these regions has."""
    every = [[(h.name, h.values) for h in pallet.hypotheses] for pallet in pallets]
    key_of = _key_of(every)
    return len({key_of(name, values) for one in every for name, values in one})


def _selected(pallets: Mapping[str, Pallet], options: ScanOptions) -> list[str]:
    """The names of the hypotheses that any region's selection holds."""
    some = [pallet for pallet in pallets.values() if refusal(pallet, options) is None]
    return list(dict.fromkeys(h.name for pallet in some for h in plan.select(pallet, options.only, options.where)))


def _counts(pallets: Mapping[str, Pallet], options: ScanOptions) -> dict[str, int]:
    """How many hypotheses of each region are selected."""
    selected = {name: refusal(pallet, options) is None for name, pallet in pallets.items()}
    return {name: len(plan.select(p, options.only, options.where)) if selected[name] else 0 for name, p in pallets.items()}


def _scan_region(pallet: Pallet, name: str, path: Path, options: ScanOptions, context: RunContext) -> ScanContent:
    """The content of scan.json of one region, in its folder beneath `path`."""
    folder = path / safe_name(name)
    if refusal(pallet, options) is not None:
        nothing = contents.content(options.question, provenance.pallet_block(pallet), options.public(), [], [])
        return read_scan(folder) or nothing
    context.say(f"region {name}")
    one = replace(options, region=name, output=folder, theory_band=None)
    return scan_pallet(pallet, one, context).content


@dataclass(frozen=True)
class _Candidate:
    """The result of one region at a mass point: its position among the region's results, and its brief."""

    position: int
    brief: Brief


Place = dict[str, _Candidate]  # by region
Named = tuple[str, Sequence[LabelValue]]  # a hypothesis' name and values


def combine(question: AnyQuestion, scans: Mapping[str, ScanContent]) -> tuple[PackedResults, list[Failure]]:
    """The best results of the scans (by region), and their failures, without those of hypotheses that have no signal in a region
    and a result in another.

    At every mass point: the region whose expected value is smallest, of equal ones the first. Each result has its "region",
    "missing_in": the regions that have no result there, and "by_region": the numbers of those that have one that converged.
    """
    briefs = {region: contents.briefs(scan, question) for region, scan in scans.items()}
    key_of = _key_of([[(brief.name, brief.values) for brief in found] for found in briefs.values()])
    places: dict[object, Place] = {}
    for region, found in briefs.items():
        for i, brief in enumerate(found):
            places.setdefault(key_of(brief.name, brief.values), {})[region] = _Candidate(i, brief)
    best = PackedResults(_best(question, place, scans) for place in places.values())
    failures: list[Failure] = [
        {**failure, "reason": f"region {region}: {failure['reason']}"}
        for region, scan in scans.items()
        for failure in scan["failures"]
        if failure["reason"] not in WITHOUT_SIGNAL or key_of(failure["name"], failure["values"]) not in places
    ]
    return best, failures


def _best(question: AnyQuestion, place: Place, scans: Mapping[str, ScanContent]) -> JsonObject:
    """The result of the best region of a mass point."""
    # A fit that has not converged is no measure of a region, unless there is no other.
    region = min(place, key=lambda name: (not place[name].brief.converged, _expected(question, place[name].brief)))
    by_region: JsonObject = {
        name: question.by_region(candidate.brief) for name, candidate in place.items() if candidate.brief.converged
    }
    result = scans[region]["results"][place[region].position]
    return {**result, "region": region, "missing_in": [name for name in scans if name not in place], "by_region": by_region}


def _compared_by(question: AnyQuestion) -> int | None:
    """The position of the number by which regions are compared, the smaller the better."""
    surface = question.surface
    return None if surface is None or surface.median is None else surface.column(surface.median)


def _expected(question: AnyQuestion, brief: Brief) -> float:
    """The number of a result by which regions are compared."""
    column = _compared_by(question)
    value = None if column is None else brief.numbers[column]
    return float("inf") if value is None else value


def _key_of(regions: Iterable[Iterable[Named]]) -> Callable[[str, Sequence[LabelValue]], object]:
    """The key that equal hypotheses of several regions share: their values, or their names where values are not distinct."""
    return _by_values if all(map(_distinct, regions)) else _by_name


def _by_values(name: str, values: Sequence[LabelValue]) -> object:
    return tuple(value if isinstance(value, str) else float(value) for value in values)


def _by_name(name: str, values: Sequence[LabelValue]) -> object:
    return name


def _distinct(hypotheses: Iterable[Named]) -> bool:
    points = [_by_values(name, values) for name, values in hypotheses]
    return len(set(points)) == len(points) and all(points)
