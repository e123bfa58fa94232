"""What each kind of start finds, and how the minima compare with the reference values in `HFX_SHARED/truth`.

    python benchmarks/minima.py [--pallet NAME]... [--hypotheses N] [--starts N] [--threads N]

For each pallet: how many starts of each kind were run, how many minima they were the first to reach, and how often one went
below all before it (by more than 1e-6 in 2NLL), for the admissible and for the lowest minimum; how many minima a fit has;
where natural, admissible and lowest part; and against the reference the largest |dCLs| and 2NLL above and below it. The
counts are those of the local search and, beneath, of the exchange, where "known" are the minima that it begins with.

The hook is `Watched`, a `Search` that looks at its pools before and after each run of starts; nothing else is changed.
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import mock

import published

from hfx.driver.process.cores import usable_cores
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.search import Search
from hfx.hf_core.fits.starts import Start
from hfx.hf_core.inference import cls
from hfx.pallets import open_pallet

Json = dict[str, Any]

STARTS, NEW, ADMISSIBLE, LOWEST, MILLISECONDS = "starts", "new minima", "lower admissible", "lower lowest", "ms"
COLUMNS = (STARTS, NEW, ADMISSIBLE, LOWEST, MILLISECONDS)
LOWER = 1e-6  # in 2NLL
PART = 1e-3  # in CLs
CLOSE = 1e-5  # in CLs
LISTED = 4

_counts: dict[str, Counter[str]] = {}


class Watched(Search):
    """Counts by kind of start, into the dictionary that `watching` gives."""

    def run(self, starts: Sequence[Start]) -> None:
        for kind, group in groupby(sorted(starts, key=lambda start: start.kind == "moved"), lambda start: start.kind):
            self._run_kind(_counts.setdefault(kind, Counter()), list(group))

    def _run_kind(self, counts: Counter[str], starts: list[Start]) -> None:
        keys = {(start.hypothesis, start.fit) for start in starts}
        before = {key: self._look(key) for key in keys}
        begun = time.perf_counter()
        super().run(starts)
        counts[MILLISECONDS] += round(1e3 * (time.perf_counter() - begun))
        counts[STARTS] += len(starts)
        for key in keys:
            after = self._look(key)
            for name, was, now in zip((NEW, ADMISSIBLE, LOWEST), before[key], after, strict=True):
                counts[name] += int(now - was) if name == NEW else int(now < was - LOWER and math.isfinite(was))

    def _look(self, key: tuple[int, Fit]) -> tuple[float, float, float]:
        """Number of minima, and 2NLL of the admissible and of the lowest one."""
        pool = self.pools.get(key)
        if pool is None or not pool.minima:
            return 0, math.inf, math.inf
        return len(pool.minima), pool.chosen("admissible").deviance, pool.chosen("lowest").deviance


@contextmanager
def watching() -> Iterator[dict[str, Counter[str]]]:
    """Within it, every search is `Watched`; the counts by kind of start."""
    _counts.clear()
    with mock.patch.object(cls, "Search", Watched):
        yield _counts


def report(name: str, file: Path, arguments: argparse.Namespace) -> str:
    """Scan one pallet; the report as text."""
    pallet = open_pallet(str(file))
    chosen = pallet.hypotheses[: arguments.hypotheses]
    fits = published.Fits(pallet, chosen, ClsOptions(starts=arguments.starts), arguments.threads)
    published.Fits(pallet, chosen[:1], fits.options, 1).local()  # compiles the kernels before anything is timed
    with watching() as counts:
        begun = time.perf_counter()
        local = fits.local()
        lines = [
            f"{name}: {len(local)} hypotheses, {arguments.threads} threads",
            f"local search, {time.perf_counter() - begun:.1f} s",
            kinds_table(counts),
        ]
    records = local
    if arguments.starts != 1:
        with watching() as counts:
            begun = time.perf_counter()
            records, rounds = fits.exchanged(local)
            lines += [f"exchange, {rounds} rounds, {time.perf_counter() - begun:.1f} s", kinds_table(counts)]
    lines += [
        *minima_lines(records),
        *parting_lines(records),
        "moved by the exchange: " + names([n for n in records if records[n] is not local[n]]),
    ]
    reference = published.shared() / "truth" / f"{name}.json"
    if reference.is_file():
        truth = {one["name"]: one for one in json.loads(reference.read_text())["points"]}
        lines += reference_lines(records, truth)
    else:
        lines.append(f"no reference values: truth/{name}.json is not in HFX_SHARED")
    return "\n".join(lines)


# --- text, pure


def kinds_table(counts: Mapping[str, Counter[str]]) -> str:
    """What each kind of start found."""
    lines = ["  kind     " + "".join(f"{column:>18}" for column in COLUMNS)]
    for kind, count in counts.items():
        lines.append(f"  {kind:<9}" + "".join(f"{count[column]:>18}" for column in COLUMNS))
    return "\n".join(lines)


def minima_lines(records: Mapping[str, Json]) -> Iterator[str]:
    """How many minima the fits have that their last search saw."""
    for fit in ("bkg", "fixed", "free", "asimov_fixed"):
        seen = Counter(record["fits"][fit]["minima"] for record in records.values())
        yield f"minima of {fit}: " + ", ".join(f"{count} in {seen[count]}" for count in sorted(seen))
    bad = [f"{name} ({record['status']})" for name, record in records.items() if record["status"] != "converged"]
    yield f"not converged: {names(bad)}"


def parting_lines(records: Mapping[str, Json]) -> Iterator[str]:
    """Where CLs of two choices of minimum, observed or expected, differ by more than 1e-3."""
    for one, other in (("natural", "admissible"), ("admissible", "lowest"), ("natural", "lowest")):
        by = {name: distance(record[one], record[other]) for name, record in records.items()}
        far = sorted((name for name in by if by[name] > PART), key=lambda name: -by[name])
        yield f"{one} and {other} part: {names([f'{name} by {by[name]:.2g}' for name in far])}"


def reference_lines(records: Mapping[str, Json], truth: Mapping[str, Json]) -> Iterator[str]:
    """The comparison with the reference values."""
    both = [name for name in records if name in truth]
    decided = [name for name in both if "undecided" not in truth[name]]
    unique = [name for name in both if set(truth[name]["minima_seen"].values()) == {1}]
    yield _largest("answer", {name: distance(records[name]["admissible"], truth[name]) for name in decided})
    for word, choice, some in (
        ("natural where its basin is unique", "natural", unique),
        ("natural", "natural", both),
        ("lowest", "lowest", both),
    ):
        yield _largest(word, {name: distance(records[name][choice], truth[name][choice]) for name in some})
    excess = {
        f"{name} {fit}": records[name]["lowest"]["twice_nll"][fit] - wanted
        for name in both
        for fit, wanted in truth[name]["twice_nll"].items()
    }
    for word, sign in (("above", 1.0), ("below", -1.0)):
        off = sorted((key for key in excess if sign * excess[key] > LOWER), key=lambda key: -sign * excess[key])
        yield f"2NLL of lowest {word} the reference: {names([f'{key} by {abs(excess[key]):.2g}' for key in off])}"


def _largest(word: str, by: Mapping[str, float]) -> str:
    if not by:
        return f"reference, {word}: no such hypothesis"
    far = sorted(by, key=lambda name: -by[name])
    above = [f"{name} by {by[name]:.2g}" for name in far if by[name] > CLOSE]
    return f"reference, {word} ({len(by)}): largest |dCLs| {by[far[0]]:.2g}; above {CLOSE:g}: {names(above)}"


def distance(one: Json, other: Json) -> float:
    """The largest difference in CLs, observed or expected."""
    pairs = zip([one["CLs_obs"], *one["CLs_exp"]], [other["CLs_obs"], *other["CLs_exp"]], strict=True)
    return max(abs(float(a) - float(b)) for a, b in pairs)


def names(some: Sequence[str]) -> str:
    """Number of them, and the first few."""
    more = ", ..." if len(some) > LISTED else ""
    return f"{len(some)}" + (f": {', '.join(some[:LISTED])}{more}" if some else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pallet", action="append", default=[], help=f"default: {', '.join(published.NAMES)}")
    parser.add_argument("--hypotheses", type=int, metavar="N", help="the first N of each pallet; default: all")
    parser.add_argument("--starts", type=int, help="starts of each fit; default: as a scan's")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: the cores that may be used")
    arguments = parser.parse_args()
    files = published.found(arguments.pallet)
    for name, file in files.items():
        print(report(name, file, arguments), end="\n\n", flush=True)
    return 0 if files else 2


if __name__ == "__main__":
    sys.exit(main())
