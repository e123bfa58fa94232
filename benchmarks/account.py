"""How far each stage of a fit on the CPU is from what the core can do.

    OPENBLAS_NUM_THREADS=1 python benchmarks/account.py [--pallet NAME|FILE]... [--repeat N]

For each pallet's middle hypothesis, after four iterations of the fit at the tested mu: microseconds of each stage of an iteration
(medians), its floating-point operations and the bytes that it reads and writes (counted from the tables' sizes, below), and
these as fractions of the rates that numpy measures in the same run: a product of matrices (BLAS dgemm), and a sum of two arrays
that lie in the second-level cache. The stages of an iteration are the value at the trial point, the derivatives there, and the
step by conjugate gradients; the whole matrix, packed and factorised, comes once at the end of a fit, to certify it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import published
from numba import njit

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.cpu.arrangement import arrangement
from hfx.hf_core.cpu.arrow_matrix import factorise, list_moving
from hfx.hf_core.cpu.buffers import resolve, tables_by_reference, work_arrays
from hfx.hf_core.cpu.conjugate_gradients import conjugate
from hfx.hf_core.cpu.derivatives import derivatives, hessian, hessian_product
from hfx.hf_core.cpu.linear_algebra import padded
from hfx.hf_core.cpu.rates import value
from hfx.hf_core.cpu.solver_state import state
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.pallets import open_pallet
from hfx.pallets.json_patch import apply_patch

STAGES = ("value", "derivatives", "one product", "the step", "the matrix", "packed, factorised")
TIMES = 300


@njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def again(t: Any, w: Any, s: Any, stage: int, times: int, theta: Any, sign: Any, main: Any, aux: Any) -> float:
    """One stage of hypothesis 0, ``times`` times."""
    resolve(t, 0, w)
    size, bins, blocks = t.size[0], t.bins[0], t.hypothesis_from[1] - t.hypothesis_from[0]
    theta, sign, aux = theta[w.order[:size]], sign[w.order[:size]], aux[w.order[:size]]
    total = value(t, 0, theta, sign, main, aux, w)
    derivatives(t, 0, theta, aux, w, s.gradient)
    hessian(blocks, bins, size, np.bool_(True), w, s.hessian, s.hessian_border, s.hessian_corner)
    s.free[:] = True
    s.scale[:size] = np.abs(w.diagonal[:size]) + 1e-100
    right = -s.gradient
    list_moving(bins, w, s)
    for _ in range(times):
        if stage == 0:
            total += value(t, 0, theta, sign, main, aux, w)
        elif stage == 1:
            derivatives(t, 0, theta, aux, w, s.gradient)
        elif stage == 2:
            hessian_product(blocks, bins, w.direction, w, w.product)
        elif stage == 3:
            if bins < w.shared[0]:
                total += conjugate(blocks, bins, size, 0.0, s.scale, s.free, s.at_bound, right, np.bool_(True), w)
        elif stage == 4:
            hessian(blocks, bins, size, np.bool_(True), w, s.hessian, s.hessian_border, s.hessian_corner)
        else:
            total += factorise(s.hessian, s.hessian_border, s.hessian_corner, 0.0, s)
    return total


def seconds(function: Callable[[], object], repeat: int) -> float:
    """Median wall seconds of a call."""
    times = []
    function()
    for _ in range(repeat):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def machine(repeat: int) -> tuple[float, float]:
    """Operations and bytes a second of one core."""
    a = np.random.default_rng(0).random((600, 600))
    x, y = np.ones(20_000), np.ones(20_000)  # 480 kB in all

    def sums() -> None:
        for _ in range(1000):
            np.add(x, y, out=x)

    return 2 * 600**3 / seconds(lambda: a @ a, repeat), 1000 * 3 * x.nbytes / seconds(sums, repeat)


def counted(model: Model) -> dict[str, tuple[float, float]]:
    """(operations, bytes) of each stage of hypothesis 0, from the sizes of its tables.

    An interpolated factor's polynomial takes 13 operations, its two derivatives 20 more and a division; rows are counted at their
    full length, though the matrix leaves out products with zero (and so can seem faster than dgemm). The step counts three
    products, which is what most steps take.
    """
    t = model.batch.tables
    blocks = t.hypothesis_block[t.hypothesis_from[0] : t.hypothesis_from[1]]
    normsys = int((t.normsys_from[blocks + 1] - t.normsys_from[blocks]).sum())
    shifts = t.shift_from[blocks + 1] - t.shift_from[blocks]
    shifted = int((shifts * t.block_bins[blocks]).sum())
    cells, bins, size = int(t.block_bins[blocks].sum()), int(t.bins[0]), int(t.size[0])
    width, count = int(padded(arrangement(t).shared[0])), len(blocks)
    rows = 2 * count + bins
    product = (4.0 * rows * width, 8.0 * rows * width)
    inner = bins * bins * width + 4.0 * bins * width
    half = width * width / 2
    return {
        "value": (14.0 * normsys + 4.0 * shifted, 8.0 * (9 * normsys + 2 * shifted)),
        "derivatives": (
            22.0 * normsys + 2.0 * cells * width + 8.0 * shifted + 11.0 * count * width + 4.0 * bins * width,
            8.0 * (14 * normsys + 3 * shifted + (5 * count + 3 * bins) * width),
        ),
        "one product": product,
        "the step": (3 * product[0] + inner + 14.0 * bins * width, 3 * product[1] + 72.0 * bins * width),
        "the matrix": (2.0 * rows * half, 8.0 * (rows * width + half)),
        "packed, factorised": (width**3 / 3.0 + (size - width) * 2 * half, 8.0 * 3 * half),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pallet", action="append", help=f"default: {', '.join(published.NAMES)}")
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    flops, bandwidth = machine(options.repeat)
    print(f"one core: {flops / 1e9:.1f} GFLOP/s in dgemm, {bandwidth / 1e9:.0f} GB/s in the second-level cache")
    for name, path in published.found(options.pallet or ()).items():
        pallet = open_pallet(path)
        hypothesis = pallet.hypotheses[len(pallet.hypotheses) // 2]
        fits = Fits(Model(compile_batch([Decoder().workspace(apply_patch(pallet.background, hypothesis.patch), None)])))
        one, batch = np.zeros(1, dtype=np.int64), fits.model.batch
        problem = fits.problem(one, batch.init, fits.model.observed(one), np.ones(1), 0.0)
        theta = fits.run(problem, most=4).theta[0]
        sign = np.where(theta < 0.0, -1.0, 1.0)
        print(f"{name} {hypothesis.name}: {int(batch.tables.size[0])} parameters, {int(batch.tables.bins[0])} bins")
        whole = fits.run(problem)
        every = seconds(lambda problem=problem, fits=fits: fits.run(problem), options.repeat)
        buffers = tables_by_reference(batch.tables), work_arrays(batch.tables), state(batch.tables)
        for stage, label in enumerate(STAGES):
            spent = seconds(
                lambda stage=stage, theta=theta, sign=sign, batch=batch, buffers=buffers: again(
                    *buffers, stage, TIMES, theta, sign, batch.observed[0], batch.aux[0]
                ),
                options.repeat,
            )
            spent /= TIMES
            operations, moved = counted(fits.model)[label]
            computed = f"{operations / 1e3:7.1f} kFLOP: {operations / spent / flops:4.0%} of dgemm"
            touched = f"{moved / 1e3:7.1f} kB: {moved / spent / bandwidth:4.0%} of the bandwidth"
            print(f"    {label:20s} {1e6 * spent:7.1f} us, {computed}, {touched}")
        print(f"    {'a fit alone':20s} {1e6 * every:7.1f} us with {int(whole.iterations[0])} iterations, its buffers included")


if __name__ == "__main__":
    main()
