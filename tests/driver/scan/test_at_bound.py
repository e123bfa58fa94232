"""Parameters that end on a bound: in records, exports, the table, and for a picked point; checked with pyhf."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest

import hfx
from hfx.driver.cli import main
from hfx.driver.questions.cls import Cls, ClsBrief
from hfx.driver.questions.parameter_bounds import row
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views import summary
from hfx.functions.jobs.cls_options import ClsOptions
from tests.driver.cli.test_main import Captured
from tests.oracle.pyhf_fits import best_fit
from tests.pallets.builders import dump, patch_set, write_folder

Json = dict[str, Any]


def _workspace(observed: list[float]) -> Json:
    modifiers = [
        {"name": "scale", "type": "normsys", "data": {"hi": 1.01, "lo": 0.99}},
        {"name": "mu_top", "type": "normfactor", "data": None},
        {"name": "held", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}},
    ]
    top = {"name": "top", "data": [100.0, 50.0], "modifiers": modifiers}
    other = {"name": "other", "data": [20.0, 30.0], "modifiers": [modifiers[0]]}
    settings = [{"name": "mu_top", "bounds": [[0.8, 1.2]]}, {"name": "held", "fixed": True, "inits": [5.0]}]
    return {
        "channels": [{"name": "SR", "samples": [top, other]}],
        "observations": [{"name": "SR", "data": observed}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": settings}}],
        "version": "1.0.0",
    }


def _entry(name: str, mass: int, signal: list[float]) -> Json:
    sample = {"name": "signal", "data": signal, "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
    return {
        "metadata": {"name": name, "values": [mass]},
        "patch": [{"op": "add", "path": "/channels/0/samples/-", "value": sample}],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bounds")
    background = _workspace([70.0, 40.0])
    patches = patch_set(background, [_entry("a", 1, [4.0, 1.0]), _entry("b", 2, [6.0, 1.0])], labels=["m"])
    pallet = write_folder(folder / "toy", {"BkgOnly.json": dump(background), "patchset.json": dump(patches)})
    hfx.scan(pallet, output=folder / "run", context=RunContext(say=lambda _: None))
    return folder / "run"


def test_the_records_name_the_parameter_its_bound_and_the_fit(run: Path) -> None:
    """With fewer events than any mu_top in its range expects, mu_top ends at 0.8 in each fit, as in pyhf's."""
    pallet = hfx.open_pallet(run.parent / "toy")
    for result in hfx.load_run(run):
        model = pyhf.Workspace(json.loads(json.dumps(pallet.workspace(result.name)))).model()
        place = model.config.par_slice("mu_top").start
        for fit, mu in (("bkg", 0.0), ("fixed", 1.0), ("free", None)):
            _, theta = best_fit(model, np.array([70.0, 40.0, *model.config.auxdata]), mu)
            assert theta[place] == pytest.approx(0.8, abs=1e-4)
            # Not the parameter of interest at 0, and not the one that is held at its bound of 5.
            assert result.fits[fit]["at_bound"]["mu_top"] == 0.8
            assert set(result.fits[fit]["at_bound"]) <= {"mu_top", "scale"}
        assert "at_bound" not in result.fits["asimov_fixed"]


def test_the_exports_and_the_table_say_so(run: Path, capsys: Captured) -> None:
    assert main.run(["export", str(run), "--csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [line["name"] for line in table] == ["a", "b"]
    assert all("mu_top=0.8 (bkg, fixed, free)" in line["at_bound"] for line in table)
    rows = dict(summary.rows(hfx.load_run(run).content, run))
    assert rows["at a bound"].startswith(
        "2 hypotheses: mu_top is at its bound 0.8 for 2 in the fits with mu = 0, with the tested mu, with mu free"
    )


def test_a_hypothesis_that_is_excluded_by_far_is_in_the_long_table_alone() -> None:
    asked = Cls(ClsOptions())
    far, near = (
        ClsBrief(name=name, values=(1.0,), status="converged", numbers=(cls, *[0.1] * 5), at_bounds={("jes", 5.0): ("fixed",)})
        for name, cls in (("far", 1e-7), ("near", 0.03))
    )
    assert "1 hypothesis: jes" in dict(asked.summary([far, near]))["at a bound"]
    assert dict(asked.summary([far]))["at a bound"] == ""
    assert "with the tested kV" in dict(Cls(ClsOptions(poi="kV")).summary([near]))["at a bound"]
    assert "2 hypotheses: jes" in dict(asked.summary([far, near], verbose=True))["at a bound"]


def test_the_row_of_one_and_of_many() -> None:
    one = {("jes", -5.0): ("fixed",)}
    assert row([(one, 0.1)], verbose=False) == (
        "1 hypothesis: jes is at its bound -5 in the fit with the tested mu; CLs depends on this bound; check that it is "
        "intended ('hfx export RUN --parameters NAME')"
    )
    assert "in the fit with the tested kV; CLs" in row([(one, 0.1)], verbose=False, poi="kV")
    many = [({(f"p{i}", 5.0): ("free",) for i in range(k)}, 0.1) for k in range(9)]
    text = row(many, verbose=False)
    assert text.startswith("8 hypotheses: p0 is at its bound 5 for 8 in the fit with mu free; p1 is at its bound 5 for 7 ")
    assert "; and 6 more; CLs depends on these bounds; check that they are intended" in text
    assert row([({}, 0.1), ({}, None)], verbose=True) == ""


def test_a_record_names_a_few(tmp_path: Path) -> None:
    """Also where all of many parameters end on a bound."""
    background = _workspace([300.0, 300.0])
    sample = background["channels"][0]["samples"][0]
    sample["modifiers"] = [{"name": f"n{i:02}", "type": "normfactor", "data": None} for i in range(30)]
    background["measurements"][0]["config"]["parameters"] = [{"name": f"n{i:02}", "bounds": [[0.9, 1.01]]} for i in range(30)]
    patches = patch_set(background, [_entry("a", 1, [4.0, 1.0])], labels=["m"])
    pallet = write_folder(tmp_path / "toy", {"BkgOnly.json": dump(background), "patchset.json": dump(patches)})
    (result,) = hfx.scan(pallet, output=tmp_path / "run", starts=1, context=RunContext(say=lambda _: None))
    assert result.fits["bkg"]["at_bound"] == {f"n{i:02}": 1.01 for i in range(5)}
