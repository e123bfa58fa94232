"""Interface of a batch system for ``hfx submit``, and what the scripts of all systems have in common.

The driver replaces the shell of its job (``exec``), so that the batch system's signals reach the driver. Its workers run
as the endpoint's key `submit` says:

- driver-job: the driver's job is small; it submits the workers' jobs, as hfx does on a login node;
- one-job: the workers are processes in the driver's own job, which is as large as one of the workers' jobs.
"""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hfx.endpoints.parsl.providers.base import BatchProvider
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError
from hfx.printable import has_unprintable

__all__ = ["SCRIPT", "WARNING", "Driver", "Job", "System", "body", "output_of"]

SCRIPT = "driver.sh"

# Seconds before the walltime's end at which the driver is told to stop: it ends its jobs and writes its results.
WARNING = 60

_TIMEOUT = 60  # seconds for a command of a batch system; a busy controller answers late

# The states of jobs that have not started, or will start again, in the words of Slurm and HTCondor.
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "IDLE", "HELD")


@dataclass(frozen=True)
class Driver:
    """The command of a driver's job.

    Args:
        name: the job's name.
        folder: the folder of its script and its log.
        words: the command line.
        environment: variables that the script sets.

    Raises `EndpointError` for a text with control characters: a line's end in a name would begin a line of the script.
    """

    name: str
    folder: Path
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for text in (self.name, str(self.folder), *self.words, *self.environment, *self.environment.values()):
            if has_unprintable(text):
                raise EndpointError(f"'{text}' cannot stand in a job's script: it holds control characters; give another name")

    @property
    def log(self) -> Path:
        """The file of its standard output and error."""
        return self.folder / "driver.log"


@dataclass(frozen=True)
class Job:
    """A job in the queue: its number, its state in the system's own word, why it waits, and a file that identifies it."""

    number: str
    state: str
    why: str
    file: str

    @property
    def waits(self) -> bool:
        """Whether it has not started yet, or will start again."""
        return self.state in _WAITING

    def __str__(self) -> str:
        return self.state + (f" ({self.why})" if self.why else "")


class System(Protocol):
    """A batch system. Its methods raise `EndpointError` where it refuses, is not here, or does not answer."""

    @property
    def job_file(self) -> str:
        """The name of the file that `submit` takes, one of `files`."""

    def files(self, endpoint: Endpoint, driver: Driver) -> dict[str, str]:
        """The files of the driver's job: text by name; `SCRIPT` is the script that runs the driver."""

    def submit(self, file: Path) -> str:
        """Submit a job; returns its number."""

    def queue(self) -> tuple[Job, ...]:
        """All jobs of this user."""

    def warn(self, number: str) -> None:
        """Send SIGTERM to the driver that runs in a job."""

    def remove(self, numbers: Sequence[str]) -> None:
        """Remove jobs from the queue, whether they run or not."""


def body(spec: BatchProvider, driver: Driver) -> list[str]:
    """The end of a driver's script: setup, environment, and the command that replaces the shell."""
    exported = [f"export {name}={shlex.quote(value)}" for name, value in driver.environment.items()]
    return [spec.setup(), *exported, f"exec {shlex.join(driver.words)}", ""]


def output_of(*command: str) -> str:
    """The standard output of a command; raises `EndpointError` where it is missing, fails or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise EndpointError(f"there is no '{command[0]}' here; run hfx on a machine that submits, a login node") from None
    except subprocess.TimeoutExpired:
        raise EndpointError(f"{command[0]} does not answer; try again when the batch system does") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise EndpointError(f"{command[0]} refuses: {lines[-1] if lines else f'exit code {done.returncode}'}")
    return done.stdout
