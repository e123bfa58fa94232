"""The published pallets in `HFX_SHARED`, and the fits of a scan without its folder: what the benchmarks here share."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hfx.driver.questions.exchange import exchange
from hfx.driver.questions.neighbours import neighbours
from hfx.driver.scan import plan
from hfx.functions.background import Background
from hfx.functions import task as worker
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


@dataclass(frozen=True)
class Fits:
    """The two steps of a scan's fits, in the tasks that the driver would send, all run here."""

    pallet: Pallet
    hypotheses: tuple[Hypothesis, ...]
    options: plan.FitOptions
    threads: int
    device: str = "cpu"

    @cached_property
    def _background(self) -> Background:
        return Background(self.pallet.background)

    def local(self) -> dict[str, Json]:
        """The record of each hypothesis after the local search; those that cannot be fitted are named on stderr."""
        usable = [h.name for h in self.hypotheses if h.defect is None]
        return {record["name"]: record for record in self._all(usable, lambda names: {})}

    def exchanged(self, records: Mapping[str, Json]) -> tuple[dict[str, Json], int]:
        """The records after the exchange, and the number of its rounds."""
        rounds = 0

        near = neighbours({h.name: h.values for h in self.hypotheses if h.name in records})

        def turn(number: int, names: Sequence[str], held: Mapping[str, Json]) -> dict[str, Json]:
            nonlocal rounds
            rounds = number

            def around(some: Sequence[str]) -> Json:
                known = {name: held[name]["solutions"] for name in some}
                starts = {name: [held[other]["solutions"] for other in near[name]] for name in some}
                return {"known": known, "starts_from": starts}

            return {record["name"]: record for record in self._all(names, around) if record["solutions"]["changed"]}

        return exchange(records, near, turn), rounds

    def _all(self, names: Sequence[str], more: Callable[[Sequence[str]], Json]) -> list[Json]:
        """The records of all tasks, as many at a time as there are threads; ``more`` is what a task of an exchange carries."""
        parts = plan.batches(names, workers=self.threads)
        each = max(1, self.threads // max(1, len(parts)))
        with ThreadPoolExecutor(self.threads) as pool:
            return [r for answer in pool.map(lambda some: self._run(some, each, more(some)), parts) for r in answer]

    def _run(self, names: Sequence[str], threads: int, more: Json) -> list[Json]:
        wanted = set(names)
        chosen = [h for h in self.hypotheses if h.name in wanted]
        shared: Json = {"threads": threads, "device": self.device, "background": self._background}
        task = plan.task(self.pallet, chosen, self.options, **shared, **more)
        answer = worker.run(task)
        for failure in answer["failures"]:
            print(f"{failure['name']} failed: {failure['reason']}", file=sys.stderr)
        return list(answer["results"])
