"""The log-likelihood of published pallets: that of pyhf, or the dense one where pyhf rounds (3L eRJR)."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.pallets import open_pallet
from tests.conformance.test_dense import pyhf_model
from tests.conformance.test_likelihood import core
from tests.oracle import dense

CASES = [
    ("1Lbb", "C1N2_Wh_hbb_400_150"),
    ("sbottom-RegionA", "sbottom_300_205_60"),
    ("3L-eRJR", "ERJR_250_50"),
]


def _points(ws: dense.Json) -> NDArray[np.float64]:
    """The initial values, and two points a fifth of a prior width or so away from them."""
    inits, widths, free = [], [], []
    for block in dense.blocks(ws).values():
        inits += block.inits
        poisson = [tau**-0.5 for tau in block.widths] if block.constraint == "poisson" else None
        widths += poisson or list(block.widths) or [0.3] * len(block.inits)
        free += [not fixed for fixed in block.fixed]
    steps = np.random.default_rng(9).normal(scale=0.2, size=(2, len(inits))) * widths * np.array(free)
    points: NDArray[np.float64] = np.array(inits) + np.vstack([np.zeros(len(inits)), steps])
    return points


@pytest.mark.parametrize(("pallet", "name"), CASES)
def test_likelihood(shared: Path, pallet: str, name: str) -> None:
    ws = open_pallet(str(shared / "pallets" / f"{pallet}.tar.gz")).workspace(name)
    theta = _points(ws)
    found = core(ws, 4, "4p", None, "compiled").evaluate(0, theta).twice_nll
    if pallet == "3L-eRJR":
        wanted = [dense.twice_nll(ws, one) for one in theta]
    else:
        model = pyhf_model(ws, 4, "4p")
        data = np.concatenate([dense.observed(ws), model.config.auxdata])
        wanted = [-2.0 * model.logpdf(one, data).item() for one in theta]
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=0)
