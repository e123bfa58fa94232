"""The two solvers take the same steps; starts are given up only where they cannot win; flips and sinks do what they say."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.problem import ABANDONED, CONVERGED
from hfx.hf_core.cpu import compilation
from hfx.hf_core.cpu.kernel import is_compiled
from hfx.hf_core.cpu.minimize import minimize_rows
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.fits.search import Search
from hfx.hf_core.fits.starts import Start, sinks
from hfx.hf_core.inference.cls import hypotest
from hfx.hf_core.tensor.kernel import TorchKernel
from tests.conformance import workspaces as build
from tests.conformance.points import points
from tests.conformance.test_likelihood import core
from tests.conformance.workspaces import BATTERY
from tests.hf_core.cpu.test_minimize import NO_BACKGROUND, VALLEYS
from tests.hf_core.problems import FITS, Case

BKG = Fit("bkg", poi=0.0)
CODES = [(4, "4p"), (1, "0"), (4, "2")]


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_both_solvers_reach_the_same_minima(name: str, normsys: int, histosys: str) -> None:
    """The compiled one on the CPU, and the batched one of torch, each with its own kernel: same end, same place."""
    case = Case(BATTERY[name], normsys, histosys)
    for fit, mu in FITS.items():
        if fit == "bkg" and name in NO_BACKGROUND:
            continue
        problem = case.problem(mu)
        one, other = (kernel.minimize(problem) for kernel in (case.model.kernel, TorchKernel(case.model.batch.tables, "cpu")))
        assert one.status[0] == other.status[0]
        assert one.deviance[0] == pytest.approx(other.deviance[0], rel=1e-10, abs=1e-10)
        if name not in VALLEYS:
            np.testing.assert_allclose(one.yields, other.yields, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(one.theta, other.theta, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kernel", ["compiled", "torch"])
@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize("name", BATTERY)
def test_reflecting_one_alpha(name: str, normsys: int, histosys: str, kernel: str) -> None:
    """By how much 2NLL rises, against two evaluations; nothing for what is not an alpha."""
    model = core(BATTERY[name], normsys, histosys, None, kernel)
    (theta,) = points(BATTERY[name], 1, seed=3)
    row = np.zeros(1, dtype=np.int64)
    raised = model.mirror_changes(row, theta[None, :], model.observed(row))[0]
    here = model.evaluate(0, theta).twice_nll[0]
    for p in range(len(theta)):
        there = theta.copy()
        if model.batch.tables.alpha[0, p]:
            there[p] = 2.0 * model.batch.aux[0, p] - theta[p]
        assert raised[p] == pytest.approx(model.evaluate(0, there).twice_nll[0] - here, rel=1e-9, abs=1e-9)


def _v() -> Case:
    """Both sides of the shift raise the first bin, where there is an excess: a minimum on either side, the natural one higher."""
    ws = build.one_channel(build.histosys("v", [62.0, 33.0, 14.0], [60.0, 33.0, 16.0]))
    return Case({**ws, "observations": [{"name": "SR", "data": [75.0, 31.0, 19.0]}]})


def test_the_search_finds_the_other_side_of_a_v() -> None:
    """The natural minimum is the higher of the two that scipy finds, the answer the lower."""
    case = _v()
    index = case.index("v")
    low, high = (case.scipy(0.0, case.start(v=side)) for side in (-1.0, 1.0))
    assert low[1][index] < 0.0 < high[1][index]
    (alone,) = hypotest(case.model, starts=1)
    (searched,) = hypotest(case.model)
    for outcome, choice, wanted in ((alone, "lowest", low), (searched, "natural", low), (searched, "admissible", high)):
        assert outcome.answers[choice].twice_nll["bkg"] == pytest.approx(wanted[0], abs=1e-6)
    assert high[0] < low[0] - 0.1
    assert searched.known["bkg"].found == 2


def test_a_start_is_abandoned_only_where_it_cannot_win() -> None:
    """With a target just above the minimum that it leads to, a fit goes on to its end; just below, it is abandoned."""
    abandoned = 0
    for name in BATTERY:
        case = Case(BATTERY[name])
        problem = case.problem(1.0)
        plain = case.model.kernel.minimize(problem)
        if plain.status[0] != CONVERGED:
            continue
        reached = case.model.kernel.minimize(replace(problem, target=plain.deviance + 1e-6))
        assert reached.status[0] == CONVERGED
        np.testing.assert_array_equal(reached.theta, plain.theta)
        given_up = case.model.kernel.minimize(replace(problem, target=plain.deviance - 1.0))
        if plain.iterations[0] > 2:
            assert given_up.status[0] == ABANDONED
            assert given_up.iterations[0] <= plain.iterations[0]
            abandoned += 1
    assert abandoned > 10


def test_an_abandoned_start_is_not_a_minimum() -> None:
    """It is kept neither where it stopped above the best minimum, nor as a doubt about it."""
    case = _v()
    search = Search(Fits(case.model), 0.0)
    search.run(search.starts.natural([0], [BKG]))
    natural = search.pools[0, BKG].minima[0]
    start = natural.theta + 0.2
    problem = replace(case.problem(0.0, start), target=np.array([natural.deviance - 1e-8]))
    assert case.model.kernel.minimize(problem).status[0] == ABANDONED
    search.run([Start(0, BKG, start, "mirror")])
    assert search.pools[0, BKG].minima == [natural]


def test_a_sunken_cell_lies_below_zero() -> None:
    """A start for each cell whose shifts outweigh it: that cell is negative there, within the parameters' bounds."""
    ws = build.one_channel(build.histosys("shallow", [50.0, 33.0, 14.0], [54.0, 33.0, 14.0]))
    deep = build.histosys("deep", [0.1, 1.0, 1.0], [0.9, 1.0, 1.0])
    ws["channels"][0]["samples"].append(build.sample("small", [0.5, 1.0, 1.0], deep, build.normsys("large", 0.5, 4.0)))
    model = Model(compile_batch([Decoder().workspace(ws)]))
    (sunk,) = sinks(model.batch, 0, model.batch.init[0], {})
    yields, _ = model.yields(np.zeros(1, dtype=np.int64), sunk[None, :])
    names = [model.cell_name(0, int(cell)) for cell in np.flatnonzero(yields[0] < 0.0)]
    assert names == ["sample 'small' in channel 'SR' bin 0"]
    np.testing.assert_array_equal(np.clip(sunk, model.batch.lower[0], model.batch.upper[0]), sunk)


def test_kernels_are_kept_under_the_digest_of_their_sources(tmp_path: Path) -> None:
    """numba itself would keep a function whose callees, in another file, have changed."""
    room = compilation.HF_CORE
    core(BATTERY["one_bin"], 4, "4p", None, "compiled").evaluate(0, points(BATTERY["one_bin"], 1)[0])
    assert is_compiled()
    assert minimize_rows.dispatcher._cache._impl.filename_base.endswith(f"-{compilation.digest_of(room)}")
    changed = tmp_path / "changed"
    shutil.copytree(room, changed, ignore=shutil.ignore_patterns("__pycache__"))
    with (changed / "modifiers" / "interpolation.py").open("a") as file:
        file.write("# another formula\n")
    assert compilation.digest_of(changed) != compilation.digest_of(room)
