"""What `hfx submit` did with a run, in ``job/submission.json`` of its folder; the driver itself never writes there.

::

    job/submission.json   this
    job/driver.sh         the script of the driver's job (and driver.submit, for HTCondor)
    job/driver.log        what the driver has to say
    job/endpoints/        the endpoint's file as the driver uses it
    job/parsl/            scripts and logs of the workers' jobs: by these they are known as this run's
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.driver.run.folder import read_json
from hfx.driver.run.lock import Holder
from hfx.driver.run.submission_file import NAME, job_folder

__all__ = ["LOCK", "Submission", "job_folder", "read", "write"]

# Held by whoever hands the run over, until its job or process is known.
LOCK = "submitting.lock"


@dataclass(frozen=True)
class Submission:
    """A scan handed over.

    Args:
        how: "driver-job", "one-job", or "here": a process of this machine.
        system: the batch system, "slurm" or "htcondor"; "" for a process.
        endpoint: the endpoint's name, as it is told.
        source, options: of the scan, every path absolute.
        since: when, UTC.
        script: of the job; None for a process.
        log: what the driver has to say.
        poll_seconds: between looks at the queue.
        job: its number; None before the batch system took it, and for a process.
        process: the driver's; None for a job.
    """

    how: str
    system: str
    endpoint: str
    source: str
    options: Mapping[str, Any]
    since: str
    script: str | None
    log: str
    poll_seconds: float
    job: str | None = None
    process: Holder | None = None

    @property
    def name(self) -> str:
        """The job or process, as it is told: "slurm 17", "process 123 on login1"."""
        if self.system:
            return f"{self.system} {self.job or '(not yet taken)'}"
        return f"process {self.process.pid} on {self.process.host}" if self.process else "a process that did not start"

    def scan_options(self) -> ScanOptions:
        """The options, to hand it over again; raises `EndpointError` where its endpoint has gone."""
        return ScanOptions.of({k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()})

    def started(self, *, job: str | None = None, process: Holder | None = None) -> "Submission":
        """The same with its job or process."""
        return replace(self, job=job, process=process)


def write(run: Path, submission: Submission) -> None:
    """Write it, whole or not at all; raises `RunFolderError`."""
    with durable_files.explained(run):
        durable_files.write_whole(job_folder(run) / NAME, durable_files.dump(asdict(submission), indent=1) + "\n")


def read(run: Path) -> Submission | None:
    """What was written; None for a run that was not handed over. Raises `RunFolderError` where it cannot be read."""
    found = read_json(job_folder(run), NAME)
    if found is None:
        return None
    process = found.pop("process", None)
    return Submission(**found, process=Holder(**process) if process else None)
