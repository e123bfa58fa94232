"""Fits and their certificates: recomputed from the dense evaluation, compared with scipy, and refused where there is none."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hfx.hf_core.batch.compile import Tables, compile_batch
from hfx.hf_core.batch.problem import CONVERGED, FLOOR, NOT_FINITE, STATUS, FitResult
from hfx.hf_core.batch.tolerances import EDM_LIMIT
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.tensor.likelihood import BatchLikelihood
from hfx.hf_core.tensor.matrix_step import TensorLikelihood
from hfx.hf_core.tensor.minimize import minimize_batch
from tests.conformance import workspaces as build
from tests.conformance.workspaces import BATTERY
from tests.hf_core.problems import FITS, Case, Floats
from tests.oracle import dense

# At mu = 0 these expect nothing where events were seen: there is no background-only likelihood.
NO_BACKGROUND = ("poi_on_everything", "another_poi")
# Two parameters that the data cannot tell apart: a valley, along which every point is a minimum.
VALLEYS = ("shapefactor", "two_factors_two_shifts", "poi_after_other_normfactors", "one_bin")
RESOLVED = 1e-10  # smallest eigenvalue of the scaled Hessian that is more than rounding


def certificate(case: Case, mu: float, theta: Floats) -> tuple[float, bool]:
    """EDM in 2NLL over the parameters inside their bounds, and whether the gradient pushes outwards at the others.

    The gradient comes from the dense evaluation, the Hessian (itself tested against differences) from the core. Along a
    valley or a parameter without influence there must be no slope.
    """
    problem = case.problem(mu)
    lower, upper = problem.lower[0], problem.upper[0]
    held = lower == upper
    gradient = np.where(held, 0.0, case.gradient(theta))
    hessian = case.model.evaluate(0, theta, order=2).hessian
    assert hessian is not None
    at_lower, at_upper = ~held & (theta <= lower), ~held & (theta >= upper)
    outwards = (gradient[at_lower] >= -1e-7).all() and (gradient[at_upper] <= 1e-7).all()
    free = ~held & ~at_lower & ~at_upper
    inner, slopes = hessian[0][np.ix_(free, free)], gradient[free]
    root = np.sqrt(np.maximum(np.abs(np.diag(inner)), 1e-12))
    values, vectors = np.linalg.eigh(inner / np.outer(root, root))
    along = vectors.T @ (slopes / root)
    assert values.min(initial=np.inf) > -RESOLVED, "not a minimum"
    assert np.abs(along[values <= RESOLVED]).max(initial=0.0) < 1e-6, "a slope along a valley"
    sharp = values > RESOLVED
    return 0.5 * float(np.sum(along[sharp] ** 2 / values[sharp])), bool(outwards)


@pytest.mark.parametrize("name", BATTERY)
def test_certificates_hold_when_computed_again(name: str) -> None:
    case = Case(BATTERY[name])
    for fit, mu in FITS.items():
        result = case.fit(mu)
        if fit == "bkg" and name in NO_BACKGROUND:
            assert result.status[0] == FLOOR
            assert dense.expected(case.ws, result.theta[0]).min() == 0.0
            continue
        assert result.converged[0], f"{fit}: {STATUS[int(result.status[0])]}"
        assert 0.0 <= result.edm[0] <= EDM_LIMIT
        edm, outwards = certificate(case, mu, result.theta[0])
        assert edm <= EDM_LIMIT, fit
        assert outwards, fit


@pytest.mark.parametrize("name", BATTERY)
def test_fits_stay_within_bounds_and_leave_what_is_held(name: str) -> None:
    case = Case(BATTERY[name])
    inits, lower, upper, fixed = (np.array(column) for column in list(zip(*case.parameters(), strict=True))[1:])
    poi = case.model.batch.poi[0]
    for mu in FITS.values():
        theta = case.fit(mu).theta[0]
        inside = (theta >= lower) & (theta <= upper)
        inside[poi] = theta[poi] == mu if np.isfinite(mu) else 0.0 <= theta[poi] <= upper[poi]
        assert inside.all()
        held = fixed.astype(bool) & (np.arange(len(theta)) != poi)
        np.testing.assert_array_equal(theta[held], inits[held])


COMPARED = [
    "normsys_wide",
    "histosys_one_sided",
    "shapesys_larger_than_yield",
    "staterror_on_signal_too",
    "no_events_observed",
    "staterror_on_two_channels",
]


@pytest.mark.parametrize("name", COMPARED)
def test_minima_are_those_of_scipy_on_the_dense_evaluation(name: str) -> None:
    case = Case(BATTERY[name])
    for mu in FITS.values():
        result = case.fit(mu)
        found = case.twice_nll(result.theta[0])
        value, theta = case.scipy(mu)
        assert found <= value + 1e-8
        assert found == pytest.approx(value, abs=1e-5)
        np.testing.assert_allclose(result.theta[0], theta, atol=5e-3, rtol=5e-3)


def test_bounds_that_are_hit() -> None:
    """Three parameters pressed against their bounds; the fit is the one that scipy finds there."""
    background = build.sample(
        "background",
        [50.0, 30.0, 20.0],
        build.normfactor("k"),
        build.normsys("up", 0.8, 1.2),
        build.histosys("tilt", [48.0, 30.0, 22.0], [52.0, 30.0, 18.0]),
        build.staterror("stat", [2.0, 3.0, 4.0]),
    )
    overrides = [
        {"name": "k", "bounds": [[0.9, 1.02]]},
        {"name": "up", "bounds": [[-0.1, 0.15]]},
        {"name": "tilt", "bounds": [[-0.2, 3.0]]},
        {"name": "stat", "bounds": [[0.99, 1.3], [0.5, 1.5], [0.5, 1.01]]},
    ]
    signal = build.sample("signal", [1.0, 1.0, 1.0], build.POI)
    ws = build.workspace([build.channel("SR", background, signal)], {"SR": [60.0, 45.0, 43.0]}, overrides)
    case = Case(ws)
    result = case.fit(0.0)
    theta = dict(zip([one[0] for one in case.parameters()], result.theta[0], strict=True))
    assert result.converged[0]
    assert (theta["k"], theta["up"], theta["tilt"], theta["stat[2]"]) == (1.02, 0.15, -0.2, 1.01)
    assert certificate(case, 0.0, result.theta[0])[0] <= EDM_LIMIT
    gradient = case.gradient(result.theta[0])
    assert all(gradient[case.index(name)] < -0.1 for name in ("k", "up", "stat[2]"))
    assert gradient[case.index("tilt")] > 0.1
    value, _ = case.scipy(0.0)
    assert case.twice_nll(result.theta[0]) == pytest.approx(value, abs=1e-7)


def one_bin(observed: float, *modifiers: build.Json, background: float = 50.0) -> build.Json:
    background_sample = build.sample("background", [background], *modifiers)
    signal = build.sample("signal", [4.0], build.POI)
    return build.workspace([build.channel("SR", background_sample, signal)], {"SR": [observed]})


# Yields that grow on both sides of alpha = 0: with few events seen, the kink itself is the minimum.
KINKS = {
    "normsys code 1": (build.normsys("a", 1.2, 1.3), 1, "4p"),
    "histosys code 0": (build.histosys("a", [56.0], [62.0]), 4, "0"),
}


@pytest.mark.parametrize("kink", KINKS)
@pytest.mark.parametrize("start", [0.0, 0.8, -0.8, 3.0, -3.0])
def test_a_minimum_on_a_kink(kink: str, start: float) -> None:
    modifier, normsys, histosys = KINKS[kink]
    case = Case(one_bin(40.0, modifier), normsys, histosys)
    alpha = case.index("a")
    result = case.fit(0.0, case.start(a=start))
    theta = result.theta[0]
    assert result.converged[0]
    assert theta[alpha] == 0.0
    here, step = case.twice_nll(theta), 1e-6
    axis = np.eye(len(theta))[alpha]
    rises = [(case.twice_nll(theta + side * step * axis) - here) / step for side in (1.0, -1.0)]
    assert min(rises) > 0.1
    grid = [case.twice_nll(theta + a * axis) for a in np.linspace(-5, 5, 401)]
    assert here <= min(grid) + 1e-12


@pytest.mark.parametrize("kink", KINKS)
@pytest.mark.parametrize("start", [0.0, 0.8, -0.8])
def test_a_kink_that_is_a_ridge_is_left(kink: str, start: float) -> None:
    """With many events seen, alpha = 0 is a local maximum with a minimum on each side."""
    modifier, normsys, histosys = KINKS[kink]
    case = Case(one_bin(64.0, modifier), normsys, histosys)
    alpha = case.index("a")
    result = case.fit(0.0, case.start(a=start))
    assert result.converged[0]
    assert abs(result.theta[0][alpha]) > 0.1
    assert start * result.theta[0][alpha] >= 0.0
    assert certificate(case, 0.0, result.theta[0])[0] <= EDM_LIMIT
    assert case.twice_nll(result.theta[0]) < case.twice_nll(case.start(a=0.0)) - 0.1


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_kink_is_crossed(side: float) -> None:
    """A slope that jumps at alpha = 0 without changing its sign holds nothing up."""
    case = Case(one_bin(50.0 + side * 9.0, build.normsys("a", 0.9, 1.3)), 1, "0")
    alpha = case.index("a")
    result = case.fit(0.0, case.start(a=-2.0 * side))
    assert result.converged[0]
    assert result.theta[0][alpha] * side > 0.3
    grid = [case.twice_nll(np.where(np.arange(2) == alpha, a, result.theta[0])) for a in np.linspace(-5, 5, 2001)]
    assert case.twice_nll(result.theta[0]) <= min(grid)
    assert certificate(case, 0.0, result.theta[0])[0] <= EDM_LIMIT


SADDLES = {
    "one shift": [build.histosys("a", [58.0], [58.0])],
    "one shift, shallow": [build.histosys("a", [54.5], [54.5])],
    "one factor": [build.normsys("a", 1.15, 1.15)],
    "two shifts": [build.histosys("a", [58.0], [58.0]), build.histosys("b", [53.0], [53.0])],
}


@pytest.mark.parametrize("observed", [58.0, 66.0, 90.0])
@pytest.mark.parametrize("saddle", SADDLES)
def test_a_start_on_a_saddle(saddle: str, observed: float) -> None:
    """Even in alpha: at the initial values the gradient vanishes, and where events are missing it is no minimum."""
    case = Case(one_bin(observed, *SADDLES[saddle]))
    names = [one[0] for one in case.parameters() if one[0] != "mu"]
    np.testing.assert_allclose(case.gradient(case.start())[[case.index(name) for name in names]], 0.0, atol=1e-8)
    result = case.fit(0.0)
    assert result.converged[0], STATUS[int(result.status[0])]
    assert certificate(case, 0.0, result.theta[0])[0] <= EDM_LIMIT
    lowest = min(case.scipy(0.0, case.start(**dict.fromkeys(names, alpha)))[0] for alpha in (0.4, 1.5))
    assert case.twice_nll(result.theta[0]) == pytest.approx(lowest, abs=1e-7)


@pytest.mark.parametrize(("lo", "hi", "a"), [(0.7, 1.6, -4.5), (0.7, 1.6, 4.5), (0.5, 1.5, 4.5)])
def test_a_narrow_curved_valley_is_walked_to_its_end(lo: float, hi: float, a: float) -> None:
    """100,000 events fix the product of k and f(a), and only the prior of a says where on the curve: at k = 1 and a = 0. Damped
    steps alone do not lead there in 300 iterations."""
    background = build.sample("b", [1e5], build.normfactor("k"), build.normsys("a", lo, hi))
    k = {"name": "k", "inits": [1.0], "bounds": [[1e-3, 1e3]]}
    case = Case(
        {
            "version": "1.0.0",
            "channels": [build.channel("tight", background, build.sample("s", [1.0], build.POI))],
            "observations": [{"name": "tight", "data": [1e5]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [k]}}],
        }
    )
    found = case.fit(0.0, case.start(a=a, k=hi**-a if a > 0.0 else lo**a))
    assert found.converged[0]
    assert found.deviance[0] == pytest.approx(0.0, abs=1e-12)
    assert found.theta[0][[case.index("k"), case.index("a")]] == pytest.approx([1.0, 0.0], abs=1e-9)


def test_a_parameter_without_influence_stays_where_it_is() -> None:
    """At mu = 0 the signal's own normalisation moves nothing, nor does a shapefactor in a bin without yield."""
    signal = build.sample("signal", [4.0, 2.0], build.POI, build.normfactor("k_signal"))
    background = build.sample("background", [50.0, 0.0], build.shapefactor("free"))
    rest = build.sample("rest", [3.0, 6.0], build.normsys("a", 0.8, 1.2))
    ws = build.workspace([build.channel("SR", background, rest, signal)], {"SR": [61.0, 9.0]})
    case = Case(ws)
    result = case.fit(0.0, case.start(**{"k_signal": 1.7, "free[1]": 2.3}))
    assert result.converged[0]
    assert result.edm[0] <= EDM_LIMIT
    assert result.theta[0][case.index("k_signal")] == 1.7
    assert result.theta[0][case.index("free[1]")] == 2.3
    assert case.twice_nll(result.theta[0]) == pytest.approx(case.scipy(0.0)[0], abs=1e-7)
    assert certificate(case, 0.0, result.theta[0]) == (pytest.approx(0.0, abs=EDM_LIMIT), True)


