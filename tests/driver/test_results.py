"""Results: mapping and attributes, records, table, HTML, the choice of minima, what is cited."""

import copy
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.plane.points import BETWEEN
from hfx.driver.questions.cls import Cls
from hfx.driver.results import Result, ScanResult, load_run
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.views import summary
from hfx.errors import InputError, OptionError, RunFolderError
from hfx.functions.jobs.cls import project
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.hf_core.reasons import NO_PARAMETER


def part(cls: float, twice_nll: float) -> dict[str, Any]:
    names = ("bkg", "fixed", "free", "asimov_fixed")
    return {
        "CLs_obs": cls,
        "CLs_exp": [cls, cls, cls, cls, cls],
        "CLsb_obs": cls / 2,
        "CLb_obs": 0.5,
        "muhat": cls,
        "status": "converged",
        "twice_nll": dict.fromkeys(names, twice_nll),
        "edm": {name: 1e-12 * (i + 1) for i, name in enumerate(names)},
        "iterations": dict.fromkeys(names, 4),
    }


def record(name: str = "a", natural: float = 0.04, lowest: float = 0.04) -> dict[str, Any]:
    fit = {"twice_nll": 10.0, "edm": 1e-12, "iterations": 4, "minima": 2, "improved": 0.0}
    admissible = part(natural, 10.0)
    return {
        "name": name,
        "values": [1, 2],
        **{key: admissible[key] for key in ("CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status")},
        "edm": 4e-12,
        "fits": {kind: dict(fit) for kind in ("bkg", "fixed", "free", "asimov_fixed")},
        "natural": part(natural, 10.0),
        "admissible": admissible,
        "lowest": {**part(lowest, 9.5), "why_not": "fixed: 0.5 lower"},
        "seconds": 0.1,
        "worker": "w",
        "solutions": {"parameters": []},
        "step": "local",
    }


def content(*records: dict[str, Any], failures: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "hfx": "0",
        "pallet": {"name": "toy", "region": None, "labels": ["m1", "m2"], "references": {"hepdata": "ins1"}},
        "options": {"minima": "admissible"},
        "results": PackedResults(Cls(ClsOptions()).answer([r]) for r in records),
        "failures": failures or [],
        "contours": {"choice": "The axes are m1 and m2.", "curves": [], "notes": ["One point."]},
    }


@pytest.fixture
def result(tmp_path: Path) -> ScanResult:
    failures = [{"name": f"bad{i}", "values": [1, 3], "reason": "no signal"} for i in range(3)]
    return ScanResult(content(record("a"), record("b", 0.2, 0.1), failures=failures), tmp_path)


def test_a_result_is_a_mapping_with_attributes() -> None:
    one = Result(Cls(ClsOptions()).answer([record()]))
    assert one["CLs_obs"] == one.CLs_obs == 0.04
    assert "solutions" not in one
    assert "step" not in one
    assert dict(one)["name"] == "a"
    for twin in (copy.copy(one), pickle.loads(pickle.dumps(one))):
        assert twin == one
    with pytest.raises(AttributeError, match="a result has no 'cls'; it has name, values"):
        _ = one.cls
    with pytest.raises(TypeError):
        one["CLs_obs"] = 1  # type: ignore[index]


def test_a_choice_of_minima_changes_all_that_it_decides() -> None:
    stored = record("a", natural=0.04, lowest=0.07)
    lowest = project(stored, "lowest")
    assert lowest["CLs_obs"] == lowest["lowest"]["CLs_obs"] == 0.07
    assert (lowest["CLsb_obs"], lowest["muhat"], lowest["edm"]) == (0.035, 0.07, 4e-12)
    bkg = lowest["fits"]["bkg"]
    assert (bkg["twice_nll"], bkg["improved"], bkg["iterations"]) == (9.5, 0.5, 4)
    assert lowest["fits"]["asimov_fixed"]["improved"] is None
    assert project(stored, "natural")["CLs_obs"] == 0.04
    assert stored["fits"]["bkg"]["twice_nll"] == 10.0


