"""Clients of an endpoint that tests stop, and what is left of them."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import engines
from tests.driver import fakes

CLIENT = Path(__file__).with_name("client.py")


@dataclass(frozen=True)
class Place:
    """An endpoint file, and the mark that its processes carry."""

    engine: str
    file: str
    mark: str
    clients: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def left(self) -> list[str]:
        """What still runs of it, and should end with its client."""
        return [*self.processes().values(), *engines.ENGINES[self.engine].jobs()]

    def processes(self) -> dict[int, str]:
        return engines.marked(self.mark, engines.ENGINES[self.engine].lives)

    def seen(self) -> list[str]:
        """All that runs of it."""
        return [*engines.marked(self.mark).values(), *engines.ENGINES[self.engine].jobs()]

    def forget(self) -> None:
        """Let go of clients that have ended, also where a test failed before it waited for them."""
        for one in self.clients:
            if one.stderr is not None and not one.stderr.closed:
                one.communicate(timeout=20)

    def cancel(self, *jobs: str) -> None:
        """Take jobs from the batch system."""
        subprocess.run([engines.ENGINES[self.engine].cancel, *jobs], check=True, capture_output=True)

    def with_one_job(self) -> "Place":
        """With one job at a time, where its file says two."""
        file = Path(self.file)
        file.write_text(file.read_text().replace("_blocks = 2", "_blocks = 1"))
        return self

    def with_lines(self, *lines: str) -> "Place":
        """With `lines` in its file, in the place of those for the same keys."""
        keys = {line.split(" = ")[0] for line in lines}
        kept = [line for line in Path(self.file).read_text().splitlines() if line.split(" = ")[0] not in keys]
        Path(self.file).write_text("\n".join([*kept, *lines]))
        return self


@contextmanager
def placed(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An endpoint of an engine that is up, written into `folder`; nothing is left of it, and nothing of a failed test's."""
    marker = engines.ENGINES[engine].marker(folder)
    marker.unlink(missing_ok=True)
    monkeypatch.setenv("HFX_TEST_MARKER", str(marker))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))  # nothing is collected that another test submitted
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    here = Place(engine, engines.ENGINES[engine].written(folder), f"HFX_TEST_MARKER={marker}")
    yield here
    if not engines.until(lambda: not here.left(), 20):
        left = here.left()
        for number in here.processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if jobs := engines.ENGINES[engine].jobs():
            here.cancel(*jobs)
        engines.until(lambda: not here.left(), 20)
        here.forget()
        raise AssertionError(f"left behind: {left}")
    here.forget()


def client(pallet: Path, folder: Path, place: Place) -> "subprocess.Popen[str]":
    """A scan of `pallet` into `folder`, in a process group of its own."""
    command = [sys.executable, str(CLIENT), str(pallet), str(folder), place.file]
    place.clients.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0))
    return place.clients[-1]


def over(running: "subprocess.Popen[str]", seconds: float) -> str:
    """What a client had to say, when it is over; one that is not by then is killed, and says where it waits."""
    try:
        return running.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGUSR2)
        with suppress(subprocess.TimeoutExpired):
            running.wait(2)
        running.kill()
        raise AssertionError(f"not over after {seconds:.0f} s:\n{running.communicate()[1]}") from None


def finished(folder: Path) -> int:
    """Records that are in a run's folder."""
    path = folder / "results.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def local(folder: Path) -> Counter[str]:
    """How often each hypothesis of a run was fitted."""
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return Counter(line["name"] for line in lines if line["step"] == "local")


def retried(folder: Path) -> list[dict[str, Any]]:
    """The tasks of a run that were tried again."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "retried"]


def named(points: Sequence[tuple[int, int]]) -> list[str]:
    return sorted(f"sig_{a}_{b}" for a, b in points)


def failures(folder: Path) -> list[object]:
    found: list[object] = json.loads((folder / "scan.json").read_text())["failures"]
    return found