def test_a_valley_of_equal_minima_is_a_minimum() -> None:
    """Two factors that only ever appear as their product."""
    case = Case(one_bin(65.0, build.normfactor("k1"), build.normfactor("k2")))
    result = case.fit(0.0)
    theta = result.theta[0]
    assert result.converged[0], STATUS[int(result.status[0])]
    assert theta[case.index("k1")] * theta[case.index("k2")] == pytest.approx(65.0 / 50.0, rel=1e-6)


# --- what is never reported as converged ----------------------------------------------------------


class Altered:
    """A kernel whose answers are changed on the way: `change(theta, value, gradient, hessian)`."""

    def __init__(self, kernel: TensorLikelihood, change: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> None:
        self.kernel, self.change = kernel, change
        self.device: torch.device = kernel.device
        self.tables: Tables = kernel.tables
        self.matrix_free = None

    def evaluate(
        self, hypothesis: Tensor, theta: Tensor, sign: Tensor, main: Tensor, aux: Tensor, order: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        value, gradient, hessian = self.kernel.evaluate(hypothesis, theta, sign, main, aux, max(order, 1))
        assert gradient is not None
        assert hessian is not None
        return self.change(theta, value, gradient, hessian)

    def yields(self, hypothesis: Tensor, theta: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        return self.kernel.yields(hypothesis, theta, sign)


def _uphill(theta: Tensor, value: Tensor, gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A gradient that points the wrong way: no step ever lowers the NLL."""
    return value, -gradient, hessian


def _cliffs(theta: Tensor, value: Tensor, gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Finite at the start alone."""
    moved = (theta[:, 0] - 0.4).abs() > 0.0
    return torch.where(moved, torch.nan, value), gradient, hessian


def _endless(theta: Tensor, value: Tensor, gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """-log x falls for ever; every Newton step doubles x and promises the same gain again."""
    x = theta[:, 0] + 10.0
    slope, bend = torch.zeros_like(gradient), torch.zeros_like(hessian)
    slope[:, 0], bend[:, 0, 0] = -1.0 / x, 1.0 / (x * x)
    return -torch.log(x), slope, bend


@pytest.mark.parametrize("change", [_uphill, _cliffs, _endless])
def test_a_fit_that_cannot_converge_does_not_say_that_it_did(change: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> None:
    ws = one_bin(64.0, build.normfactor("k"))
    ws["measurements"][0]["config"]["parameters"] = [{"name": "k", "bounds": [[0.0, 1e300]]}]
    case = Case(ws)
    assert case.index("k") == 0
    altered = Altered(BatchLikelihood(case.model.batch.tables, torch.device("cpu")), change)
    result = minimize_batch(altered, case.problem(0.0, case.start(k=0.4)))
    assert not result.converged[0]
    assert result.status[0] not in (CONVERGED, NOT_FINITE, FLOOR)
    assert result.edm[0] > EDM_LIMIT


def test_a_start_without_a_likelihood() -> None:
    """A Poisson constraint has no value at a negative gamma."""
    ws = one_bin(55.0, build.shapesys("gamma", [9.0]))
    ws["measurements"][0]["config"]["parameters"] = [{"name": "gamma", "bounds": [[-2.0, 10.0]]}]
    case = Case(ws)
    begin = case.start(**{"gamma[0]": -1.0})
    result = case.fit(0.0, begin)
    assert result.status[0] == NOT_FINITE
    np.testing.assert_array_equal(result.theta[0], begin)
    assert case.fit(0.0).converged[0]


def test_a_rate_driven_below_zero() -> None:
    """No event seen, and a shift that would take the rate to -15: the likelihood ends before its minimum."""
    case = Case(one_bin(0.0, build.histosys("a", [-3.0], [5.0]), background=1.0))
    result = case.fit(0.0)
    assert result.status[0] == FLOOR
    assert "rate" in STATUS[FLOOR]
    # A weaker shift stops where the rate is still positive, and that is a minimum like any other.
    ws = one_bin(0.0, build.histosys("a", [0.9], [1.1]), background=1.0)
    weak = Case(ws).fit(0.0)
    assert weak.converged[0]
    assert weak.theta[0][Case(ws).index("a")] == pytest.approx(-0.1, abs=1e-9)


# --- rows ------------------------------------------------------------------------------------------


def _all_fits(model: Model) -> FitResult:
    rows = np.repeat(np.arange(len(model.batch)), len(FITS))
    mu = np.tile(list(FITS.values()), len(model.batch))
    return model.kernel.minimize(Fits(model).problem(rows, model.batch.init[rows], model.observed(rows), mu, 0.0))


@pytest.mark.parametrize(("normsys", "histosys"), [(4, "4p"), (1, "0")])
def test_a_row_does_not_depend_on_the_others(normsys: int, histosys: str) -> None:
    """Every workspace of the battery as rows of one problem, each padded to the largest, and each alone."""
    documents = list(BATTERY.values())
    batch = compile_batch([Decoder().workspace(ws) for ws in documents], normsys=normsys, histosys=histosys)
    together = _all_fits(Model(batch))
    for index, (name, ws) in enumerate(BATTERY.items()):
        alone = _all_fits(Case(ws, normsys, histosys).model)
        rows = slice(index * len(FITS), (index + 1) * len(FITS))
        size = alone.theta.shape[1]
        np.testing.assert_array_equal(together.status[rows], alone.status)
        np.testing.assert_allclose(together.deviance[rows], alone.deviance, rtol=1e-12, atol=1e-10)
        if name not in VALLEYS:
            np.testing.assert_allclose(together.theta[rows, :size], alone.theta, rtol=1e-7, atol=1e-7)
        np.testing.assert_array_equal(together.theta[rows, size:], 0.0)
