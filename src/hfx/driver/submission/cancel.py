"""Stopping a run: its driver is asked, given time to end what it started, and then made to; what it left is swept up."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hfx.driver.run import lock
from hfx.driver.run.folder import opened
from hfx.driver.run.lock import Holder
from hfx.driver.submission import record
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import Queues, Standing, standing
from hfx.endpoints.batch.systems import SYSTEMS, Job
from hfx.errors import EndpointError, RunFolderError

__all__ = ["cancel"]

_PAUSE = 0.3  # seconds between looks


def cancel(folder: Path, wait: float, say: Callable[[str], None]) -> str:
    """Stop a run; `wait`: seconds for its driver to end by itself. The sentence on what is kept and how to go on.

    Raises `RunFolderError`: no run there, or its driver is on another host that no batch system reaches.
    """
    there = standing(folder, Queues(0.0))
    if there.state == "finished":
        return f"{folder} is finished: there is nothing to cancel"
    if there.driven:
        _stop(there, wait, say)
    _sweep(folder, there.submitted, say)
    _write_down(folder)
    return _kept(there)


def _stop(there: Standing, wait: float, say: Callable[[str], None]) -> None:
    process = _process(there)
    if process is not None and not process.job:
        _stop_process(process, wait, say)
    elif there.submitted is not None and there.submitted.job is not None:
        _stop_job(there.submitted, there.submitted.job, wait, say)
    else:
        raise RunFolderError(f"{there.folder} is driven by {there.driver}: type 'hfx cancel {there.folder}' on that machine")


def _process(there: Standing) -> Holder | None:
    """The driver, where it is a process of this host."""
    submitted = there.submitted.process if there.submitted else None
    mine = lock.myself().host
    return next((p for p in (there.holder, submitted) if p is not None and p.host == mine and lock.alive(p)), None)


def _stop_process(process: Holder, wait: float, say: Callable[[str], None]) -> None:
    os.kill(process.pid, signal.SIGTERM)
    if _until(lambda: not lock.alive(process), wait):
        return
    say(f"{process} does not end by itself: it is killed")
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    _until(lambda: not lock.alive(process), wait)


def _stop_job(submitted: Submission, number: str, wait: float, say: Callable[[str], None]) -> None:
    system = SYSTEMS[submitted.system]
    job = _in_queue(submitted.system, number)
    if job is not None and not job.waits:
        # First the driver alone: it ends its workers' jobs, and writes down where it is.
        with suppress(EndpointError):  # it may just have ended
            system.warn(number)
        if _until(lambda: _in_queue(submitted.system, number) is None, wait):
            return
        say(f"{submitted.name} does not end by itself: it is removed")
    with suppress(EndpointError):
        system.remove([number])
    _until(lambda: _in_queue(submitted.system, number) is None, wait)


def _in_queue(system: str, number: str) -> Job | None:
    return next((job for job in SYSTEMS[system].queue() if job.number == number), None)


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _sweep(folder: Path, submitted: Submission | None, say: Callable[[str], None]) -> None:
    """Remove the workers' jobs that a driver which was killed has left: they are known by where their scripts lie."""
    if submitted is None:
        return
    own = f"{record.job_folder(folder.absolute())}/parsl/"
    for name in [submitted.system] if submitted.system else list(SYSTEMS):
        with suppress(EndpointError):
            left = [job.number for job in SYSTEMS[name].queue() if job.file.startswith(own)]
            if left:
                say(f"{name}: {len(left)} of its workers' jobs were left; they are removed")
                SYSTEMS[name].remove(left)


def _write_down(folder: Path) -> None:
    """The state "stopped", where its driver could not write it."""
    there = standing(folder, Queues(0.0))
    if there.ended:
        return
    if there.driven:
        raise RunFolderError(f"{folder} is still {there.state} ({there.driver}); run 'hfx cancel {folder}' again")
    if there.holder is not None:
        lock.remove(folder)
    with opened(folder, lambda _: None) as run:
        run.write("run.json", {**(run.run() or {}), "state": "stopped"})


def _kept(there: Standing) -> str:
    far = there.progress
    count = far.local.done - len(far.failed)
    kept = f"{count} result{'' if count == 1 else 's'} kept" if count else "nothing fitted yet"
    way = f"hfx attach {there.folder}" if there.submitted else str(there.run.get("command"))
    return f"stopped {there.folder}: {kept}; go on with: {way}"
