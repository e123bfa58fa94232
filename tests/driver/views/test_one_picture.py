"""Page, notebook cell and files show one picture: the same lines when a scan has finished, and while it runs."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from hfx.driver.api import scan
from hfx.driver.plane.awaited import Awaited
from hfx.driver.plane.contour import Plane
from hfx.driver.plane.points import BETWEEN
from hfx.driver.plot import run_planes
from hfx.driver.plot.awaited_parts import draw_faintly
from hfx.driver.plot.figure import Picture, draw_axes
from hfx.driver.plot.request import PictureOptions, styled
from hfx.driver.plot.run_data import plot_data as data_of_scan
from hfx.driver.results import ScanResult
from hfx.driver.run.events import Finished, Planned
from hfx.driver.run.file_types import ScanContent
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views import notebook, verdict
from hfx.driver.views.page.messages import ContourContent
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.page.view import View as PageView
from hfx.driver.views.state import RunState
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun
from tests.driver.views.test_notebook import Shown

Worker = Callable[[Mapping[str, Any]], dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


def regions(folder: Path) -> tuple[Path, RunContext]:
    """A pallet of two regions, each the better one for some hypotheses, and the context that fits them so."""
    said: list[str] = []

    def fit(task: Mapping[str, Any]) -> dict[str, Any]:
        found = fakes.run(task)
        for record in found["results"] if said[-1].endswith("RegionB") else ():
            _scale(record, float(np.exp((record["values"][1] - 75.0) / 25.0)))
        return found

    for name in ("RegionA", "RegionB"):
        fakes.write_pallet(folder / name, fakes.grid(7, 5))
    return folder, RunContext(say=said.append, function=fit)


def _scale(record: dict[str, Any], factor: float) -> None:
    for part in (record, record["natural"], record["admissible"], record["lowest"]):
        part["CLs_obs"] = min(1.0, factor * part["CLs_obs"])
        part["CLs_exp"] = [min(1.0, factor * value) for value in part["CLs_exp"]]


def on_the_page(folder: Path) -> ContourContent:
    view = PageView("", folder, threading.Condition())
    picture = view.watch(PlaneRequest())
    while view.poll():
        pass
    view.draw()
    assert picture.contour is not None, picture.error
    return picture.contour


def finished(folder: Path, *, combined: bool, **options: Any) -> ScanResult:
    pallet, context = folder / "toy", RunContext(say=lambda _: None, function=fakes.run)
    if combined:
        pallet, context = regions(pallet)
        options["region"] = "all"
    else:
        fakes.write_pallet(pallet, fakes.grid(7, 5))
    return scan(pallet, output=folder / "run", context=context, **options)


@pytest.mark.parametrize("combined", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"interpolation": "linear"},
        {"minima": "lowest", "x": "m1-m2", "y": "m2"},
        {"logx": True, "y": "m2+1", "logy": True},
    ],
)
def test_the_page_has_the_lines_of_contour_json(tmp_path: Path, combined: bool, options: dict[str, Any]) -> None:
    result = finished(tmp_path, combined=combined, **options)
    if combined:
        assert {one.region for one in result} == {"RegionA", "RegionB"}
    ours = on_the_page(result.folder)["curves"]
    theirs = json.loads((result.folder / "contour.json").read_text())["curves"]
    assert [curve["which"] for curve in ours] == [curve["which"] for curve in theirs]
    assert {"observed", "expected"} <= {curve["which"] for curve in theirs}
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine["points"], other["points"], rtol=1e-6)
        assert mine["open"] == []


@pytest.mark.parametrize("combined", [False, True])
def test_the_cell_ends_on_the_picture_of_the_whole_run(tmp_path: Path, combined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown()
    drawn: list[Plane] = []
    monkeypatch.setattr("hfx.driver.views.live.in_notebook", lambda: True)
    monkeypatch.setattr("hfx.driver.views.notebook._ipython", shown)
    monkeypatch.setattr("hfx.driver.views.notebook._LEAST", 0.01)
    made = run_planes.plane_of

    def noted(*given: Any) -> Plane:
        drawn.append(made(*given))
        return drawn[-1]

    monkeypatch.setattr("hfx.driver.plot.run_planes.plane_of", noted)
    result = finished(tmp_path, combined=combined, live=True)
    lines = shown.text.split("<br>")
    assert lines[0] == f"hfx: finished: {escape(verdict.of_scan(result.content))}"
    assert not [line for line in lines[1:] if "per second" in line or line.startswith("region ")]
    assert repr(shown.places[1][-1]) == "the contour"
    theirs = json.loads((result.folder / "contour.json").read_text())["curves"]
    assert drawn[-1].contours["curves"] == theirs
    assert shown.pictures[-1] == notebook.final_picture(result.content)


def half(folder: Path) -> tuple[MadeRun, RunState]:
    """A run of which every other hypothesis of some rows is fitted, and what its events tell the cell."""
    run = MadeRun(folder / "run", fakes.grid(9, 6))
    fitted = [name for name, (m1, m2) in run.points if m1 <= 800 and (m1 / 100 + m2 / 40) % 2 == 0]
    run.fit(fitted)
    state = RunState()
    state.apply(Planned(0.0, "local", 0, 1, 54, 0, tuple(run.points), ("m1", "m2"), level=0.05))
    records = map(json.loads, (run.folder / "results.jsonl").read_text().splitlines())
    told = tuple((r["name"], r["CLs_obs"], tuple(r["CLs_exp"]), r["status"], r["worker"]) for r in records)
    state.apply(Finished(time.time(), "local-0", "local", tuple(fitted), len(fitted), 0.5, told))
    return run, state


def test_at_half_of_a_scan_page_and_cell_have_the_same_lines_open_where_nothing_is_fitted(tmp_path: Path) -> None:
    run, state = half(tmp_path)
    page = on_the_page(run.folder)
    data = notebook.plot_data(state)
    assert data is not None
    missing = [state.points[name] for name, status in state.statuses.items() if status.open]
    plane, near = notebook.plane_so_far(data, missing, PictureOptions(interpolation="gp"))
    assert plane.contours["interpolation"] == "gp"
    assert [curve["which"] for curve in page["curves"]] == [curve["which"] for curve in plane.contours["curves"]]
    for mine, theirs in zip(page["curves"], plane.contours["curves"], strict=True):
        np.testing.assert_allclose(mine["points"], theirs["points"], rtol=1e-6)
        assert mine["open"] == near.segments(theirs["points"]).tolist()
    assert any(curve["open"] for curve in page["curves"])


def test_the_cell_draws_faintly_what_may_still_change(tmp_path: Path) -> None:
    _, state = half(tmp_path)
    data = notebook.plot_data(state)
    assert data is not None
    missing = [state.points[name] for name, status in state.statuses.items() if status.open]
    plane, near = notebook.plane_so_far(data, missing, PictureOptions(interpolation="gp"))
    ax = Figure().subplots()
    draw_axes(Picture(plane), ax)
    whole = {str(line.get_gid()): np.array(line.get_xydata()) for line in ax.lines}
    draw_faintly(ax, plane, near)
    lines = {str(line.get_gid()): line for line in ax.lines}
    faint, bold = lines["curve-observed-0-open"], lines["curve-observed-0"]
    assert faint.get_linewidth() == 1
    assert faint.get_linestyle() == "--"  # dashes of its own
    before = whole["curve-observed-0"]
    opened = near.segments(before)
    assert _segments(faint.get_xydata()) == {tuple(before[[i, i + 1]].ravel()) for i in opened}
    assert _segments(bold.get_xydata()) == {tuple(before[[i, i + 1]].ravel()) for i in range(len(before) - 1) if i not in opened}
    areas = {str(patch.get_gid()): patch for patch in ax.patches}
    assert areas["band-0-open"].get_alpha() < 1


def _segments(line: Any) -> set[tuple[float, ...]]:
    at = np.asarray(line)
    pairs = np.hstack([at[:-1], at[1:]])
    return {tuple(pair) for pair in pairs[np.isfinite(pairs).all(axis=1)].tolist()}


def test_when_nothing_is_awaited_the_lines_stay_as_they_are(tmp_path: Path) -> None:
    content: ScanContent = finished(tmp_path, combined=False).content
    plane = run_planes.plane_of(data_of_scan(content), styled(content["options"]))
    ax = Figure().subplots()
    draw_axes(Picture(plane), ax)
    before = [(line.get_gid(), np.array(line.get_xydata()).tolist()) for line in ax.lines]
    draw_faintly(ax, plane, Awaited(plane, np.zeros((0, 2))))
    assert [(line.get_gid(), np.array(line.get_xydata()).tolist()) for line in ax.lines] == before


def test_one_label_that_varies_is_one_axis_in_file_and_page(tmp_path: Path) -> None:
    """Also where the run was given two axes."""
    fakes.write_pallet(tmp_path / "toy", fakes.grid(7, 1))
    context = RunContext(say=lambda _: None, function=fakes.run)
    result = scan(tmp_path / "toy", output=tmp_path / "run", x="m1", y="m2", context=context)
    assert (result.contours["x"], result.contours["y"]) == ("m1", "CLs")
    observed = next(curve for curve in on_the_page(result.folder)["curves"] if curve["which"] == "observed")
    assert observed["points"][::BETWEEN] == [[one.values[0], pytest.approx(one.CLs_obs, rel=1e-6)] for one in result]


def test_the_view_gets_the_scan_of_all_regions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[ScanContent] = []
    monkeypatch.setattr("hfx.driver.views.live.Shown.finish", lambda self, content: seen.append(content))
    result = finished(tmp_path, combined=True, live=True)
    assert seen == [result.content]
