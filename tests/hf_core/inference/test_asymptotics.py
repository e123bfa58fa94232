"""CLs of q and qtilde: against pyhf's calculator over a grid, in the tails against 60 digits, at the edges by definition."""

from typing import Any

import mpmath
import numpy as np
import pyhf
import pytest

from hfx.errors import OptionError
from hfx.hf_core.inference.asymptotics import asymptotic_cls, test_statistic

# Powers of ten, and values close to one another: both branches of qtilde, and q = qA.
VALUES = (1e-14, 1e-6, 0.003, 0.4, 0.999, 1.0, 1.001, 2.7, 9.0, 30.0, 160.0)
HUGE = (1.0, 2e3, 1e5, 1e8)
PYHF_TAIL = 37.0  # sigma: beyond, pyhf's float64 probabilities are 0 and their ratio NaN

each_statistic = pytest.mark.parametrize("test_stat", ["qtilde", "q"])


@pytest.fixture(scope="module")
def model() -> pyhf.Model:
    return pyhf.simplemodels.uncorrelated_background([1.0], [5.0], [1.0])


def pyhf_cls(
    model: pyhf.Model, q: float, q_asimov: float, test_stat: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, list[float], list[float]]:
    """t, (CLsb, CLb, CLs) and the five expected CLs of pyhf's calculator, had its fits given q and qA."""
    answers = iter([q, q_asimov])

    def statistic(*args: Any, **options: Any) -> tuple[Any, tuple[None, None]]:
        return np.float64(next(answers)), (None, None)

    monkeypatch.setattr("pyhf.infer.calculators.utils.get_test_stat", lambda name: statistic)
    monkeypatch.setattr("pyhf.infer.calculators.generate_asimov_data", lambda *args, **options: (None, None))
    calculator = pyhf.infer.calculators.AsymptoticCalculator([5.0, *model.config.auxdata], model, test_stat=test_stat)
    t = calculator.teststatistic(1.0)
    distributions = calculator.distributions(1.0)
    _, _, band = calculator.expected_pvalues(*distributions)
    with np.errstate(invalid="ignore"):
        return float(t), [float(p) for p in calculator.pvalues(t, *distributions)], [float(p) for p in band]


def exact_cls(q: float, q_asimov: float, test_stat: str) -> tuple[list[Any], list[Any]]:
    """The same by the formulas of arXiv:1007.1727 in 60 digits, whatever the size of the tails."""
    with mpmath.workdps(60):
        root, root_asimov = mpmath.sqrt(mpmath.mpf(q)), mpmath.sqrt(mpmath.mpf(q_asimov))
        t = root - root_asimov
        if test_stat == "qtilde" and q > q_asimov > 0:
            t = (mpmath.mpf(q) - mpmath.mpf(q_asimov)) / (2 * root_asimov)

        def tail(x: Any) -> Any:
            return mpmath.erfc(x / mpmath.sqrt(2)) / 2

        clsb, clb = tail(t + root_asimov), tail(t)
        band = [tail(n + root_asimov) / tail(n) for n in (mpmath.mpf(2), 1, 0, -1, -2)]
        return [clsb, clb, clsb / clb], band


def numbers(q: float, q_asimov: float, test_stat: str) -> list[float]:
    found = asymptotic_cls(q, q_asimov, test_stat)
    return [float(found.CLsb_obs), float(found.CLb_obs), float(found.CLs_obs), *found.CLs_exp.tolist()]


