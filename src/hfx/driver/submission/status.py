"""How a run stands, told from its folder and the queue of its batch system: who drives it, and whether that is still so."""

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hfx.driver.run import lock
from hfx.driver.run.folder import ENDED, read_json
from hfx.driver.run.follow import progress
from hfx.driver.run.lock import Holder
from hfx.driver.run.progress import RunProgress
from hfx.driver.submission import record
from hfx.driver.submission.record import Submission
from hfx.endpoints.batch.systems import SYSTEMS, Job
from hfx.errors import EndpointError, RunFolderError

__all__ = ["Queues", "Standing", "standing"]


class Queues:
    """The queues of the batch systems, asked once in `pause` seconds at most: a controller serves many."""

    def __init__(self, pause: float = 10.0) -> None:
        self.pause = pause
        self._asked: dict[str, tuple[float, dict[str, Job] | EndpointError]] = {}

    def job(self, system: str, number: str) -> Job | None:
        """A job; None where the queue does not have it (any more). Raises `EndpointError` where it cannot be told."""
        when, found = self._asked.get(system, (0.0, {}))
        # Who is missed is asked for at once: it may be newer than the answer.
        if time.monotonic() - when > self.pause or (isinstance(found, dict) and number not in found):
            found = self._ask(system)
        if isinstance(found, EndpointError):
            raise found
        return found.get(number)

    def _ask(self, system: str) -> dict[str, Job] | EndpointError:
        answer: dict[str, Job] | EndpointError
        try:
            answer = {job.number: job for job in SYSTEMS[system].queue()}
        except EndpointError as error:
            answer = error
        self._asked[system] = time.monotonic(), answer
        return answer


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Args:
        folder: the run's.
        state: that of run.json ("submitted", "planned", "running", "finished", "stopped", "failed"); or "queued", where its
            job waits; or "lost", where its driver has gone without a word.
        driver: the job or process that drives it, and what the queue says of it; "" where nobody does.
        driven: whether somebody drives it, or will.
        run: the content of run.json.
        submitted: how it was handed over; None where it was not.
        holder: whom its lock names.
    """

    folder: Path
    state: str
    driver: str
    driven: bool
    run: dict[str, Any]
    submitted: Submission | None
    holder: Holder | None

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not, and said so."""
        return self.state in ENDED

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        return progress(self.folder)

    def public(self) -> dict[str, Any]:
        """For scripts."""
        far = self.progress
        return {
            "folder": str(self.folder),
            "state": self.state,
            "driver": self.driver,
            "job": self.submitted.job if self.submitted else None,
            "step": far.current.title,
            "done": far.local.done,
            "total": far.local.total or self.run.get("pallet", {}).get("hypotheses", 0),
            "failures": len(far.failed),
            "started": self.run.get("started"),
            "last_event": None if far.last_event is None else datetime.fromtimestamp(far.last_event, UTC).isoformat(timespec="seconds"),
            "reason": self.run.get("reason"),
        }


def standing(folder: Path, queues: Queues) -> Standing:
    """How the run in `folder` stands; raises `RunFolderError` where there is none."""
    run = _run(folder)
    submitted, holder = record.read(folder), lock.holder(folder)
    state, driver, driven = _driven(folder, str(run.get("state")), submitted, holder, queues)
    if state == "lost":
        # It may have ended while the queue was asked.
        run = _run(folder)
        if run.get("state") in ENDED:
            state, driver = str(run["state"]), ""
    return Standing(folder, state, driver, driven, run, submitted, holder)


def _run(folder: Path) -> dict[str, Any]:
    run = read_json(folder, "run.json")
    if run is None:
        raise RunFolderError(f"{folder} holds no run of hfx: there is no run.json in it; 'hfx status' lists those that are known")
    return run


def _driven(
    folder: Path, state: str, submitted: Submission | None, holder: Holder | None, queues: Queues
) -> tuple[str, str, bool]:
    """State, driver, and whether it drives."""
    if state in ENDED:
        return (state == "stopped" and _starts_again(submitted, queues)) or (state, "", False)
    if holder is not None and _here(holder) and lock.alive(holder):
        return state, f"{holder.job.replace(':', ' ')}, process {holder.pid}" if holder.job else f"process {holder.pid}", True
    if _being_submitted(folder):
        return "submitted", "being submitted", True
    if submitted is not None and submitted.system and (holder is None or holder.job or _here(holder)):
        return _as_job(state, submitted, queues)
    for process in (submitted.process if submitted else None, holder):
        if process is not None and not _here(process):
            return state, f"process {process.pid} on {process.host}, not to be seen from here", True
        if process is not None and lock.alive(process):
            return state, f"process {process.pid}", True
    return "lost", "", False


def _starts_again(submitted: Submission | None, queues: Queues) -> tuple[str, str, bool] | None:
    """Of a job that was stopped to be started again (requeued, preempted): that it waits; None for any other."""
    if submitted is None or submitted.job is None:
        return None
    try:
        job = queues.job(submitted.system, submitted.job)
    except EndpointError:
        return None
    return ("queued", f"{submitted.name}: {job}", True) if job is not None and job.waits else None


def _as_job(state: str, submitted: Submission, queues: Queues) -> tuple[str, str, bool]:
    """The same of a batch job, as the queue has it."""
    if submitted.job is None:
        return "lost", "", False
    try:
        job = queues.job(submitted.system, submitted.job)
    except EndpointError as error:
        return state, f"{submitted.name} ({error})", True
    if job is None:
        return "lost", "", False
    return "queued" if job.waits else state, f"{submitted.name}: {job}", True


def _being_submitted(folder: Path) -> bool:
    """Whether another process is handing it over just now."""
    holder = lock.holder(folder, record.LOCK)
    return holder is not None and (not _here(holder) or (lock.alive(holder) and holder.pid != os.getpid()))


def _here(holder: Holder) -> bool:
    return holder.host == socket.gethostname()
