"""Generated workspaces: the log-likelihood is pyhf's, and a fit is no worse than pyhf's best."""

import numpy as np
import pyhf
from hypothesis import HealthCheck, Phase, event, given, settings

from hfx.hf_core.hypotest import hypotest
from hfx.hf_core.solver import FLOOR, STATUS
from tests.conformance.points import points
from tests.conformance.test_dense import pyhf_model, pyhf_noise
from tests.conformance.test_likelihood import core
from tests.oracle import dense
from tests.oracle.pyhf_fits import best_fit
from tests.oracle.strategies import workspaces

every = settings(
    max_examples=300,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
# Shrinking a failure means thousands of fits: the printed blob reproduces it, then shrink it by hand.
unshrunk = settings(every, max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])

# Generated workspaces have curved valleys (two factors that only matter as a product) where a fit may not converge; it then has
# to say so, and that has to stay rare. So does a lower minimum that the search misses and an optimiser of pyhf happens upon.
MOST_UNCONVERGED = 0.03
MOST_MISSED = 0.01


@every
@given(workspaces())
def test_likelihood_is_that_of_pyhf(ws: dense.Json) -> None:
    pyhf.schema.validate(ws, "workspace.json")
    reference = pyhf_model(ws, 4, "4p")
    model = core(ws, 4, "4p", None, "fused")
    assert list(model.batch.parameter_names(0)) == reference.config.par_names
    data = np.concatenate([dense.observed(ws), reference.config.auxdata])
    theta = points(ws, 2, reach=1.5)
    wanted = [-2.0 * reference.logpdf(one, data).item() for one in theta]
    found = model.evaluate(0, theta).twice_nll
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=pyhf_noise(data))


def test_fits_are_no_worse_than_pyhf() -> None:
    """Fits converge by their certificates, and converged ones do not lie above the best that pyhf finds.

    Where data are zero and shifts can take a rate to zero, there is no minimum: hfx must say so, and pyhf must have gone there
    too. What does not converge otherwise is counted, and so are lower minima that only pyhf found.
    """
    seen: list[tuple[bool, bool]] = []

    @unshrunk
    @given(workspaces())
    def compare(ws: dense.Json) -> None:
        seen.append(_compare(ws))

    compare()
    assert len(seen) >= 100
    assert sum(unconverged for unconverged, _ in seen) <= MOST_UNCONVERGED * len(seen)
    assert sum(missed for _, missed in seen) <= MOST_MISSED * len(seen)


def _compare(ws: dense.Json) -> tuple[bool, bool]:
    """One workspace: whether some fit of it says that it has not converged, and whether pyhf found a lower minimum."""
    (outcome,) = hypotest(core(ws, 4, "4p", None, "fused"))
    assert outcome.defect is None
    reference = pyhf_model(ws, 4, "4p")
    data = np.concatenate([dense.observed(ws), reference.config.auxdata])
    best = {name: best_fit(reference, data, mu) for name, mu in (("bkg", 0.0), ("fixed", 1.0), ("free", None))}
    for choice, answer in outcome.answers.items():
        for name, fit in answer.fits.items():
            if fit.status == FLOOR:
                event(f"{name}: on the floor")
                assert name not in best or dense.expected(ws, best[name][1]).min() < 0.01
            elif fit.converged:
                assert fit.edm <= 1e-9
            else:
                event(f"{choice} {name}: {STATUS[fit.status]}")
                assert answer.status != "converged"
        assert 0.0 <= answer.CLs_obs <= 1.0
        assert list(answer.CLs_exp) == sorted(answer.CLs_exp)
    lowest = outcome.answers["lowest"]
    converged = [name for name in best if lowest.fits[name].converged]
    missed = any(lowest.twice_nll[name] > best[name][0] + 1e-6 for name in converged)
    fits = [fit for answer in outcome.answers.values() for fit in answer.fits.values()]
    return any(not fit.converged and fit.status != FLOOR for fit in fits), missed