@each_statistic
@pytest.mark.parametrize("q_asimov", VALUES)
def test_the_grid_is_that_of_pyhf(q_asimov: float, test_stat: str, model: pyhf.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    for q in (0.0, *VALUES):
        t, observed, band = pyhf_cls(model, q, q_asimov, test_stat, monkeypatch)
        if t + q_asimov**0.5 < PYHF_TAIL:
            np.testing.assert_allclose(numbers(q, q_asimov, test_stat), [*observed, *band], rtol=1e-10)
            compared += 1
    assert compared >= 3


@each_statistic
@pytest.mark.parametrize("q_asimov", HUGE)
@pytest.mark.parametrize("q", [0.0, *HUGE])
def test_tails_keep_their_digits(q: float, q_asimov: float, test_stat: str) -> None:
    observed, band = exact_cls(q, q_asimov, test_stat)
    got = numbers(q, q_asimov, test_stat)
    # A probability is exp(-t^2/2): float64 keeps t^2/2 to 1e-16 of itself.
    reach = max(q**0.5 + q_asimov**0.5, q / q_asimov**0.5)
    for one, wanted in zip(got, [*observed, *band], strict=True):
        assert one == pytest.approx(float(wanted), rel=1e-12 + 1e-15 * reach**2, abs=1e-307)


@each_statistic
def test_nothing_is_nan_and_everything_is_a_probability(test_stat: str) -> None:
    values = [0.0, *(10.0**power for power in range(-30, 31))]
    q, q_asimov = (grid.ravel() for grid in np.meshgrid(values, values))
    found = asymptotic_cls(q, q_asimov, test_stat)
    for numbers_ in (found.CLs_obs, found.CLsb_obs, found.CLb_obs, found.CLs_exp):
        assert ((numbers_ >= 0.0) & (numbers_ <= 1.0)).all()
    assert (found.CLsb_obs <= found.CLb_obs).all()
    assert (np.diff(found.CLs_exp, axis=-1) >= 0.0).all()


@each_statistic
def test_no_sensitivity_excludes_nothing(test_stat: str) -> None:
    """qA = 0: with and without signal are the same, so CLs is 1 and CLsb = CLb = Phi(-sqrt(q))."""
    q = np.array([0.0, 0.3, 4.0, 900.0, 1e8])
    found = asymptotic_cls(q, np.zeros(5), test_stat)
    np.testing.assert_array_equal(found.CLs_obs, np.ones(5))
    np.testing.assert_array_equal(found.CLs_exp, np.ones((5, 5)))
    wanted = [float(mpmath.erfc(mpmath.sqrt(value) / mpmath.sqrt(2)) / 2) for value in q]
    np.testing.assert_allclose(found.CLsb_obs, wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.CLb_obs, found.CLsb_obs)


def test_the_branches_of_qtilde_meet() -> None:
    q_asimov = 3.7
    below, at, above = (asymptotic_cls(q_asimov * (1 + step), q_asimov) for step in (-1e-9, 0.0, 1e-9))
    assert float(at.CLb_obs) == 0.5
    assert float(below.CLs_obs) == pytest.approx(float(above.CLs_obs), rel=1e-8)
    assert below.CLs_obs > at.CLs_obs > above.CLs_obs


def test_qtilde_and_q_differ_beyond_the_asimov_value_alone() -> None:
    q = np.array([0.0, 1.0, 4.0, 4.5, 12.0])
    q_asimov = np.full(5, 4.0)
    tilde, plain = asymptotic_cls(q, q_asimov, "qtilde"), asymptotic_cls(q, q_asimov, "q")
    assert (tilde.CLs_obs == plain.CLs_obs).tolist() == [True, True, True, False, False]
    np.testing.assert_array_equal(tilde.CLs_exp, plain.CLs_exp)


def test_arrays_of_any_shape() -> None:
    rng = np.random.default_rng(3)
    q, q_asimov = rng.uniform(0, 12, (2, 3, 4))
    whole = asymptotic_cls(q, q_asimov)
    assert whole.CLs_obs.shape == (3, 4)
    assert whole.CLs_exp.shape == (3, 4, 5)
    for place in np.ndindex(3, 4):
        one = asymptotic_cls(q[place], q_asimov[place])
        assert one.CLs_obs == whole.CLs_obs[place]
        np.testing.assert_array_equal(one.CLs_exp, whole.CLs_exp[place])


def test_the_test_statistic_is_one_sided_and_never_negative() -> None:
    fixed, free = np.array([12.0, 12.0, 12.0, 9.0]), np.array([10.0, 10.0, 10.0, 9.5])
    muhat = np.array([0.2, 1.0, 1.0 + 1e-9, 0.3])
    np.testing.assert_array_equal(test_statistic(fixed, free, muhat, 1.0), [2.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(test_statistic(fixed, free, muhat, 0.25), [2.0, 0.0, 0.0, 0.0])


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(OptionError, match="test statistic 'q0': choose qtilde or q"):
        asymptotic_cls(1.0, 1.0, "q0")


@pytest.mark.parametrize(("q", "q_asimov"), [(3.0, 1e-14), (40.0, 1e-12), (90.0, 1e-16)])
def test_a_huge_t_of_a_tiny_sensitivity(q: float, q_asimov: float) -> None:
    """Far outside what fits give (q is about qA for a weak signal), but CLs = exp(-q/2) there, not 1."""
    observed, _ = exact_cls(q, q_asimov, "qtilde")
    assert float(asymptotic_cls(q, q_asimov).CLs_obs) == pytest.approx(float(observed[2]), rel=1e-6, abs=0.0)
