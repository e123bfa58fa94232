"""The summary table of a scan: rows of text, and the same for rich."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfx.driver.export.citations import of_pallet
from hfx.driver.plane import selection
from hfx.driver.questions.base import FEW, MANY, Brief, Surface, listed
from hfx.driver.questions.catalogue import of_run
from hfx.driver.questions.scan_content import briefs
from hfx.driver.questions.scan_content import gaps as contents_gaps
from hfx.driver.run.file_types import Contours, Failure, PalletBlock, ScanContent

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["rows", "table", "text"]

Row = tuple[str, str]
"""A row's name and text."""


# Notes on a contour that match one of these are details: how it is interpolated as was asked, and what other rows tell.
_DETAILS = re.compile(
    r"are interpolated between the points.*\(--interpolation \w+\)\.$|^Smoothing: |left out|excluded \("
    r"|^Each region is interpolated"
)


def rows(scan: ScanContent, folder: Path, verbose: bool = False) -> list[Row]:
    """The rows of the table; rows without text are left out. `verbose`: with names, and with all notes on the contour."""
    question, results, pallet = of_run(scan), briefs(scan), scan["pallet"]
    region = f", region {pallet['region']}" if pallet.get("region") else ""
    part, gaps = selection.of_scan(scan), contents_gaps(scan)
    found = [
        ("pallet", f"{pallet.get('name')}{region}"),
        ("fitted", f"{len(results)} of {len(results) + len(gaps)} hypotheses"),
        ("selected", part.row() if part else ""),
        ("excluded", _excluded(results, question.surface)),
        ("failed", _failed(gaps, verbose)),
        ("not converged", _not_converged(results, verbose)),
        *question.summary(results, verbose),
        *question.concluded(scan.get("conclusions") or {}),
        ("regions", _regions(results, scan, verbose)),
        ("contour", _contour(scan.get("contours") or {}, verbose)),
        ("please cite", _citation(pallet, question.references)),
        ("files", f"{folder}/ ({_files(folder)})"),
    ]
    return [(name, text) for name, text in found if text]


def _excluded(results: Sequence[Brief], surface: Surface | None) -> str:
    """The numbers of hypotheses that the first curve and the median exclude."""
    if surface is None or surface.level is None:
        return ""
    good = [result for result in results if result.converged]
    curves = dict.fromkeys((surface.curves[0], surface.median or surface.curves[0]))
    counts = {curve: sum(surface.excludes(result.numbers[surface.column(curve)]) for result in good) for curve in curves}
    numbers = [f"{count} {curve}{' (median)' if curve == surface.median else ''}" for curve, count in counts.items()]
    return f"{', '.join(numbers)}, at {surface.name} < {surface.level:g}"


def _failed(failures: Sequence[Failure], verbose: bool) -> str:
    """The hypotheses without a result, and the reasons; a reason that all have is given once."""
    if not failures:
        return ""
    reasons = {failure["reason"] for failure in failures}
    if len(reasons) == 1 and len(failures) > 1:
        return f"{len(failures)} ({reasons.pop()}): {_first([failure['name'] for failure in failures], verbose, ', ')}"
    named = [f"{failure['name']} ({failure['reason']})" for failure in failures]
    return f"{len(failures)}: {_first(named, verbose)}"


def _first(items: Sequence[str], verbose: bool, separator: str = "; ") -> str:
    """The first items, how many more there are, and where all are listed."""
    most = MANY if verbose else FEW
    return listed(items, most, separator) + (" (scan.json lists all)" if len(items) > most else "")


def _not_converged(results: Sequence[Brief], verbose: bool) -> str:
    bad = [f"{result.name} ({result.status})" for result in results if not result.converged]
    return f"{len(bad)}: {_first(bad, verbose)}" if bad else ""


def _regions(results: Sequence[Brief], scan: ScanContent, verbose: bool) -> str:
    """Of a combination: the points that a region could not fit or does not contain, where another region is used."""
    used = {result.name: result.region for result in results}
    failed: dict[str, list[str]] = {}
    known = set()
    for failure in scan["failures"]:
        region = next((r for r in scan["pallet"].get("regions") or () if failure["reason"].startswith(f"region {r}: ")), None)
        if region is not None and failure["name"] in used:
            reason = failure["reason"].removeprefix(f"region {region}: ")
            failed.setdefault(region, []).append(f"{failure['name']} ({reason}; {used[failure['name']]} is used)")
            known.add((failure["name"], region))
    lacking = Counter(r for result in results for r in result.missing_in if (result.name, r) not in known)
    parts = [f"in {region} {len(names)} could not be fitted: {_first(names, verbose, ', ')}" for region, names in failed.items()]
    if lacking:
        counts = ", ".join(f"{region} lacks {count}" for region, count in lacking.items())
        parts.append(f"{counts} of the points (other regions are used there)")
    return "; ".join(parts)


def _contour(contours: Contours, verbose: bool) -> str:
    """The choice of axes, and what is to be known of the contour."""
    notes = [note for note in contours.get("notes", ()) if verbose or not _DETAILS.search(note)]
    for panel in contours.get("panels", ()):
        notes += [f"{panel['where']}: {note}" for note in panel["notes"] if verbose or not _DETAILS.search(note)]
    return " ".join(sentence for sentence in (contours.get("choice"), *notes) if sentence)


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
