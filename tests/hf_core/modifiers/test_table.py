"""A modifier type is one file and one line in the table: types of the tests, against equivalent workspaces without them."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.errors import SpecificationError
from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.batch.tolerances import EDM_LIMIT
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.fit import Fit
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.fits.search import Search
from hfx.hf_core.inference.cls import hypotest
from hfx.hf_core.modifiers.table import MODIFIERS
from tests.conformance import workspaces as build
from tests.conformance.points import points
from tests.hf_core.cpu.test_minimize import certificate
from tests.hf_core.modifiers.scale import Scale
from tests.hf_core.modifiers.tilt import Tilt
from tests.hf_core.problems import Case
from tests.oracle import dense

Json = dict[str, Any]
Floats = NDArray[np.float64]
each_kernel = pytest.mark.parametrize("kernel", ["compiled", "torch"])
each_type = pytest.mark.parametrize("kind", ["scale", "tilt"])


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of each in the table."""
    monkeypatch.setitem(MODIFIERS, "scale", Scale())
    monkeypatch.setitem(MODIFIERS, "tilt", Tilt())


def scale(name: str, width: Any) -> Json:
    return {"name": name, "type": "scale", "data": {"width": width}}


def tilt(name: str, slope: float) -> Json:
    return {"name": name, "type": "tilt", "data": {"slope": slope}}


TOP, RARE, SIGNAL = [50.0, 30.0, 12.0], [4.0, 3.0, 2.0], [2.0, 5.0, 6.0]


def workspace(top: Json, rare: Json, signal: Json, parameters: list[Json]) -> Json:
    samples = [
        build.sample("top", TOP, top, build.normsys("jes", 0.92, 1.1), build.staterror("stat", [2.0, 1.5, 1.0])),
        build.sample("rare", RARE, rare, build.histosys("shape", [3.5, 3.0, 2.5], [4.8, 3.1, 1.8])),
        build.sample("signal", SIGNAL, build.POI, signal),
    ]
    return build.workspace([build.channel("SR", *samples)], {"SR": [61.0, 33.0, 17.0]}, parameters)


def tilted(name: str, nominal: list[float], slope: float) -> Json:
    """The histosys that a tilt stands for."""
    lo = [x * (1.0 - slope * i) for i, x in enumerate(nominal)]
    return build.histosys(name, lo, [x * (1.0 + 1.5 * slope * i) for i, x in enumerate(nominal)])


LUMI = {"name": "x", "inits": [1.0], "bounds": [[0.0, 10.0]], "auxdata": [1.0], "sigmas": [0.15]}
# Each with the equivalent workspace of published types; a lumi is a factor with a normal constraint, from the measurement.
WORKSPACES = {
    "scale": (
        workspace(scale("x", 0.15), scale("x", 0.15), build.normsys("jes", 0.95, 1.05), []),
        workspace(*[{"name": "x", "type": "lumi", "data": None}] * 2, build.normsys("jes", 0.95, 1.05), [LUMI]),
    ),
    "tilt": (
        workspace(tilt("t", 0.1), tilt("jes", 0.2), tilt("own", -0.05), []),
        workspace(tilted("t", TOP, 0.1), tilted("jes", RARE, 0.2), tilted("own", SIGNAL, -0.05), []),
    ),
}


def ordered(theta: Floats, ws: Json, labels: tuple[str, ...]) -> Floats:
    """Parameters in the order of ``labels``, from that of the independent evaluation of ``ws``."""
    names = [one[0] for one in dense.parameters(ws)]
    assert sorted(names) == sorted(labels)
    return theta[..., [names.index(label) for label in labels]]


@each_kernel
@each_type
def test_likelihood_and_derivatives(kind: str, kernel: str) -> None:
    """Against the independent evaluation; the derivatives against those of the equivalent workspace."""
    ws, same = WORKSPACES[kind]
    model = Model(compile_batch([Decoder().workspace(ws)]), kernel)
    labels = model.batch.labels[0]
    theta = points(same, 4, seed=11)
    found = model.evaluate(0, ordered(theta, same, labels), order=2)
    np.testing.assert_allclose(found.twice_nll, [dense.twice_nll(same, one) for one in theta], rtol=1e-10)
    wanted = Case(same).model.evaluate(0, theta, order=2)
    assert found.gradient is not None
    assert found.hessian is not None
    assert wanted.gradient is not None
    assert wanted.hessian is not None
    np.testing.assert_allclose(found.gradient, ordered(wanted.gradient, same, labels), rtol=1e-9, atol=1e-9)
    for one, other in zip(found.hessian, wanted.hessian, strict=True):
        np.testing.assert_allclose(one, ordered(ordered(other, same, labels).T, same, labels).T, rtol=1e-9, atol=1e-8)


