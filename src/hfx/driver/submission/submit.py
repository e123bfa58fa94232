"""The submission of a prepared scan: its files are written and its driver is started, unless the run has a driver already."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from hfx.driver.run import durable_files, lock
from hfx.driver.run.folder import check_run_folder, make_run_folder, opened
from hfx.driver.run.submission_file import job_folder
from hfx.driver.scan.preparation import check_scan
from hfx.driver.submission import record, registry
from hfx.driver.submission.prepare import PreparedSubmission
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import BatchQueues, RunStatus, run_status
from hfx.endpoints.batch.systems import SYSTEMS
from hfx.errors import HfxError, RunFolderError

__all__ = ["check", "submit"]

Say = Callable[[str], None]

# A shell starts the driver in the background and exits, so that the driver is no child of this process.
_DETACH = '"$@" </dev/null >>"$0" 2>&1 & echo $!'


def submit(prepared: PreparedSubmission, say: Say, queues: BatchQueues | None = None) -> Submission:
    """Write the submission's files into the run's folder, and start the job or process that drives the scan.

    Raises `HfxError`: the run has a driver already, the folder holds another scan, or the batch system refuses.
    """
    folder = prepared.folder
    _warn_of_local_paths(prepared, say)
    with durable_files.explained(folder):
        make_run_folder(folder)
    with lock.acquire(folder, say, record.LOCK):
        _check_free(folder, queues or BatchQueues(), say)
        _write(prepared, say)
        registry.add(folder)
        try:
            submission = _start(prepared)
        except HfxError as error:
            _record_failure(folder, str(error))
            raise
        record.write(folder, submission)
    return submission


def check(prepared: PreparedSubmission, queues: BatchQueues | None = None) -> None:
    """Raise `RunFolderError` where `submit` would, as far as that can be known without writing."""
    folder = prepared.folder
    check_run_folder(folder)
    _check_not_active(folder, queues or BatchQueues())
    check_scan(prepared.ready)


def _check_free(folder: Path, queues: BatchQueues, say: Say) -> None:
    """Refuse a run with an active driver; remove the lock of a driver that is known to have ended, on any host."""
    status = _check_not_active(folder, queues)
    if status is None:
        return
    if status.state == "lost" and status.holder is not None:
        say(f"{folder} was driven by {status.holder}, which has ended: the scan continues from the results kept so far")
        lock.remove(folder)


def _check_not_active(folder: Path, queues: BatchQueues) -> RunStatus | None:
    """The status of the run in a folder, if there is one; raises `RunFolderError` if it has an active driver."""
    if not (folder / "run.json").exists():
        return None
    status = run_status(folder, queues)
    if status.active:
        raise RunFolderError(
            f"{folder} is {status.state} already ({status.driver}): 'hfx attach {folder}' shows it, "
            f"'hfx cancel {folder}' stops it"
        )
    return status


def _write(prepared: PreparedSubmission, say: Say) -> None:
    """Write the files of the job, and run.json with the state "submitted"."""
    with opened(prepared.folder, say) as run:
        head = prepared.ready.head(prepared.options, run.run())
        folder = job_folder(prepared.folder)
        with durable_files.explained(prepared.folder):
            for name, text in prepared.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                durable_files.write_whole(folder / name, text)
                if name == "driver.sh":
                    (folder / name).chmod(0o755)
            folder.mkdir(exist_ok=True)
        record.write(prepared.folder, prepared.submission)
        run.write("run.json", {"state": "submitted", **head, "pid": None, "job": None, "script": prepared.submission.script})


def _start(prepared: PreparedSubmission) -> Submission:
    submission = prepared.submission
    if submission.system:
        system = SYSTEMS[submission.system]
        return submission.with_driver(job=system.submit(job_folder(prepared.folder) / system.job_file))
    return submission.with_driver(process=lock.process(_start_detached(prepared)))


def _start_detached(prepared: PreparedSubmission) -> int:
    """Start a driver in a session of its own, so that closing the terminal does not end it; its process number."""
    environment = {**{k: v for k, v in os.environ.items() if k != lock.JOB}, **prepared.environment}
    command = ["/bin/sh", "-c", _DETACH, prepared.submission.log, *prepared.command]
    with durable_files.explained(prepared.folder):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True, cwd=prepared.folder, env=environment
        )
    return int(done.stdout)


def _record_failure(folder: Path, reason: str) -> None:
    with opened(folder, lambda _: None) as run:
        run.write("run.json", {**(run.run() or {}), "state": "failed", "reason": reason})


def _warn_of_local_paths(prepared: PreparedSubmission, say: Say) -> None:
    """Warn of paths that the batch job may not be able to read."""
    if not prepared.submission.system:
        return
    local = Path(tempfile.gettempdir()).resolve()
    for path in (Path(prepared.submission.source), prepared.folder):
        if path.is_absolute() and path.resolve().is_relative_to(local):
            say(f"{path} lies in {local}, which is usually local to one machine; the job needs a path that its node can read too")
