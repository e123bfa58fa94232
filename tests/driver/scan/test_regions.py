"""``--region all``: a folder for each region, and the combination by best expected CLs."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from hfx.driver.api import scan
from hfx.driver.plane.selection import caption_of
from hfx.driver.plot.run_data import loaded
from hfx.driver.questions.cls import Cls
from hfx.driver.questions.options import ScanOptions
from hfx.driver.results import ScanResult, load_run
from hfx.driver.run.events import Failed, to_line
from hfx.driver.run.follow import progress
from hfx.driver.run.journal import ScanInterrupted
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.scan.preview import describe_source
from hfx.driver.scan.regions import combine
from hfx.driver.scan.run_context import RunContext
from hfx.driver.scan.run_identity import differences
from hfx.driver.views import summary
from hfx.errors import OptionError, PalletError, RunFolderError
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.reasons import NO_PARAMETER
from hfx.pallets.contents import read_contents
from tests.driver import fakes


def result(name: str, values: list[float], expected: float, status: str = "converged") -> dict[str, Any]:
    bands = [expected * f for f in (0.2, 0.5, 1.0, 2.0, 4.0)]
    return {"name": name, "values": values, "CLs_obs": 0.5, "CLs_exp": bands, "status": status}


def content(*results: dict[str, Any], failures: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"results": PackedResults(results), "failures": list(failures)}


def test_the_region_with_the_best_expected_cls_counts() -> None:
    a = content(result("p", [1, 2], 0.10), result("q", [3, 4], 0.01))
    b = content(result("p-in-b", [1.0, 2.0], 0.05), result("r", [5, 6], 0.5))
    best, failures = combine(Cls(ClsOptions()), {"A": a, "B": b})
    assert [(r["name"], r["region"], r["missing_in"]) for r in best] == [
        ("p-in-b", "B", []),
        ("q", "A", ["B"]),
        ("r", "B", ["A"]),
    ]
    assert failures == []


def test_points_at_one_place_go_by_name() -> None:
    a = content(result("p", [1, 2], 0.10), result("q", [1, 2], 0.20))
    b = content(result("p", [1, 2], 0.05), result("q", [1, 2], 0.50))
    best, _ = combine(Cls(ClsOptions()), {"A": a, "B": b})
    assert [(r["name"], r["region"]) for r in best] == [("p", "B"), ("q", "A")]


def test_a_fit_that_has_not_converged_gives_way_and_failures_are_told() -> None:
    failure = {"name": "q", "values": [3, 4], "reason": "NaN"}
    a = content(result("p", [1, 2], 0.01, "step limit"), failures=(failure,))
    b = content(result("p", [1, 2], 0.05))
    best, failures = combine(Cls(ClsOptions()), {"A": a, "B": b})
    assert [r["region"] for r in best] == ["B"]
    assert failures == [{**failure, "reason": "region A: NaN"}]


def test_no_signal_in_a_region_is_no_failure_where_another_one_answers() -> None:
    """As where a region's selection leaves nothing of a signal: by place, as the answers are."""
    bare = {"name": "p-in-a", "values": [1, 2], "reason": NO_PARAMETER}
    lost = {"name": "q", "values": [3, 4], "reason": NO_PARAMETER}
    a, b = content(failures=(bare, lost)), content(result("p", [1, 2], 0.05))
    best, failures = combine(Cls(ClsOptions()), {"A": a, "B": b})
    assert [(r["name"], r["missing_in"]) for r in best] == [("p", ["A"])]
    assert failures == [{**lost, "reason": f"region A: {NO_PARAMETER}"}]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    fakes.write_pallet(tmp_path / "toy" / "RegionA", fakes.grid(3, 2))
    fakes.write_pallet(tmp_path / "toy" / "RegionB", fakes.grid(4, 2)[1:], broken=("sig_300_0",))
    return tmp_path / "toy"


