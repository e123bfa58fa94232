"""The fits of a whole scan as one batch, and of many data sets, on a GPU: seconds, agreement with the CPU, and what an iteration
asks of the device.

    python benchmarks/gpu.py [--device cuda] [--scan NAME|FILE]... [--pallet NAME|FILE]... [--data-sets N] [--repeat N]
        [--hypotheses N] [--rows N] [--compare N] [--json]

The scan: the background-only fit, that of the tested mu and the free one of every hypothesis, from their natural starts, as one
batch. Data sets: as in `data_sets.py`, drawn from the background-only fit of the pallet's middle hypothesis, each fitted with mu
fixed and free. Both are compared with the compiled kernel on the CPU (data sets: the first few), as the largest difference in
2NLL of fits that both certify and that went to the same minimum, and the number that did not.

With `--device cpu` and small numbers it runs anywhere. A machine needs, beside torch and the folder `src` on `PYTHONPATH`, the
wheels of numpy, scipy, numba (with llvmlite) and orjson, and the pallets in `HFX_SHARED`. The first fit of the CPU's kernel
compiles it, in some 20 seconds.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import published
import torch
from data_sets import generated
from torch.utils._python_dispatch import TorchDispatchMode

from hfx.hf_core.batch.compile import Batch, compile_batch
from hfx.hf_core.batch.problem import CONVERGED, STATUS, Data, FitResult, Problem
from hfx.hf_core.batch.tolerances import MAX_ITERATIONS
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.inference.cls import hypotest
from hfx.hf_core.tensor.kernel import TorchKernel
from hfx.hf_core.tensor.matrix_free_step import iterate
from hfx.hf_core.tensor.matrix_step import matrix_step
from hfx.hf_core.tensor.minimize import begin
from hfx.pallets import Pallet, open_pallet
from hfx.pallets.json_patch import apply_patch

Json = dict[str, Any]
SAME = 1e-6  # in 2NLL: minima farther apart are not the same
QUESTIONS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::is_nonzero", "aten::equal"}


class Operations(TorchDispatchMode):
    """Counts what is launched, and what waits for the device's answer."""

    def __init__(self) -> None:
        super().__init__()
        self.launched, self.asked = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        schema = func._schema
        viewed = any(argument.alias_info and not argument.alias_info.is_write for argument in schema.arguments)
        self.launched += not viewed and schema.name != "aten::_unsafe_view"
        masks = args[1] if schema.name in ("aten::index", "aten::index_put_") else ()
        self.asked += schema.name in QUESTIONS or any(i is not None and i.dtype == torch.bool for i in masks)
        return func(*args, **(kwargs or {}))


def seconds(device: torch.device, call: Callable[[], Any]) -> float:
    """Wall seconds of a call and all that it has the device do."""
    _wait(device)
    begun = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - begun


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def scan_batch(pallet: Pallet, most: int | None) -> Batch:
    decoder = Decoder()
    chosen = [h for h in pallet.hypotheses if h.defect is None][:most]
    return compile_batch([decoder.workspace(apply_patch(pallet.background, h.patch), None) for h in chosen])


def scan_problem(model: Model) -> Problem:
    """Three fits of every hypothesis, natural starts."""
    rows = np.repeat(np.arange(len(model.batch)), 3)
    mu = np.tile([0.0, 1.0, np.nan], len(model.batch))
    return Fits(model).problem(rows, model.batch.init[rows], model.observed(rows), mu, 0.0)


def data_problem(model: Model, count: int) -> Problem:
    """Two fits of each of ``count`` data sets of hypothesis 0, from the parameters that made them."""
    fits, one = Fits(model), np.zeros(1, dtype=np.int64)
    background = fits.run(fits.problem(one, model.batch.init, model.observed(one), np.zeros(1), 0.0))
    data = generated(model, background.theta, count)
    both = Data(np.concatenate([data.main, data.main]), np.concatenate([data.aux, data.aux]))
    start = np.repeat(background.theta, 2 * count, axis=0)
    return fits.problem(np.zeros(2 * count, dtype=np.int64), start, both, np.repeat([1.0, np.nan], count), 0.0)