def test_a_scan_result_is_a_sequence(result: ScanResult) -> None:
    assert [r.name for r in result] == ["a", "b"]
    assert result["b"] == result[1] == result[-1]
    assert len(result[:1]) == 1
    with pytest.raises(KeyError):
        result["c"]
    assert not result.complete
    assert result.contours["notes"] == ["One point."]


def test_records_and_tables(result: ScanResult, monkeypatch: pytest.MonkeyPatch) -> None:
    first = result.to_records()[0]
    assert (first["m1"], first["m2"], first["CLs_exp"]) == (1, 2, [0.04] * 5)
    row = result.to_rows()[1]
    assert row["CLs_exp_0"] == row["CLs_obs"] == 0.2
    assert (row["CLs_obs_natural"], row["CLs_obs_lowest"]) == (0.2, 0.1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        result.to_dataframe()


def test_the_closing_table(result: ScanResult) -> None:
    """The verdict first, then what calls for attention, the files last; details with -v alone."""
    table = summary.rows(result.content, result.folder)
    assert [name for name, _ in table] == ["result", "failed", "contour", "pallet", "please cite", "files"]
    rows = dict(table)
    assert rows["result"] == ("1 of 2 fitted hypotheses is excluded at 95 % confidence level (CLs < 0.05); expected (median): 1")
    named = "3 of 5 (no signal): bad0, bad1, and 1 more (scan.json lists all)"
    assert rows["failed"] == f"{named}; once this is corrected, the same command fits them"
    different = (
        "nothing to do: for 1 hypothesis CLs depends on the choice among several minima (by up to 0.1), but it never changes "
        "between excluded and not excluded"
    )
    verbose = dict(summary.rows(result.content, result.folder, verbose=True))
    assert verbose["minima differ"] == f"{different}: CLs of b changes by up to 0.1"
    assert verbose["contour"] == "The axes are m1 and m2. One point."
    assert rows["contour"] == "One point."
    assert "https://www.hepdata.net/record/ins1" in rows["please cite"]


def test_a_hypothesis_without_a_signal_has_a_row_of_its_own(result: ScanResult) -> None:
    """It cannot be corrected; but where none has a signal, something else is wrong."""
    bare = [{"name": name, "values": [1, 3], "reason": NO_PARAMETER} for name in ("c", "d")]
    content: Any = {**result.content, "failures": [*bare], "pallet": {**result.content["pallet"], "region": "RegionB"}}
    rows = dict(summary.rows(content, result.folder))
    assert rows["no signal"] == "2 of 4 in RegionB (its patch adds none): c, d; nothing to do"
    assert "failed" not in rows
    content["failures"].append({"name": "e", "values": [1, 4], "reason": "the patch does not apply"})
    rows = dict(summary.rows(content, result.folder))
    assert rows["failed"] == "1 of 5: e (the patch does not apply); once this is corrected, the same command fits them"
    assert rows["no signal"].startswith("2 of 5 in RegionB")
    nothing: Any = {**content, "results": PackedResults([]), "failures": bare}
    rows = dict(summary.rows(nothing, result.folder))
    assert rows["failed"] == f"2 of 2 ({NO_PARAMETER}): c, d; once this is corrected, the same command fits them"
    assert "no signal" not in rows


def test_the_table_names_options_that_change_the_numbers(result: ScanResult) -> None:
    foreign = "patches.json was made for another background: its digest is x, not y"
    content: Any = {
        **result.content,
        "options": {"mu": 2.0, "signal_scale": 1.1, "minima": "lowest", "thorough": True, "theory_band": 0.1, "verify": False},
        "pallet": {**result.content["pallet"], "warnings": ["not used: a.json", foreign]},
    }
    rows = dict(summary.rows(content, result.folder))
    assert rows["options"] == (
        f"--signal-scale 1.1, --mu 2, --minima lowest, --thorough, --theory-band 0.1, --no-verify ({foreign})"
    )
    assert "options" not in dict(summary.rows(result.content, result.folder))


def test_what_has_not_converged_is_neither_excluded_nor_hidden(tmp_path: Path) -> None:
    slow = record("slow")
    slow["status"] = slow["admissible"]["status"] = "fixed: step limit"
    scan = ScanResult(content(slow), tmp_path)
    rows = dict(summary.rows(scan.content, tmp_path))
    assert rows["not converged"].startswith("1 of 1: slow (fixed: step limit); neither excluded nor allowed: ")
    assert rows["result"] == "no hypothesis has a result that can be used"
    assert not scan.complete


def test_a_combination_names_a_failed_fit_and_where_regions_are_used(tmp_path: Path) -> None:
    used = [{**record(name), "region": region, "missing_in": missing} for name, region, missing in _OF_REGIONS]
    scan: Any = content(failures=[{"name": "b", "values": [1, 2], "reason": "region A: NaN"}])
    scan |= {"results": PackedResults(used), "pallet": {**scan["pallet"], "region": "all", "regions": ["A", "B"]}}
    rows = dict(summary.rows(scan, tmp_path))
    assert rows["pallet"] == "toy, region all"
    draws = f"'hfx plot {tmp_path} --regions' draws which one where; between them the lines have a step"
    used_for = f"A is used for 1 point; B is used for 1 point; {draws}"
    assert rows["regions"] == f"in A 1 could not be fitted: b (NaN; B is used); {used_for}"
    scan["failures"] = []
    assert dict(summary.rows(scan, tmp_path))["regions"] == used_for
    verbose = dict(summary.rows(scan, tmp_path, verbose=True))
    assert verbose["regions"] == f"A is used for 1 point, and has no result for 1; B is used for 1 point; {draws}"


_OF_REGIONS: tuple[tuple[str, str, list[str]], ...] = (("a", "A", []), ("b", "B", ["A"]))


def test_the_table_for_terminal_and_notebook(result: ScanResult) -> None:
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(result)
    assert "1 of 2 fitted hypotheses" in console.export_text()
    html = result._repr_html_()
    assert html.startswith("<table>")
    assert "CLs &lt; 0.05" in html


def test_results_say_the_verdict(result: ScanResult, tmp_path: Path) -> None:
    verdict = "1 of 2 fitted hypotheses is excluded at 95 % confidence level (CLs < 0.05); expected (median): 1"
    assert repr(result) == f"<ScanResult of toy in {tmp_path}: {verdict}>"
    assert ">result</th>" in result._repr_html_().split("</td>")[0]
    unknown: Any = {**result.content, "question": "of_another_package"}
    assert repr(ScanResult(unknown, tmp_path)) == f"<ScanResult of toy in {tmp_path}>"
    html = result["b"]._repr_html_()
    assert ">CLs_obs</th><td style='text-align:left'>0.2</td>" in html
    assert ">CLs_exp</th><td style='text-align:left'>0.2, 0.2, 0.2, 0.2, 0.2</td>" in html
    assert "natural" not in html


def test_labels_that_patches_do_not_name_can_be_named(result: ScanResult) -> None:
    assert "labels" not in dict(summary.rows(result.content, result.folder))
    loose: Any = {**result.content, "pallet": {**result.content["pallet"], "labels": ["x1", "x2"]}}
    assert dict(summary.rows(loose, result.folder))["labels"] == (
        "x1 and x2 are the numbers in the names of the patches; --labels m1,m2, added to the same command, names them"
    )


def test_single_lines_in_a_figure_of_one_s_own(tmp_path: Path) -> None:
    """No more than the lines: two scans in one picture, whose titles, legend and limits are one's own."""
    from matplotlib.figure import Figure

    scan = ScanResult(plane_content(), tmp_path)
    axes = Figure().subplots()
    axes.set_xlim(0, 1234)
    assert scan.plot(axes, label="mine", color="#123456") is axes
    scan.plot(axes, which="expected-1", label="other")
    scan.plot(axes, which=["expected+1"])
    assert [line.get_label() for line in axes.get_lines()] == ["mine", "mine, expected", "other", "expected+1"]
    assert [line.get_color() for line in axes.get_lines()] == ["#123456", "#123456", "#1f77b4", "#2f4b7c"]
    assert [line.get_gid() for line in axes.get_lines()][:2] == ["curve-observed-0", "curve-expected-0"]
    assert (axes.get_xlim(), axes.get_xlabel(), axes.get_legend(), len(axes.texts)) == ((0, 1234), "", None, 0)
    with pytest.raises(OptionError, match=r"which='observd' is no curve of this scan; it has observed, expected-2"):
        scan.plot(axes, which="observd")


def test_the_names_of_several_lines_are_added_to_their_label(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    scan, axes = ScanResult(plane_content(), tmp_path), Figure().subplots()
    scan.plot(axes, which=["expected-1", "expected+1"], label="up")
    assert [line.get_label() for line in axes.get_lines()] == ["up, expected-1", "up, expected+1"]


def test_one_line_more_is_in_the_legend_of_the_picture(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    scan, axes = ScanResult(plane_content(spread=0.1), tmp_path), Figure(layout="constrained").subplots()
    scan.plot(axes)
    before, top = [text.get_text() for text in axes.get_legend().get_texts()], axes.get_ylim()[1]
    scan.plot(axes, which="expected-2", color="grey", label="-2 sigma")
    scan.plot(axes, which="expected+2")
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [*before, "-2 sigma"]
    assert legend.get_title().get_text() == "All limits at 95% CL"
    assert any("sigma" in text and isinstance(handle, tuple) for handle, text in legend.entries)  # the band and its line
    assert axes.get_ylim()[1] > top
    bottom = axes.transData.inverted().transform(legend.get_window_extent().p0)[1]
    assert bottom > 20  # the highest points


def test_results_of_earlier_scans_are_told(tmp_path: Path) -> None:
    whole = plane_content()
    part: Any = {**whole, "pallet": {**whole["pallet"], "hypotheses": 12}, "options": {**whole["options"], "where": "m1==20"}}
    scan = ScanResult(part, tmp_path)
    assert repr(scan).endswith("; 9 others in this folder are included>")
    assert "3 of 12 hypotheses (--where" in scan._repr_html_()
    assert "9 others in this folder" in scan._repr_html_()
    most: Any = {**part, "options": {**whole["options"], "where": "m1>20 or m2>0"}}
    assert repr(ScanResult(most, tmp_path)).endswith("; 1 other in this folder is included>")
    assert "others" not in repr(ScanResult(whole, tmp_path))


def test_a_line_along_one_label(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    scan = ScanResult(content(*({**record(f"p{m}", m / 1000), "values": [m, 1]} for m in (20, 40, 60))), tmp_path)
    axes = Figure().subplots()
    scan.plot(axes, which="observed")
    (line,) = axes.get_lines()
    assert line.get_xydata()[::BETWEEN].tolist() == [[20, 0.02], [40, 0.04], [60, 0.06]]


def plane_content(spread: float = 0.0) -> dict[str, Any]:
    """A scan whose lines cross a plane; the expected CLs differ by this fraction for each standard deviation."""
    points = [(m, n) for m in (20, 40, 60, 80) for n in (0, 10, 20)]
    records = [{**record(f"p{m}_{n}", m / 1000), "values": [m, n]} for m, n in points]
    for one in records:
        one["admissible"]["CLs_exp"] = [(1 + k * spread) * one["CLs_obs"] for k in range(-2, 3)]
    return content(*records)


def test_a_data_frame_has_the_names_as_its_index(result: ScanResult) -> None:
    import pandas

    frame = result.to_dataframe()
    assert list(frame.index) == list(frame["name"]) == ["a", "b"]
    assert frame.loc["b", "CLs_obs"] == 0.2
    assert list(frame.columns[:6]) == ["name", "m1", "m2", "CLs_obs", "CLs_exp_m2", "CLs_exp_m1"]
    numbers = ("CLs_obs", "CLs_exp_m2", "CLs_exp_0", "CLs_exp_p2", "muhat", "edm")
    assert all(frame[name].dtype == float for name in numbers)
    assert pandas.api.types.is_integer_dtype(frame["m1"])
    without = [{**dict(one), "muhat": None} for one in result.content["results"]]
    bare: Any = {**result.content, "results": PackedResults(without)}
    assert ScanResult(bare, result.folder).to_dataframe()["muhat"].dtype == float
    nothing: Any = {**result.content, "results": PackedResults([])}
    assert list(ScanResult(nothing, result.folder).to_dataframe().columns) == list(frame.columns)


def test_a_plot_into_axes_of_one_s_own(result: ScanResult) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert result.plot(axes, xlabel="mine") is axes
    assert axes.get_xlabel() == "mine"


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("Significances are interpolated between the points by a Gaussian process (--interpolation gp).", False),
        (
            "Accuracy: left out one at a time, the points beside the observed line are predicted with an error of 0.3 sigma.",
            False,
        ),
        ("Smoothed: the significances of the points lie about 0.3 sigma (standard deviation) off the drawn surface.", True),
        ("10 of 125 points lie on the wrong side of the observed contour (inside but not excluded, or the reverse).", True),
        (
            "Significances are interpolated between the points linearly on Delaunay triangles (--interpolation linear). "
            "--interpolation gp is not possible for fewer than 8 points (here 3).",
            True,
        ),
    ],
)
def test_the_summary_hides_only_what_is_as_expected(note: str, shown: bool, result: ScanResult) -> None:
    """A contour that was not made as asked, or that disagrees with its points, is said also without -v."""
    contours = {**result.content["contours"], "notes": [note]}
    content: Any = {**result.content, "contours": contours}
    assert (note in dict(summary.rows(content, result.folder)).get("contour", "")) is shown
    assert note in dict(summary.rows(content, result.folder, verbose=True))["contour"]


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    for folder, why in ((tmp_path, "contains no run of hfx"), (tmp_path / "nowhere", "is not a folder")):
        with pytest.raises(RunFolderError, match=why):
            load_run(folder)


def test_a_run_that_has_not_finished(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"hfx": "0", "pallet": {}, "options": {"minima": "lowest"}}))
    (tmp_path / "results.jsonl").write_text(json.dumps(record("a", 0.04, 0.07)) + "\n" + '{"na')
    assert [r.CLs_obs for r in load_run(tmp_path)] == [0.07]