def run(pallet: Path, folder: Path, **options: Any) -> ScanResult:
    setting = RunContext(say=lambda _: None, function=options.pop("run", fakes.run))
    return scan(pallet, region="all", output=folder, context=setting, **options)


def test_every_region_has_its_folder(pallet: Path, tmp_path: Path) -> None:
    combined = run(pallet, tmp_path / "run")
    assert len(combined) == 8
    assert {r["region"] for r in combined} == {"RegionA", "RegionB"}
    assert combined["sig_200_0"].missing_in == ["RegionB"]
    assert combined["sig_500_0"].missing_in == ["RegionA"]
    assert combined["sig_300_0"].missing_in == ["RegionB"]
    assert [f["reason"] for f in combined.failures] == ["region RegionB: the patch does not apply"]
    assert combined.content["pallet"]["region"] == "all"
    assert combined.content["pallet"]["regions"] == ["RegionA", "RegionB"]
    assert combined.content["pallet"]["hypotheses"] == 8
    assert len(load_run(tmp_path / "run" / "RegionA")) == 6
    assert len(load_run(tmp_path / "run" / "RegionB")) == 6
    assert load_run(tmp_path / "run").content == combined.content
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "finished"
    assert (tmp_path / "run" / "contour.json").exists()
    assert not (tmp_path / "run" / "results.jsonl").exists()
    assert "failed" not in " ".join(combined.contours["notes"])


def test_a_part_of_all_regions_says_of_how_many(pallet: Path, tmp_path: Path) -> None:
    part = run(pallet, tmp_path / "run", where="m1>200")
    assert dict(summary.rows(part.content, part.folder))["selected"] == "6 of 8 hypotheses (--where 'm1>200')"
    assert caption_of(part.content) == "Only 6 of 8 hypotheses: m1>200"


def test_the_status_counts_the_regions_that_have_not_begun(pallet: Path, tmp_path: Path) -> None:
    """While the first of two is scanned; a hypothesis without a signal in one of them is done there."""
    counts = []

    def look(task: Any) -> dict[str, Any]:
        counts.append(progress(tmp_path / "run").first)
        return fakes.run(task)

    run(pallet, tmp_path / "run", run=look)
    assert {count.total for count in counts} == {6 + 7}
    assert counts[0].done == 0
    last = progress(tmp_path / "run")
    assert (last.first.done, last.first.failed, list(last.failed)) == (13, 1, ["sig_300_0"])
    bare = Failed(time.time(), "local-0", "sig_200_0", NO_PARAMETER, final=True)
    with (tmp_path / "run" / "RegionA" / "events.jsonl").open("a") as file:
        file.write(to_line(bare) + "\n")
    assert list(progress(tmp_path / "run").failed) == ["sig_300_0"]
    assert progress(tmp_path / "run" / "RegionA").failed == {}  # nor is it a failure of that region by itself


def test_a_combination_is_resumed_and_grows(pallet: Path, tmp_path: Path) -> None:
    part = run(pallet, tmp_path / "run", only="sig_500_*")
    assert [r.name for r in part] == ["sig_500_0", "sig_500_40"]
    assert not (tmp_path / "run" / "RegionA").exists()
    whole = run(pallet, tmp_path / "run")
    assert list(whole) == list(run(pallet, tmp_path / "other"))
    again = run(pallet, tmp_path / "run", only="sig_500_*")
    assert list(again) == list(whole)
    with pytest.raises(RunFolderError, match=r"--mu is 1.0 there and 2.0 here"):
        run(pallet, tmp_path / "run", mu=2.0)


