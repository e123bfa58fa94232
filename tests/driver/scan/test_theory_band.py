"""Theory bands from a table: read, checked before any fit, and the same as a scaled signal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.questions.base import Unit
from hfx.driver.questions.cls import Cls
from hfx.driver.questions.options import ScanOptions
from hfx.driver.scan import theory_band
from hfx.driver.scan.plan import task
from hfx.driver.scan.preview import describe_source
from hfx.driver.scan.run_context import RunContext
from hfx.errors import OptionError
from hfx.functions import task as worker
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.pallets import open_pallet
from tests.driver import fakes

NAMES = [f"sig_{m1}_{m2}" for m1, m2 in fakes.grid(4, 3)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(4, 3))


def table(folder: Path, rows: Mapping[str, Any]) -> str:
    path = folder / "xsec.csv"
    path.write_text("# by hand\nname,uncertainty\n" + "".join(f"{name},{value}\n" for name, value in rows.items()))
    return str(path)


def test_each_hypothesis_is_scaled_by_its_own(pallet: Path, tmp_path: Path) -> None:
    scales: dict[str, set[float]] = {name: set() for name in NAMES}

    def note(sent: Mapping[str, Any]) -> dict[str, Any]:
        for h in sent["hypotheses"]:
            scales[h["name"]].add(round(sent["options"]["signal_scale"] * h.get("signal_scale", 1.0), 9))
        return fakes.run(sent)

    band = table(tmp_path, {name: 0.02 * i for i, name in enumerate(NAMES)})
    said: list[str] = []
    options = {"theory_band": band, "signal_scale": 2.0, "output": tmp_path / "run"}
    result = scan(pallet, context=RunContext(say=said.append, function=note), **options)
    for i, name in enumerate(NAMES):
        assert scales[name] == {2.0, round(2 + 0.04 * i, 9), round(2 - 0.04 * i, 9)}
    assert {"theory-up", "theory-down"} <= {curve["which"] for curve in result.contours["curves"]}
    assert any("scaled as" in sentence and band in sentence for sentence in said)
    # Gone on with: nothing is fitted again; another table is another scan.
    scan(pallet, context=RunContext(say=said.append, function=lambda _: pytest.fail("fitted again")), **options)


def test_a_worker_scales_as_the_option_does(pallet: Path) -> None:
    opened = open_pallet(str(pallet))
    some = opened.hypotheses[:2]
    (own,) = (theory_band.scaled(opened, dict.fromkeys(NAMES, 1.3)),)
    assert own.patchset_digest != opened.patchset_digest
    units = [Unit(h.name, h.name) for h in some]
    one = worker.run(task(own, units, Cls(ClsOptions(starts=1))))
    other = worker.run(task(opened, units, Cls(ClsOptions(starts=1, signal_scale=1.3))))
    plain = worker.run(task(opened, units, Cls(ClsOptions(starts=1))))
    for a, b, c in zip(one["results"], other["results"], plain["results"], strict=True):
        assert a["natural"]["CLs_obs"] == b["natural"]["CLs_obs"]
        assert a["natural"]["CLs_exp"] == b["natural"]["CLs_exp"]
        assert a["natural"]["CLs_obs"] < c["natural"]["CLs_obs"]


def test_the_regions_of_a_combination_are_scaled_alike(tmp_path: Path) -> None:
    pallets = {name: open_pallet(str(fakes.write_pallet(tmp_path / name, fakes.grid(3, 2)))) for name in ("A", "B")}
    made = theory_band.scaled(pallets, {NAMES[0]: 1.2})
    assert [made[region].hypotheses[0].signal_scale for region in "AB"] == [1.2, 1.2]
    assert made["A"].hypotheses[1].signal_scale == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,error\na,0.1\n", "the column uncertainty is missing"),
        ("", "the column name and the column uncertainty is missing"),
        ("name,uncertainty\na,1.5\n", "a has '1.5'; give fractions from 0 up to below 1"),
        ("name,uncertainty\na\n", "a has 'None'; give fractions"),
        ("name,uncertainty\na,much\n", "a has 'much'"),
    ],
)
def test_a_table_that_cannot_be_used(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(OptionError, match=words):
        theory_band.read_table(tmp_path / "t.csv")


def test_each_of_several_planes_has_its_band(tmp_path: Path) -> None:
    source = fakes.write_pallet(tmp_path / "toy", fakes.grid(4, 6))
    patch_set = json.loads((source / "patchset.json").read_text())
    patch_set["metadata"]["labels"].append("k")
    for i, patch in enumerate(patch_set["patches"]):
        patch["metadata"]["values"].append(i % 2)
    (source / "patchset.json").write_text(json.dumps(patch_set))
    context = RunContext(say=lambda _: None, function=fakes.run)  # whose numbers do not depend on the signal's scale
    result = scan(source, context=context, theory_band=0.2, output=tmp_path / "run")
    panels = result.contours["panels"]
    assert sorted(panel["where"] for panel in panels) == ["k==0", "k==1"]
    assert panels[0]["curves"] != panels[1]["curves"]
    for panel in panels:
        found = {curve["which"]: curve["points"] for curve in panel["curves"]}
        assert found["theory-up"] == found["observed"] == found["theory-down"]
        assert not any("where" in curve for curve in panel["curves"])
    assert json.loads((tmp_path / "run" / "contour.json").read_text()) == result.contours


def test_a_table_is_checked_before_any_fit(pallet: Path, tmp_path: Path) -> None:
    never = RunContext(say=lambda _: None, function=lambda _: pytest.fail("fitted"))
    with pytest.raises(OptionError, match="no uncertainty for 12 of the hypotheses, such as"):
        scan(pallet, output=tmp_path / "run", context=never, theory_band=table(tmp_path, {NAMES[0] + "0": 0.1}))
    remedy = "give a fraction, for example 0.1 for 10 %, or a CSV file with the columns name and uncertainty"
    for wrong, words in (
        ("0,1", remedy),
        ("10%", "give a fraction: 10 % is 0.1"),
        ("2.5 %", "give a fraction: 2.5 % is 0.025"),
        ("no.csv", f"there is no such file; {remedy}"),
    ):
        with pytest.raises(OptionError) as caught:
            scan(pallet, output=tmp_path / "run", context=never, theory_band=wrong)
        assert str(caught.value) == f"--theory-band {wrong}: {words}"
    with pytest.raises(OptionError, match="give a fraction"):
        describe_source(str(pallet), ScanOptions(output=tmp_path / "run", theory_band="0,1"))
    assert not (tmp_path / "run").exists()


def test_a_question_without_a_contour_has_no_band(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before any fit."""
    monkeypatch.setattr(Cls, "surface", None)
    with pytest.raises(OptionError, match="--theory-band draws contours, and the question cls has none; leave it out"):
        scan(pallet, theory_band=0.1, output=tmp_path / "run", context=RunContext(say=lambda _: None))
    assert not (tmp_path / "run").exists()


def test_a_number_is_a_number_also_as_text() -> None:
    assert ScanOptions(theory_band="0.25").theory_band == 0.25
    assert ScanOptions(theory_band="x.csv").theory_band == "x.csv"
    with pytest.raises(OptionError, match="give a fraction between 0 and 1"):
        ScanOptions(theory_band=2)
