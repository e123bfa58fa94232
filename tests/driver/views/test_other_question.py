"""The views of a question that hfx does not know, which comes with an installed package: its names, columns and level."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from hfx.driver import api
from hfx.driver.run.events import Event
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views.board import Board
from hfx.driver.views.notebook import plot_data
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.picture import Snapshot, draw_contour, draw_svg, lay_out
from hfx.driver.views.page.picture_request import PlaneRequest
from hfx.driver.views.page.status import head, row
from hfx.driver.views.state import RunState, Status
from tests.driver import fakes

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
POINTS = fakes.grid(5, 4)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Event]]:
    """The folder of a run, and its events."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    heard: list[Event] = []
    context = RunContext(say=lambda _: None, batch=6, listener=heard.append)
    api.ask("signal_events", fakes.write_pallet(tmp_path / "toy", POINTS), output=tmp_path / "run", context=context)
    return tmp_path / "run", heard


def events_of(values: tuple[float, ...]) -> float:
    (operation,) = fakes.signal(*values)
    return float(sum(operation["value"]["data"]))


def test_the_page_shows_its_columns_and_its_level(run: tuple[Path, list[Event]]) -> None:
    """A result is the sum over the units of work on a hypothesis."""
    feed = Feed(run[0])
    feed.poll()
    assert len(feed.names) == len(POINTS)
    assert head(feed)["columns"] == [
        {"name": "events", "title": "signal events"},
        {"name": "bins", "title": "bins"},
    ]
    assert feed.state.level == 10.0
    for position, name in enumerate(feed.names):
        number = events_of(feed.state.points[name])
        assert feed.state.results[name].numbers == (pytest.approx(number),)
        assert feed.state.statuses[name] is (Status.EXCLUDED if number < 10.0 else Status.ALLOWED)
        assert row(feed, position)[5] == [pytest.approx(number), feed.cells[name][1]]


def test_its_picture_is_drawn(run: tuple[Path, list[Event]]) -> None:
    feed = Feed(run[0])
    feed.poll()
    assert feed.surface is not None
    points = [feed.state.points[name] for name in feed.names]
    layout = lay_out(points, feed.label_names, feed.options, PlaneRequest(), feed.surface)
    snapshot = Snapshot.of(layout, feed.names, feed.state, feed.label_names, feed.surface)
    content, plane = draw_contour(layout, snapshot)
    assert content["made_of"] == len(POINTS)
    assert draw_svg(layout, snapshot, plane, feed.pallet, [])["text"].startswith("<svg")


def test_the_terminal_and_the_notebook_show_it(run: tuple[Path, list[Event]]) -> None:
    state, board = RunState(), Board(lambda text: None)
    for event in run[1]:
        state.apply(event)
        board.listen(event)
    data = plot_data(state)
    assert data is not None
    assert (data.surface.name, len(data.results)) == ("signal events", len(POINTS))
    assert (state.question, state.level) == ("signal_events", 10.0)
    console = Console(file=io.StringIO(), width=100, height=30, color_system=None)
    console.print(board)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "latest (expected signal events)" in text
    assert "CLs" not in text
