"""The part of a pallet's hypotheses that a run contains after ``--only`` or ``--where``, in words."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hfx.driver.plane import axes
from hfx.driver.questions import scan_content as contents
from hfx.driver.run.file_types import PalletBlock, ScanContent
from hfx.errors import OptionError

__all__ = ["Selection", "caption_of", "of_hypotheses", "of_scan"]


@dataclass(frozen=True)
class Selection:
    """A part of a pallet: the number of its hypotheses, of `total` in the pallet (None: not known), and how they were selected.

    ``only`` and ``where`` are None where they were not given, and both are None where the hypotheses come from several scans with
    different selections.
    """

    shown: int
    total: int | None
    only: str | None = None
    where: str | None = None

    def caption(self) -> str:
        """A line for a picture."""
        conditions = [self.where] if self.where else []
        if self.only:
            conditions.append(f"name {self.only}")
        count = f"Only {self.shown}{f' of {self.total}' if self.total else ''} hypotheses"
        return f"{count}: {'; '.join(conditions)}" if conditions else count

    def row(self) -> str:
        """The text of a row of the summary table."""
        given = [f"--{name} {shlex.quote(value)}" for name, value in (("where", self.where), ("only", self.only)) if value]
        count = f"{self.shown} of the {self.total} hypotheses of the pallet" if self.total else f"{self.shown} hypotheses"
        return f"{count} ({' '.join(given) or 'from scans with different --where or --only'})"


def of_scan(scan: ScanContent) -> Selection | None:
    """The part of the pallet that a scan contains; None where it contains the whole pallet."""
    if not _given(scan["options"]):
        return None
    found = contents.briefs(scan)
    gaps = contents.gaps(scan)
    names = [*(brief.name for brief in found), *(failure["name"] for failure in gaps)]
    values = [*(brief.values for brief in found), *(failure["values"] for failure in gaps)]
    return of_hypotheses(names, values, scan["pallet"], scan["options"])


def caption_of(scan: ScanContent) -> str:
    """The line for a picture of this scan; empty where it contains the whole pallet."""
    part = of_scan(scan)
    return part.caption() if part else ""


def of_hypotheses(
    names: Sequence[str], values: Sequence[Sequence[float]], pallet: PalletBlock, options: Mapping[str, object]
) -> Selection | None:
    """The same for the names and label values of the hypotheses of a run, whose last scan had these options."""
    if not _given(options):
        return None
    # The regions of a combination may have different hypotheses: the number in all of them together is not recorded.
    total = None if pallet.get("regions") else pallet.get("hypotheses")
    if total is not None and len(names) >= total:
        return None
    only, where = (None if options.get(name) is None else str(options[name]) for name in ("only", "where"))
    if _selects_all(names, values, pallet.get("labels") or (), only, where):
        return Selection(len(names), total, only, where)
    return Selection(len(names), total)


def _given(options: Mapping[str, object]) -> bool:
    return bool(options.get("only") or options.get("where"))


def _selects_all(
    names: Sequence[str], values: Sequence[Sequence[float]], labels: Sequence[str], only: str | None, where: str | None
) -> bool:
    if only is not None and not all(fnmatch.fnmatchcase(name, only) for name in names):
        return False
    try:
        return bool(axes.selected(labels, axes.label_values(labels, values), where).all())
    except OptionError:  # a label of another region
        return False
