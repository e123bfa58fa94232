"""The lowest minima that the search of a scan misses, and the share of them that it estimates.

    python benchmarks/missed_minima.py [--seeds FIRST LAST] [--hypotheses N] [--draws N] [--pallet NAME]... [--threads N]

Three searches are compared on each pallet: that of a scan (draws, designed starts and exchange), the one without draws, and that
of draws and exchange alone (no sinks, no flips). A fit counts as missed where its lowest minimum lies more than 1e-6 in 2NLL
above the reference: of published pallets the values in `HFX_SHARED/truth`; of generated ones (see `tests/published_like.py`) the
lowest minimum that any search finds, one of which draws `--draws` starts for each fit. Fits to Asimov data count where all
searches have found the lowest background minimum, which makes these data.

Hypotheses whose natural fit does not converge have no answer and do not count. `estimated` is the number of misses that the
scan itself expects: the sum over its fits of the chances in scan.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import published

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hfx.driver.process.cores import usable_cores
from hfx.driver.questions import exchange
from hfx.driver.questions.distinct_minima import DistinctMinima
from hfx.driver.questions.exchange import Effort
from hfx.functions.jobs import cls as job
from hfx.functions.jobs.cls import FIT_NAMES
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.fits.search import Search
from hfx.hf_core.fits.starts import Starts
from hfx.pallets import Pallet, open_pallet
from tests import published_like

Lowest = dict[tuple[str, str], float]
LOWER = 1e-6  # in 2NLL
BOUNDS = (0.0, 0.003, 0.01, 0.05, 0.2, 1.01)  # of the estimated chances, for the table of calibration


@dataclass
class Found:
    """The outcome of one search: the lowest 2NLL by hypothesis and fit, the report of its exchange, and its seconds."""

    lowest: Lowest
    missed: dict[str, float]
    seconds: float


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


SEARCHES: dict[str, Callable[[], Any]] = {"scan": nullcontext, "no draws": without_draws, "draws alone": draws_alone}


def searched(pallet: Pallet, threads: int) -> Found:
    """The scan's rounds, in this process."""
    fits = published.Fits(pallet, tuple(h for h in pallet.hypotheses if h.defect is None), ClsOptions(), threads)
    begun = time.perf_counter()
    records, _ = fits.exchanged(fits.local())
    seconds = time.perf_counter() - begun
    minima = DistinctMinima()
    minima.new((name, record["solutions"]) for name, record in records.items())
    sound = {name: one for name, one in records.items() if one["natural"]["status"] == "converged"}
    lowest = {(name, fit): one["lowest"]["twice_nll"][fit] for name, one in sound.items() for fit in FIT_NAMES}
    return Found(lowest, minima.chances(), seconds)


def line(name: str, found: dict[str, Found], reference: Lowest, chances: list[tuple[float, bool]]) -> str:
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
    chances += [(scan.missed.get(fit, 0.0), scan.lowest[name, fit] - reference[name, fit] > LOWER) for name, fit in fits]
    estimated = sum(scan.missed.get(fit, 0.0) for _, fit in fits)
    return f"{name:16} {len(fits):5d} {' |'.join(parts)} | {estimated:6.2f}"


def header() -> str:
    names = " |".join(f"{search:>12}: missed, most" for search in SEARCHES)
    return f"{'pallet':16} {'fits':>5} {names} | estimated   (missed fits, largest miss in 2NLL, seconds)"


def calibration(chances: list[tuple[float, bool]]) -> Iterator[str]:
    """The estimates beside the misses, for fits of similar estimates."""
    yield "estimated chance of a fit   fits   expected misses   misses (error)"
    for low, high in pairwise(BOUNDS):
        some = [(chance, missed) for chance, missed in chances if low <= chance < high]
        if some:
            expected, misses = sum(chance for chance, _ in some), sum(missed for _, missed in some)
            error = max(1, misses) ** 0.5
            yield f"{low:7.4f} to {high:6.4f}         {len(some):5d}   {expected:10.2f}        {misses} (+- {error:.1f})"
    expected, misses = sum(chance for chance, _ in chances), sum(missed for _, missed in chances)
    yield f"all                       {len(chances):5d}   {expected:10.2f}        {misses} (+- {max(1, misses) ** 0.5:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 119), help="generated pallets, the first and the last")
    parser.add_argument("--hypotheses", type=int, default=12, help="of each generated pallet")
    parser.add_argument("--draws", type=int, default=500, help="for each fit, of the reference of generated pallets")
    parser.add_argument("--pallet", action="append", help="published ones; default: all with reference values")
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    print(header(), flush=True)
    chances: list[tuple[float, bool]] = []
    for name, file in published.found(arguments.pallet or []).items():
        truth = json.loads((published.shared() / "truth" / f"{name}.json").read_text())["points"]
        reference = {(one["name"], fit): one["twice_nll"][fit] for one in truth for fit in FIT_NAMES}
        pallet, found = open_pallet(str(file)), {}
        for search, made in SEARCHES.items():
            with made():
                found[search] = searched(pallet, arguments.threads)
        print(line(name, found, reference, chances), flush=True)
    print("\n".join(calibration(chances)), flush=True)
    chances = []
    for seed in range(arguments.seeds[0], arguments.seeds[1] + 1):
        with tempfile.TemporaryDirectory() as folder:
            pallet = open_pallet(str(published_like.write(Path(folder) / "like", seed, arguments.hypotheses)))
            found = {}
            for search, made in SEARCHES.items():
                with made():
                    found[search] = searched(pallet, arguments.threads)
            with many_draws(arguments.draws):
                most = searched(pallet, arguments.threads)
        every = [*found.values(), most]
        reference = {key: min(one.lowest.get(key, 1e99) for one in every) for key in found["scan"].lowest}
        if reference:
            print(line(f"generated {seed}", found, reference, chances), flush=True)
        else:
            print(f"generated {seed}: no natural fit converges", flush=True)
    print("\n".join(calibration(chances)), flush=True)


if __name__ == "__main__":
    main()
