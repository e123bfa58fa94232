"""Whether the results depend on which natural minima the optimiser happens to reach.

    python benchmarks/optimiser_path.py [--pallet NAME]... [--seeds FIRST LAST] [--hypotheses N] [--repeat N] [--moved X]

A scan (search and exchange) is repeated with its natural starts moved, each time by random values of `--moved` prior widths for
each parameter, as if another optimiser had taken another path. For each choice of the minima: how many hypotheses have CLs,
observed or expected, that differ by more than 1e-6 from those of the unmoved scan in any repetition, and the largest difference.
Generated pallets (see `tests/published_like.py`) are those of `--seeds`.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import published
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hfx.driver.process.cores import usable_cores
from hfx.functions.jobs.cls import CHOICES
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.fits.draws import draws
from hfx.hf_core.fits.starts import Starts
from hfx.pallets import Pallet, open_pallet
from tests import published_like

Json = dict[str, Any]
DIFFERENT = 1e-6  # in CLs


@contextmanager
def moved(number: int, by: float) -> Iterator[None]:
    """Natural starts at a distance of `by` prior widths; `number` is that of the repetition."""

    def init(self: Starts, h: int) -> NDArray[np.float64]:
        batch = self.model.batch
        size = int(batch.tables.size[h])
        suggested = batch.init[h, :size]
        drawn = draws(batch, h, batch.aux[h], "another path", 2 * number, 1)[0]  # of one prior width
        start: NDArray[np.float64] = suggested + by * (drawn - suggested)
        return start

    with mock.patch.object(Starts, "_init", init):
        yield


def scanned(pallet: Pallet, threads: int) -> dict[str, Json]:
    """The records of the hypotheses that converged."""
    fits = published.Fits(pallet, tuple(h for h in pallet.hypotheses if h.defect is None), ClsOptions(), threads)
    records, _ = fits.exchanged(fits.local())
    return {name: one for name, one in records.items() if all(one[choice]["status"] == "converged" for choice in CHOICES)}


def differences(before: Json, after: Json) -> dict[str, float]:
    """The largest difference in CLs of one hypothesis, for each choice."""
    return {
        choice: max(
            abs(one - two)
            for one, two in zip(
                [before[choice]["CLs_obs"], *before[choice]["CLs_exp"]],
                [after[choice]["CLs_obs"], *after[choice]["CLs_exp"]],
                strict=True,
            )
        )
        for choice in CHOICES
    }


def line(name: str, pallet: Pallet, arguments: argparse.Namespace) -> str:
    runs = []
    for number in range(arguments.repeat + 1):
        with moved(number, arguments.moved) if number else nullcontext():
            runs.append(scanned(pallet, arguments.threads))
    first, *others = runs
    worst: dict[str, list[float]] = {choice: [] for choice in CHOICES}
    for key, record in first.items():
        found = [differences(record, other[key]) for other in others if key in other]
        for choice in CHOICES:
            worst[choice].append(max((one[choice] for one in found), default=0.0))
    parts = [f"{sum(one > DIFFERENT for one in worst[choice]):5d} {max(worst[choice], default=0.0):8.1g}" for choice in CHOICES]
    return f"{name:16} {len(first):6d} |" + " |".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pallet", action="append", help="published ones; default: all with reference values")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 9), help="generated pallets, the first and the last")
    parser.add_argument("--hypotheses", type=int, default=12, help="of each generated pallet")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--moved", type=float, default=0.3, help="prior widths")
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    print(f"{'pallet':16} {'points':>6} |" + " |".join(f"{choice:>14}" for choice in CHOICES) + "   (differ, by at most in CLs)")
    for name, file in published.found(arguments.pallet or []).items():
        print(line(name, open_pallet(str(file)), arguments), flush=True)
    for seed in range(arguments.seeds[0], arguments.seeds[1] + 1):
        with tempfile.TemporaryDirectory() as folder:
            pallet = open_pallet(str(published_like.write(Path(folder) / "like", seed, arguments.hypotheses)))
            print(line(f"generated {seed}", pallet, arguments), flush=True)


if __name__ == "__main__":
    main()
