"""The batched fit asks the device nothing within an iteration, and when it does ask changes no result."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.problem import CONVERGED, Data, FitResult, Problem
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.tensor import slots
from hfx.hf_core.tensor.fit_state import State
from hfx.hf_core.tensor.kernel import TorchKernel
from hfx.hf_core.tensor.likelihood import BatchLikelihood
from hfx.hf_core.tensor.matrix_free_step import iterate
from hfx.hf_core.tensor.minimize import Pace, begin, minimize_batch
from hfx.hf_core.tensor.padded_tables import Layout
from hfx.pallets.demo import write_demo
from tests.conformance.workspaces import BATTERY
from tests.hf_core.cpu.test_minimize import VALLEYS
from tests.hf_core.problems import FITS, Case

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]
BATCHES = ["battery", "battery, kinks", "data sets"]


@cache
def batch(name: str) -> tuple[Model, Problem]:
    """Every fit of every workspace of the battery; or many data sets of one of them."""
    if name == "data sets":
        return _data_sets()
    codes = (1, "0") if name == "battery, kinks" else (4, "4p")
    documents = [Decoder().workspace(ws) for ws in BATTERY.values()]
    model = Model(compile_batch(documents, normsys=codes[0], histosys=codes[1]))
    rows = np.repeat(np.arange(len(documents)), len(FITS))
    mu = np.tile(list(FITS.values()), len(documents))
    return model, Fits(model).problem(rows, model.batch.init[rows], model.observed(rows), mu, 0.0)


def _data_sets() -> tuple[Model, Problem]:
    model, rng = Case(BATTERY["staterror_on_two_channels"]).model, np.random.default_rng(4)
    rows = np.zeros(60, dtype=np.int64)
    observed = model.observed(rows)
    data = Data(rng.poisson(observed.main).astype(np.float64), observed.aux)
    return model, Fits(model).problem(rows, model.batch.init[rows], data, np.tile([1.0, np.nan], 30), 0.0)


def fitted(name: str, pace: Pace | None = None) -> FitResult:
    model, problem = batch(name)
    return minimize_batch(BatchLikelihood(model.batch.tables, CPU), problem, pace=pace)


def prepared(name: str) -> tuple[BatchLikelihood, Layout, State]:
    model, problem = batch(name)
    kernel = BatchLikelihood(model.batch.tables, CPU).of(problem.hypothesis)
    state = begin(kernel, problem)
    return kernel, kernel.layout.take(state.hypothesis), state


# --- an iteration


class Watch(TorchDispatchMode):
    """Notes what would wait for the device, and what does not lie on it."""

    ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique", "item")

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.noted = device, set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        result = func(*args, **(kwargs or {}))
        masks = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name.startswith(self.ASKING) or any(i is not None and i.dtype == torch.bool for i in masks):
            self.noted.add(name)
        for tensor in _tensors((*args, *(kwargs or {}).values(), result)):
            if tensor.device.type != self.device:
                self.noted.add(f"{name} on {tensor.device}")
        return result


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


@pytest.mark.parametrize("name", BATCHES)
def test_an_iteration_asks_nothing(name: str) -> None:
    kernel, at, state = prepared(name)
    before = state.theta.clone()
    with Watch("cpu") as watch:
        iterate(kernel, at, state, 300)
    assert not watch.noted
    assert (state.theta != before).any()


@pytest.mark.parametrize("name", BATCHES)
def test_an_iteration_needs_no_values(name: str) -> None:
    """On tensors that have a shape and a device but no values; and all that it makes is made on that device."""
    kernel, at, state = prepared(name)
    at = Layout(*(getattr(at, field.name).to("meta") for field in fields(at)))
    state = State(*(getattr(state, field.name).to("meta") for field in fields(state)))
    with Watch("meta") as watch:
        iterate(kernel, at, state, 300)
    assert not watch.noted


def test_what_waits_or_has_ended_stays() -> None:
    kernel, at, state = prepared("battery")
    state.waiting[::3] = True
    state.code[1::3] = CONVERGED
    before = state.take(torch.arange(len(state.theta)))
    iterate(kernel, at, state, 300)
    moved = torch.arange(len(state.theta)) % 3 == 2
    for name in State._CHANGE:
        one, other = getattr(state, name)[~moved], getattr(before, name)[~moved]
        assert torch.equal(one, other), name
    assert (state.iterations[moved] <= 1).all()
    assert state.iterations.sum() > len(state.theta) / 6


# --- the batch

PACES = {
    "many iterations": Pace(iterations=7, slots=1000, smallest=1000),
    "few slots": Pace(iterations=2, slots=11, smallest=3, refill=11),
    "one slot": Pace(iterations=3, slots=1, smallest=1),
    "single steps": Pace(iterations=1, slots=50, smallest=1, refill=2, matrix_rounds=1),
}


IN_VALLEYS = np.repeat([name in VALLEYS for name in BATTERY], len(FITS))


def assert_same(one: FitResult, other: FitResult) -> None:
    """To rounding, which differs with the shapes of the products; in valleys there is no one place."""
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_allclose(one.deviance, other.deviance, rtol=1e-10, atol=1e-10)
    places = ~IN_VALLEYS if len(one.status) == len(IN_VALLEYS) else np.ones(len(one.status), dtype=np.bool_)
    np.testing.assert_allclose(one.yields[places], other.yields[places], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("name", BATCHES)
def test_the_pace_changes_no_result(name: str, pace: str) -> None:
    assert_same(fitted(name, PACES[pace]), fitted(name))


def test_slots_beyond_the_fits_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where few sizes are recorded."""
    usual = fitted("battery")
    monkeypatch.setattr(slots, "_padded", lambda count, device: torch.arange(count + 5).clamp(max=count - 1))
    assert_same(fitted("battery", Pace(iterations=2, slots=40, smallest=1)), usual)


