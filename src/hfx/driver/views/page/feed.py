"""What a run's folder says, read as it grows: run.json, events.jsonl, results.jsonl; scan.json of a combination.

Nothing here is told by the scan itself: the run may be another process', on another machine, or long over.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hfx.driver.run import lock
from hfx.driver.run.events import Event, Failed, Finished, Planned, Retried, Started, Submitted, from_line
from hfx.driver.run.records import without_solutions
from hfx.driver.run.scan_file import read_scan
from hfx.driver.run.tail import Tail
from hfx.driver.views.page import rows
from hfx.driver.views.page.counts import Counts
from hfx.driver.views.page.rows import Row
from hfx.driver.views.progress import Count
from hfx.errors import HfxError

__all__ = ["Feed"]

# Seconds between looks at whether the driver still runs.
_GLANCE = 1.0
_TOLD = 50
_LIVE = ("planned", "running")


class Feed:
    """One run's folder. `poll` reads on; `rows` are its hypotheses, `changes` the positions of rows in order of change.

    `generation` counts how often the rows were made anew, as by a resume with another selection: what was known of
    positions is void then. `version` counts every change, `results` and `failed` what comes in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run: dict[str, Any] = {}
        self.state, self.gone = "waiting", ""
        self.version = self.generation = self.results = self.failed = 0
        self.count = Count()
        self.told: list[dict[str, Any]] = []
        self._tasks: dict[str, tuple[str, ...]] = {}
        self._under_way: dict[str, str] = {}
        self._times: dict[str, float] = {}
        self._stamp: Any = None
        self._scan_stamp: Any = None
        self._looked = 0.0
        self._events = Tail(folder / "events.jsonl")
        self._forget(())

    def _forget(self, points: Iterable[tuple[str, tuple[float, ...]]]) -> None:
        """Make the rows anew: those of a plan, to which the results are read again."""
        self.rows: list[Row] = [Row(name, tuple(values)) for name, values in points]
        self.position = {row.name: i for i, row in enumerate(self.rows)}
        self.planned = bool(self.rows)
        self.counts = Counts(self.rows)
        self.changes: list[int] = []
        self.generation += 1
        self._results = Tail(self.folder / "results.jsonl")

    def poll(self, *, closely: bool = False) -> bool:
        """Read what is new; whether anything is. A folder that cannot be read just now is left for later.

        Whether the driver runs is looked at once a second; `closely`: now.
        """
        before = self.version
        self._looked *= not closely
        with contextlib.suppress(OSError, HfxError):
            self._head()
            self._hear(self._events.lines())
            for line in self._results.lines():
                self._record(line)
            if self.run.get("pallet", {}).get("regions"):
                self._combination()
        if not self.going_on:
            for name in list(self._under_way):
                self._move(name, rows.PLANNED)  # nobody is at it any more
        return self.version != before

    @property
    def label_names(self) -> list[str]:
        """The names of the hypotheses' values."""
        return [str(label) for label in self.run.get("pallet", {}).get("labels") or ()]

    @property
    def here(self) -> bool:
        """Whether the fits are done on this machine."""
        return bool(self.run.get("fits_here", True)) and self.run.get("host") == socket.gethostname()

    @property
    def going_on(self) -> bool:
        """Whether a driver is, or may be, at work."""
        return self.state in ("waiting", "submitted", *_LIVE)

    def briefs(self) -> list[dict[str, Any]]:
        """Every row as a contour wants it."""
        return [row.brief() for row in self.rows]

    def _head(self) -> None:
        now = time.monotonic()
        dead = None
        if self.going_on and now - self._looked > _GLANCE:
            # The lock first: a driver that ends writes its last state before it lets go.
            self._looked, dead = now, lock.state(self.folder)
        path = self.folder / "run.json"
        stat = path.stat()
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            minima = self._minima
            self.run, self._stamp = json.loads(path.read_text()), stamp
            self._become(str(self.run.get("state")), str(self.run.get("reason") or ""))
            if minima != self._minima and self.rows:
                self._forget((row.name, row.values) for row in self.rows)
        if dead is not None and dead.running is False and self.state in _LIVE:
            self._become("stopped", f"its process ({self.run.get('pid')} on {self.run.get('host')}) is gone")

    @property
    def _minima(self) -> str:
        return str(self.run.get("options", {}).get("minima", "admissible"))

    def _become(self, state: str, gone: str) -> None:
        self.state, self.gone = state, gone
        self.version += 1

    def _hear(self, lines: Iterable[bytes]) -> None:
        events = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # a later version's events are not ours to read
                events.append(from_line(line))
        over = _over(events)
        for i, event in enumerate(events):
            with contextlib.suppress(ValueError, TypeError):
                self.count = self.count.after(event)
                self.version += 1
                if i not in over:
                    self._follow(event)

    def _follow(self, event: Event) -> None:
        match event:
            case Planned(step="local", points=points):
                self._tasks, self._under_way = {}, {}
                if points or self.rows:
                    self._forget(points or ((row.name, row.values) for row in self.rows))
            case Submitted(task=task, names=names):
                self._tasks[task] = names
                self._all(names, rows.WAITING)
            case Started(task=task):
                self._all(self._tasks.get(task, ()), rows.RUNNING)
            case Finished(time=moment, names=names, task=task):
                self._tasks.pop(task, None)
                self._times |= dict.fromkeys(names, moment)
                for name in names:
                    self._under_way.pop(name, None)
                    self._set(name, time=moment)
            case Retried(task=task, reason=reason):
                self._tell(event.time, f"task {task} was lost and is tried again: {reason}")
            case Failed(name=name, reason=reason):
                self._tell(event.time, f"{name}: {reason}")
                self._under_way.pop(name, None)
                if (row := self._row(name)) is not None and row.state != rows.FITTED:
                    self._set(name, state=rows.FAILED, reason=reason, time=event.time)
                    self.failed += 1

    def _tell(self, moment: float, text: str) -> None:
        self.told = [*self.told[1 - _TOLD :], {"time": moment, "text": text}]

    def _all(self, names: Iterable[str], state: str) -> None:
        for name in names:
            self._move(name, state)

    def _move(self, name: str, state: str) -> None:
        """Note how far a hypothesis is, unless it has its result already (it is in the exchange then)."""
        self._under_way.pop(name, None)
        row = self._row(name)
        if row is not None and not row.done and row.state != state:
            self._set(name, state=state)
            if state != rows.PLANNED:
                self._under_way[name] = state

    def _row(self, name: str) -> Row | None:
        at = self.position.get(name)
        return None if at is None else self.rows[at]

    def _set(self, name: str, **more: Any) -> None:
        if (row := self._row(name)) is not None:
            self._put(row._replace(**more))

    def _put(self, row: Row) -> None:
        at = self.position.setdefault(row.name, len(self.rows))
        if at == len(self.rows):
            self.rows.append(row)
            self.counts.add(row, 1)
        else:
            self.counts.add(self.rows[at], -1)
            self.counts.add(row, 1)
        self.rows[at] = row
        self.changes.append(at)
        self.version += 1

    def _record(self, line: bytes) -> None:
        from hfx.driver.plot import scan_picture  # with numpy: the page is there before it is

        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):  # as a scan: it does not count
            self._result(scan_picture.choose(without_solutions(line), self._minima, fits=False))

    def _result(self, result: Mapping[str, Any]) -> None:
        name = str(result["name"])
        before = self._row(name)
        if before is None and self.planned:
            return  # of an earlier selection
        row = rows.of_result(result, before)
        self._under_way.pop(name, None)
        self._put(row._replace(time=self._times.get(name, row.time)))
        self.results += 1

    def _combination(self) -> None:
        """The results of all regions together: they stand in scan.json alone."""
        with contextlib.suppress(FileNotFoundError):
            stat = (self.folder / "scan.json").stat()
            if (stamp := (stat.st_mtime_ns, stat.st_ino)) == self._scan_stamp:
                return
            self._scan_stamp = stamp
            scan = read_scan(self.folder)
            if scan is None:
                return
            self._forget(())
            for result in scan["results"]:
                self._result(result)
            for failure in scan["failures"]:
                if failure["name"] not in self.position:
                    self._put(Row(failure["name"], tuple(failure["values"]), rows.FAILED, reason=str(failure["reason"])))


def _over(events: Sequence[Event]) -> set[int]:
    """The positions of the submissions and beginnings of tasks whose end is among the events too: nobody saw them wait or run."""
    ended, over = set[str](), set[int]()
    for i in reversed(range(len(events))):
        match events[i]:
            case Finished(task=str(task)):
                ended.add(task)
            case Started(task=str(task)) if task in ended:
                over.add(i)
            case Submitted(task=str(task)) if task in ended:
                over.add(i)
                ended.discard(task)
            case Planned():
                ended.clear()
    return over
