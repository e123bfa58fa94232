"""The published pallets in `HFX_SHARED`, and the fits of a scan without its folder: what the benchmarks here share."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hfx.driver.questions.base import Context, Records, Round, Unit
from hfx.driver.questions.cls import Cls
from hfx.driver.scan import plan
from hfx.functions import task as worker
from hfx.functions.background_workspace import Background
from hfx.functions.jobs.cls import project
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.pallets import Hypothesis, Pallet

NAMES = ("1Lbb", "3L-eRJR", "sbottom-RegionA")

Json = dict[str, Any]


def shared() -> Path:
    """The folder with `pallets/` and `truth/`: `HFX_SHARED`, else `../shared` beside the checkout."""
    root = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("HFX_SHARED") or root.parent / "shared")


def found(wanted: Sequence[str]) -> dict[str, Path]:
    """The file of each wanted pallet (a name in `HFX_SHARED`, or a file of one's own); absent ones are named on stderr."""
    files = {}
    for name in wanted or NAMES:
        own, published = Path(name), shared() / "pallets" / f"{name}.tar.gz"
        if published.is_file():
            files[name] = published
        elif own.exists():
            files[own.name.split(".")[0]] = own
        else:
            print(f"skipped {name}: neither {name} nor pallets/{name}.tar.gz in HFX_SHARED is there", file=sys.stderr)
    return files


class Held(dict[str, Json], Records):
    """The records after a round, in memory; ``new``: the keys of those that are new in it."""

    def __init__(self, records: Mapping[str, Json], new: Iterable[str] = ()) -> None:
        super().__init__(records)
        self.new = frozenset(new)

    def resumable(self, key: str) -> bool:
        """All of them hold solutions."""
        return True


@dataclass(frozen=True)
class Fits:
    """The rounds of a scan, in the tasks that the driver would send, all computed in this process."""

    pallet: Pallet
    hypotheses: tuple[Hypothesis, ...]
    options: ClsOptions
    threads: int
    device: str = "cpu"

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    @property
    def _question(self) -> Cls:
        return Cls(self.options)

    def local(self) -> dict[str, Json]:
        """The record of each hypothesis after the local search; those that cannot be fitted are named on stderr."""
        usable = [Unit(h.name, h.name) for h in self.hypotheses if h.defect is None]
        return {record["key"]: record for record in self._all(Round(usable))}

    def exchanged(self, records: Mapping[str, Json]) -> tuple[dict[str, Json], int]:
        """The records after the exchange, and the number of its rounds."""
        found, count, _ = self.concluded(records)
        return found, count

    def concluded(self, records: Mapping[str, Json]) -> tuple[dict[str, Json], int, Json]:
        """The same, and what scan.json says of the search as `conclusions`."""
        rounds = self._question.rounds(Context(self.pallet, [h for h in self.hypotheses if h.name in records]))
        next(rounds)
        current, count = Held(records), 0
        while True:
            try:
                asked = rounds.send(current)
            except StopIteration as stop:
                return dict(current), count, stop.value or {}
            count += 1
            new = {record["key"]: record for record in self._all(asked) if asked.keep is None or asked.keep(record)}
            current = Held({**current, **new}, new)

    def _all(self, asked: Round) -> list[Json]:
        """The records of all tasks of a round, as many at a time as there are threads."""
        by_key = {unit.key: unit for unit in asked.units}
        parts = [[by_key[key] for key in part] for part in plan.batches(list(by_key), workers=self.threads)]
        each = max(1, self.threads // max(1, len(parts)))
        with ThreadPoolExecutor(self.threads) as pool:
            return [record for records in pool.map(lambda some: self._run(asked, some, each), parts) for record in records]

    def _run(self, asked: Round, units: Sequence[Unit], threads: int) -> list[Json]:
        inputs = None if asked.inputs is None else asked.inputs(units)
        shared: Json = {"threads": threads, "device": self.device, "background": self._background}
        answer: Json = worker.run(plan.task(self.pallet, units, self._question, inputs=inputs, **shared))
        for failure in answer["failures"]:
            print(f"{failure['name']} failed: {failure['reason']}", file=sys.stderr)
        return [project(record, self.options.minima) for record in answer["results"]]
