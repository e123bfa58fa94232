"""Several runs in one picture: its data, its files, and what cannot be overlaid."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from hfx.driver.plot.overlay import draw_layers, layers, overlay
from hfx.driver.plot.redraw import redraw
from hfx.driver.plot.request import PictureRequest
from hfx.driver.plot.styles import OVERLAID, STYLES, style_called
from hfx.driver.run import scan_file
from hfx.driver.run.packed_results import PackedResults
from hfx.errors import OptionError, RunFolderError
from tests.driver.plane.test_contour import GRID, LEVEL, LIMIT, VALUE, scan_of, values_of

OTHER = replace(LIMIT, name="other")


def run_of(folder: Path, limit: float, labels: tuple[str, str] = ("m1", "m2"), **more: Any) -> Path:
    """A run's folder of a scan whose limit, observed and expected, is a line at x = `limit`."""
    scan = scan_of(GRID, lambda x, y: LEVEL + (limit - x) / 100, labels=labels)
    content = {
        "hfx": "0",
        "pallet": {**scan["pallet"], "digest": "ab"},
        "options": {},
        "results": PackedResults(scan["results"]),
        "failures": [],
        "contours": {},
        **more,
    }
    folder.mkdir()
    (folder / "scan.json").write_text("".join(scan_file.text(content)))
    return folder


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [run_of(tmp_path / "a", 300), run_of(tmp_path / "b", 400)]


def quiet(_: str) -> None:
    pass


def test_layers_are_data(two: list[Path]) -> None:
    first, second = layers(two, PictureRequest(labels=("one", "two")))
    assert (first.label, second.label) == ("one", "two")
    for layer, limit in ((first, 300), (second, 400)):
        (line,) = layer.lines("observed")
        assert np.allclose(line[:, 0], limit, atol=1e-3)
    assert [layer.label for layer in layers(two, PictureRequest())] == ["a", "b"]


def test_a_run_of_a_part_of_its_pallet_says_so(two: list[Path], tmp_path: Path) -> None:
    pallet = {"labels": ["m1", "m2"], "name": "p", "digest": "ab", "hypotheses": 200}
    part = run_of(tmp_path / "part", 300, options={"where": "m1>0"}, pallet=pallet)
    ax = Figure().subplots()
    draw_layers(ax, layers([*two, part], PictureRequest()), (), style_called(None), PictureRequest())
    title = ax.get_legend().get_title().get_text()
    assert title.endswith(f"\npart: only {len(GRID)} of 200 hypotheses: m1>0")
    assert title.count("hypotheses") == 1


def test_runs_of_different_signals_are_told_apart_in_the_legend(tmp_path: Path) -> None:
    def entries(**given: Any) -> list[str]:
        ax = Figure().subplots()
        draw_layers(ax, layers(runs, PictureRequest(**given)), (), style_called(None), PictureRequest())
        return [text.get_text() for text in ax.get_legend().get_texts()][:2]

    runs = [run_of(tmp_path / "1Lbb", 300), run_of(tmp_path / "up", 400, options={"signal_scale": 1.1, "mu": 2.0})]
    assert entries() == ["1Lbb", r"up ($\mu = 2$, signal yields $\times\,1.1$)"]
    assert entries(labels=("one", "two")) == ["one", "two"]
    runs[0] = run_of(tmp_path / "other", 300, options={"signal_scale": 1.1, "mu": 2.0})
    assert entries() == ["other", "up"]


def test_names_of_runs_are_no_mathematics_and_labels_may_be(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "a$b^$", 300), run_of(tmp_path / "b", 400)]
    assert [layer.entry for layer in layers(runs, PictureRequest())] == [r"a\$b^\$", "b"]
    said: list[str] = []
    request = PictureRequest({"title": r"$\PSQt$"}, labels=(r"$\PSQb$", r"$\nosuch$"), formats=("svg",))
    assert [layer.entry for layer in layers(runs, request)] == [r"${\tilde{b}}$", "nosuch"]
    assert len(overlay(runs, tmp_path / "both.svg", request, said.append)) == 2
    assert said == [r"--label 2 '$\nosuch$' is drawn as 'nosuch', without its LaTeX: unknown symbol: \nosuch"]


def test_runs_over_axes_of_different_scales_are_refused(tmp_path: Path) -> None:
    linear = run_of(tmp_path / "linear", 300)
    logarithmic = run_of(tmp_path / "logarithmic", 400, options={"logx": True})
    with pytest.raises(OptionError, match="some of the runs are drawn over logarithmic axes: give --logx or --no-logx"):
        overlay([linear, logarithmic], tmp_path / "both.svg", PictureRequest(), quiet)
    overlay([linear, logarithmic], tmp_path / "both.svg", PictureRequest({"logx": True}), quiet)
    content = json.loads((tmp_path / "both.json").read_text())
    assert [one["logx"] for one in content["overlaid"]] == [True, True]


def test_files_and_what_is_drawn(two: list[Path], tmp_path: Path) -> None:
    paths = overlay(two, tmp_path / "both.svg", PictureRequest(formats=("png",), style="atlas"), quiet)
    assert [path.name for path in paths] == ["both.svg", "both.png", "both.json"]
    content = json.loads((tmp_path / "both.json").read_text())
    assert [one["label"] for one in content["overlaid"]] == ["a", "b"]
    assert all(one["interpolation"] == "gp" and one["curves"] for one in content["overlaid"])
    ax = Figure().subplots()
    draw_layers(ax, layers(two, PictureRequest()), (), STYLES["hfx"], PictureRequest())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "Observed", "Expected"]
    more, shaded = Figure().subplots(), PictureRequest(uncertainty=True)
    draw_layers(more, layers(two, shaded), (), STYLES["hfx"], shaded)
    assert more.get_legend().get_texts()[-1].get_text() == "Interpolation uncertainty"
    solid = [line for line in ax.get_lines() if line.get_linestyle() == "-" and len(line.get_xdata())]
    assert [line.get_color() for line in solid] == list(OVERLAID[:2])
    assert solid[0].get_linewidth() > solid[1].get_linewidth()


