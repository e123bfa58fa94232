"""The core's likelihood and derivatives on the battery: against pyhf, the dense evaluation, differences."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from tests.conformance import workspaces as build
from tests.conformance.points import curvature, points, slope
from tests.conformance.test_dense import CASES, CODES, pyhf_model, pyhf_noise
from tests.conformance.workspaces import BATTERY
from tests.oracle import dense

Floats = NDArray[np.float64]

KERNELS = ["compiled", "torch"]
# Each interpolation code once: derivatives do not mix codes of the two types.
DIFFERENTIATED = [(4, "4p"), (1, "0"), (4, "2")]

each_case = pytest.mark.parametrize(("name", "measurement"), CASES)
each_kernel = pytest.mark.parametrize("kernel", KERNELS)
each_code = pytest.mark.parametrize(("normsys", "histosys"), CODES)


def core(ws: dense.Json, normsys: int, histosys: str, measurement: str | None, kernel: str) -> Model:
    """The core's model of one workspace document: a batch of one."""
    decoded = Decoder().workspace(ws, measurement)
    return Model(compile_batch([decoded], normsys=normsys, histosys=histosys), kernel)


@each_case
def test_parameters_are_those_of_pyhf(name: str, measurement: str) -> None:
    ws = BATTERY[name]
    config = pyhf_model(ws, 4, "4p", measurement).config
    batch = compile_batch([Decoder().workspace(ws, measurement)])
    size = config.npars
    assert list(batch.labels[0]) == config.par_names
    np.testing.assert_array_equal(batch.init[0, :size], config.suggested_init())
    bounds = np.stack([batch.lower[0, :size], batch.upper[0, :size]], axis=1)
    np.testing.assert_array_equal(bounds, config.suggested_bounds())
    np.testing.assert_array_equal(batch.fixed[0, :size], config.suggested_fixed())
    assert batch.poi[0] == config.poi_index


@each_kernel
@each_code
@each_case
def test_likelihood_is_that_of_pyhf(name: str, measurement: str, normsys: int, histosys: str, kernel: str) -> None:
    ws = BATTERY[name]
    reference = pyhf_model(ws, normsys, histosys, measurement)
    data = np.concatenate([dense.observed(ws), reference.config.auxdata])
    # pyhf 0.7.6 drops a constant in code 2 beyond |alpha| = 1 and jumps there.
    reach = 0.98 if histosys == "2" else 2.5
    theta = points(ws, 4, measurement=measurement, normsys=normsys, histosys=histosys, reach=reach, seed=2)
    found = core(ws, normsys, histosys, measurement, kernel).evaluate(0, theta, order=0).twice_nll
    wanted = [-2.0 * reference.logpdf(one, data).item() for one in theta]
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=pyhf_noise(data))


@each_kernel
@each_code
@each_case
def test_likelihood_is_the_dense_one(name: str, measurement: str, normsys: int, histosys: str, kernel: str) -> None:
    ws = BATTERY[name]
    codes: dict[str, Any] = {"measurement": measurement, "normsys": normsys, "histosys": histosys}
    theta = points(ws, 4, seed=3, **codes)
    found = core(ws, normsys, histosys, measurement, kernel).evaluate(0, theta, order=0).twice_nll
    np.testing.assert_allclose(found, [dense.twice_nll(ws, one, **codes) for one in theta], rtol=1e-10, atol=0)


@each_kernel
@each_case
def test_likelihood_of_other_data(name: str, measurement: str, kernel: str) -> None:
    """Asimov-like data, auxdata included, in pyhf's order: bins, then auxdata."""
    ws = BATTERY[name]
    truth, theta = points(ws, 2, measurement=measurement, seed=4)
    rates = dense.expected(ws, truth, measurement=measurement)
    data = np.concatenate([rates, dense.expected_auxdata(ws, truth, measurement)])
    found = core(ws, 4, "4p", measurement, kernel).evaluate(0, np.array([truth, theta]), order=0, data=data)
    wanted = [dense.twice_nll(ws, one, measurement=measurement, data=data) for one in (truth, theta)]
    np.testing.assert_allclose(found.twice_nll, wanted, rtol=1e-10, atol=0)


@each_kernel
@pytest.mark.parametrize(("normsys", "histosys"), DIFFERENTIATED)
@each_case
def test_derivatives_are_those_of_the_dense_one(name: str, measurement: str, normsys: int, histosys: str, kernel: str) -> None:
    """The gradient entry by entry, the Hessian along random directions, by differences of the dense 2NLL."""
    ws = BATTERY[name]
    codes: dict[str, Any] = {"measurement": measurement, "normsys": normsys, "histosys": histosys}
    (theta,) = points(ws, 1, seed=5, **codes)
    result = core(ws, normsys, histosys, measurement, kernel).evaluate(0, theta, order=2)
    assert result.gradient is not None
    assert result.hessian is not None
    gradient, hessian = result.gradient[0], result.hessian[0]

    def function(at: Floats) -> float:
        return dense.twice_nll(ws, at, **codes)

    free = ~np.array([fixed for *_, fixed in dense.parameters(ws, measurement)])
    wanted = np.array([slope(function, theta, axis, 1e-3) for axis in np.eye(len(theta))])
    np.testing.assert_allclose(gradient[free], wanted[free], rtol=1e-7, atol=1e-8 * (1 + np.abs(wanted).max()))
    rng = np.random.default_rng(6)
    for _ in range(4):
        direction = np.where(free, rng.normal(size=len(theta)), 0.0)
        direction /= max(np.linalg.norm(direction), 1e-300)
        bent = curvature(function, theta, direction, 3e-3)
        scale = 1 + np.abs(hessian).max()
        assert direction @ hessian @ direction == pytest.approx(bent, rel=1e-6, abs=1e-7 * scale)


