"""The status of a run, from its folder and from the queue of its batch system: its state, and whether its driver still runs."""

import os
import shlex
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from hfx.driver.run import lock
from hfx.driver.run.file_types import RunContent
from hfx.driver.run.folder import ENDED, read_run
from hfx.driver.run.follow import progress
from hfx.driver.run.lock import Holder
from hfx.driver.run.progress import RunProgress
from hfx.driver.submission import record
from hfx.driver.submission.record import Submission
from hfx.endpoints.batch.systems import SYSTEMS, Job
from hfx.errors import EndpointError, RunFolderError

__all__ = ["BatchQueues", "RunStatus", "StatusDocument", "run_status"]


class BatchQueues:
    """The queues of the batch systems. Each is queried once in `interval` seconds at most, because its controller serves many."""

    def __init__(self, interval: float = 10.0) -> None:
        self.interval = interval
        self._answers: dict[str, tuple[float, dict[str, Job] | EndpointError]] = {}

    def job(self, system: str, number: str) -> Job | None:
        """A job; None if it is not, or no longer, in the queue. Raises `EndpointError` if the batch system does not answer."""
        when, answer = self._answers.get(system, (0.0, {}))
        # A job that is missing may be newer than the answer: query at once.
        if time.monotonic() - when > self.interval or (isinstance(answer, dict) and number not in answer):
            answer = self._query(system)
        if isinstance(answer, EndpointError):
            raise answer
        return answer.get(number)

    def _query(self, system: str) -> dict[str, Job] | EndpointError:
        answer: dict[str, Job] | EndpointError
        try:
            answer = {job.number: job for job in SYSTEMS[system].queue()}
        except EndpointError as error:
            answer = error
        self._answers[system] = time.monotonic(), answer
        return answer


class StatusDocument(TypedDict):
    """A run's entry in the output of ``hfx status --json``."""

    folder: str
    state: str
    driver: str
    job: str | None
    step: str
    done: int
    total: int
    failures: int
    started: str | None
    last_event: str | None
    reason: str | None


@dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    Args:
        folder: the run's folder.
        state: that of run.json ("submitted", "planned", "running", "finished", "stopped", "failed"); or "queued", if the
            driver's job waits in the queue; or "lost", if the driver ended without recording a final state.
        driver: the driver's job (with its state in the queue) or process; "" if there is none.
        active: whether a driver runs, or will start.
        run: the content of run.json.
        submission: the record of the submission; None if the run was not submitted.
        holder: the process recorded in the lock file; None if there is no lock.
    """

    folder: Path
    state: str
    driver: str
    active: bool
    run: RunContent
    submission: Submission | None
    holder: Holder | None

    @property
    def ended(self) -> bool:
        """Whether the run recorded a final state: finished, stopped or failed."""
        return self.state in ENDED

    @property
    def progress(self) -> RunProgress:
        """The counts of the units of work, from the run's events."""
        return progress(self.folder)

    @property
    def continuation(self) -> str:
        """The command, or the words in its place, that continues the run."""
        if self.submission or self.run.get("location"):
            return f"hfx attach {shlex.quote(str(self.folder))}"
        return self.run.get("command") or f"the same scan again, with -o {self.folder}"

    def document(self) -> StatusDocument:
        """The status as ``hfx status --json`` prints it."""
        now = self.progress
        last = _moment(now.last_event)
        return {
            "folder": str(self.folder),
            "state": self.state,
            "driver": self.driver,
            "job": self.submission.job if self.submission else None,
            "step": now.current.title,
            "done": now.first.done - now.first.failed,
            "total": now.first.total or self.run.get("pallet", {}).get("hypotheses", 0),
            "failures": len(now.failed),
            "started": self.run.get("started"),
            "last_event": None if last is None else last.isoformat(timespec="seconds"),
            "reason": self.run.get("reason"),
        }


def _moment(seconds: float | None) -> datetime | None:
    """A time since the epoch; None where there is none, or where it lies in no year of the calendar."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def run_status(folder: Path, queues: BatchQueues) -> RunStatus:
    """The status of the run in `folder`; raises `RunFolderError` if the folder holds none."""
    run = _read_run(folder)
    submission, holder = record.read(folder), lock.holder(folder)
    state, driver, active = _driver(folder, str(run.get("state")), submission, holder, queues)
    if state == "lost":
        # The run may have ended during the query of the queue.
        run = _read_run(folder)
        if run.get("state") in ENDED:
            state, driver = str(run["state"]), ""
    return RunStatus(folder, state, driver, active, run, submission, holder)


def _read_run(folder: Path) -> RunContent:
    content = read_run(folder)
    if content is None:
        raise RunFolderError(
            f"{folder} contains no run of hfx (no run.json); 'hfx status' without a folder lists the runs in ./hfx-runs and "
            "those that you submitted"
        )
    return content


def _driver(
    folder: Path, state: str, submission: Submission | None, holder: Holder | None, queues: BatchQueues
) -> tuple[str, str, bool]:
    """The state, the driver, and whether it is active."""
    if state in ENDED:
        return (state == "stopped" and _requeued(submission, queues)) or (state, "", False)
    if holder is not None and _on_this_host(holder) and lock.alive(holder):
        return state, f"{holder.job.replace(':', ' ')}, process {holder.pid}" if holder.job else f"process {holder.pid}", True
    if _being_submitted(folder):
        return "submitted", "being submitted", True
    if submission is not None and submission.system and (holder is None or holder.job or _on_this_host(holder)):
        return _driver_job(state, submission, queues)
    for process in (submission.process if submission else None, holder):
        if process is not None and not _on_this_host(process):
            return state, f"process {process.pid} on {process.host}, not to be seen from here", True
        if process is not None and lock.alive(process):
            return state, f"process {process.pid}", True
    return "lost", "", False


def _requeued(submission: Submission | None, queues: BatchQueues) -> tuple[str, str, bool] | None:
    """State, driver and activity of a job that the batch system stopped and put back into the queue; None for any other."""
    if submission is None or submission.job is None:
        return None
    try:
        job = queues.job(submission.system, submission.job)
    except EndpointError:
        return None
    return ("queued", f"{submission.name}: {job}", True) if job is not None and job.waits else None


def _driver_job(state: str, submission: Submission, queues: BatchQueues) -> tuple[str, str, bool]:
    """State, driver and activity of a driver that is a batch job, from the queue."""
    if submission.job is None:
        return "lost", "", False
    try:
        job = queues.job(submission.system, submission.job)
    except EndpointError as error:
        return state, f"{submission.name} ({error})", True
    if job is None:
        return "lost", "", False
    return "queued" if job.waits else state, f"{submission.name}: {job}", True


def _being_submitted(folder: Path) -> bool:
    """Whether another process submits the run at this moment."""
    holder = lock.holder(folder, record.LOCK)
    return holder is not None and (not _on_this_host(holder) or (lock.alive(holder) and holder.pid != os.getpid()))


def _on_this_host(holder: Holder) -> bool:
    return holder.host == socket.gethostname()
