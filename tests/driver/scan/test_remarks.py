"""Options without effect in a run, and premises that differ from pyhf, are said once: by the scan, its plan and its dry run."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.cli import main
from tests.driver import fakes
from tests.driver.cli.test_main import Captured, complaint
from tests.pallets.builders import dump, patch_set, write_folder


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fakes.stand_in(monkeypatch, tmp_path)
    (tmp_path / "far.toml").write_text('engine = "globus"\nendpoint_id = "00000000-0000-4000-8000-000000000000"\n')
    (tmp_path / "titles.yaml").write_text("m1: {unit: GeV}\nm7: {unit: GeV}\n")


def with_bounds(low: float, high: float) -> str:
    """A pallet whose measurement states these bounds of mu."""
    background: Any = json.loads(json.dumps(fakes.BACKGROUND))
    background["measurements"][0]["config"]["parameters"] = [{"name": "mu", "bounds": [[low, high]]}]
    entries = [{"metadata": {"name": f"s_{m}_0", "values": [m, 0]}, "patch": fakes.signal(m, 0)} for m in (300, 400)]
    files = {"BkgOnly.json": dump(background), "patchset.json": dump(patch_set(background, entries))}
    return str(write_folder(Path(f"bounds_{low:g}_{high:g}"), files))


ONE_AXIS = "has no effect here: the picture has one axis, m1"
WITHOUT_EFFECT = {
    "toy --where m2==40 --forbidden 'y>x-1'": [f"--forbidden 'y>x-1' {ONE_AXIS}"],
    "toy --where m2==40 --x m2 --y m1-m2": [f"--x m2 {ONE_AXIS}", f"--y m1-m2 {ONE_AXIS}"],
    "toy --where m2==40 --x m1 --y m2 --interpolation rbf": [f"--y m2 {ONE_AXIS}", f"--interpolation rbf {ONE_AXIS}"],
    "toy --where m2==40 --logy": [f"--logy {ONE_AXIS}; --logx makes it logarithmic"],
    "two --region all --where m2==40 --y m2": [f"--y m2 {ONE_AXIS}"],
    "toy --no-verify": ["--no-verify has no effect here: no patch set states the digest of another background"],
    "toy --label-titles titles.yaml": ["--label-titles for m7 has no effect here: the labels are m1, m2"],
}


_SAID = re.compile(r"has no effect here|^(hfx: )?mu (is|may) ")


def said(text: str) -> list[str]:
    return [line.removeprefix("hfx: ") for line in text.splitlines() if _SAID.search(line)]


def alike(command: str, capsys: Captured) -> list[str]:
    """The sentences, which the plan, the dry run and the scan say once each."""
    assert main.run(["scan", *shlex.split(command), "--plan"]) == 0
    planned = said(capsys.readouterr().out)
    assert main.run(["submit", *shlex.split(command), "--dry-run"]) == 0
    assert said(capsys.readouterr().err) == planned
    assert main.run(["scan", *shlex.split(command), "-o", "out"]) == 0
    assert said(capsys.readouterr().err) == planned
    return planned


@pytest.mark.parametrize("command", list(WITHOUT_EFFECT))
def test_an_option_without_effect_is_said(command: str, capsys: Captured) -> None:
    assert alike(command, capsys) == WITHOUT_EFFECT[command]


def test_a_code_of_modifiers_that_there_are_none_of(capsys: Captured) -> None:
    background: Any = json.loads(json.dumps(fakes.BACKGROUND))
    del background["channels"][0]["samples"][0]["modifiers"][0]
    entries = [{"metadata": {"name": f"s_{m}_0", "values": [m, 0]}, "patch": fakes.signal(m, 0)} for m in (300, 400)]
    write_folder(Path("plain"), {"BkgOnly.json": dump(background), "patchset.json": dump(patch_set(background, entries))})
    assert alike("plain --normsys 1 --histosys 0", capsys) == ["--normsys 1 has no effect here: plain has no normsys"]


@pytest.mark.parametrize(
    "command",
    ["toy", "toy --forbidden 'y>x-1' --y m2 --interpolation rbf --histosys 2", "toy --x m1 --where m2==40", "toy --mu 9"],
)
def test_an_option_with_an_effect_is_not_said(command: str, capsys: Captured) -> None:
    assert alike(command, capsys) == []


def test_with_what_the_folder_has_already_there_are_two_axes(capsys: Captured) -> None:
    assert main.run(["scan", "toy", "-o", "out", "--quiet"]) == 0
    capsys.readouterr()
    assert main.run(["scan", "toy", "-o", "out", "--where", "m2==40", "--forbidden", "y>x-1"]) == 0
    assert said(capsys.readouterr().err) == []


def test_a_theory_band_says_it_once(capsys: Captured) -> None:
    assert alike("toy --where m2==40 --theory-band 0.1 --y m2", capsys) == [f"--y m2 {ONE_AXIS}"]


@pytest.mark.parametrize(
    ("bounds", "options", "sentence"),
    [
        (
            None,
            "--test-stat q",
            "mu may be negative, as q requires; pyhf would stop at the bound 0, which changes CLs where the best-fit signal "
            "strength is negative",
        ),
        (
            (-5.0, 10.0),
            "",
            "mu is fitted from 0 on, as qtilde requires; pyhf would go down to the bound -5, which changes CLs where the "
            "best-fit signal strength is negative",
        ),
        ((0.0, 4.0), "--mu 6", "mu is fitted up to 6; pyhf refuses a tested mu above the bound 4"),
        ((-5.0, 10.0), "--test-stat q", None),
        ((0.0, 4.0), "--mu 3", None),
    ],
)
def test_where_the_range_of_mu_is_not_that_of_the_workspace(
    bounds: tuple[float, float] | None, options: str, sentence: str | None, capsys: Captured
) -> None:
    pallet = "toy" if bounds is None else with_bounds(*bounds)
    assert alike(f"{pallet} {options}", capsys) == ([] if sentence is None else [sentence])


def test_threads_where_the_fits_run_elsewhere() -> None:
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.scan.remarks import remarks
    from hfx.pallets import open_pallet

    options = ScanOptions(threads=4, endpoint="far.toml")
    (sentence,) = remarks({"": open_pallet("toy")}, options, {"": Path("none")})
    assert sentence.startswith("--threads 4 has no effect here: the fits run on ")


def test_what_never_has_an_effect_is_an_error(capsys: Captured) -> None:
    assert "--minima lowest has no effect with --starts 1" in complaint(
        ["scan", "toy", "--minima", "lowest", "--starts", "1"], capsys
    )
