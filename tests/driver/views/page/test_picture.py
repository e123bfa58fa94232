"""The page's picture: places, selections, segments near missing results, bands, and the SVG that the browser fills in."""

import json
import re
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hfx.driver.plane import contour
from hfx.driver.plane.points import BETWEEN, PlotData
from hfx.driver.plot.figure import Picture as FilePicture
from hfx.driver.plot.figure import draw_axes
from hfx.driver.run.events import Failed
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.messages import ContourContent, SvgContent
from hfx.driver.views.page.picture import Layout, Snapshot, draw_contour, draw_svg, lay_out
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.page.view import View, _theory
from hfx.errors import OptionError
from hfx.json_types import JsonObject
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun

THREE = [(400 + 100 * i, 50 * j, 10 * k) for i in range(4) for j in range(4) for k in range(2)]


def polled(run: MadeRun) -> Feed:
    feed = Feed(run.folder)
    feed.poll()
    return feed


def laid_out(feed: Feed, options: JsonObject | None = None, request: PlaneRequest | None = None) -> Layout:
    assert feed.surface is not None
    points = [feed.state.points[name] for name in feed.names]
    return lay_out(points, feed.label_names, options or {}, request or PlaneRequest(), feed.surface)


def drawn(feed: Feed, layout: Layout) -> ContourContent:
    return draw_contour(layout, snapshot(feed, layout))[0]


def snapshot(feed: Feed, layout: Layout) -> Snapshot:
    assert feed.surface is not None
    return Snapshot.of(layout, feed.names, feed.state, feed.label_names, feed.surface)


def svg(feed: Feed, layout: Layout) -> SvgContent:
    taken = snapshot(feed, layout)
    return draw_svg(layout, taken, draw_contour(layout, taken)[1], feed.pallet, [])


def test_the_page_draws_which_part_of_the_pallet_a_run_contains(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(4, 3))
    run.fit(run.names)
    whole = polled(run)
    pallet = {**whole.pallet, "hypotheses": 99}
    run.state("finished", pallet=pallet, options={"minima": "admissible", "where": "m1>0"})
    pictures = []
    for folder in (run.folder, run.folder):
        view = View("", folder, threading.Condition())
        picture = view.watch(PlaneRequest())
        view.poll()
        view.draw()
        assert picture.svg is not None
        pictures.append(picture.svg["text"])
        run.state("finished")  # the whole pallet
    assert len(pictures[0]) > len(pictures[1])  # the line is drawn as shapes of letters


def test_the_contour_of_all_results_is_that_of_the_scan(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names)
    feed = polled(run)
    found = drawn(feed, laid_out(feed))
    assert feed.surface is not None
    whole = contour.plane(PlotData(("m1", "m2"), list(feed.state.results.values()), [], feed.surface))
    expected = whole.contours["curves"]
    assert [curve["which"] for curve in found["curves"]] == [curve["which"] for curve in expected]
    for ours, theirs in zip(found["curves"], expected, strict=True):
        np.testing.assert_allclose(ours["points"], theirs["points"], rtol=1e-6)
        assert ours["open"] == []
    assert (found["made_of"], found["of"], found["awaited"]) == (30, 30, 0)
    # The band is that of the same surface, as hfx plot draws it.
    assert sum(map(_area, found["bands"][0])) == pytest.approx(sum(map(_area, whole.band())), rel=1e-5)
    assert found["open_bands"] == [[]]


def test_where_a_fit_is_missing_the_line_is_open(tmp_path: Path) -> None:
    """All are fitted but one, beside the line: the segments in the triangles around its place are open, no others."""
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    missing = "sig_400_80"
    run.fit([name for name in run.names if name != missing])
    feed = polled(run)
    layout = laid_out(feed, {"interpolation": "linear"})
    found = drawn(feed, layout)
    (line,) = [curve for curve in found["curves"] if curve["which"] == "observed"]
    middles = (np.array(line["points"])[1:] + np.array(line["points"])[:-1]) / 2
    assert 0 < len(line["open"]) < len(middles)
    assert found["open_bands"][0]
    reach = np.abs(middles[line["open"]] - [400, 80]) / [100, 40]
    assert reach.max() <= 1.0  # within the triangles that the hole is a corner of
    run.tell(Failed(time.time(), "local-0", missing, "the patch does not apply"))
    feed.poll()
    later = drawn(feed, layout)  # nothing is awaited any more
    assert all(curve["open"] == [] for curve in later["curves"])
    assert later["open_bands"] == [[]]


