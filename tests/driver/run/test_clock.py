"""Clocks that are set while a scan runs: events keep their order, no duration is negative, no rate absurd."""

import itertools
import time
from pathlib import Path

import pytest
from rich.console import Console

from hfx.driver.api import scan
from hfx.driver.run import clock
from hfx.driver.run.events import Event, Finished, Planned, Started, Submitted, to_line
from hfx.driver.run.follow import Follower, progress
from hfx.driver.scan.run_context import RunContext
from hfx.driver.views.board import Board
from tests.driver import fakes


def test_the_time_of_events_does_not_follow_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.now()
    assert abs(before - time.time()) < 5
    for jump in (-1e6, 1e6, 0.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: jump)
        assert 0 <= clock.now() - before < 5


def test_a_scan_whose_clock_jumps_has_events_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.cycle([0.0, -7200.0, 86_400.0, -1e9])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: fakes.run)
    seen: list[Event] = []
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(6, 4))
    scan(pallet, output=tmp_path / "run", threads=2, context=RunContext(listener=seen.append))
    times = [event.time for event in seen]
    assert times == sorted(times)
    assert times[-1] - times[0] < 60
    assert all(event.seconds >= 0 for event in seen if isinstance(event, Finished))


def write(folder: Path, *events: Event) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("a") as file:
        file.writelines(to_line(event) + "\n" for event in events)


def test_events_of_a_clock_that_was_set_back_keep_the_order_of_their_file(tmp_path: Path) -> None:
    """As where a run is continued on another machine, whose clock is an hour behind."""
    first = [Planned(5000.0, "local", 0, 1, 2, 0, (("a", (1.0,)), ("b", (2.0,)))), Submitted(5001.0, "t", 2, ("a", "b"))]
    later = [Started(1400.0, "t"), Finished(1405.0, "t", "local", ("a", "b"), 2, 1.0)]
    write(tmp_path, *first, *later)
    write(tmp_path / "region", Planned(5000.5, "local", 0, 1, 1, 0, (("c", (1.0,)),)))
    found = Follower(tmp_path).new()
    assert [event for event in found if event.time != 5000.5] == [*first, *later]
    assert found[1].time == 5000.5
    step = progress(tmp_path).current
    assert step.rate == 0.0
    assert step.remaining is None
    assert "-" not in str(step)


def test_ages_are_not_negative() -> None:
    board = Board(lambda text: None)
    points = (("a", (1.0, 1.0)), ("b", (2.0, 2.0)))
    ahead = clock.now() + 3600
    board.listen(Planned(ahead, "local", 0, 1, 2, 0, points, ("m1", "m2"), level=0.05))
    board.listen(Finished(ahead, "t", "local", ("a",), 1, 1.0, (("a", 0.01, (0.01,) * 5, "converged", "w:1"),)))
    assert board.state.workers["w:1"].last == ahead
    console = Console(width=100, height=30, record=True)
    console.print(board)
    assert "0 s ago" in console.export_text()
