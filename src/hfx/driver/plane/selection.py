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
from hfx.json_types import LabelValue

__all__ = ["Selection", "caption_of", "of_hypotheses", "of_scan"]


@dataclass(frozen=True)
class Selection:
    """A part of a pallet: the number of its hypotheses, of `total` in the pallet (None: not known), and how they were selected.

    ``only`` and ``where`` are the selection of the last scan, None where it was not given. ``selected``: how many of the
    hypotheses it selects; fewer than ``shown`` where the folder contains points of earlier scans too, None where that is not
    known.
    """

    shown: int
    total: int | None
    only: str | None = None
    where: str | None = None
    selected: int | None = None

    @property
    def others(self) -> int:
        """The number of hypotheses that the last scan did not select."""
        return 0 if self.selected is None else self.shown - self.selected

    @property
    def is_whole(self) -> bool:
        """Whether the run contains the whole pallet, with points of earlier scans."""
        return self.total is not None and self.shown >= self.total

    def caption(self) -> str:
        """A line for a picture; empty where it shows the whole pallet."""
        if self.is_whole:
            return ""
        conditions = [self.where] if self.where else []
        if self.only:
            conditions.append(f"name {self.only}")
        if self.others:
            return f"{self.selected} hypotheses with {'; '.join(conditions)}, and {self.others} others"
        count = f"Only {self.shown}{f' of {self.total}' if self.total else ''} hypotheses"
        return f"{count}: {'; '.join(conditions)}" if conditions and self.selected is not None else count

    def row(self) -> str:
        """The text of a row of the summary table."""
        given = " ".join(
            f"--{name} {shlex.quote(value)}" for name, value in (("where", self.where), ("only", self.only)) if value
        )
        count = f"{self.shown} of {self.total} hypotheses" if self.total else f"{self.shown} hypotheses"
        if self.selected is None:
            return f"{count}, from scans with different --where or --only"
        if not self.others:
            return f"{count} ({given})"
        others = "1 other" if self.others == 1 else f"{self.others} others"
        also = f"table and picture also contain {others} in this folder"
        return f"{self.selected}{f' of {self.total}' if self.total else ''} hypotheses ({given}); {also}; -o NEW leaves them out"


def of_scan(scan: ScanContent) -> Selection | None:
    """The part of the pallet that a scan contains; None where it contains the whole pallet."""
    if not _given(scan["options"]):
        return None
    found = contents.briefs(scan)
    gaps = contents.gaps(scan)
    # A hypothesis that fails in several regions is one hypothesis.
    values = {brief.name: brief.values for brief in found} | {failure["name"]: failure["values"] for failure in gaps}
    return of_hypotheses(list(values), list(values.values()), scan["pallet"], scan["options"])


def caption_of(scan: ScanContent) -> str:
    """The line for a picture of this scan; empty where it contains the whole pallet."""
    part = of_scan(scan)
    return part.caption() if part else ""


def of_hypotheses(
    names: Sequence[str], values: Sequence[Sequence[LabelValue]], pallet: PalletBlock, options: Mapping[str, object]
) -> Selection | None:
    """The same for the names and label values of the hypotheses of a run, whose last scan had these options."""
    if not _given(options):
        return None
    total = pallet.get("hypotheses")
    only, where = (None if options.get(name) is None else str(options[name]) for name in ("only", "where"))
    selected = _selected(names, values, pallet.get("labels") or (), only, where)
    if total is not None and len(names) >= total and selected in (None, len(names)):
        return None
    return Selection(len(names), total, only, where, selected)


def _given(options: Mapping[str, object]) -> bool:
    return bool(options.get("only") or options.get("where"))


def _selected(
    names: Sequence[str], values: Sequence[Sequence[LabelValue]], labels: Sequence[str], only: str | None, where: str | None
) -> int | None:
    """How many of the hypotheses are selected; None where the condition cannot be read."""
    try:
        fulfilled = axes.selected(labels, values, where)
    except OptionError:  # a label of another region
        return None
    return sum(
        bool(one) and (only is None or fnmatch.fnmatchcase(name, only)) for name, one in zip(names, fulfilled, strict=True)
    )