LACKING = ("No hypothesis has", "There is one point", "All points", "No point is", "m1 has two values")


def lacking(feed: Feed) -> tuple[list[str], str]:
    """The notes on what is lacking, and those in the picture's legend."""
    layout = laid_out(feed)
    taken = snapshot(feed, layout)
    content, plane = draw_contour(layout, taken)
    notes = [note for note in (*content["notes"], *content["details"]) if note.startswith(LACKING)]
    return notes, "; ".join(note for note in plane.points.notes if note.startswith(LACKING))


@pytest.mark.parametrize("fitted", [0, 1, 5, 10])
def test_nothing_is_said_to_be_lacking_while_results_are_awaited(tmp_path: Path, fitted: int) -> None:
    """None at all, one, those on one line, those of two values of a label, all of which are excluded."""
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names[:fitted])
    assert lacking(polled(run)) == ([], "")
    run.tell(*(Failed(time.time(), "local-0", name, "the patch does not apply") for name in run.names[fitted:]))
    notes, legend = lacking(polled(run))
    assert notes
    assert legend


def test_notes_for_experts_are_details(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names)
    feed = polled(run)
    found = drawn(feed, laid_out(feed))
    assert [note.split(":")[0] for note in found["details"] if note.startswith("Accuracy")] == ["Accuracy"]
    assert any("are interpolated between the points" in note for note in found["details"])
    assert found["notes"] == []


@pytest.mark.parametrize(("most", "kind"), [(47, "linear"), (48, "gp")])
def test_of_many_hypotheses_the_first_results_are_joined_as_all_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, kind: str
) -> None:
    """A curved surface through a thousand of ten thousand takes seconds, and none is drawn in the end."""
    monkeypatch.setattr("hfx.driver.plot.run_planes.MOST_POINTS", most)
    run = MadeRun(tmp_path / "run", fakes.grid(8, 6))
    run.fit(run.names[:30])
    feed = polled(run)
    layout = laid_out(feed)
    assert draw_contour(layout, snapshot(feed, layout))[1].contours["interpolation"] == kind


def test_the_first_results_are_drawn_at_once(tmp_path: Path) -> None:
    """After a picture without any, which cost nothing; the next pictures come at their pace."""
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    view = View("", run.folder, threading.Condition())
    picture = view.watch(PlaneRequest())
    made_of = []
    for _ in range(3):
        view.poll()
        view.draw()
        assert picture.contour is not None, picture.error
        made_of.append(picture.contour["made_of"])
        run.fit(run.names[: 10 * len(made_of)])
    assert made_of == [0, 10, 10]
    run.fit(run.names)
    view.poll()
    view.draw()
    assert picture.contour["made_of"] == 30  # nothing is awaited any more