def test_theory_curves_of_a_run_are_in_its_layer(tmp_path: Path) -> None:
    up = {"which": "theory-up", "level": 0.05, "points": [[320, 0], [320, 400]]}
    run = run_of(tmp_path / "a", 300, contours={"x": "m1", "y": "m2", "curves": [up], "notes": []})
    (layer,) = layers([run], PictureRequest())
    assert [line.tolist() for line in layer.lines("theory-up")] == [up["points"]]


def test_a_published_contour_is_measured_drawn_and_kept(two: list[Path], tmp_path: Path) -> None:
    csv = tmp_path / "limit.csv"
    csv.write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in ((320, 0), (320, 400))))
    said: list[str] = []
    request = PictureRequest(published=(csv,), formats=("png",))
    paths = redraw(two[0], tmp_path / "out", request, said.append)
    assert [path.name for path in paths] == ["contour.png", "contour.json"]
    (published,) = json.loads(paths[-1].read_text())["published"]
    assert published["apart"]["mean"] == pytest.approx(20, abs=0.01)
    assert published["apart"]["relative_area"] == pytest.approx(20 / 220, rel=1e-3)
    assert "9.1 % of the published area" in said[0]
    overlay(two, tmp_path / "both.png", request, said.append)
    content = json.loads((tmp_path / "both.json").read_text())
    means = [one["published"][0]["apart"]["mean"] for one in content["overlaid"]]
    assert means == pytest.approx([20, 80], abs=0.01)


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_is_drawn_and_leaves_settings_alone(style: str, two: list[Path], tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    (path, _) = redraw(two[0], tmp_path / f"{style}.png", PictureRequest(style=style, uncertainty=True), quiet)
    assert path.stat().st_size > 10_000
    assert dict(matplotlib.rcParams) == before
    assert style_called(style).name == style


def test_what_cannot_be_overlaid_is_told(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--label is given once for 2 runs"):
        layers(two, PictureRequest(labels=("one",)))
    other = run_of(tmp_path / "c", 300, labels=("msb", "mn2"))
    with pytest.raises(OptionError, match=r"different axes .*a over m1 and m2; .*c over msb and mn2"):
        overlay([two[0], other], tmp_path / "x.png", PictureRequest(), quiet)
    with pytest.raises(RunFolderError, match="nothing is not a folder"):
        overlay([two[0], tmp_path / "nothing"], tmp_path / "x.png", PictureRequest(), quiet)
    assert not (tmp_path / "x.png").exists()


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
    runs = [run_of(tmp_path / name / "toy", 300) for name in ("A", "B")]
    assert [layer.label for layer in layers(runs, PictureRequest())] == ["A/toy", "B/toy"]
    with pytest.raises(OptionError, match="--label a is given twice"):
        layers(runs, PictureRequest(labels=("a", "a")))
    with pytest.raises(OptionError, match="the same run is given twice"):
        layers([runs[0], runs[0]], PictureRequest())
    with pytest.raises(OptionError, match=r"--uncertainty: .*interpolation rbf, which has none"):
        layers(runs, PictureRequest({"interpolation": "rbf"}, uncertainty=True))


def test_one_hypothesis_is_no_plane(tmp_path: Path) -> None:
    scan = scan_of([(100.0, 1.0)], lambda x, y: 5.0)
    run = run_of(tmp_path / "one", 0, results=PackedResults(scan["results"]))
    with pytest.raises(OptionError, match=r"no plane to overlay: it has a single hypothesis; draw it alone$"):
        layers([run], PictureRequest())


def test_one_label_is_no_plane(tmp_path: Path) -> None:
    scan = scan_of([(x,) for x in range(100, 600, 100)], lambda x: 5.0 - x / 100, labels=("m",))
    run = run_of(tmp_path / "line", 0, pallet=scan["pallet"], results=PackedResults(scan["results"]))
    with pytest.raises(OptionError, match="no plane to overlay"):
        layers([run], PictureRequest())
    csv = tmp_path / "limit.csv"
    csv.write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(OptionError, match="--published needs a picture over two axes"):
        redraw(run, tmp_path / "o", PictureRequest(published=(csv,)), quiet)


def test_quantities_without_a_contour_or_different_ones_are_not_overlaid(
    two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter([values_of(GRID, lambda x, y: x, VALUE), *(values_of(GRID, lambda x, y: x / 300, s) for s in (LIMIT, OTHER))])
    monkeypatch.setattr("hfx.driver.plot.overlay.plot_data", lambda scan: next(made))
    with pytest.raises(OptionError, match="value has no level"):
        layers(two[:1], PictureRequest())
    with pytest.raises(OptionError, match=r"different quantities \(limit, other\)"):
        overlay(two, tmp_path / "x.png", PictureRequest(), quiet)


def test_the_map_of_regions_is_of_one_run(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--regions draws which region answers where in one run"):
        overlay(two, tmp_path / "both.svg", PictureRequest(regions=True), quiet)
    with pytest.raises(OptionError, match="this run has one region only; leave --regions out"):
        redraw(two[0], two[0], PictureRequest(regions=True), quiet)
