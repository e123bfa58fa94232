"""A run's folder, written as a scan writes it, at the pace of a test."""

import json
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hfx.driver.run.events import Event, Finished, Planned, Started, Submitted, to_line
from hfx.driver.run.lock import _started, this_process
from tests.driver import fakes

__all__ = ["MadeRun"]

Point = tuple[str, tuple[float, ...]]


class MadeRun:
    """A run of hypotheses at these places; it is running until `state` says otherwise."""

    def __init__(self, folder: Path, places: Iterable[tuple[float, ...]], labels: tuple[str, ...] = ("m1", "m2")) -> None:
        self.folder, self.labels = folder, labels
        self.points: list[Point] = [("sig_" + "_".join(f"{v:g}" for v in place), tuple(map(float, place))) for place in places]
        folder.mkdir(parents=True)
        self.state("running")
        self.lock(os.getpid())
        (folder / "results.jsonl").touch()
        self.tell(Planned(time.time(), "local", 0, 1, len(self.points), 0, tuple(self.points)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.points]

    def lock(self, pid: int) -> None:
        """The run's driver is this process."""
        (self.folder / "lock").write_text(json.dumps({**vars(this_process()), "pid": pid, "started": _started(pid)}))

    def state(self, name: str, **more: Any) -> None:
        content = {
            "state": name,
            "question": "cls",
            "hfx": "0.1.0",
            "pallet": {"name": "toy", "region": None, "labels": list(self.labels), "description": "a toy search"},
            "options": {"minima": "admissible", "mu": 1.0},
            "command": "hfx scan toy",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            **more,
        }
        part = self.folder / "run.json.part"
        part.write_text(json.dumps(content))
        part.replace(self.folder / "run.json")
        if name not in ("planned", "running"):
            (self.folder / "lock").unlink(missing_ok=True)

    def tell(self, *events: Event) -> None:
        with (self.folder / "events.jsonl").open("a") as file:
            file.writelines(to_line(event) + "\n" for event in events)

    def begin(self, names: Iterable[str], task: str = "local-0") -> None:
        """A task with these goes out, and starts."""
        listed = tuple(names)
        self.tell(Submitted(time.time(), task, len(listed), listed), Started(time.time(), task))

    def fit(self, names: Iterable[str], task: str = "local-0", **more: Any) -> None:
        """The results of these."""
        listed = tuple(names)
        values = dict(self.points)
        with (self.folder / "results.jsonl").open("a") as file:
            file.writelines(record(name, values[name], **more) + "\n" for name in listed)
        self.tell(Finished(time.time(), task, "local", listed, len(listed), 0.5))


def record(name: str, values: tuple[float, ...], **more: Any) -> str:
    """A line of results.jsonl."""
    return json.dumps({**fakes._record(name, list(values), 0.5, False), "step": "local", **more})
