"""A run whose hypotheses lie in two planes: its files, what is drawn, and what needs one of the planes."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from hfx.driver.export.hepdata import export_hepdata, submission
from hfx.driver.plot.overlay import overlay
from hfx.driver.plot.redraw import redraw
from hfx.driver.plot.request import PictureRequest
from hfx.driver.plot.run_data import plot_data
from hfx.driver.results import load_run
from hfx.driver.run import scan_file
from hfx.driver.run.packed_results import PackedResults
from hfx.driver.run.scan_file import read_scan
from hfx.driver.views import summary
from hfx.errors import OptionError
from tests.driver.plane.test_contour import LEVEL, scan_of
from tests.driver.plane.test_panels import BOTH, FIRST, LABELS

TITLES = ["$m(\\tilde{\\chi}_{1}^{0}) = 60$ GeV", "$m(\\tilde{\\chi}_{2}^{0})-m(\\tilde{\\chi}_{1}^{0}) = 130$ GeV"]


def run_of(folder: Path, points: list[tuple[float, ...]] = BOTH, **more: Any) -> Path:
    """A run of hypotheses in two planes whose limit is at msb = 500 in both."""
    scan = scan_of(points, lambda x, y, z: LEVEL + (520 - x) / 100, labels=LABELS)
    pallet = {**scan["pallet"], "digest": "ab", "hypotheses": len(points)}
    folder.mkdir()
    content = {"hfx": "0", "pallet": pallet, "options": {}, "results": PackedResults(scan["results"]), "failures": []}
    (folder / "scan.json").write_text("".join(scan_file.text({**content, "contours": {}, **more})))  # type: ignore[arg-type]
    return folder


def drawn(run: Path, tmp_path: Path, **request: Any) -> dict[str, Any]:
    """The content of the JSON file beside the picture of a run."""
    paths = redraw(run, tmp_path / "out", PictureRequest(formats=("png",), **request), lambda sentence: None)
    content: dict[str, Any] = json.loads(paths[-1].read_text())
    return content


def test_each_plane_has_curves_of_its_own(tmp_path: Path) -> None:
    found = drawn(run_of(tmp_path / "run"), tmp_path)
    assert (found["x"], found["y"], found["curves"]) == ("msb", "mn2", [])
    assert [panel["where"] for panel in found["panels"]] == ["mn1==60", "mn2-mn1==130"]
    assert [panel["title"] for panel in found["panels"]] == TITLES
    assert found["choice"] == (
        "The hypotheses lie in 2 planes, and each is drawn in a panel of its own: mn1 = 60 (36 points, mn2 against msb); "
        "mn2-mn1 = 130 (30 points, mn2 against msb)."
    )
    for panel in found["panels"]:
        observed = [x for curve in panel["curves"] if curve["which"] == "observed" for x, _ in curve["points"]]
        assert observed
        assert observed == pytest.approx([520] * len(observed), abs=1)
    with Image.open(tmp_path / "out" / "contour.png") as image:
        assert image.width > 1.5 * image.height


def test_panels_are_titled_and_have_one_legend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matplotlib.pyplot.figure", lambda **given: Figure(**given))
    first = load_run(run_of(tmp_path / "run")).plot(title="mine")
    figure = first.get_figure(root=True)
    assert figure is not None
    assert [ax.get_title(loc="left") for ax in figure.axes] == TITLES
    (legend,) = figure.legends
    FigureCanvasAgg(figure).draw()
    assert legend.get_window_extent().width < figure.bbox.width
    assert legend.get_title().get_text() == "mine\nAll limits at 95% CL"
    assert [text.get_text() for text in legend.get_texts()] == [
        "Observed limit",
        r"Expected limit ($\pm 1\,\sigma$)",
        "Excluded (observed)",
        "Not excluded (observed)",
    ]


@pytest.mark.parametrize(("layers", "wider"), [((1, 2, 3), True), ((1, 2, 3, 4), False)])
def test_three_panels_are_a_row_and_four_a_square(layers: tuple[int, ...], wider: bool, tmp_path: Path) -> None:
    rows = [(x, y, k) for x in range(300, 800, 100) for y in range(0, 500, 100) for k in layers]
    found = drawn(run_of(tmp_path / "run", rows), tmp_path)
    assert [panel["where"] for panel in found["panels"]] == [f"mn1=={k}" for k in layers]
    with Image.open(tmp_path / "out" / "contour.png") as image:
        assert (image.width > 2 * image.height) == wider


def test_one_plane_in_axes_of_ones_own(tmp_path: Path) -> None:
    result = load_run(run_of(tmp_path / "run"))
    with pytest.raises(OptionError, match="in 2 planes; choose one with where='mn1==60' or where='mn2-mn1==130'"):
        result.plot(Figure().subplots())
    with pytest.raises(OptionError, match=r"lines of one plane: .* choose one with where='mn1==60' or"):
        result.plot(which="observed")
    ax = result.plot(Figure().subplots(), where="mn1==60")
    title = ax.get_legend().get_title().get_text()
    assert "Only 36 of 66 hypotheses: mn1==60" in title
    assert [line for line in ax.get_lines() if line.get_gid() == "curve-observed-0"]


def test_the_same_condition_of_scan_and_plot_is_said_once(tmp_path: Path) -> None:
    pallet = {"labels": list(LABELS), "name": "p", "digest": "ab", "hypotheses": 200}
    result = load_run(run_of(tmp_path / "run", FIRST, pallet=pallet, options={"where": "mn1==60"}))
    for where, caption in (
        ("mn1==60", "36 of 200 hypotheses: mn1==60"),
        ("msb>400", "24 of 200 hypotheses: mn1==60 and msb>400"),
    ):
        title = result.plot(Figure().subplots(), where=where).get_legend().get_title().get_text()
        assert f"Only {caption}" in title.splitlines()


def test_hypotheses_in_no_plane_are_named(tmp_path: Path) -> None:
    found = drawn(run_of(tmp_path / "run", [*BOTH, (500, 400, 10)]), tmp_path)
    assert found["notes"] == ["1 hypothesis lies in none of these planes and is not drawn: h066."]


def test_axes_over_which_planes_are_mixed_have_no_lines(tmp_path: Path) -> None:
    found = drawn(run_of(tmp_path / "run"), tmp_path, changed={"x": "msb", "y": "mn2-mn1"})
    assert found["curves"] == []
    assert "panels" not in found
    assert any("give 'hfx plot' --where 'mn1==60' (36 points)" in note for note in found["notes"])


def test_a_slice_beside_the_picture_of_the_run(tmp_path: Path) -> None:
    run, said = run_of(tmp_path / "run"), list[str]()
    redraw(run, run, PictureRequest(formats=("png",)), said.append)
    own = (run / "contour.json").read_bytes()
    paths = redraw(run, run, PictureRequest(formats=("png",), where="mn2-mn1==130"), said.append)
    assert [path.name for path in paths] == ["contour-mn2-mn1_130.png", "contour-mn2-mn1_130.json"]
    assert (run / "contour.json").read_bytes() == own
    assert said[0] == "contour.* stays the picture of the scan; this one is contour-mn2-mn1_130.*; -o sets another name"
    assert {curve["which"] for curve in json.loads(paths[1].read_text())["curves"]} >= {"observed", "expected"}
    with pytest.raises(OptionError, match="--where 'mn1==7' selects no hypothesis"):
        redraw(run, run, PictureRequest(where="mn1==7"), said.append)


def test_published_contours_need_one_plane(tmp_path: Path) -> None:
    csv, run, said = tmp_path / "limit.csv", run_of(tmp_path / "run"), list[str]()
    csv.write_text("x,y\n530,150\n530,400\n")
    with pytest.raises(OptionError, match=r"--published with .*run: its hypotheses lie in 2 planes; choose one with --where"):
        redraw(run, run, PictureRequest(published=(csv,)), said.append)
    request = PictureRequest(published=(csv,), formats=("png",), where="mn1==60")
    paths = redraw(run, run, request, said.append)
    assert paths[-1].name == "contour-mn1_60-limit.json"
    own = redraw(run, tmp_path / "own", PictureRequest(formats=("png",)), said.append)[-1]
    with pytest.raises(OptionError, match=r"contour.json: its curves lie in several planes; 'hfx plot RUN --where EXPR'"):
        redraw(run, run, PictureRequest(published=(own,), where="mn1==60"), said.append)
    (published,) = json.loads(paths[-1].read_text())["published"]
    assert published["apart"]["mean"] == pytest.approx(10, abs=1)


def test_runs_are_overlaid_in_one_plane(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a"), run_of(tmp_path / "b", FIRST)]
    with pytest.raises(OptionError, match=r"a cannot be overlaid: its hypotheses lie in 2 planes; choose one with --where"):
        overlay(runs, tmp_path / "both.png", PictureRequest(), print)
    with pytest.raises(OptionError, match="no lines to overlay: Points with different mn1"):
        overlay(runs, tmp_path / "both.png", PictureRequest({"x": "msb", "y": "mn2"}, where="mn2>0 and msb<400"), print)
    overlay(runs, tmp_path / "both.png", PictureRequest(where="mn1==60"), print)
    overlaid = json.loads((tmp_path / "both.json").read_text())["overlaid"]
    assert overlaid[0]["curves"] == overlaid[1]["curves"] != []


def test_theory_curves_stay_with_their_plane(tmp_path: Path) -> None:
    def up(x: float) -> dict[str, Any]:
        return {"which": "theory-up", "level": 0.05, "points": [[x, 150], [x, 400]]}

    panels = [
        {"where": where, "title": "", "x": "msb", "y": "mn2", "curves": [up(x)], "notes": []}
        for where, x in (("mn1==60", 540), ("mn2-mn1==130", 550))
    ]
    run = run_of(tmp_path / "run", contours={"x": "msb", "y": "mn2", "curves": [], "panels": panels, "notes": []})
    found = drawn(run, tmp_path)
    assert [panel["curves"][-1] for panel in found["panels"]] == [up(540), up(550)]
    assert drawn(run, tmp_path, where="mn2-mn1==130")["curves"][-1] == up(550)


def test_tables_of_each_plane(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    redraw(run, run, PictureRequest(formats=("png",)), lambda sentence: None)
    scan = read_scan(run)
    assert scan is not None
    files = submission(scan, plot_data(scan))
    assert {"contour_observed_mn1_60.yaml", "contour_observed_mn2_minus_mn1_130.yaml"} <= set(files)
    names = [head.get("name") for head in files["submission.yaml"]]
    assert {"Observed contour (mn1==60)", "Observed contour (mn2-mn1==130)"} <= set(names)
    assert all(path.is_file() for path in export_hepdata(run, tmp_path / "hepdata"))


def test_the_summary_has_the_notes_of_all_planes(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    scan = read_scan(run)
    assert scan is not None
    panels = [{"where": "mn1==60", "title": "", "curves": [], "notes": ["No point is near."]}]
    rows = dict(summary.rows({**scan, "contours": {"choice": "Two.", "panels": panels, "notes": []}}, run))  # type: ignore[typeddict-item]
    assert rows["contour"] == "Two. mn1==60: No point is near."


def test_a_forbidden_region_that_holds_every_point_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    run = run_of(tmp_path / "run", [point for point in BOTH if point[2] == 60])
    redraw(run, tmp_path / "p.png", PictureRequest({"forbidden": "y>-1"}), said.append)
    assert [sentence for sentence in said if sentence.startswith("Every point is in the forbidden region")]