def fit(kernel: TorchKernel, problem: Problem, rows: int) -> list[FitResult]:
    """All fits, so many at a time."""
    count = len(problem.hypothesis)
    parts = [problem.rows(np.arange(first, min(first + rows, count))) for first in range(0, count, rows)]
    return [kernel.minimize(part, MAX_ITERATIONS) for part in parts]


def agreement(one: FitResult, other: FitResult) -> Json:
    """Of the first rows of two results."""
    rows = slice(len(other.status))
    both = (one.status[rows] == CONVERGED) & (other.status == CONVERGED)
    apart = np.abs(one.deviance[rows] - other.deviance)[both]
    return {
        "compared": len(other.status),
        "other status": int((one.status[rows] != other.status).sum()),
        "other minimum": int((apart > SAME).sum()),
        "largest difference in 2NLL": float(apart[apart <= SAME].max(initial=0.0)),
    }


def iteration(kernel: TorchKernel, problem: Problem) -> Json:
    """What one iteration and one step with the matrix cost, all fits at their starts."""
    device, most = kernel.likelihood.device, MAX_ITERATIONS
    counted: Json = {}
    for name in ("iteration", "step with the matrix"):
        dense = kernel.likelihood.of(problem.hypothesis)
        state = begin(dense, problem)
        at = dense.layout.take(state.hypothesis)
        call = (lambda d=dense, a=at, s=state: iterate(d, a, s, most)) if name == "iteration" else None
        call = call or (lambda d=dense, s=state: matrix_step(d, s, most))
        with Operations() as operations:
            call()
        times = [seconds(device, call) for _ in range(3)]
        counted[name] = {"launched": operations.launched, "asked": operations.asked, "seconds": statistics.median(times)}
    counted["iteration recorded"] = _recorded(kernel, device)
    return counted


def _recorded(kernel: TorchKernel, device: torch.device) -> Json:
    """The seconds of each iteration that is kept as a graph, by the number of its fits."""
    kept: Any = kernel.likelihood.recorded
    return {str(key[0]): seconds(device, lambda one=one: one.advance(10)) / 10 for key, one in list(kept.items())}


def measure(model: Model, kernel: TorchKernel, problem: Problem, arguments: argparse.Namespace) -> Json:
    """Seconds of each repeat, how the fits end, how they agree with the CPU's and what an iteration costs."""
    times: list[float] = []
    results: list[FitResult] = []

    def run() -> None:
        results[:] = fit(kernel, problem, arguments.rows)

    for _ in range(arguments.repeat + 1):  # the first one gets libraries ready
        times.append(seconds(kernel.likelihood.device, run))
    few = problem.rows(np.arange(min(arguments.compare, arguments.rows, len(problem.hypothesis))))
    ends = Counter(STATUS[status] for part in results for status in part.status.tolist())
    costs = iteration(kernel, problem.rows(np.arange(min(arguments.rows, len(problem.hypothesis), 32768))))
    reference = model.kernel.minimize(few, MAX_ITERATIONS)
    return {
        "fits": len(problem.hypothesis),
        "first": times[0],
        "seconds": times[1:],
        "iterations": float(np.mean([part.iterations.mean() for part in results])),
        "ends": dict(ends),
        "agreement": agreement(results[0], reference),
        "costs": costs,
    }


def measure_scan(file: Path, arguments: argparse.Namespace) -> Json:
    batch = scan_batch(open_pallet(str(file)), arguments.hypotheses)
    model = Model(batch)
    kernel = TorchKernel(model.batch.tables, arguments.device)
    found = measure(model, kernel, scan_problem(model), arguments)
    one, two = (
        hypotest(Model(batch, name, device), starts=1) for name, device in (("compiled", "cpu"), ("torch", arguments.device))
    )
    cls = [[outcome.answers["natural"].CLs_obs for outcome in some if outcome.defect is None] for some in (one, two)]
    found["largest difference in CLs"] = float(np.abs(np.subtract(*cls)).max(initial=0.0))
    return found