@each_kernel
@each_type
def test_fits(kind: str, kernel: str) -> None:
    """Minima by the gradient of the independent evaluation, and the CLs of the equivalent workspace."""
    ws, same = WORKSPACES[kind]
    model, case = Model(compile_batch([Decoder().workspace(ws)]), kernel), Case(same)
    search = Search(Fits(model), 0.0)
    fits = [Fit("bkg", poi=0.0), Fit("fixed", poi=1.0), Fit("free")]
    search.run(search.starts.natural([0], fits))
    for fit in fits:
        minimum = search.pools[0, fit].minima[0]
        assert minimum.converged
        names = [one[0] for one in case.parameters()]
        theta = minimum.theta[[model.batch.labels[0].index(name) for name in names]]
        edm, outwards = certificate(case, np.nan if fit.poi is None else fit.poi, theta)
        assert edm <= EDM_LIMIT
        assert outwards
        assert model.evaluate(0, minimum.theta).twice_nll[0] == pytest.approx(case.twice_nll(theta), rel=1e-10)
    (outcome,), (wanted,) = hypotest(model), hypotest(case.model)
    for choice, answer in outcome.answers.items():
        assert answer.CLs_obs == pytest.approx(wanted.answers[choice].CLs_obs, abs=1e-8)
        assert answer.CLs_exp == pytest.approx(wanted.answers[choice].CLs_exp, abs=1e-8)


def test_parameters_follow_those_of_the_types_before_it() -> None:
    """A name that another type of the same parameter has stands once, where that type's parameters are."""
    batch = compile_batch([Decoder().workspace(WORKSPACES["tilt"][0])])
    assert batch.labels[0] == ("shape", "mu", "jes", "stat[0]", "stat[1]", "stat[2]", "own", "t")
    batch = compile_batch([Decoder().workspace(WORKSPACES["scale"][0])])
    assert batch.labels[0] == ("shape", "mu", "jes", "stat[0]", "stat[1]", "stat[2]", "x")
    assert batch.tables.width[0, -1] == 0.15


def test_a_scaled_signal_is_tilted_alike() -> None:
    workspace_ = Decoder().workspace(WORKSPACES["tilt"][0])
    once, twice = (Model(compile_batch([one])) for one in (workspace_, workspace_.with_signal_scaled(2.0)))
    theta = np.tile(once.batch.init[0], (2, 1))
    theta[:, once.batch.labels[0].index("own")] = 0.8
    theta[:, once.batch.poi[0]] = 2.0, 1.0
    row = np.zeros(1, dtype=np.int64)
    np.testing.assert_allclose(once.yields(row, theta[:1])[1], twice.yields(row, theta[1:])[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("modifier", "words"),
    [
        ({"name": "x", "type": "scale", "data": None}, "scale 'x': data needs a number 'width'"),
        (scale("x", True), "scale 'x': data needs a number 'width'"),
        (scale("x", 0.0), "scale 'x': width = 0 must be positive and finite"),
        (scale("x", 10**400), "scale 'x': width is too large for a number"),
        (scale("jes", 0.1), "the name is a normsys elsewhere"),
        (tilt("t", float("inf")), "tilt 't': slope = inf must be finite"),
        (
            {"name": "x", "type": "skew", "data": None},
            "type 'skew'; the types are histosys, .*, staterror, scale, tilt",
        ),
    ],
)
def test_its_errors_are_as_those_of_other_types(modifier: Json, words: str) -> None:
    ws = workspace(modifier, build.normfactor("k"), build.normsys("jes", 0.95, 1.05), [])
    with pytest.raises(SpecificationError, match="channel 'SR', sample 'top'.*" + words):
        compile_batch([Decoder().workspace(ws)])


def test_its_own_errors_are_raised() -> None:
    ws = workspace(scale("x", 0.1), scale("x", 0.2), build.normsys("jes", 0.95, 1.05), [])
    with pytest.raises(SpecificationError, match=re.escape("scale 'x': its samples give it different widths")):
        compile_batch([Decoder().workspace(ws)])


def test_the_measurement_sets_what_the_type_lets_it() -> None:
    setting = {"name": "x", "sigmas": [0.3], "auxdata": [1.1]}
    batch = compile_batch([Decoder().workspace(workspace(scale("x", 0.1), build.normfactor("k"), tilt("t", 0.1), [setting]))])
    column = batch.labels[0].index("x")
    assert (batch.tables.width[0, column], batch.aux[0, column]) == (0.3, 1.1)
    wrong = workspace(scale("x", 0.1), build.normfactor("k"), tilt("t", 0.1), [{"name": "t", "sigmas": [0.3]}])
    with pytest.raises(SpecificationError, match="a tilt has no sigmas"):
        compile_batch([Decoder().workspace(wrong)])
