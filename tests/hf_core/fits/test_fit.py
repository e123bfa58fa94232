"""A search holds any fits: at several values of the parameter of interest, to several data sets, or of a model without one."""

from typing import Any

import numpy as np
import pyhf
import pytest

from hfx.errors import OptionError
from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits, Minimum
from hfx.hf_core.fits.search import Search
from tests.conformance import workspaces as build
from tests.conformance.workspaces import BATTERY
from tests.hf_core.problems import Case
from tests.oracle import dense
from tests.oracle.pyhf_fits import _optimizer

FREE = Fit("free")


def without_poi(ws: dict[str, Any]) -> dict[str, Any]:
    """The workspace with a measurement that names no parameter of interest."""
    (measurement,) = ws["measurements"]
    return {**ws, "measurements": [{**measurement, "config": {**measurement["config"], "poi": ""}}]}


# The last parameter is the one that a fit would fix by mistake: a gamma, an alpha.
BACKGROUNDS = {
    "a gamma last": build.workspace(
        [
            build.channel(
                "SR",
                build.sample("top", [50.0, 30.0], build.normfactor("k"), build.normsys("jes", 0.9, 1.15)),
                build.sample("fakes", [9.0, 4.0], build.staterror("stat", [1.5, 1.1])),
            )
        ],
        {"SR": [71.0, 29.0]},
    ),
    "an alpha last": build.workspace(
        [
            build.channel(
                "SR",
                build.sample(
                    "top", [50.0, 30.0], build.normsys("jes", 0.9, 1.15), build.histosys("a", [45.0, 31.0], [54.0, 28.0])
                ),
            )
        ],
        {"SR": [61.0, 25.0]},
    ),
}


def found(search: Search, fit: Fit, hypothesis: int = 0) -> Minimum:
    (minimum,) = search.pools[hypothesis, fit].minima
    return minimum


@pytest.mark.parametrize("kernel", ["compiled", "torch"])
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_workspace_without_a_parameter_of_interest_is_fitted(name: str, kernel: str) -> None:
    """Its minimum is that of scipy on the independent likelihood, and that of pyhf."""
    ws = without_poi(BACKGROUNDS[name])
    model = Model(compile_batch([Decoder().workspace(ws)]), kernel)
    assert model.batch.poi[0] == -1
    search = Search(Fits(model), lower_poi=0.0)
    search.run(search.starts.natural([0], [FREE]))
    search.run([*search.starts.draws([0], [FREE], 0, 2), *search.sink([0], FREE, 2)])
    minimum = found(search, FREE)
    assert minimum.converged
    assert (minimum.theta != model.batch.init[0]).all()
    case = Case(ws)
    value, theta = case.scipy(np.nan)
    assert case.twice_nll(minimum.theta) == pytest.approx(value, abs=1e-7)
    np.testing.assert_allclose(minimum.theta, theta, atol=2e-3)
    reference = pyhf.Workspace(BACKGROUNDS[name]).model(poi_name=None)
    data = np.concatenate([dense.observed(ws), reference.config.auxdata])
    with _optimizer("scipy"):
        pars, twice_nll = pyhf.infer.mle.fit(list(data), reference, return_fitted_val=True)
    np.testing.assert_allclose(minimum.theta, pars, atol=2e-3)
    assert case.twice_nll(minimum.theta) == pytest.approx(float(twice_nll), abs=1e-6)


def test_the_parameter_of_interest_of_a_model_without_one_cannot_be_fixed() -> None:
    model = Model(compile_batch([Decoder().workspace(without_poi(ws)) for ws in BACKGROUNDS.values()]))
    search = Search(Fits(model))
    with pytest.raises(OptionError, match="no parameter of interest"):
        search.run(search.starts.natural([1], [Fit("fixed", poi=1.0)]))


def test_a_batch_with_and_without_a_parameter_of_interest() -> None:
    """Each row has the bounds of its own hypothesis."""
    documents = [BATTERY["normsys"], without_poi(BACKGROUNDS["a gamma last"])]
    model = Model(compile_batch([Decoder().workspace(ws) for ws in documents]))
    search, fixed = Search(Fits(model), 0.0), Fit("fixed", poi=0.5)
    search.run([*search.starts.natural([0], [fixed, FREE]), *search.starts.natural([1], [FREE])])
    for h, ws in enumerate(documents):
        alone = Search(Fits(Model(compile_batch([Decoder().workspace(ws)]))), 0.0)
        alone.run(alone.starts.natural([0], [FREE]))
        np.testing.assert_allclose(found(search, FREE, h).theta, found(alone, FREE).theta, rtol=0, atol=1e-10)
    assert found(search, fixed).theta[model.batch.poi[0]] == 0.5


@pytest.mark.parametrize("name", ["everything", "histosys", "correlated_across_channels"])
def test_fits_at_several_values_to_several_data_sets_in_one_batch(name: str) -> None:
    """The same minima, to the last bit, as in a batch each; those of Asimov data at the value that made them are exact."""
    model = Case(BATTERY[name]).model
    poi = int(model.batch.poi[0])
    truth = {"asimov 0": 0.0, "asimov 1": 1.0}
    values = (0.0, 0.4, 1.0, 2.5, None)

    def searched(fits: list[Fit]) -> Search:
        search = Search(Fits(model), 0.0)
        made = [Fit(f"truth {key}", poi=value) for key, value in truth.items()]
        search.run(search.starts.natural([0], made))
        search.generate({(0, key): found(search, fit).theta for key, fit in zip(truth, made, strict=True)})
        search.run(search.starts.natural([0], fits))
        search.run(search.starts.draws([0], fits, 0, 2))
        return search

    fits = [Fit("one", poi=value, data=data) for value in values for data in ("observed", *truth)]
    together = searched(fits)
    for fit in fits:
        pool, alone = together.pools[0, fit], searched([fit]).pools[0, fit]
        assert len(pool.minima) == len(alone.minima)
        for one, other in zip(pool.minima, alone.minima, strict=True):
            assert one.converged
            assert one.deviance == other.deviance
            np.testing.assert_array_equal(one.theta, other.theta)
        if fit.poi is not None:
            assert pool.minima[0].theta[poi] == fit.poi
        if fit.data in truth and fit.poi in (truth[fit.data], None):
            assert pool.minima[0].deviance == pytest.approx(0.0, abs=1e-12)
