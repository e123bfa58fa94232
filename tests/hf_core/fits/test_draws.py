"""Starts that are drawn from the constraint terms: the same for a hypothesis wherever it is, and spread as the terms are."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hfx.hf_core.batch.compile import Batch, compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.draws import draws
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.fits.search import Search
from tests.conformance.workspaces import BATTERY

Array = NDArray[np.float64]
NAMES = sorted(BATTERY)


def batch(*names: str) -> Batch:
    decoder = Decoder()
    return compile_batch([decoder.workspace(BATTERY[name]) for name in names])


def test_a_hypothesis_has_the_same_draws_in_every_batch() -> None:
    together = batch(*NAMES)
    for h, name in enumerate(NAMES):
        alone = batch(name)
        one = draws(alone, 0, alone.aux[0], "bkg", 0, 4)
        np.testing.assert_array_equal(one, draws(together, h, together.aux[h], "bkg", 0, 4))
        np.testing.assert_array_equal(one[1:3], draws(alone, 0, alone.aux[0], "bkg", 1, 2))
        assert one.shape == (4, alone.tables.size[0])
        assert (one[0] != one[1]).all()
        assert (one != draws(alone, 0, alone.aux[0], "free", 0, 4)).all()


def test_another_content_has_other_draws() -> None:
    one = batch("histosys")
    document = {**BATTERY["histosys"]}
    document["observations"] = [{**item, "data": [value + 1.0 for value in item["data"]]} for item in document["observations"]]
    other = compile_batch([Decoder().workspace(document)])
    assert (draws(one, 0, one.aux[0], "bkg", 0, 1) != draws(other, 0, other.aux[0], "bkg", 0, 1)).all()


@pytest.mark.parametrize("name", ["everything", "histosys", "shapesys", "staterror"])
def test_they_are_spread_as_the_constraint_terms(name: str) -> None:
    """Normal terms: by their width. Poisson terms: the logarithm by 1/sqrt(tau). Free factors: log-normal, and positive. Every
    second draw twice as much."""
    one = batch(name)
    found = draws(one, 0, one.aux[0], "fixed", 0, 400)
    size = int(one.tables.size[0])
    kind, width, aux, init = one.tables.constraint[0], one.tables.width[0], one.aux[0], one.init[0]
    for p in range(size):
        if kind[p] == 1:
            scaled = (found[:, p] - aux[p]) / width[p]
        elif kind[p] == 2:
            scaled = np.log(found[:, p] / aux[p]) / min(1.0, 1.0 / np.sqrt(width[p] * aux[p]))
        else:
            scaled = np.log(found[:, p] / init[p]) / 0.7
        scaled[1::2] /= 2.0
        assert stats.kstest(scaled, "norm").pvalue > 1e-4, one.labels[0][p]


def test_they_are_counted_and_reach_the_natural_minimum_or_a_lower_one() -> None:
    model = Model(batch("everything", "histosys", "normsys", "correlated_across_channels"))
    sound = range(len(model.batch))
    search, fits = Search(Fits(model), 0.0), [Fit("bkg", poi=0.0), Fit("free")]
    search.run(search.starts.natural(sound, fits))
    natural = {key: pool.minima[0].deviance for key, pool in search.pools.items()}
    for first in (0, 3):
        search.run(search.starts.draws(sound, fits, first, 3))
    for key, pool in search.pools.items():
        assert pool.drawn == 6
        assert len(pool.hits) == len(pool.minima)
        for minimum, hits in zip(pool.minima[1:], pool.hits[1:], strict=True):
            if minimum.converged:
                assert hits > 0
                assert minimum.deviance < natural[key]
