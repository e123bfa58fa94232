"""Many data sets of one hypothesis, fitted as one batch: the fits a second and core that toys will see.

    python benchmarks/data_sets.py [--pallet NAME|FILE]... [--data-sets N] [--repeat N] [--device cuda]

The data are drawn from the background-only fit of the pallet's middle hypothesis: Poisson counts in every bin, auxiliary data
from every constraint. Each is fitted with the tested mu fixed and with mu free (two fits a data set), from the parameters that
made it, on one core, or with ``--device`` there, by PyTorch; the median of the fits a second, and how many fits converge, end
on a rate of zero or end otherwise.
"""

import argparse
import statistics
import sys
import time
from collections import Counter

import numpy as np
import published

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.problem import STATUS, Data
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.modifiers.base import NORMAL, POISSON
from hfx.pallets import Pallet, open_pallet
from hfx.pallets.json_patch import apply_patch


def generated(model: Model, theta: np.ndarray, count: int) -> Data:
    """``count`` data sets drawn at ``theta`` (1, P)."""
    rng = np.random.default_rng(0)
    tables = model.batch.tables
    _, rates = model.yields(np.zeros(1, dtype=np.int64), theta)
    main = rng.poisson(np.maximum(rates, 0.0), (count, rates.shape[1])).astype(np.float64)
    aux = np.repeat(model.batch.aux[:1], count, axis=0)
    kind, width = tables.constraint[0], tables.width[0]
    normal, poisson = np.flatnonzero(kind == NORMAL), np.flatnonzero(kind == POISSON)
    aux[:, normal] = rng.normal(theta[0, normal], width[normal], (count, len(normal)))
    aux[:, poisson] = rng.poisson(width[poisson] * theta[0, poisson], (count, len(poisson))) / width[poisson]
    return Data(main, aux)


def measure(pallet: Pallet, count: int, repeat: int, device: str) -> tuple[list[float], Counter[str], float]:
    """Seconds of each run of ``2 count`` fits, how they end, and their mean number of iterations."""
    hypothesis = pallet.hypotheses[len(pallet.hypotheses) // 2]
    workspace = Decoder().workspace(apply_patch(pallet.background, hypothesis.patch), None)
    fits = Fits(Model(compile_batch([workspace]), device=device))
    one = np.zeros(1, dtype=np.int64)
    background = fits.run(fits.problem(one, fits.model.batch.init, fits.model.observed(one), np.zeros(1), 0.0))
    data = generated(fits.model, background.theta, count)
    rows = np.zeros(2 * count, dtype=np.int64)
    both = Data(np.concatenate([data.main, data.main]), np.concatenate([data.aux, data.aux]))
    mu = np.repeat([1.0, np.nan], count)
    problem = fits.problem(rows, np.repeat(background.theta, 2 * count, axis=0), both, mu, 0.0)
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        result = fits.run(problem)
        times.append(time.perf_counter() - begun)
    ends = Counter(STATUS[status] for status in result.status.tolist())
    return times, ends, float(result.iterations.mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pallet", action="append", default=[], help=f"default: {', '.join(published.NAMES)}")
    parser.add_argument("--data-sets", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--repeat", type=int, default=5, help="default: 5")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1")
    arguments = parser.parse_args()
    files = published.found(arguments.pallet)
    for name, file in files.items():
        times, ends, iterations = measure(open_pallet(str(file)), arguments.data_sets, arguments.repeat, arguments.device)
        rate = 2 * arguments.data_sets / statistics.median(times)
        where = "core" if arguments.device == "cpu" else arguments.device
        print(f"{name}: {rate:.0f} fits a second and {where}, {iterations:.1f} iterations a fit", flush=True)
        for end, count in ends.most_common():
            print(f"    {count} of {2 * arguments.data_sets}: {end}")
    return 0 if files else 2


if __name__ == "__main__":
    sys.exit(main())