def test_the_closing_table_says_which_minima_and_where_another_choice_turns_the_answer(result: ScanResult) -> None:
    b = dict(result.content["results"][1])
    b |= {"CLs_obs": 0.2, "natural": {**b["natural"], "CLs_obs": 0.2}, "lowest": {**b["lowest"], "CLs_obs": 0.01}}
    content = {**result.content, "results": PackedResults([b]), "options": {"minima": "natural"}}
    rows = dict(summary.rows(content, result.folder))
    assert rows["options"] == "--minima natural"
    default = "the default (admissible) leaves out minima with avoidable negative yields"
    either = "b is not excluded with the natural minima (CLs 0.2), but excluded with --minima lowest (CLs 0.01)"
    assert rows["minima differ"].endswith(f"{either}; {default}")
    b["lowest"]["CLs_obs"] = 0.0
    rows = dict(summary.rows({**content, "results": PackedResults([b])}, result.folder))
    with pytest.raises(KeyError, match="no result of a hypothesis 'nowhere'"):
        result["nowhere"]
    assert "b is not excluded with the natural minima (CLs 0.2), but excluded with --minima lowest" in rows["minima differ"]
    assert "(CLs 0);" in rows["minima differ"]


def test_a_condition_that_is_no_text_is_refused(result: ScanResult) -> None:
    for where in (3, [1], ["m1>2", None]):
        with pytest.raises(OptionError, match=r"where=.* is not a text; give a condition"):
            result.plot(where=where)  # type: ignore[arg-type]
