"""The content of a run's folder, read as it grows: run.json, events.jsonl, results.jsonl; scan.json of a combination.

Nothing is passed by the scan itself: the run may belong to another process, on another machine, or be long over.
"""

import contextlib
import socket
import time
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from hfx.driver.questions.base import Surface
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run import lock
from hfx.driver.run.file_types import PalletBlock, RunContent
from hfx.driver.run.folder import read_run
from hfx.driver.run.follow import Tail, parsed, without_finished_tasks
from hfx.driver.run.scan_file import read_scan
from hfx.driver.views.page.result_reader import Cell, ResultReader, ShownResult
from hfx.driver.views.state import RunState
from hfx.errors import HfxError
from hfx.json_types import JsonValue

__all__ = ["Feed"]

# Seconds between checks of whether the driver still runs.
_LOCK_PAUSE = 1.0
_LIVE = ("planned", "running")
# Of a combination: the region whose result a hypothesis has.
_REGION = ("region", "region")

FileStamp = tuple[int, int]
"""The time of a file's last change, and its inode."""


class Feed:
    """One run's folder. `poll` reads on; `names` are its hypotheses, `changes` the positions of those that changed, in order.

    `generation` is incremented when the hypotheses are listed anew, as by a resume with another selection: positions are
    invalid from then on. `version` counts all changes, `results` and `failed` the results and failures that were read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run: RunContent = {}
        self.run_state, self.reason = "waiting", ""
        self.version = self.results = self.failed = 0
        self.state = RunState(trust_events=False)
        self.names: list[str] = []
        self.position: dict[str, int] = {}
        self.changes: list[int] = []
        self.cells: dict[str, tuple[Cell, ...]] = {}
        self._columns: list[tuple[str, str]] = []
        self.surface: Surface | None = None
        self.question_options: Collection[str] = ()
        self._plans = self.state.plans
        self._run_stamp: FileStamp | None = None
        self._scan_stamp: FileStamp | None = None
        self._checked = 0.0
        self._events = Tail(folder / "events.jsonl")
        self._results = Tail(folder / "results.jsonl")
        self._set_question()

    @property
    def generation(self) -> int:
        """The number of the list of hypotheses that positions belong to."""
        return self._plans

    @property
    def pallet(self) -> PalletBlock:
        """The description of the pallet in run.json."""
        return self.run.get("pallet") or {}

    @property
    def options(self) -> dict[str, JsonValue]:
        """The options of the run."""
        return self.run.get("options") or {}

    @property
    def label_names(self) -> list[str]:
        """The names of the hypotheses' values."""
        return [str(label) for label in self.pallet.get("labels") or ()]

    @property
    def here(self) -> bool:
        """Whether the fits are done on this machine."""
        return bool(self.run.get("fits_here", True)) and self.run.get("host") == socket.gethostname()

    @property
    def going_on(self) -> bool:
        """Whether a driver is, or may be, at work."""
        return self.run_state in ("waiting", "submitted", *_LIVE)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The names and titles of the columns; of a combination of regions the first is the region of each result."""
        return [_REGION, *self._columns] if self.pallet.get("regions") else self._columns

    @property
    def up_to_date(self) -> bool:
        """Whether a picture is worth drawing: of a run that has ended only when all of it has been read."""
        return self.going_on or not (self._results.more or self._events.more)

    def poll(self, *, check_driver: bool = False) -> bool:
        """Read the new content; return whether there is any. A folder that cannot be read now is left for later.

        Whether the driver runs is checked once a second, or now with `check_driver`.
        """
        before = self.version
        self._checked *= not check_driver
        try:
            self._read_run()
            self._read_events()
            self._read_results()
            if self.pallet.get("regions"):
                self._read_combination()
        except OSError:
            pass  # its disk is away for a moment
        except HfxError as error:
            if str(error) != self.reason:
                self._become(self.run_state, str(error))
        if not self.going_on:
            self.state.stop()
        self._note_changes()
        return self.version != before

    def _read_run(self) -> None:
        now = time.monotonic()
        driver = None
        if self.going_on and now - self._checked > _LOCK_PAUSE:
            # The lock before the state: a driver that ends writes its last state before it releases the lock.
            self._checked, driver = now, lock.state(self.folder)
        path = self.folder / "run.json"
        if (stamp := _stamp(path)) != self._run_stamp:
            options = self.options
            self._run_stamp = stamp
            self.run = read_run(self.folder) or {}
            self._become(str(self.run.get("state")), str(self.run.get("reason") or ""))
            if options != self.options or not self._columns:
                self._set_question()
        if driver is not None and driver.running is False and self.run_state in _LIVE:
            self._become("stopped", f"its process ({self.run.get('pid')} on {self.run.get('host')}) is gone")

    def _become(self, state: str, reason: str) -> None:
        self.run_state, self.reason = state, reason
        self.version += 1

    def _set_question(self) -> None:
        """The question may answer differently with other options: all results are read again."""
        question = of_run(self.run)
        # Earlier versions, and runs that were resumed, may hold results of other options.
        as_stored = "question" in self.run and not self.run.get("resumed")
        self._reader = ResultReader(question, as_stored=as_stored)
        self.surface = question.surface
        self.question_options = question.options_type().names()
        self._columns = [(column.name, column.title) for column in question.columns]
        self.state.level = question.level
        if self.state.points:
            self.state.restart(self.state.points.items())

    def _read_events(self) -> None:
        events = parsed(self._events.lines())
        for event in without_finished_tasks(events):
            failures = len(self.state.reasons)
            self.state.apply(event)
            self.failed += len(self.state.reasons) > failures
        for name in self.state.withdrawn:
            self.cells.pop(name, None)
        self.version += len(events)

    def _read_results(self) -> None:
        self._begin_again_if_restarted()
        lines = self._results.lines()
        for line in lines:
            with contextlib.suppress(ValueError):  # as for a scan: such a line does not count
                if (result := self._reader.from_line(line)) is not None:
                    self._add_planned(result)
        last = not self._results.more and not (lines and self.going_on)
        for result in self._reader.of_parts(every=last):
            self._add_planned(result)

    def _add_planned(self, result: ShownResult) -> None:
        if result.brief.name in self.state.points or not self.state.planned:
            self._add(result.brief.name, result)

    def _begin_again_if_restarted(self) -> None:
        if self._plans != self.state.plans:
            self._plans = self.state.plans
            self.names, self.position, self.changes, self.cells = [], {}, [], {}
            self._results = Tail(self.folder / "results.jsonl")

    def _add(self, name: str, result: ShownResult) -> None:
        if name in self.state.withdrawn:
            return
        of_region = (result.brief.region,) if self.pallet.get("regions") else ()
        self.cells[name] = (*of_region, *result.cells)
        self.state.add(result.brief)
        self.results += 1

    def _read_combination(self) -> None:
        """The results of all regions together, which only scan.json holds."""
        with contextlib.suppress(FileNotFoundError):
            if (stamp := _stamp(self.folder / "scan.json")) == self._scan_stamp:
                return
            self._scan_stamp = stamp
            scan = read_scan(self.folder)
            if scan is None:
                return
            self.state.restart(())
            self._begin_again_if_restarted()
            for content in scan["results"]:
                with contextlib.suppress(ValueError):
                    result = self._reader.from_result(content)
                    self._add(result.brief.name, result)
            for failure in scan["failures"]:
                self.state.fail(failure["name"], tuple(failure["values"]), str(failure["reason"]))

    def _note_changes(self) -> None:
        state = self.state
        self._begin_again_if_restarted()
        for name in islice(state.points, len(self.names), None):
            self.position[name] = len(self.names)
            self.names.append(name)
        if state.changed:
            self.changes += sorted(self.position[name] for name in state.changed)
            self.version += 1
            state.changed = set()


def _stamp(path: Path) -> FileStamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_ino
