"""The lowest minima that the search of a scan misses, and the share of them that it estimates.

    python benchmarks/missed_minima.py [--pallet NAME]... [--v-shaped N] [--seeds FIRST LAST] [--hypotheses N] [--draws N]

Three searches are compared on each pallet: that of a scan (draws, designed starts and exchange), the one without draws, and that
of draws and exchange alone (no sinks, no flips), which is also made as large as with `--thorough`. A fit counts as missed where
its lowest minimum lies more than 1e-6 in 2NLL above the reference: of published pallets the values in `HFX_SHARED/truth`; of the
`--v-shaped` ones (see `tests/oracle/v_shaped.py`) the lowest of 2,000 starts for each fit; of generated ones (see
`tests/published_like.py`) the lowest minimum that any search finds, one of which draws `--draws` starts for each fit. Fits to
Asimov data count where all searches have found the lowest background minimum, which makes these data.

Hypotheses whose natural fit does not converge have no answer and do not count. `estimated` is the number of misses that the
scan itself expects: the sum over its fits of the chances in scan.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import published

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hfx.driver.process.cores import usable_cores
from hfx.driver.questions import exchange
from hfx.driver.questions.exchange import Effort
from hfx.functions.jobs import cls as job
from hfx.functions.jobs.cls import FIT_NAMES
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.fits.search import Search
from hfx.hf_core.fits.starts import Starts
from hfx.pallets import Pallet, open_pallet
from tests import published_like
from tests.oracle import v_shaped

Lowest = dict[tuple[str, str], float]
LOWER = 1e-6  # in 2NLL
BOUNDS = (0.0, 0.003, 0.01, 0.05, 0.2, 1.01)  # of the estimated chances, for the table of calibration


@dataclass
class Found:
    """The outcome of one search: the lowest 2NLL by hypothesis and fit, the report of its exchange, and its seconds."""

    lowest: Lowest
    missed: dict[str, float]
    seconds: float


class Chance(NamedTuple):
    """The estimate of one fit, and whether it is right."""

    pallet: str
    chance: float
    missed: bool


@contextmanager
def without_draws() -> Iterator[None]:
    with ExitStack() as stack:
        for module in (job, exchange):
            stack.enter_context(mock.patch.object(module, "LOCAL_DRAWS", 0))
        stack.enter_context(mock.patch.object(exchange, "DEFAULT", Effort(1.0, 0, 10)))
        yield


@contextmanager
def draws_alone() -> Iterator[None]:
    with mock.patch.object(Search, "sink", return_value=[]), mock.patch.object(Starts, "flip", return_value=[]):
        yield


@contextmanager
def many_draws(draws: int) -> Iterator[None]:
    with mock.patch.object(exchange, "DEFAULT", Effort(1e-9, draws, 40)):
        yield


@contextmanager
def thorough_draws_alone() -> Iterator[None]:
    with draws_alone(), mock.patch.object(exchange, "DEFAULT", exchange.THOROUGH):
        yield


SEARCHES: dict[str, Callable[[], Any]] = {"scan": nullcontext, "no draws": without_draws, "draws alone": draws_alone}
THOROUGH = "the same, --thorough"  # where there is a reference


def searched(pallet: Pallet, threads: int) -> Found:
    """The scan's rounds, in this process."""
    fits = published.Fits(pallet, tuple(h for h in pallet.hypotheses if h.defect is None), ClsOptions(), threads)
    begun = time.perf_counter()
    records, _, conclusions = fits.concluded(fits.local())
    seconds = time.perf_counter() - begun
    sound = {name: one for name, one in records.items() if one["natural"]["status"] == "converged"}
    lowest = {(name, fit): one["lowest"]["twice_nll"][fit] for name, one in sound.items() for fit in FIT_NAMES}
    return Found(lowest, conclusions["missed"], seconds)


def line(pallet: str, found: dict[str, Found], reference: Lowest, chances: list[Chance]) -> str:
    scan = found["scan"]
    fits = [key for key in scan.lowest if key in reference and all(key in one.lowest for one in found.values())]
    same = {
        name
        for name, fit in fits
        if fit == "bkg" and all(one.lowest[name, fit] - reference[name, fit] <= LOWER for one in found.values())
    }
    fits = [(name, fit) for name, fit in fits if fit != "asimov_fixed" or name in same]
    parts = []
    for one in found.values():
        above = [one.lowest[key] - reference[key] for key in fits if one.lowest[key] - reference[key] > LOWER]
        parts.append(f"{len(above):4d} {max(above, default=0.0):9.2g} {one.seconds:6.1f}")
    if THOROUGH not in found:
        parts.append(f"{'':21}")
    chances += [
        Chance(pallet, scan.missed.get(fit, 0.0), scan.lowest[name, fit] - reference[name, fit] > LOWER) for name, fit in fits
    ]
    estimated = sum(scan.missed.get(fit, 0.0) for _, fit in fits)
    return f"{pallet:16} {len(fits):5d} {' |'.join(parts)} | {estimated:6.2f}"