def test_buffers_that_are_kept_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded iteration serves the next batch of its size: here one that only pretends to be recorded."""
    model, problem = batch("battery")
    kernel = BatchLikelihood(model.batch.tables, CPU)
    usual = fitted("battery")
    monkeypatch.setattr(slots._Recorded, "keep", lambda self, kernel: kernel.recorded.__setitem__(self.key, self))
    for _ in range(2):
        assert_same(minimize_batch(kernel, problem), usual)
    assert kernel.recorded
    rows = np.arange(len(usual.status))[::-1].copy()
    backwards = minimize_batch(kernel, problem.rows(rows))
    np.testing.assert_allclose(backwards.deviance, usual.deviance[rows], rtol=1e-10, atol=1e-10)


def test_the_last_few_are_left_to_the_cpu() -> None:
    model, problem = batch("data sets")
    kernel = TorchKernel(model.batch.tables, "cpu")
    wanted = model.kernel.minimize(problem, 300)
    assert_same(kernel.minimize(problem, 300, Pace(iterations=4, slots=100, smallest=100, leave=50)), wanted)
    left = minimize_batch(kernel.likelihood, problem, pace=Pace(iterations=4, slots=100, smallest=100, leave=59))
    assert (left.status == -1).any()


def test_no_fits() -> None:
    model, problem = batch("battery")
    result = minimize_batch(BatchLikelihood(model.batch.tables, CPU), problem.rows(np.zeros(0, dtype=np.int64)))
    assert len(result.status) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("name", BATCHES)
def test_a_gpu_gives_the_same(name: str) -> None:
    """Recorded as a CUDA graph without a warning, again from what was kept, and with few slots."""
    model, problem = batch(name)
    kernel = TorchKernel(model.batch.tables, "cuda")
    pace = slots.pace_on(kernel.likelihood.device)
    for one in (pace, pace, replace(pace, slots=16, smallest=4, leave=0)):
        assert_same(kernel.minimize(problem, 300, one), fitted(name))
    assert kernel.likelihood.recorded


# --- its benchmark


def test_the_benchmark_runs_on_the_cpu(tmp_path: Path) -> None:
    """On three hypotheses and three data sets of the demo pallet: all fits converge and agree with the compiled kernel's."""
    demo = str(write_demo(tmp_path))
    command = [sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--scan", demo, "--pallet", demo, "--data-sets", "3"]
    small = ["--hypotheses", "3", "--repeat", "1", "--json"]
    done = subprocess.run([*command, *small], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["measured"]
    assert [one["fits"] for one in measured.values()] == [9, 6]
    for one in measured.values():
        assert one["ends"] == {"converged": one["fits"]}
        assert one["agreement"]["other minimum"] == one["agreement"]["other status"] == 0
        assert one["costs"]["iteration"]["asked"] == 0
        assert one["costs"]["iteration"]["launched"] > 100
