"""What rows add up to, kept up as they change: a run of a hundred thousand is not gone over several times a second."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hfx.driver.views.page import rows
from hfx.driver.views.page.rows import Row

__all__ = ["Counts", "Work"]


@dataclass
class Work:
    """A worker's: hypotheses fitted, seconds that they took in all, and when the last came."""

    fitted: int = 0
    seconds: float = 0.0
    last: float | None = None


class Counts:
    """`states`: how many rows are in each; `unusable`: the names of those without a usable result; `workers` by name."""

    def __init__(self, known: Iterable[Row]) -> None:
        self.states: Counter[str] = Counter()
        self.unusable: dict[str, Row] = {}
        self.workers: dict[str, Work] = {}
        self.unconverged = 0
        for row in known:
            self.add(row, 1)

    def add(self, row: Row, sign: int) -> None:
        """One row more (1), or one less (-1)."""
        self.states[row.state] += sign
        unconverged = row.state == rows.FITTED and not row.converged
        self.unconverged += sign * unconverged
        if row.state == rows.FAILED or unconverged:
            if sign > 0:
                self.unusable[row.name] = row
            else:
                self.unusable.pop(row.name, None)
        if row.worker:
            work = self.workers.setdefault(row.worker, Work())
            work.fitted += sign
            work.seconds += sign * (row.seconds or 0.0)
            work.last = max(filter(None, (work.last, row.time)), default=None)