@each_kernel
@pytest.mark.parametrize(("normsys", "histosys"), DIFFERENTIATED)
@each_case
def test_hessian_is_the_slope_of_the_gradient(name: str, measurement: str, normsys: int, histosys: str, kernel: str) -> None:
    """Every entry of the Hessian, by differences of the core's own gradient; it is symmetric."""
    ws = BATTERY[name]
    model = core(ws, normsys, histosys, measurement, kernel)
    (theta,) = points(ws, 1, measurement=measurement, normsys=normsys, histosys=histosys, seed=7)
    step = 1e-3
    moved = np.array([theta + k * step * axis for axis in np.eye(len(theta)) for k in (-2, -1, 1, 2)])
    gradients = model.evaluate(0, moved, order=2).gradient
    hessian = model.evaluate(0, theta, order=2).hessian
    assert gradients is not None
    assert hessian is not None
    free = ~np.array([fixed for *_, fixed in dense.parameters(ws, measurement)])
    weights = np.array([1.0, -8.0, 8.0, -1.0]) / (12 * step)
    wanted = np.einsum("k,pkq->pq", weights, gradients.reshape(len(theta), 4, len(theta)))
    scale = np.sqrt(np.outer(1 + np.abs(np.diag(wanted)), 1 + np.abs(np.diag(wanted))))
    np.testing.assert_allclose(hessian[0], hessian[0].T, rtol=1e-13, atol=1e-13 * scale.max())
    both = np.outer(free, free)
    assert np.abs((hessian[0] - wanted) / scale)[both].max(initial=0.0) < 1e-8


@each_kernel
def test_a_batch_gives_the_numbers_of_each_alone(kernel: str) -> None:
    """Every workspace of the battery as one hypothesis of one batch: channels and parameters differ."""
    documents = list(BATTERY.values())
    batch = compile_batch([Decoder().workspace(ws) for ws in documents])
    together = Model(batch, kernel)
    for index, ws in enumerate(documents):
        theta = points(ws, 2, seed=8)
        alone = core(ws, 4, "4p", None, kernel).evaluate(0, theta, order=2)
        inside = together.evaluate(index, theta, order=2)
        np.testing.assert_allclose(inside.twice_nll, alone.twice_nll, rtol=1e-13)
        for found, wanted in ((inside.gradient, alone.gradient), (inside.hessian, alone.hessian)):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-9)  # type: ignore[arg-type]


@each_kernel
@pytest.mark.parametrize("name", ["histosys", "everything"])
def test_code_2_goes_on_along_its_tangent(name: str, kernel: str) -> None:
    """Continuous with its slope at |alpha| = 1, where pyhf 0.7.6 jumps."""
    ws = BATTERY[name]
    model = core(ws, 4, "2", None, kernel)
    parameter = next(i for i, one in enumerate(dense.parameters(ws)) if one[2] == -5.0)
    for end in (-1.0, 1.0):
        theta = np.tile(model.batch.init[0], (2, 1))
        theta[:, parameter] = end * np.array([1 - 1e-7, 1 + 1e-7])
        below, above = model.evaluate(0, theta, order=0).twice_nll
        gradient = model.evaluate(0, theta, order=2).gradient
        assert gradient is not None
        assert below == pytest.approx(above, abs=1e-4)
        np.testing.assert_allclose(gradient[0], gradient[1], rtol=1e-5, atol=1e-4)


@each_kernel
def test_a_huge_tau_costs_no_digits(kernel: str) -> None:
    """tau = 1.9e11, as one published shapesys bin has: in float64 tau log tau alone rounds by 1e-3."""
    nominal, tau = 16.0, 1.9e11
    bins = build.shapesys("gamma", [nominal / tau**0.5, 3.0])
    ws = build.workspace(
        [build.channel("SR", build.sample("b", [nominal, 9.0], bins), build.sample("s", [4.0, 2.0], build.POI))],
        {"SR": [18.0, 11.0]},
    )
    model = core(ws, 4, "4p", None, kernel)
    for width in (-2.0, 0.0, 0.5, 3.0):
        theta = np.array([0.7, 1.0 + width / tau**0.5, 0.9])
        found = model.evaluate(0, theta, order=2)
        assert found.twice_nll[0] == pytest.approx(dense.twice_nll(ws, theta), rel=1e-10)
        assert found.gradient is not None
        pull = 2 * nominal * (1.0 - 18.0 / (nominal * theta[1] + 4.0 * theta[0]))
        assert found.gradient[0, 1] == pytest.approx(2 * tau * (1 - 1 / theta[1]) + pull, rel=1e-9)
