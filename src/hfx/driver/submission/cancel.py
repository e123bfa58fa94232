"""The end of a run on request: signals to its driver, and the removal of the batch jobs that the driver leaves behind."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hfx.driver.run import lock
from hfx.driver.run.folder import opened
from hfx.driver.run.lock import Holder
from hfx.driver.run.submission_file import job_folder
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import BatchQueues, RunStatus, run_status
from hfx.endpoints.batch.systems import SYSTEMS, Job
from hfx.errors import EndpointError, RunFolderError

__all__ = ["cancel"]

_PAUSE = 0.3  # seconds between two checks whether a driver has ended


def cancel(folder: Path, wait: float, say: Callable[[str], None]) -> str:
    """Stop a run; `wait`: seconds that its driver has to end by itself. Returns a sentence: what is kept, how to continue.

    Raises `RunFolderError`: no run there, or its driver is on another host that no batch system reaches.
    """
    status = run_status(folder, BatchQueues(0.0))
    if status.state == "finished":
        return f"{folder} is finished: there is nothing to cancel"
    if status.active:
        _stop(status, wait, say)
    _remove_left_jobs(folder, status.submission, say)
    _record_stop(folder)
    return _summary(status)


def _stop(status: RunStatus, wait: float, say: Callable[[str], None]) -> None:
    process = _process(status)
    if process is not None and not process.job:
        _stop_process(process, wait, say)
    elif status.submission is not None and status.submission.job is not None:
        _stop_job(status.submission, status.submission.job, wait, say)
    else:
        raise RunFolderError(f"{status.folder} is driven by {status.driver}: type 'hfx cancel {status.folder}' on that machine")


def _process(status: RunStatus) -> Holder | None:
    """The driver, if it is a process of this host."""
    submitted = status.submission.process if status.submission else None
    host = lock.this_process().host
    return next((p for p in (status.holder, submitted) if p is not None and p.host == host and lock.alive(p)), None)


def _stop_process(process: Holder, wait: float, say: Callable[[str], None]) -> None:
    os.kill(process.pid, signal.SIGTERM)
    if _until(lambda: not lock.alive(process), wait):
        return
    say(f"{process} did not end within {wait:g} s: it is killed")
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    _until(lambda: not lock.alive(process), wait)


def _stop_job(submission: Submission, number: str, wait: float, say: Callable[[str], None]) -> None:
    system = SYSTEMS[submission.system]
    job = _in_queue(submission.system, number)
    if job is not None and not job.waits:
        # First the driver alone: it ends its workers' jobs, and records the state of the run.
        with suppress(EndpointError):  # it may just have ended
            system.warn(number)
        if _until(lambda: _in_queue(submission.system, number) is None, wait):
            return
        say(f"{submission.name} did not end within {wait:g} s: it is removed from the queue")
    with suppress(EndpointError):
        system.remove([number])
    _until(lambda: _in_queue(submission.system, number) is None, wait)


def _in_queue(system: str, number: str) -> Job | None:
    return next((job for job in SYSTEMS[system].queue() if job.number == number), None)


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _remove_left_jobs(folder: Path, submission: Submission | None, say: Callable[[str], None]) -> None:
    """Remove the workers' jobs that a killed driver left in the queue; the location of their scripts identifies them."""
    if submission is None:
        return
    own = f"{job_folder(folder.absolute())}/parsl/"
    for name in [submission.system] if submission.system else list(SYSTEMS):
        with suppress(EndpointError):
            left = [job.number for job in SYSTEMS[name].queue() if job.file.startswith(own)]
            if left:
                say(f"{name}: {len(left)} jobs of this run's workers are still in the queue; they are removed")
                SYSTEMS[name].remove(left)


def _record_stop(folder: Path) -> None:
    """Write the state "stopped" into run.json, if the driver could not."""
    status = run_status(folder, BatchQueues(0.0))
    if status.ended:
        return
    if status.active:
        raise RunFolderError(f"{folder} is still {status.state} ({status.driver}); run 'hfx cancel {folder}' again")
    if status.holder is not None:
        lock.remove(folder)
    with opened(folder, lambda _: None) as run:
        run.write("run.json", {**(run.run() or {}), "state": "stopped"})


def _summary(status: RunStatus) -> str:
    now = status.progress
    count = now.first.done - now.first.failed
    kept = f"{count} result{'' if count == 1 else 's'} kept" if count else "nothing fitted yet"
    return f"stopped {status.folder}: {kept}; to continue: {status.continuation}"
