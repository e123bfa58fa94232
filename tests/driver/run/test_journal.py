"""Events on their way into a run's folder: in order, none lost, those of one moment in one write."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.run.events import Event, Failed, Finished, Started, Submitted
from hfx.driver.run.folder import opened
from hfx.driver.run.journal import Journal
from hfx.driver.scan.run_context import RunContext
from tests.conformance.engines import until
from tests.driver import fakes

TASK = [Submitted(1.0, "local-0", 1, ("a",)), Started(2.0, "local-0"), Finished(3.0, "local-0", "local", ("a",), 1, 0.5)]


def kinds(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (path / "events.jsonl").read_text().splitlines()]


def test_those_of_tasks_wait_for_the_next_moment_and_a_listener_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    with opened(tmp_path / "run", print) as folder:
        folder.create("events.jsonl")
        journal = Journal(folder, {}, heard.append)
        for event in TASK:
            journal.emit(event)
        assert heard == TASK
        assert kinds(folder.path) == []
        journal.settle()
        assert kinds(folder.path) == ["submitted", "started", "finished"]
        journal.settle()
        assert len(kinds(folder.path)) == 3
        monkeypatch.setattr("hfx.driver.run.journal._PACE", 60.0)
        for event in TASK:
            journal.emit(event)
        journal.settle()
        assert len(kinds(folder.path)) == 3
        monkeypatch.setattr("hfx.driver.run.journal._PACE", 0.0)
        journal.settle()
        assert len(kinds(folder.path)) == 6
        journal.emit(TASK[0])
        journal.emit(Failed(4.0, "local-0", "a", "why"))
        assert kinds(folder.path)[6:] == ["submitted", "failed"]


def test_a_scan_writes_them_down_before_it_waits(tmp_path: Path) -> None:
    """The first task sees in the folder that it was submitted: nothing else happens until it ends."""
    folder, seen = tmp_path / "run", threading.Event()

    def task(content: Mapping[str, Any]) -> dict[str, Any]:
        if not seen.is_set() and until(lambda: "submitted" in kinds(folder), 10):
            seen.set()
        return fakes.run(content)

    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(2, 2))
    scan(pallet, output=folder, starts=1, threads=1, context=RunContext(say=lambda _: None, function=task))
    assert seen.is_set()


def test_all_of_a_step_is_written_before_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, seen = tmp_path / "run", list[str]()

    def picture(*arguments: Any) -> list[Path]:
        seen.extend(kinds(folder))
        return fakes.picture(*arguments)

    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", picture)
    monkeypatch.setattr("hfx.driver.run.journal._PACE", 60.0)
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    scan(pallet, output=folder, starts=1, context=RunContext(say=lambda _: None, function=fakes.run, batch=2))
    assert sorted(seen) == sorted(["planned", *["submitted", "started", "finished"] * 3])


def test_any_other_event_and_a_change_of_state_take_them_along(tmp_path: Path) -> None:
    with opened(tmp_path / "run", print) as folder:
        folder.create("events.jsonl")
        journal = Journal(folder, {}, None)
        journal.emit(TASK[0])
        journal.emit(Failed(2.0, "local-0", "a", "no such sample"))
        assert kinds(folder.path) == ["submitted", "failed"]
        journal.emit(TASK[2])
        journal.state("stopped")
        assert kinds(folder.path) == ["submitted", "failed", "finished"]