def test_the_plan_of_all_regions_is_that_of_their_folders(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that has finished, too, in the folder that was given and in the default one."""
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "run", None):
        options = ScanOptions(region="all", output=folder)
        where = folder or Path("hfx-runs/toy-all")
        for fitted in ("0 of them", "5 of them"):
            plan = describe_source(str(pallet), options).split("\n\n")
            assert [part.splitlines()[-1] for part in plan] == [f"folder      {where / name}" for name in ("RegionA", "RegionB")]
            assert fitted.replace("5", "6") in plan[0]
            run(pallet, folder)  # type: ignore[arg-type]
    several = describe_source(str(pallet), ScanOptions(region="all", output=tmp_path / "other", only="sig_500_*"))
    assert "region RegionA\nhypotheses  none: --only 'sig_500_*' matches none" in several


def test_what_differs_is_shown_where_it_differs() -> None:
    """Digests of several regions begin alike."""
    there, here = {"background": f"{'a' * 64} {'b' * 64}"}, {"background": f"{'a' * 64} {'c' * 64}"}
    (phrase,) = differences({**there, "version": "2"}, {**here, "version": "2"})
    assert phrase == "the background's digest is ...bbbbbbbbbbbb... there and ...cccccccccccc... here"


def test_what_regions_refuse(pallet: Path, tmp_path: Path) -> None:
    with pytest.raises(PalletError, match=r"RegionA.*RegionB"):
        scan(pallet, output=tmp_path / "run", context=RunContext(function=fakes.run))
    with pytest.raises(OptionError, match="matches none"):
        run(pallet, tmp_path / "run", only="nothing")
    assert not (tmp_path / "run").exists()


def test_ctrl_c_names_the_whole_scan(pallet: Path, tmp_path: Path) -> None:
    def press(task: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(ScanInterrupted, match=f"scan {pallet} -o {tmp_path / 'run'} --region all$"):
        run(pallet, tmp_path / "run", run=press)


def test_all_of_one_region_is_that_region(tmp_path: Path) -> None:
    alone = fakes.write_pallet(tmp_path / "one", fakes.grid(2, 2))
    single = run(alone, tmp_path / "run")
    assert single.content["pallet"]["region"] is None
    assert "region" not in single[0]


def test_the_theory_band_of_a_combination(pallet: Path, tmp_path: Path) -> None:
    run(pallet, tmp_path / "run", theory_band=0.2)
    up = json.loads((tmp_path / "run" / "theory-up" / "run.json").read_text())
    assert (up["options"]["signal_scale"], up["identity"]["region"]) == (1.2, "all")


def test_a_source_is_read_once(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def progress(done: int, total: int | None) -> None: ...

    heard: list[Any] = []

    def read(source: str, *, progress: Any) -> Any:
        heard.append(progress)
        return read_contents(source, progress=progress)

    monkeypatch.setattr("hfx.driver.scan.open_source.read_contents", read)
    setting = RunContext(say=lambda _: None, function=fakes.run, progress=progress)
    scan(pallet, region="all", output=tmp_path / "run", context=setting)
    assert heard == [progress]


def test_a_point_of_one_region_is_no_gap_in_a_notebook(pallet: Path, tmp_path: Path) -> None:
    combined = run(pallet, tmp_path / "run")
    legend = combined.plot(Figure().subplots()).get_legend()
    assert legend is not None
    assert "No result" not in [text.get_text() for text in legend.get_texts()]


def _restated(folder: Path, **metadata: Any) -> None:
    """Other entries in the metadata of a patch set."""
    content = json.loads((folder / "patchset.json").read_text())
    content["metadata"] |= metadata
    (folder / "patchset.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": ["m1", "mlsp"]}, r"RegionA and RegionB have different labels \(m1,m2 and m1,mlsp\)"),
        ({"references": {"hepdata": "ins7"}}, r"different references \(hepdata ins1234567 and ins7\)"),
    ],
)
def test_regions_of_different_searches_are_not_combined(
    pallet: Path, tmp_path: Path, metadata: dict[str, Any], words: str
) -> None:
    _restated(pallet / "RegionB", **metadata)
    with pytest.raises(OptionError, match=f"--region all: .*{words}.*scan each with --region NAME"):
        run(pallet, tmp_path / "run")
    with pytest.raises(PalletError, match=f"contains 2 pallets: RegionA, RegionB; these are different searches .*{words}"):
        scan(pallet, context=RunContext(function=fakes.run))
    assert not (tmp_path / "run").exists()


def test_a_region_without_patches_is_left_out(pallet: Path, tmp_path: Path) -> None:
    expected = run(pallet, tmp_path / "two").to_rows()
    (pallet / "RegionC").mkdir()
    (pallet / "RegionC" / "BkgOnly.json").write_text((pallet / "RegionA" / "BkgOnly.json").read_text())
    said: list[str] = []
    setting = RunContext(say=said.append, function=fakes.run)
    combined = scan(pallet, region="all", output=tmp_path / "three", context=setting)
    assert "region RegionC is left out: a background alone: it has no patches beside it and no signal in it" in said[0]
    assert [row["CLs_obs"] for row in combined.to_rows()] == [row["CLs_obs"] for row in expected]
    assert combined.content["pallet"]["regions"] == ["RegionA", "RegionB"]
    for name in ("RegionA", "RegionB"):
        (pallet / name / "patchset.json").unlink()
    with pytest.raises(PalletError, match="no region has patches beside its background"):
        run(pallet, tmp_path / "none")


def test_points_are_matched_by_their_labels_whatever_their_order(pallet: Path, tmp_path: Path) -> None:
    in_one_order = run(pallet, tmp_path / "one").to_rows()
    file = pallet / "RegionB" / "patchset.json"
    content = json.loads(file.read_text())
    content["metadata"]["labels"] = ["m2", "m1"]
    for patch in content["patches"]:
        patch["metadata"]["values"] = patch["metadata"]["values"][::-1]
    file.write_text(json.dumps(content))
    combined = run(pallet, tmp_path / "two")
    assert [(row["name"], row["m1"], row["m2"], row["region"]) for row in combined.to_rows()] == [
        (row["name"], row["m1"], row["m2"], row["region"]) for row in in_one_order
    ]
    # A region alone has the labels of its own patch set.
    alone = scan(pallet, region="RegionB", output=tmp_path / "b", context=RunContext(say=lambda _: None, function=fakes.run))
    assert alone.content["pallet"]["labels"] == ["m2", "m1"]


def test_ctrl_c_counts_the_results_of_the_regions(pallet: Path, tmp_path: Path) -> None:
    def press(task: Any) -> dict[str, Any]:
        if any(h["name"].startswith("sig_500") for h in task["hypotheses"]):
            raise KeyboardInterrupt
        return fakes.run(task)

    with pytest.raises(ScanInterrupted, match=rf"6 results kept in {tmp_path / 'run'}/RegionA/results.jsonl; "):
        run(pallet, tmp_path / "run", run=press, threads=1)
    with pytest.raises(RunFolderError, match=f"draw one of them with 'hfx plot {tmp_path / 'run'}/RegionA'"):
        loaded(tmp_path / "run")


def test_a_run_of_another_pallet_or_region_is_told_apart(pallet: Path, tmp_path: Path) -> None:
    run(pallet, tmp_path / "run")
    fakes.write_pallet(tmp_path / "other", fakes.grid(2, 1))
    background = json.loads((tmp_path / "other" / "BkgOnly.json").read_text())
    background["observations"][0]["data"][0] += 1
    (tmp_path / "other" / "BkgOnly.json").write_text(json.dumps(background))
    _restated(tmp_path / "other", digests={})
    with pytest.raises(RunFolderError, match=rf"^{tmp_path / 'run'} contains a scan of another pallet \(toy\); choose another"):
        scan(tmp_path / "other", output=tmp_path / "run", verify=False, context=RunContext(function=fakes.run))
    with pytest.raises(RunFolderError, match=r"contains another scan: the region is all there and RegionA here; choose"):
        scan(pallet, region="RegionA", output=tmp_path / "run", context=RunContext(function=fakes.run))