def measure_data_sets(file: Path, arguments: argparse.Namespace) -> Json:
    pallet = open_pallet(str(file))
    hypothesis = pallet.hypotheses[len(pallet.hypotheses) // 2]
    model = Model(compile_batch([Decoder().workspace(apply_patch(pallet.background, hypothesis.patch), None)]))
    kernel = TorchKernel(model.batch.tables, arguments.device)
    return measure(model, kernel, data_problem(model, arguments.data_sets), arguments)


def report(name: str, one: Json) -> str:
    """One measurement in words, pure."""
    median = statistics.median(one["seconds"])
    lines = [
        f"{name}: {one['fits']} fits in {median:.4f} s (first {one['first']:.2f} s), {one['fits'] / median:.0f} fits a second, "
        f"{one['iterations']:.1f} iterations a fit"
    ]
    lines += [f"    {count} of {one['fits']}: {end}" for end, count in one["ends"].items()]
    lines += ["    " + ", ".join(f"{key} {value:.3g}" for key, value in one["agreement"].items())]
    if "largest difference in CLs" in one:
        lines.append(f"    largest difference in CLs {one['largest difference in CLs']:.2g}")
    for what in ("iteration", "step with the matrix"):
        cost = one["costs"][what]
        lines.append(
            f"    {what}: {cost['launched']} launches, {cost['asked']} questions, {1e3 * cost['seconds']:.2f} ms launched singly"
        )
    recorded = one["costs"]["iteration recorded"]
    graphs = [f"{1e3 * value:.2f} ms for {slots} fits" for slots, value in recorded.items()]
    lines.append(f"    recorded as a CUDA graph: {', '.join(graphs) or 'no'}")
    return "\n".join(lines)


def setting(device: str) -> Json:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    return {"device": name, "torch": torch.__version__, "threads": torch.get_num_threads()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cuda, cuda:1, cpu")
    parser.add_argument("--scan", action="append", default=[], help="a pallet whose scan is timed; default: 1Lbb")
    parser.add_argument("--pallet", action="append", default=[], help="data sets; default: sbottom-RegionA, 1Lbb")
    parser.add_argument("--data-sets", type=int, metavar="N", help="default: 500000 on a GPU (a million fits), else 100")
    parser.add_argument("--hypotheses", type=int, metavar="N", help="the first N of the scan; default: all")
    parser.add_argument("--rows", type=int, default=500_000, metavar="N", help="fits at a time; default: 500000")
    parser.add_argument("--compare", type=int, default=2000, metavar="N", help="fits to compare with the CPU; default: 2000")
    parser.add_argument("--repeat", type=int, default=5, help="default: 5")
    parser.add_argument("--json", action="store_true", help="raw numbers")
    arguments = parser.parse_args()
    if arguments.data_sets is None:
        arguments.data_sets = 100 if arguments.device == "cpu" else 500_000
    return arguments


def main() -> int:
    arguments = _arguments()
    if arguments.device == "cpu":
        torch.set_num_threads(1)  # as a worker does
    print(", ".join(f"{key} {value}" for key, value in setting(arguments.device).items()), file=sys.stderr)
    found: dict[str, Json] = {}
    for name, file in published.found(arguments.scan or ["1Lbb"]).items():
        found[f"scan of {name}"] = measure_scan(file, arguments)
    for name, file in published.found(arguments.pallet or ["sbottom-RegionA", "1Lbb"]).items():
        found[f"data sets of {name}"] = measure_data_sets(file, arguments)
    if arguments.json:
        print(json.dumps({"setting": setting(arguments.device), "measured": found}, indent=1))
    else:
        print("\n".join(report(name, one) for name, one in found.items()))
    return 0 if found else 2


if __name__ == "__main__":
    sys.exit(main())
