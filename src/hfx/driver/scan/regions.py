"""``--region all``: each region scanned in a folder of its own, and their combination.

At every mass point the combination takes the region with the best expected CLs, as the published contours do.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfx.driver.plot import scan_picture
from hfx.driver.questions.options import ScanOptions
from hfx.driver.results import ScanResult
from hfx.driver.run import provenance
from hfx.driver.run.contents import PalletBlock
from hfx.driver.run.folder import opened
from hfx.driver.run.journal import Journal
from hfx.driver.run.packed_results import Held, briefs
from hfx.driver.run.scan_file import read_scan
from hfx.driver.scan import identity, plan, theory_band
from hfx.driver.scan.scan import Ready, Setting, finish, numerics, open_source, ready, scan_pallet, usable
from hfx.errors import OptionError
from hfx.pallets import Pallet
from hfx.pallets.contents import read_contents
from hfx.pallets.opening import load_region

__all__ = ["combine", "ready_source", "scan_regions"]

Scan = Mapping[str, Any]


def open_regions(source: str | Path | Pallet, options: ScanOptions, setting: Setting) -> dict[str, Pallet]:
    """Every region by name; one nameless region is "".

    Raises `PalletError`, and `OptionError` when the selection leaves nothing in any region.
    """
    if isinstance(source, Pallet):
        raise OptionError("region 'all' needs the pallet's source, not an open pallet: it holds one region")
    with identity.no_run(source):
        contents = read_contents(str(source), progress=setting.progress)
    several = len(contents.regions) > 1
    pallets = {
        region.name if several else "": usable(
            load_region(contents, region, labels=options.labels, verify=options.verify), options
        )
        for region in contents.regions
    }
    if not several:
        return pallets
    refusals = [refusal for p in pallets.values() if (refusal := _refusal(p, options)) is not None]
    if len(refusals) == len(pallets):
        raise refusals[0]
    return pallets


def _refusal(pallet: Pallet, options: ScanOptions) -> OptionError | None:
    """Why the selection leaves nothing of a region: there it is a point missing, not an error."""
    try:
        plan.select(pallet, options.only, options.where)
    except OptionError as error:
        return error
    return None


def _selected(pallets: Mapping[str, Pallet], options: ScanOptions) -> list[str]:
    """The names of the hypotheses that any region's selection holds."""
    some = [pallet for pallet in pallets.values() if _refusal(pallet, options) is None]
    return list(dict.fromkeys(h.name for pallet in some for h in plan.select(pallet, options.only, options.where)))


def scan_regions(source: str | Path | Pallet, options: ScanOptions, setting: Setting) -> ScanResult:
    """Scan every region of a pallet and combine them; a pallet of one region is scanned as it is."""
    pallets = open_regions(source, options, setting)
    if "" in pallets:
        return scan_pallet(pallets[""], replace(options, region=None), setting)
    return _scan_opened(pallets, options, setting)


def _scan_opened(pallets: Mapping[str, Pallet], options: ScanOptions, setting: Setting) -> ScanResult:
    theory_band.check(options, _selected(pallets, options))
    begin = _ready_regions(pallets, options)
    path, block = begin.path, begin.pallet
    with opened(path, setting.say) as folder:
        if setting.began is not None:
            setting.began(path)
        journal = Journal(folder, begin.header(options, folder.run()), setting.listener)
        with journal.running():
            scans = {name: _scan_region(p, name, path, options, setting) for name, p in pallets.items()}
            results, failures = combine(scans)
            content = scan_picture.content(block, options, results, failures)
            finish(
                content,
                theory_band.curves(pallets, options, path, setting, _scan_opened),
                options,
                journal,
                setting,
            )
    return ScanResult(content, path)


def ready_source(source: str, options: ScanOptions, setting: Setting) -> Ready:
    """`hfx.driver.scan.scan.ready` for what a user named, one region or all of them."""
    if options.region != "all":
        return ready(open_source(source, options, options.region, setting), options)
    pallets = open_regions(source, options, setting)
    return ready(pallets[""], replace(options, region=None)) if "" in pallets else _ready_regions(pallets, options)


def _ready_regions(pallets: Mapping[str, Pallet], options: ScanOptions) -> Ready:
    """`hfx.driver.scan.scan.ready` for a combination of regions."""
    first = next(iter(pallets.values()))
    same = {name: identity.of_scan(p, options.fit, numerics()) for name, p in pallets.items()}
    whole = {**identity.of_scan(first, options.fit, numerics()), **_whole(same)}
    path = Path(options.output) if options.output else identity.default_folder(first.name, "all", whole)
    return Ready(path, _block(pallets), whole)


def _scan_region(pallet: Pallet, name: str, path: Path, options: ScanOptions, setting: Setting) -> Scan:
    """The content of scan.json of one region, in its folder beneath `path`."""
    folder = path / identity.safe_name(name)
    if _refusal(pallet, options) is not None:
        nothing: Scan = {"results": [], "failures": []}
        return read_scan(folder) or nothing
    setting.say(f"region {name}")
    one = replace(options, region=name, output=folder, theory_band=None)
    return scan_pallet(pallet, one, setting).content


def _whole(same: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What tells a combination from another one, in place of one region's."""
    return {
        "region": "all",
        "regions": ", ".join(same),
        "background": " ".join(str(one["background"]) for one in same.values()),
        "patches": " ".join(str(one["patches"]) for one in same.values()),
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
        "hypotheses": max(int(block["hypotheses"]) for block in blocks.values()),
    }


def combine(scans: Mapping[str, Scan]) -> tuple[Held, list[dict[str, Any]]]:
    """The best results of the scans (by region), and all their failures.

    At every mass point: the region whose median expected CLs is smallest, of equal ones the first. Each
    result has its "region", "missing_in": the regions that have no result there, and "by_region": CLs of those that
    have one that converged.
    """
    key = _by_values if all(_distinct(scan) for scan in scans.values()) else _by_name
    places: dict[Any, dict[str, tuple[int, Scan]]] = {}
    for region, scan in scans.items():
        for i, record in enumerate(briefs(scan["results"])):
            places.setdefault(key(record), {})[region] = (i, record)
    best = Held(_best(place, scans) for place in places.values())
    failures = [
        {**failure, "reason": f"region {region}: {failure['reason']}"}
        for region, scan in scans.items()
        for failure in scan["failures"]
    ]
    return best, failures


def _best(place: Mapping[str, tuple[int, Scan]], scans: Mapping[str, Scan]) -> dict[str, Any]:
    """The result of the best region of a mass point; `place`: by region its position and its brief."""
    # A fit that has not converged is no measure of a region, unless there is no other.
    region = min(place, key=lambda name: (place[name][1]["status"] != "converged", place[name][1]["CLs_exp"][2]))
    missing = [name for name in scans if name not in place]
    found = {name: _limits(record) for name, (_, record) in place.items() if record["status"] == "converged"}
    return {**scans[region]["results"][place[region][0]], "region": region, "missing_in": missing, "by_region": found}


def _limits(record: Scan) -> dict[str, Any]:
    return {"CLs_obs": record["CLs_obs"], "CLs_exp": list(record["CLs_exp"])}


def _by_values(record: Scan) -> Any:
    return tuple(map(float, record["values"]))


def _by_name(record: Scan) -> Any:
    return record["name"]


def _distinct(scan: Scan) -> bool:
    points = [_by_values(record) for record in briefs(scan["results"])]
    return len(set(points)) == len(points) and all(points)
