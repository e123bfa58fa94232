"""Generated workspaces: the log-likelihood is pyhf's, and a fit is no worse than pyhf's best."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pyhf
import pytest
from hypothesis import HealthCheck, given, settings

from hfx.functions.worker_process import ONE_THREAD
from hfx.hf_core.batch.problem import FLOOR
from hfx.hf_core.inference.cls import hypotest
from tests.conformance.points import points
from tests.conformance.test_dense import pyhf_model, pyhf_noise
from tests.conformance.test_likelihood import core
from tests.oracle import dense, recorded_fits
from tests.oracle.strategies import workspaces

every = settings(
    max_examples=300,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
# The fits are those of one sample, the same in every run: its counts are compared with bounds, which others may miss by chance;
# and pyhf's fits of it take minutes, so they are recorded (tests/oracle/recorded_fits.py).
# Generated workspaces have curved valleys (two factors that only matter as a product) where a fit may not converge; it then has
# to say so, and that has to stay rare. So does a lower minimum that the search misses and an optimiser of pyhf happens upon.
MOST_UNCONVERGED = 0.02
MOST_MISSED = 0.01


@dataclass(frozen=True)
class Compared:
    """What one workspace's fits show: what must never be, and what must be rare."""

    wrong: tuple[str, ...]
    unconverged: tuple[str, ...]
    missed: tuple[str, ...]


@every
@given(workspaces())
def test_likelihood_is_that_of_pyhf(ws: dense.Json) -> None:
    pyhf.schema.validate(ws, "workspace.json")
    reference = pyhf_model(ws, 4, "4p")
    model = core(ws, 4, "4p", None, "compiled")
    assert list(model.batch.labels[0]) == reference.config.par_names
    data = np.concatenate([dense.observed(ws), reference.config.auxdata])
    theta = points(ws, 2, reach=1.5)
    wanted = [-2.0 * reference.logpdf(one, data).item() for one in theta]
    found = model.evaluate(0, theta).twice_nll
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=pyhf_noise(data))


def test_fits_are_no_worse_than_pyhf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits converge by their certificates, and converged ones do not lie above the best that pyhf finds.

    Where data are zero and shifts can take a rate to zero, there is no minimum: hfx must say so, and pyhf must have gone there
    too. What does not converge otherwise is counted, and so are lower minima that only pyhf found.
    """
    generated, fits = zip(*recorded_fits.sample(), strict=True)
    assert len(generated) >= 500
    for name in ONE_THREAD:  # those of the processes of the pool: more would wait for each other
        monkeypatch.setenv(name, "1")
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        compared = list(pool.map(compare, generated, fits, chunksize=5))
    wrong, unconverged, missed = (
        _listed(generated, [getattr(one, what) for one in compared]) for what in ("wrong", "unconverged", "missed")
    )
    print(*unconverged, *missed, sep="\n")
    assert not wrong, "\n".join(wrong)
    assert len(unconverged) <= MOST_UNCONVERGED * len(generated)
    assert len(missed) <= MOST_MISSED * len(generated)


def test_the_recorded_fits_are_those_of_pyhf() -> None:
    generated = recorded_fits.sample()
    for ws, recorded in generated[:: len(generated) // 8]:
        for name, fit in recorded_fits.by_pyhf(ws).items():
            # Where there is no minimum, how far an optimiser gets depends on the machine.
            if fit.lowest_rate > 0.01:
                assert recorded[name].twice_nll == pytest.approx(fit.twice_nll, abs=1e-4), (name, ws)


def _listed(generated: Sequence[dense.Json], said: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"{'; '.join(lines)}: {json.dumps(ws)}" for ws, lines in zip(generated, said, strict=True) if lines]


def compare(ws: dense.Json, best: recorded_fits.Fits) -> Compared:
    """hfx's hypothesis test of ``ws`` beside the best fits of pyhf."""
    (outcome,) = hypotest(core(ws, 4, "4p", None, "compiled"))
    wrong = [] if outcome.defect is None else [outcome.defect]
    unconverged = []
    for choice, answer in outcome.answers.items():
        for name, fit in answer.fits.items():
            if fit.converged:
                if not fit.edm <= 1e-9:
                    wrong.append(f"{choice} {name}: converged with an EDM of {fit.edm}")
                continue
            if answer.status == "converged":
                wrong.append(f"{choice} {name}: has not converged, and its answer does not say so")
            if fit.status != FLOOR:
                unconverged.append(f"{choice} {name}: {answer.status}")
            elif name in best and not best[name].lowest_rate < 0.01:
                wrong.append(f"{choice} {name}: ends on a rate of zero, pyhf does not")
        if not 0.0 <= answer.CLs_obs <= 1.0 or list(answer.CLs_exp) != sorted(answer.CLs_exp):
            wrong.append(f"{choice}: CLs {answer.CLs_obs}, expected {answer.CLs_exp}")
    lowest = outcome.answers["lowest"]
    missed = [
        f"{name}: pyhf is lower by {lowest.twice_nll[name] - best[name].twice_nll:.3g}"
        for name in best
        if lowest.fits[name].converged and lowest.twice_nll[name] > best[name].twice_nll + 1e-6
    ]
    return Compared(tuple(wrong), tuple(unconverged), tuple(missed))
