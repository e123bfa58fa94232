"""The summary table of a scan: rows of text, and the same for rich."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfx.driver.export.citations import of_pallet
from hfx.driver.plane import selection
from hfx.driver.plane.expression_errors import naming_row
from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.driver.questions.catalogue import of_run
from hfx.driver.questions.scan_content import briefs
from hfx.driver.questions.scan_content import gaps as contents_gaps
from hfx.driver.run.file_types import Contours, PalletBlock, ScanContent
from hfx.driver.views import failures, limits, verdict
from hfx.driver.views.failures import first_of
from hfx.functions.options import flag
from hfx.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["is_detail", "rows", "table", "text"]

Row = tuple[str, str]
"""A row's name and text."""

_LEFT_OUT = "the contour is drawn without them; leave them out of your own counts, too"


# Notes on a contour that match one of these call for nothing: how it is interpolated as was asked, and what other rows tell.
_DETAILS = re.compile(
    r"are interpolated between the points.*\(--interpolation \w+\)\.$|^Coordinates: |^Accuracy: |left out|excluded \("
    r"|^Each region is interpolated|^There is one point|^No hypothesis has a usable|^All points lie on one line"
)


def is_detail(note: str) -> bool:
    """Whether a note on a contour is a detail, shown with -v alone: it is for experts, or another row of the table has it."""
    return _DETAILS.search(note) is not None


def rows(scan: ScanContent, folder: Path, verbose: bool = False) -> list[Row]:
    """The rows of the table: the result, then what calls for attention, then the origin and the files. `verbose`: with long lists
    of names and with the details. Rows without text are left out."""
    question, results = of_run(scan), briefs(scan)
    part, failed, contours = selection.of_scan(scan), contents_gaps(scan), scan.get("contours") or {}
    labels = scan["pallet"].get("labels") or ()
    found = [
        ("result", verdict.sentence(question, results, len(failed))),
        *(("limits", sentence) for sentence in limits.sentences(contours, labels, results, question.surface)),
        ("labels", naming_row(labels)),
        ("options", _options(scan, question)),
        ("selected", part.row() if part else ""),
        *failures.rows(failed, len(results), scan["pallet"].get("region"), verbose),
        ("not converged", _not_converged(results, verbose)),
        *question.summary(results, verbose),
        *question.concluded(scan.get("conclusions") or {}, len(results), verbose),
        ("regions", _regions(results, scan, folder, verbose)),
        ("contour", _contour(contours, verbose)),
        ("pallet", _pallet(scan["pallet"])),
        ("please cite", _citation(scan["pallet"], question.references)),
        ("files", f"{printable(str(folder))}/ ({_files(folder)})"),
    ]
    return [(name, text) for name, text in found if text]


def _pallet(pallet: PalletBlock) -> str:
    region = pallet.get("region")
    return f"{pallet.get('name')}{f', region {region}' if region else ''}"


def _options(scan: ScanContent, question: AnyQuestion) -> str:
    """The options that change the numbers or add lines, where they are not the defaults; and that the patch set is of another
    background."""
    given, own = scan["options"], question.options
    values = {entry.name: (getattr(own, entry.name), entry.default) for entry in own.entries()}
    values["theory_band"] = given.get("theory_band"), None
    words = [_option(name, value) for name, (value, default) in values.items() if value != default]
    # Its first warning, which names the digests, says that the background is another one.
    foreign = next((text for text in scan["pallet"].get("warnings") or () if "made for another background" in text), "")
    if given.get("verify") is False and foreign:
        words.append(f"--no-verify ({foreign})")
    return ", ".join(words)


def _option(name: str, value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{flag(name)} {one}" for one in value)
    return flag(name) if value is True else f"{flag(name)} {value:g}" if isinstance(value, float) else f"{flag(name)} {value}"


def _not_converged(results: Sequence[Brief], verbose: bool) -> str:
    bad = [f"{result.name} ({result.status})" for result in results if not result.converged]
    if not bad:
        return ""
    return f"{len(bad)} of {len(results)}: {first_of(bad, verbose)}; neither excluded nor allowed: {_LEFT_OUT}"


def _regions(results: Sequence[Brief], scan: ScanContent, folder: Path, verbose: bool) -> str:
    """Of a combination: the fits of a region that failed where another region is used, how many points each is used for,
    and with `verbose` how many it does not contain."""
    names = scan["pallet"].get("regions") or ()
    used = {result.name: result.region for result in results}
    failed: dict[str, list[str]] = {}
    for failure in scan["failures"]:
        region = next((r for r in names if failure["reason"].startswith(f"region {r}: ")), None)
        if region is not None and failure["name"] in used:
            reason = failure["reason"].removeprefix(f"region {region}: ")
            failed.setdefault(region, []).append(f"{failure['name']} ({reason}; {used[failure['name']]} is used)")
    parts = [f"in {region} {len(bad)} could not be fitted: {first_of(bad, verbose, ', ')}" for region, bad in failed.items()]
    counts, lacking = Counter(used.values()), Counter(region for result in results for region in result.missing_in)
    parts += [_region(name, counts[name], lacking[name] if verbose else 0) for name in names]
    if len(counts) > 1:
        parts.append(f"'hfx plot {printable(str(folder))} --regions' draws which one where; between them the lines have a step")
    return "; ".join(parts)


def _region(name: str, used: int, lacking: int) -> str:
    points = "1 point" if used == 1 else f"{used} points"
    return f"{name} is used for {points}{f', and has no result for {lacking}' if lacking else ''}"


def _contour(contours: Contours, verbose: bool) -> str:
    """The notes on the contour that call for attention; with `verbose` all of them, and the choice of axes."""
    notes = [note for note in contours.get("notes", ()) if verbose or not is_detail(note)]
    for panel in contours.get("panels", ()):
        notes += [f"{panel['where']}: {note}" for note in panel["notes"] if verbose or not is_detail(note)]
    choice = contours.get("choice") if verbose or "panels" in contours else ""
    return " ".join(filter(None, (choice, *notes)))


def _citation(pallet: PalletBlock, references: Sequence[str]) -> str:
    likelihood = of_pallet(pallet) or "the likelihood (it names no reference)"
    return "; ".join((likelihood, *references, "hfx ('hfx --cite' prints all references)"))


def _files(folder: Path) -> str:
    names = ("scan.json", "results.jsonl", "contour.pdf", "contour.png", "contour.json")
    return ", ".join(name for name in names if (folder / name).exists())


def text(scan: ScanContent, folder: Path, verbose: bool = False) -> str:
    """The table as plain text."""
    return "\n".join(f"{name:<15} {value}" for name, value in rows(scan, folder, verbose))


def table(scan: ScanContent, folder: Path, verbose: bool = False) -> "RenderableType":
    """The table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows(scan, folder, verbose):
        grid.add_row(name, Text(value))
    return grid
