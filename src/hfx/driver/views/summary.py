"""The closing table of a scan: pure rows of text, and the same for rich."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hfx.driver.export.citations import of_pallet
from hfx.driver.run.contents import PalletBlock
from hfx.driver.run.packed_results import LEVEL, briefs

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["PART", "rows", "table", "text"]

# CLs of the natural and of the lowest minimum that differ by more are worth a physicist's look.
PART = 1e-3

_LISTED = 6

Record = Mapping[str, Any]


def rows(scan: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    """The table: (what, text) each; rows with nothing to say are left out."""
    results = briefs(scan["results"])
    pallet = scan["pallet"]
    region = f", region {pallet['region']}" if pallet.get("region") else ""
    found = [
        ("pallet", f"{pallet.get('name')}{region}"),
        ("fitted", f"{len(results)} of {len(results) + _unfitted(scan['failures'], results)} hypotheses"),
        ("tested", _tested(scan.get("options") or {})),
        ("minima", _choice(scan.get("options") or {})),
        ("excluded", _excluded(results)),
        ("failed", _failed(scan["failures"])),
        (
            "not converged",
            _listed([f"{r['name']} ({r['status']})" for r in results if r["status"] != "converged"]),
        ),
        ("minima differ", _parted(results)),
        ("missing points", _missing(results)),
        ("contour", " ".join(_sentences(scan.get("contours") or {}))),
        ("please cite", _citation(pallet)),
        ("files", f"{folder}/ ({_files(folder)})"),
    ]
    return [(name, text) for name, text in found if text]


def _unfitted(failures: Sequence[Record], results: Sequence[Record]) -> int:
    """Failed hypotheses without a result (a combination has failures of single regions too)."""
    return len({f["name"] for f in failures} - {r["name"] for r in results})


def _tested(options: Mapping[str, Any]) -> str:
    """The tested value and the signal's scale, where they are not the usual ones."""
    said = [f"mu = {options['mu']:g}"] if options.get("mu", 1.0) != 1.0 else []
    if options.get("signal_scale", 1.0) != 1.0:
        said.append(f"every signal's yields times {options['signal_scale']:g}")
    return ", ".join(said)


def _choice(options: Mapping[str, Any]) -> str:
    """Which minima the answer is of, where they are not the usual ones."""
    minima = options.get("minima", "admissible")
    return f"{minima}, as asked; without --minima the answer is that of the admissible ones" if minima != "admissible" else ""


def _excluded(results: Sequence[Record]) -> str:
    good = [r for r in results if r["status"] == "converged"]
    observed = sum(_below(r["CLs_obs"]) for r in good)
    expected = sum(_below(r["CLs_exp"][2]) for r in good)
    return f"{observed} observed, {expected} expected (CLs < {LEVEL:g})"


def _below(cls: float | None) -> bool:
    return cls is not None and cls < LEVEL


def _failed(failures: Sequence[Record]) -> str:
    if not failures:
        return ""
    reasons = Counter(str(f["reason"]) for f in failures)
    if len(reasons) < len(failures) and len(reasons) <= _LISTED:
        return f"{len(failures)}: " + "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    return f"{len(failures)}: " + _listed([f"{f['name']} ({f['reason']})" for f in failures], "; ")


def _parted(results: Sequence[Record]) -> str:
    far = [(r["parted"], r) for r in results if r["parted"] > PART]
    if not far:
        return ""
    far.sort(key=lambda pair: (-pair[0], pair[1]["name"]))
    names = _listed([f"{r['name']} by {by:.2g}{_turned(r)}" for by, r in far])
    return f"{len(far)} where CLs of the natural and of the lowest minimum part by more than {PART:g}: {names}"


def _turned(brief: Record) -> str:
    """What physicists want to know first: that another choice of minima excludes what the answer does not."""
    if brief["turned"] is None:
        return ""
    part, cls = brief["turned"]
    return f" ({'' if cls < LEVEL else 'not '}excluded with --minima {part}: CLs {cls:.3g}, not {brief['CLs_obs']:.3g})"


def _missing(results: Sequence[Record]) -> str:
    gaps = Counter(region for r in results for region in r.get("missing_in", ()))
    return "; ".join(f"{count} not in region {region}: best of the others" for region, count in gaps.items())


def _sentences(contours: Mapping[str, Any]) -> list[str]:
    return [str(sentence) for sentence in (contours.get("choice"), *contours.get("notes", ())) if sentence]


def _citation(pallet: Mapping[str, Any]) -> str:
    likelihood = of_pallet(cast(PalletBlock, pallet))
    likelihood = likelihood or "the likelihood (it names no reference)"
    return f"{likelihood}; arXiv:1007.1727; hfx ('hfx --cite' in full)"


def _files(folder: Path) -> str:
    names = ("scan.json", "results.jsonl", "contour.pdf", "contour.png", "contour.json")
    return ", ".join(name for name in names if (folder / name).exists())


def _listed(items: Sequence[str], separator: str = ", ") -> str:
    more = f"{separator}and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return separator.join(items[:_LISTED]) + more


def text(scan: Mapping[str, Any], folder: Path) -> str:
    """The table as plain text."""
    return "\n".join(f"{name:<15} {value}" for name, value in rows(scan, folder))


def table(scan: Mapping[str, Any], folder: Path) -> "RenderableType":
    """The table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows(scan, folder):
        grid.add_row(name, Text(value))
    return grid