def test_three_labels_axes_and_slices(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1"))
    feed = polled(run)
    offered = laid_out(feed).content
    assert (offered["x"], offered["y"]) == ("msb", "mn2")
    assert offered["axes"][:3] == ["msb", "mn2", "mn1"]
    assert "mn2-mn1" in offered["axes"]
    assert {"where": "mn1==10", "points": 16} in offered["slices"]
    sliced = laid_out(feed, request=PlaneRequest("msb", "mn2-mn1", "mn1==10"))
    assert sliced.chosen.sum() == 16
    inside = [(at, run.points[i][1]) for i, at in enumerate(sliced.content["at"]) if at]
    assert all(at == [values[0], values[1] - values[2]] and values[2] == 10 for at, values in inside)


def test_the_runs_own_axes_and_labels_come_first(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1"))
    feed = polled(run)
    options: JsonObject = {"x": "mn2", "y": "mn1", "xlabel": "mass", "forbidden": "y>x"}
    own = laid_out(feed, options)
    assert (own.axes.x, own.axes.y) == ("mn2", "mn1")
    assert (own.options.xlabel, own.options.forbidden) == ("mass", "y>x")
    assert 'id="forbidden"' in svg(feed, own)["text"]
    other = laid_out(feed, options, PlaneRequest("msb", "mn1"))
    assert (other.options.xlabel, other.options.forbidden) == (None, None)  # of other axes they are not true
    assert 'id="forbidden"' not in svg(feed, other)["text"]


def test_logarithmic_axes_are_those_of_the_run(tmp_path: Path) -> None:
    feed = polled(MadeRun(tmp_path / "run", [(m, 1 + 2 * n) for m in (200, 400, 800) for n in range(4)], ("m1", "g")))
    own = laid_out(feed, {"logx": True})
    assert (own.options.logx, own.options.logy) == (True, False)
    content = svg(feed, own)
    assert (content["logarithmic_x"], content["logarithmic"]) == (True, False)
    assert not laid_out(feed, {"logx": True}, PlaneRequest("g", "m1")).options.logx  # another axis
    assert laid_out(feed, {"logx": True}, PlaneRequest(y="m1-g")).options.logx


@pytest.mark.parametrize("request_", [PlaneRequest(x="mbs"), PlaneRequest(where="mn1"), PlaneRequest(y="mn2-")])
def test_an_expression_that_cannot_be_read_is_an_error(tmp_path: Path, request_: PlaneRequest) -> None:
    feed = polled(MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1")))
    with pytest.raises(OptionError):
        laid_out(feed, request=request_)


def test_one_label_is_a_profile(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", [(m,) for m in range(200, 900, 100)], ("m1",))
    run.fit(run.names[:4])
    feed = polled(run)
    layout = laid_out(feed)
    assert layout.axes.y is None
    assert layout.content["at"][0] == [200, 0]
    found = drawn(feed, layout)
    assert found["made_of"] == 4
    observed = next(curve["points"] for curve in found["curves"] if curve["which"] == "observed")
    records = [json.loads(line) for line in (run.folder / "results.jsonl").read_text().splitlines()]
    assert observed[::BETWEEN] == [[record["values"][0], pytest.approx(record["CLs_obs"])] for record in records]
    assert svg(feed, layout)["logarithmic"]


def test_a_line_past_an_awaited_hypothesis_of_one_label_is_open(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", [(m,) for m in range(200, 900, 100)], ("m1",))
    run.fit([name for name in run.names if name != "sig_400"])
    feed = polled(run)
    found = drawn(feed, laid_out(feed))
    assert {curve["which"]: curve["open"] for curve in found["curves"]}["observed"] == list(range(BETWEEN, 2 * BETWEEN))


def test_the_bands_of_a_single_hypothesis_are_the_bars_of_files(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", [(400,)], ("m1",))
    run.fit(run.names)
    feed = polled(run)
    layout = laid_out(feed)
    record = json.loads((run.folder / "results.jsonl").read_text())
    for band, (low, high) in zip(drawn(feed, layout)["bands"], ((1, 3), (0, 4)), strict=True):
        x, y = np.array(band[0]).T
        assert sorted(set(y)) == pytest.approx([record["CLs_exp"][low], record["CLs_exp"][high]])
        assert x.min() < 400 < x.max()
        assert x.max() - x.min() == pytest.approx(0.06 * 400)  # of the axis, from 200 to 600
    (bar, *_) = [patch for patch in _axes(feed).collections if patch.get_gid() == "band-0"]
    assert bar.get_paths()[0].get_extents().width == pytest.approx(0.06 * 400)


def _axes(feed: Feed) -> Axes:
    """The picture of a file."""
    assert feed.surface is not None
    ax = Figure().subplots()
    data = PlotData(tuple(feed.label_names), list(feed.state.results.values()), [], feed.surface)
    draw_axes(FilePicture(contour.plane(data)), ax)
    return ax


def test_values_below_the_axis_are_named_once(tmp_path: Path) -> None:
    """By the picture's legend, so that the page need not name them."""
    run = MadeRun(tmp_path / "run", [(m,) for m in range(200, 900, 100)], ("m1",))
    run.fit(run.names[:1], CLs_obs=1e-9, CLs_exp=[1e-12, 1e-10, 1e-9, 1e-8, 1e-7])
    run.fit(run.names[1:], CLs_obs=0.2, CLs_exp=[0.01, 0.1, 0.2, 0.4, 0.6])
    feed = polled(run)
    assert svg(feed, laid_out(feed))["names_below"]
    run.fit(run.names, CLs_obs=0.2, CLs_exp=[0.01, 0.1, 0.2, 0.4, 0.6])
    feed = polled(run)
    assert not svg(feed, laid_out(feed))["names_below"]


def test_a_slice_with_one_varying_label_is_a_profile_whatever_axes_are_given(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, ("msb", "mn2", "mn1"))
    run.fit(run.names)
    feed = polled(run)
    layout = laid_out(feed, {"x": "msb", "y": "mn2", "ylabel": "mass"}, PlaneRequest("msb", "mn2", "mn1==10 and mn2==50"))
    assert (layout.axes.x, layout.axes.y) == ("msb", None)
    assert layout.options.ylabel is None
    observed = next(curve["points"] for curve in drawn(feed, layout)["curves"] if curve["which"] == "observed")
    assert [x for x, _ in observed[::BETWEEN]] == [400, 500, 600, 700]
    with pytest.raises(OptionError, match="no label is called 'mn4'"):
        laid_out(feed, request=PlaneRequest("msb", "mn4", "mn1==10 and mn2==50"))


def test_the_svg_is_for_the_browser_to_fill_in(tmp_path: Path) -> None:
    """Lines and bands are empty elements with a style, points are not there, and nothing needs a style sheet or attribute."""
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names[:20])
    feed = polled(run)
    layout = laid_out(feed)
    content = svg(feed, layout)
    assert not re.search(r"style=|<style", content["text"])
    root = ElementTree.fromstring(content["text"])
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    for gid in ("curve-observed", "curve-expected", "band-0"):
        assert by_id[gid].get("d") == ""
    assert by_id["curve-observed"].get("stroke")
    assert by_id["band-0"].get("fill")
    assert not [gid for gid in by_id if gid and gid.startswith("point")]
    # The legend still has its markers: whatever is used is defined.
    used = {use.get("{http://www.w3.org/1999/xlink}href", "")[1:] for use in root.iter("{http://www.w3.org/2000/svg}use")}
    assert used <= by_id.keys()
    # All hypotheses are within the axes, those without a result too.
    a, b, c, d = content["transform"]
    for x, y in layout.places:
        assert 0 < a * x + b < content["width"]
        assert 0 < c * y + d < content["height"]


def test_the_legend_names_hypotheses_without_a_result_only_where_they_failed(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", fakes.grid(6, 5))
    run.fit(run.names[:20])
    feed = polled(run)
    view = View("", run.folder, threading.Condition())
    picture = view.watch(PlaneRequest())
    awaited = len(_legend(svg(feed, laid_out(feed))))
    view.poll()
    view.draw()
    assert picture.svg is not None
    assert len(_legend(picture.svg)) == awaited
    run.tell(Failed(time.time(), "local-0", run.names[-1], "the patch does not apply"))
    feed.poll()
    assert len(_legend(svg(feed, laid_out(feed)))) == awaited + 1
    picture._due = 0.0
    view.poll()
    view.draw()
    assert len(_legend(picture.svg)) == awaited + 1  # it is drawn again for that


def _legend(content: SvgContent) -> list[str]:
    """The ids of the legend's texts."""
    root = ElementTree.fromstring(content["text"])
    (legend,) = (element for element in root.iter() if element.get("id", "").startswith("legend"))
    return [gid for element in legend.iter() if (gid := element.get("id", "")).startswith("text_")]


def _area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2


def test_a_run_in_several_planes_is_shown_in_the_first_of_them(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run", THREE, labels=("m1", "m2", "k"))
    run.fit(run.names)
    feed = polled(run)
    layout = laid_out(feed)
    assert layout.where == layout.content["where"]
    assert layout.where in ("k==0", "k==10")
    assert layout.chosen.sum() == 16
    assert drawn(feed, layout)["curves"]
    planes = layout.content["planes"]
    assert [(plane["where"], plane["x"], plane["y"], plane["points"]) for plane in planes] == [
        ("k==0", "m1", "m2", 16),
        ("k==10", "m1", "m2", 16),
    ]
    part = laid_out(feed, request=PlaneRequest(where="m1>0"))
    assert part.where == "(m1>0) and (k==0)"
    assert [plane["where"] for plane in part.content["planes"]] == [part.where, "(m1>0) and (k==10)"]
    assert part.chosen.tolist() == layout.chosen.tolist()
    assert drawn(feed, part)["curves"] == drawn(feed, layout)["curves"]
    other = laid_out(feed, request=PlaneRequest(where="(m1>0) and (k==10)"))
    assert other.where == "(m1>0) and (k==10)"
    assert other.content["planes"] == planes
    up = {"which": "theory-up", "level": 0.05, "points": [[400, 0], [500, 1]]}
    panel = {"where": layout.where, "title": "", "x": "m1", "y": "m2", "curves": [up], "notes": []}
    (run.folder / "contour.json").write_text(json.dumps({"x": "m1", "y": "m2", "curves": [], "panels": [panel]}))
    assert _theory(feed, layout) == [up]
    assert _theory(feed, other) == []