def header() -> str:
    names = " |".join(f"{search:>21}" for search in (*SEARCHES, THOROUGH))
    return f"{'pallet':16} {'fits':>5} {names} | estimated   (missed fits, largest miss in 2NLL, seconds)"


def calibration(chances: list[Chance]) -> Iterator[str]:
    """The estimates beside the misses, for fits of similar estimates. The fits of one pallet share what they miss, so that the
    error is that of a sum over pallets."""
    yield "estimated chance of a fit   fits   expected misses   misses (error)"
    for low, high in pairwise(BOUNDS):
        some = [one for one in chances if low <= one.chance < high]
        if some:
            yield f"{low:7.4f} to {high:6.4f}         {_calibrated(some)}"
    yield f"all                       {_calibrated(chances)}"


def _calibrated(chances: list[Chance]) -> str:
    expected, misses = sum(one.chance for one in chances), Counter(one.pallet for one in chances if one.missed)
    error = max(1.0, sum(count**2 for count in misses.values()) ** 0.5)
    return f"{len(chances):5d}   {expected:10.2f}        {misses.total()} (+- {error:.1f})"


class Settings(argparse.Namespace):
    """The command line."""

    seeds: list[int]
    hypotheses: int
    draws: int
    pallet: list[str]
    v_shaped: int
    threads: int


def compared(name: str, pallet: Pallet, reference: Lowest | None, chances: list[Chance], settings: Settings) -> str:
    """The line of one pallet; without a reference it is the lowest of all searches, and of one with many draws."""
    found = {}
    for search, made in SEARCHES.items():
        with made():
            found[search] = searched(pallet, settings.threads)
    if reference is not None:
        with thorough_draws_alone():
            found[THOROUGH] = searched(pallet, settings.threads)
    else:
        with many_draws(settings.draws):
            every = [*found.values(), searched(pallet, settings.threads)]
        reference = {key: min(one.lowest.get(key, 1e99) for one in every) for key in found["scan"].lowest}
    return line(name, found, reference, chances) if reference else f"{name}: no natural fit converges"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pallet", action="append", default=[], help="published ones; default: all with reference values")
    parser.add_argument("--v-shaped", type=int, default=10, help="number of small pallets with V-shaped histosys")
    parser.add_argument("--seeds", type=int, nargs=2, default=(300, 319), help="generated pallets, the first and the last")
    parser.add_argument("--hypotheses", type=int, default=12, help="of each generated pallet")
    parser.add_argument("--draws", type=int, default=850, help="for each fit, of the reference of generated pallets")
    parser.add_argument("--threads", type=int, default=usable_cores())
    settings = parser.parse_args(namespace=Settings())
    print(header(), flush=True)
    everything: list[Chance] = []
    for pallets in (published_ones, v_shaped_ones, generated_ones):
        chances: list[Chance] = []
        for name, pallet, reference in pallets(settings):
            print(compared(name, pallet, reference, chances, settings), flush=True)
        everything += chances
        print("\n".join(calibration(chances)), flush=True)
    print("all pallets:\n" + "\n".join(calibration(everything)), flush=True)


Ones = Iterator[tuple[str, Pallet, Lowest | None]]


def published_ones(settings: Settings) -> Ones:
    for name, file in published.found(settings.pallet).items():
        truth = json.loads((published.shared() / "truth" / f"{name}.json").read_text())["points"]
        yield name, open_pallet(str(file)), {(one["name"], fit): one["twice_nll"][fit] for one in truth for fit in FIT_NAMES}


def v_shaped_ones(settings: Settings) -> Ones:
    for number, example in enumerate(v_shaped.examples(settings.v_shaped)):
        with tempfile.TemporaryDirectory() as folder:
            pallet = open_pallet(str(v_shaped.write(Path(folder) / "like", example)))
        yield f"V-shaped {number}", pallet, v_shaped.lowest(pallet, 2000)


def generated_ones(settings: Settings) -> Ones:
    for seed in range(settings.seeds[0], settings.seeds[1] + 1):
        with tempfile.TemporaryDirectory() as folder:
            pallet = open_pallet(str(published_like.write(Path(folder) / "like", seed, settings.hypotheses)))
        yield f"generated {seed}", pallet, None


if __name__ == "__main__":
    main()
