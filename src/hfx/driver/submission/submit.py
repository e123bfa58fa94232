"""Handing a scan over: what is written, what is started, and who is refused."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from hfx.driver.run import durable_files, lock
from hfx.driver.run.folder import opened
from hfx.driver.submission import record, registry
from hfx.driver.submission.prepare import Handover
from hfx.driver.submission.record import Submission
from hfx.driver.submission.status import Queues, standing
from hfx.endpoints.batch.systems import SYSTEMS
from hfx.errors import HfxError, RunFolderError

__all__ = ["hand_over"]

Say = Callable[[str], None]

# A shell puts the driver into the background and leaves: it belongs to nobody who could end it, or would have to wait for it.
_DETACH = '"$@" </dev/null >>"$0" 2>&1 & echo $!'


def hand_over(scan: Handover, say: Say, queues: Queues | None = None) -> Submission:
    """Write what belongs into the run's folder, and start the job or process that drives the scan.

    Raises `HfxError`: somebody drives it already, the folder holds another scan, or the batch system refuses.
    """
    folder = scan.folder
    _warn_of_places(scan, say)
    with durable_files.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder, say, record.LOCK):
        _check_free(folder, queues or Queues(), say)
        _write(scan, say)
        registry.add(folder)
        try:
            handed = _start(scan)
        except HfxError as error:
            _failed(folder, str(error))
            raise
        record.write(folder, handed)
    return handed


def _check_free(folder: Path, queues: Queues, say: Say) -> None:
    """Refuse a run that somebody drives; take the lock away of one that is known to be dead, on whichever host."""
    if not (folder / "run.json").exists():
        return
    there = standing(folder, queues)
    if there.driven:
        raise RunFolderError(
            f"{folder} is {there.state} already ({there.driver}): 'hfx attach {folder}' shows it, 'hfx cancel {folder}' stops it"
        )
    if there.state == "lost" and there.holder is not None:
        say(f"{folder} was driven by {there.holder}, which has gone: the scan goes on from what is kept")
        lock.remove(folder)


def _write(scan: Handover, say: Say) -> None:
    """The files of the job, and run.json: from now on the run is submitted."""
    with opened(scan.folder, say) as run:
        head = scan.begin.header(scan.options, run.run())
        folder = record.job_folder(scan.folder)
        with durable_files.explained(scan.folder):
            for name, text in scan.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                durable_files.write_whole(folder / name, text)
                if name == "driver.sh":
                    (folder / name).chmod(0o755)
            folder.mkdir(exist_ok=True)
        record.write(scan.folder, scan.submission)
        run.write("run.json", {"state": "submitted", **head, "pid": None, "job": None, "script": scan.submission.script})


def _start(scan: Handover) -> Submission:
    handed = scan.submission
    if handed.system:
        system = SYSTEMS[handed.system]
        return handed.started(job=system.submit(record.job_folder(scan.folder) / system.job_file))
    return handed.started(process=lock.of_process(_detached(scan)))


def _detached(scan: Handover) -> int:
    """Start a driver of its own session, which no terminal's end reaches; its process number."""
    environment = {**{k: v for k, v in os.environ.items() if k != lock.JOB}, **scan.environment}
    command = ["/bin/sh", "-c", _DETACH, scan.submission.log, *scan.words]
    with durable_files.explained(scan.folder):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True, cwd=scan.folder, env=environment
        )
    return int(done.stdout)


def _failed(folder: Path, reason: str) -> None:
    with opened(folder, lambda _: None) as run:
        run.write("run.json", {**(run.run() or {}), "state": "failed", "reason": reason})


def _warn_of_places(scan: Handover, say: Say) -> None:
    """Say so where a batch job may not see what it needs."""
    if not scan.submission.system:
        return
    own = Path(tempfile.gettempdir()).resolve()
    for path in (Path(scan.submission.source), scan.folder):
        if path.is_absolute() and path.resolve().is_relative_to(own):
            say(f"{path} lies in {own}, which machines rarely share: the job must see it")
