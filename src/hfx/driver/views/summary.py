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
from hfx.driver.run.file_types import Contours, Failure, PalletBlock, ScanContent

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["rows", "table", "text"]

Row = tuple[str, str]
"""A row's name and text."""


# Notes on a contour that match one of these are details: how it is interpolated as was asked, and what other rows tell.
_DETAILS = re.compile(
    r"are interpolated between the points.*\(--interpolation \w+\)\.$|smooth surface.* For 0 of |left out|excluded \("
    r"|^Each region is interpolated"
)


def rows(scan: ScanContent, folder: Path, verbose: bool = False) -> list[Row]:
    """The rows of the table; rows without text are left out. `verbose`: with names, and with all notes on the contour."""
    question, results, pallet = of_run(scan), briefs(scan), scan["pallet"]
    region = f", region {pallet['region']}" if pallet.get("region") else ""
    part = selection.of_scan(scan)
    found = [
        ("pallet", f"{pallet.get('name')}{region}"),
        ("fitted", f"{len(results)} of {len(results) + _unfitted(scan['failures'], results)} hypotheses"),
        ("selected", part.row() if part else ""),
        ("excluded", _excluded(results, question.surface)),
        ("failed", _failed(scan["failures"], verbose)),
        ("not converged", _not_converged(results, verbose)),
        *question.summary(results, verbose),
        ("missing points", _missing(results)),
        ("contour", _contour(scan.get("contours") or {}, verbose)),
        ("please cite", _citation(pallet)),
        ("files", f"{folder}/ ({_files(folder)})"),
    ]
    return [(name, text) for name, text in found if text]


def _unfitted(failures: Sequence[Failure], results: Sequence[Brief]) -> int:
    """Failed hypotheses without a result (a combination has failures of single regions too)."""
    return len({failure["name"] for failure in failures} - {result.name for result in results})


def _excluded(results: Sequence[Brief], surface: Surface | None) -> str:
    """The numbers of hypotheses that the first curve and the median exclude."""
    if surface is None or surface.level is None:
        return ""
    good = [result for result in results if result.converged]
    curves = dict.fromkeys((surface.curves[0], surface.median or surface.curves[0]))
    counts = {curve: sum(surface.excludes(result.numbers[surface.column(curve)]) for result in good) for curve in curves}
    return f"{', '.join(f'{count} {curve}' for curve, count in counts.items())} ({surface.name} < {surface.level:g})"


def _failed(failures: Sequence[Failure], verbose: bool) -> str:
    if not failures:
        return ""
    if verbose:
        return f"{len(failures)}: " + listed([f"{f['name']} ({f['reason']})" for f in failures], MANY, "; ")
    reasons = Counter(failure["reason"] for failure in failures)
    if len(reasons) == 1:
        others = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return f"{len(failures)}: {failures[0]['name']}{others} ({next(iter(reasons))})"
    return f"{len(failures)}: " + listed([f"{reason} ({count} x)" for reason, count in reasons.most_common()], FEW, "; ")


def _not_converged(results: Sequence[Brief], verbose: bool) -> str:
    bad = [f"{result.name} ({result.status})" for result in results if not result.converged]
    return f"{len(bad)}: {listed(bad, MANY if verbose else FEW)}" if bad else ""


def _missing(results: Sequence[Brief]) -> str:
    gaps = Counter(region for result in results for region in result.missing_in)
    return (
        "; ".join(f"region {region} lacks {count} of the points" for region, count in gaps.items())
        + "; there the other regions are used"
        if gaps
        else ""
    )


def _contour(contours: Contours, verbose: bool) -> str:
    """The choice of axes, and what is to be known of the contour."""
    notes = [note for note in contours.get("notes", ()) if verbose or not _DETAILS.search(note)]
    return " ".join(sentence for sentence in (contours.get("choice"), *notes) if sentence)


def _citation(pallet: PalletBlock) -> str:
    likelihood = of_pallet(pallet) or "the likelihood (it names no reference)"
    return f"{likelihood}; arXiv:1007.1727; hfx ('hfx --cite' prints all references)"


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
