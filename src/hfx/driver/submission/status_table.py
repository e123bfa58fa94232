"""The table that `hfx status` prints: one line for each run."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hfx.driver.submission import registry
from hfx.driver.submission.status import BatchQueues, RunStatus, run_status
from hfx.errors import RunFolderError
from hfx.printable import printable

__all__ = ["status_of_known_runs", "status_of_runs", "table_lines"]

_HEAD = ("run", "state", "driver", "done", "failed", "started", "last event")


def status_of_runs(folders: Iterable[Path]) -> list[RunStatus]:
    """The status of the run in each folder; raises `RunFolderError` for a folder without a run."""
    queues = BatchQueues()
    return [run_status(folder.absolute(), queues) for folder in folders]


def status_of_known_runs(say: Callable[[str], None]) -> list[RunStatus]:
    """The status of the runs that this user has submitted, and of those in ``hfx-runs`` of the current folder. `say` gets the
    reason why one of these cannot be read."""
    local = [path.parent for path in sorted(Path("hfx-runs").glob("*/run.json"))]
    known = dict.fromkeys([*registry.runs(), *(path.resolve() for path in local)])
    queues, found = BatchQueues(), []
    for folder in known:
        try:
            found.append(run_status(folder, queues))
        except RunFolderError as error:
            if folder.is_dir():  # else it has just vanished
                say(str(error))
    return found


def table_lines(statuses: Sequence[RunStatus]) -> list[str]:
    """The table as text, followed by advice on the runs that are lost or failed."""
    if not statuses:
        return ["no runs: you have submitted none, and the current folder has none in hfx-runs"]
    rows = [_HEAD, *(_row(status) for status in statuses)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    table = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [printable(line, most=len(line)) for line in (*table, *filter(None, map(_advice, statuses)))]


def _row(status: RunStatus) -> tuple[str, ...]:
    document = status.document()
    state = f"{status.state}, {document['step']}" if status.state == "running" and document["step"] else status.state
    # Of a combination each hypothesis is fitted in several regions.
    done = f"{document['done']}/{document['total']}{' fits' if status.run.get('pallet', {}).get('regions') else ''}"
    times = [(time or "").replace("T", " ").removesuffix("+00:00") for time in (document["started"], document["last_event"])]
    return (str(status.folder), state, status.driver, done, str(document["failures"]), *times)


def _advice(status: RunStatus) -> str:
    if status.state == "lost":
        return f"{status.folder} is lost: its driver ended without recording why; to continue: {status.continuation}"
    if status.state == "stopped":
        return f"{status.folder} was stopped; to continue: {status.continuation}"
    if status.state == "failed":
        return f"{status.folder} failed: {status.run.get('reason')}"
    return ""
