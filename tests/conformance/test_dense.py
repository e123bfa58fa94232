"""The dense evaluation itself against pyhf: what the rest of the battery stands on."""

from typing import Any

import numpy as np
import pyhf
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln

from tests.conformance.points import points
from tests.conformance.workspaces import BATTERY
from tests.oracle import dense

CODES = [(normsys, histosys) for normsys in (1, 4) for histosys in ("0", "2", "4p")]
CASES = [(name, one["name"]) for name, ws in BATTERY.items() for one in ws["measurements"]]


def pyhf_model(ws: dense.Json, normsys: int, histosys: str, measurement: str | None = None) -> pyhf.Model:
    """pyhf's model of a workspace document."""
    settings = {"normsys": {"interpcode": f"code{normsys}"}, "histosys": {"interpcode": f"code{histosys}"}}
    spec = pyhf.Workspace(ws, validate=False)
    return spec.model(measurement_name=measurement, modifier_settings=settings, validate=False)


def pyhf_noise(data: NDArray[np.float64]) -> float:
    """How far pyhf's 2NLL may be off: it subtracts n log(nu) and lnGamma(n + 1) in float64, each rounded."""
    return float(4 * np.finfo(float).eps * np.sum(gammaln(np.abs(data) + 1.0)))


@pytest.mark.parametrize("name", BATTERY)
def test_battery_is_valid(name: str) -> None:
    pyhf.schema.validate(BATTERY[name], "workspace.json")


@pytest.mark.parametrize(("name", "measurement"), CASES)
def test_parameters_are_those_of_pyhf(name: str, measurement: str) -> None:
    ws = BATTERY[name]
    config = pyhf_model(ws, 4, "4p", measurement).config
    names, inits, lower, upper, fixed = zip(*dense.parameters(ws, measurement), strict=True)
    assert list(names) == config.par_names
    assert list(inits) == config.suggested_init()
    assert list(zip(lower, upper, strict=True)) == [tuple(bound) for bound in config.suggested_bounds()]
    assert list(fixed) == config.suggested_fixed()
    np.testing.assert_allclose(dense.auxdata(ws, measurement), config.auxdata, rtol=1e-14)


@pytest.mark.parametrize(("normsys", "histosys"), CODES)
@pytest.mark.parametrize(("name", "measurement"), CASES)
def test_likelihood_is_that_of_pyhf(name: str, measurement: str, normsys: int, histosys: str) -> None:
    ws = BATTERY[name]
    model = pyhf_model(ws, normsys, histosys, measurement)
    data = np.concatenate([dense.observed(ws), model.config.auxdata])
    noise = pyhf_noise(data)
    # pyhf 0.7.6 drops a constant in code 2 beyond |alpha| = 1 and jumps there.
    reach = 0.98 if histosys == "2" else 2.5
    codes: dict[str, Any] = {"measurement": measurement, "normsys": normsys, "histosys": histosys}
    for theta in points(ws, 3, reach=reach, **codes):
        reference = -2.0 * model.logpdf(theta, data).item()
        assert dense.twice_nll(ws, theta, **codes) == pytest.approx(reference, rel=1e-11, abs=noise)
        rates = np.concatenate([dense.expected(ws, theta, **codes), dense.expected_auxdata(ws, theta, measurement)])
        np.testing.assert_allclose(rates, model.expected_data(theta), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("code", ["0", "2", "4p"])
def test_shifts_are_continuous_and_meet_hi_and_lo(code: str) -> None:
    nominal, lo, hi = 50.0, 43.0, 60.0
    for alpha, value in ((-1.0, lo), (0.0, nominal), (1.0, hi)):
        for side in (-1e-9, 0.0, 1e-9):
            assert nominal + dense.shift(alpha + side, nominal, lo, hi, code) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("code", [1, 4])
def test_factors_are_continuous_and_meet_hi_and_lo(code: int) -> None:
    for alpha, value in ((-1.0, 0.8), (0.0, 1.0), (1.0, 1.3)):
        for side in (-1e-9, 0.0, 1e-9):
            assert dense.factor(alpha + side, 0.8, 1.3, code) == pytest.approx(value, abs=1e-8)
