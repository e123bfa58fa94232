"""The record of a submission: the file ``job/submission.json`` in a run's folder. The driver itself never writes it.

::

    job/submission.json   this record
    job/driver.sh         the script of the driver's job (and driver.submit, for HTCondor)
    job/driver.log        the output of the driver
    job/endpoints/        the endpoint's file as the driver uses it
    job/parsl/            scripts and logs of the workers' jobs; their location identifies these jobs as this run's

The driver is the process that runs the scan: it sends tasks to the workers and writes the run's folder.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from hfx.driver.questions.catalogue import DEFAULT
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.driver.run.folder import read_json
from hfx.driver.run.lock import Holder
from hfx.driver.run.submission_file import NAME, job_folder
from hfx.endpoints.batch.systems import SYSTEMS
from hfx.errors import RunFolderError
from hfx.json_types import JsonValue

__all__ = ["LOCK", "Submission", "read", "write"]

# The lock that `hfx submit` holds from its first look at the run's folder until the driver's job or process is recorded.
LOCK = "submitting.lock"


@dataclass(frozen=True)
class Submission:
    """A submitted scan.

    Args:
        how: "driver-job", "one-job", or "here": a process of this machine.
        system: the batch system, "slurm" or "htcondor"; "" for a process.
        endpoint: the endpoint's name, as users see it.
        source, options: of the scan, every path absolute.
        since: the time of the submission, UTC, ISO 8601.
        script: the path of the job's script; None for a process.
        log: the path of the driver's log.
        poll_seconds: seconds between two queries of the batch system's queue.
        job: the job's number; None before the batch system accepted it, and for a process.
        process: the driver's process; None for a job.
        question: the name of the question that is asked.
    """

    how: str
    system: str
    endpoint: str
    source: str
    options: Mapping[str, JsonValue]
    since: str
    script: str | None
    log: str
    poll_seconds: float
    job: str | None = None
    process: Holder | None = None
    question: str = DEFAULT

    @property
    def name(self) -> str:
        """The job or process as users see it: "slurm 17", "process 123 on login1"."""
        if self.system:
            return f"{self.system} {self.job or '(not yet taken)'}"
        return f"process {self.process.pid} on {self.process.host}" if self.process else "a process that did not start"

    def scan_options(self) -> ScanOptions:
        """The scan's options, for another submission; raises `EndpointError` if its endpoint no longer exists."""
        return ScanOptions.of({k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()}, self.question)

    def with_driver(self, *, job: str | None = None, process: Holder | None = None) -> "Submission":
        """A copy that names the driver's job or process."""
        return replace(self, job=job, process=process)


def write(run: Path, submission: Submission) -> None:
    """Write the record atomically; raises `RunFolderError`."""
    with durable_files.explained(run):
        durable_files.write_whole(job_folder(run) / NAME, durable_files.dump(asdict(submission), indent=1) + "\n")


def read(run: Path) -> Submission | None:
    """The record in a run's folder; None if the run was not submitted. Raises `RunFolderError` if it cannot be read."""
    path = job_folder(run) / NAME
    found = read_json(job_folder(run), NAME)
    if found is None:
        return None
    try:
        submission = msgspec.convert(found, Submission)
        _check(submission)
    except ValueError as error:
        raise RunFolderError(f"{path} is not a file that hfx wrote ({error}); submit the scan again") from None
    return submission


def _check(submission: Submission) -> None:
    """Raise `ValueError` for a batch system that there is not, and for a number that a command would take for an option."""
    if submission.system and submission.system not in SYSTEMS:
        raise ValueError(f"there is no batch system '{submission.system:.40}'")
    if submission.job is not None and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", submission.job):
        raise ValueError(f"'{submission.job:.40}' is not the number of a job")
