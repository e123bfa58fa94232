"""From a pallet to files with the real fits; what is exported is checked with pyhf."""

import json
from pathlib import Path

import pyhf
import pytest

import hfx
from hfx.driver.cli import main
from hfx.driver.scan.run_context import RunContext
from tests.driver import fakes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    pallet = fakes.write_pallet(folder / "toy", fakes.grid(6, 4), broken=("sig_300_40",))
    hfx.scan(pallet, output=folder / "run", context=RunContext(say=lambda _: None))
    return folder / "run"


def test_every_hypothesis_but_the_broken_one(run: Path) -> None:
    result = hfx.load_run(run)
    assert len(result) == 23
    (failure,) = result.failures
    assert failure["name"] == "sig_300_40"
    assert "/channels/7" in failure["reason"]
    assert all(r.status == "converged" and r.edm <= 1e-9 for r in result)
    assert {c["which"] for c in result.contours["curves"]} >= {"observed", "expected"}
    assert (run / "contour.pdf").stat().st_size > 1000
    assert (run / "contour.png").stat().st_size > 1000


def test_the_same_numbers_alone_and_in_other_batches(run: Path, tmp_path: Path) -> None:
    whole = hfx.load_run(run)
    setting = RunContext(say=lambda _: None, batch=5)
    other = hfx.scan(run.parent / "toy", output=tmp_path / "run", context=setting)
    for a, b in zip(whole, other, strict=True):
        assert [a.CLs_obs, *a.CLs_exp] == pytest.approx([b.CLs_obs, *b.CLs_exp], abs=1e-10)


def test_other_minima_are_shown_without_a_fit(run: Path) -> None:
    first = hfx.load_run(run)
    shown = hfx.scan(
        run.parent / "toy", output=run, minima="natural", context=RunContext(say=lambda _: None, function=pytest.fail)
    )
    for a, b in zip(first, shown, strict=True):
        assert b.CLs_obs == b.natural["CLs_obs"]
        assert set(a.fits["bkg"]) == set(b.fits["bkg"])
        assert isinstance(b.edm, float)


def test_what_is_exported_agrees_with_pyhf(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "sig_400_80"
    assert main.run(["export", str(run), "--workspace", name]) == 0
    workspace = pyhf.Workspace(json.loads(capsys.readouterr().out))
    assert main.run(["export", str(run), "--parameters", name]) == 0
    fits = json.loads(capsys.readouterr().out)["fits"]
    model = workspace.model()
    result = hfx.load_run(run)[name]
    for fit in ("bkg", "fixed", "free"):
        values = [fits[fit][parameter] for parameter in model.config.par_names]
        twice_nll = -2 * float(model.logpdf(values, workspace.data(model))[0])
        assert twice_nll == pytest.approx(result.fits[fit]["twice_nll"], abs=1e-7)
    assert fits["bkg"]["mu"] == 0.0
    assert fits["fixed"]["mu"] == 1.0
