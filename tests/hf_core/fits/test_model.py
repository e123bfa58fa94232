"""2NLL for data that the model cannot explain, against fifty digits."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from tests.conformance import workspaces as build
from tests.conformance.test_likelihood import core

ABSURD = [(80.0, 1e4), (80.0, 1e8), (80.0, 1e15), (1e-3, 3e11), (2e7, 3.0), (1e12, 1.0), (50.0, 51.0), (1e9, 1e9 + 7)]


def exact(expected: float, observed: float) -> Decimal:
    """2NLL of a Poisson term; lnGamma by Stirling's series from n = 60 on, which is good to 30 digits there."""
    with localcontext() as context:
        context.prec = 50
        nu, n, shift = Decimal(expected), Decimal(observed), Decimal(0)
        x = n + 1
        while x < 60:
            shift += x.ln()
            x += 1
        bernoulli = ("1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510")
        series = Decimal(0)
        for k, text in enumerate(bernoulli, 1):
            above, below = map(Decimal, text.split("/"))
            series += above / below / (2 * k * (2 * k - 1) * x ** (2 * k - 1))
        two_pi = 2 * Decimal("3.14159265358979323846264338327950288419716939937511")
        log_gamma = (x - Decimal("0.5")) * x.ln() - x + two_pi.ln() / 2 + series - shift
        return 2 * (nu - n * nu.ln() + log_gamma)


@pytest.mark.parametrize("kernel", ["compiled", "torch"])
@pytest.mark.parametrize(("expected", "observed"), ABSURD)
def test_twice_nll_is_exact_to_rounding_however_far_data_and_model_lie_apart(
    expected: float, observed: float, kernel: str
) -> None:
    sample, signal = build.sample("background", [expected]), build.sample("signal", [1.0], build.POI)
    ws = build.workspace([build.channel("SR", sample, signal)], {"SR": [observed]})
    found = core(ws, 4, "4p", None, kernel).evaluate(0, np.zeros(1)).twice_nll[0]
    wanted = exact(expected, observed)
    assert abs(Decimal(float(found)) - wanted) <= Decimal(8 * math.ulp(float(wanted)))
