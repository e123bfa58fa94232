"""What is asked of a batch system about drivers' jobs: to take one, to tell where it stands, to stop it.

A system is one class and one line in `SYSTEMS`.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hfx.errors import EndpointError

__all__ = ["SYSTEMS", "Job", "System"]

_PATIENCE = 60  # seconds for an answer; a busy controller takes its time


@dataclass(frozen=True)
class Job:
    """A job in the queue: its `number`, `state` in the system's own word, why it waits, and the file that it came from."""

    number: str
    state: str
    why: str
    file: str

    @property
    def waits(self) -> bool:
        """Whether it has not begun (or begins again)."""
        return self.state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "IDLE", "HELD")

    def __str__(self) -> str:
        return self.state + (f" ({self.why})" if self.why else "")


class System(Protocol):
    """A batch system. Its methods raise `EndpointError` when it refuses, is not here, or does not answer."""

    def submit(self, file: Path) -> str:
        """Hand a job in; its number."""

    def queue(self) -> tuple[Job, ...]:
        """All jobs of this user."""

    def warn(self, number: str) -> None:
        """Send SIGTERM to the driver that runs in a job."""

    def remove(self, numbers: Sequence[str]) -> None:
        """Take jobs out of the queue, running or not."""


def _told(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise EndpointError(f"there is no '{command[0]}' here; run hfx on a machine that submits, a login node") from None
    except subprocess.TimeoutExpired:
        raise EndpointError(f"{command[0]} does not answer; try again when the batch system does") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise EndpointError(f"{command[0]} refuses: {lines[-1] if lines else f'exit code {done.returncode}'}")
    return done.stdout


class Slurm:
    """Slurm, through its commands."""

    def submit(self, file: Path) -> str:
        """As "17"."""
        return _told("sbatch", "--parsable", str(file)).strip().split(";")[0]

    def queue(self) -> tuple[Job, ...]:
        """Those that wait, run or are ending."""
        rows = (line.split("\t", 3) for line in _told("squeue", "--me", "-h", "-o", "%i\t%T\t%r\t%o").splitlines())
        return tuple(Job(number, state, "" if why == "None" else why, file) for number, state, why, file in rows)

    def warn(self, number: str) -> None:
        """To the script, which the driver has taken the place of, and to nothing else of the job."""
        _told("scancel", "--batch", "--signal=TERM", number)

    def remove(self, numbers: Sequence[str]) -> None:
        """SIGTERM, and SIGKILL after the site's KillWait."""
        if numbers:
            _told("scancel", *numbers)


_CONDOR_STATES = {
    "1": "IDLE",
    "2": "RUNNING",
    "3": "REMOVED",
    "4": "COMPLETED",
    "5": "HELD",
    "6": "TRANSFERRING",
    "7": "SUSPENDED",
}


class HTCondor:
    """HTCondor, through its commands."""

    def submit(self, file: Path) -> str:
        """The cluster's number; -terse prints "17.0 - 17.0"."""
        return _told("condor_submit", "-terse", str(file)).split()[0].split(".")[0]

    def queue(self) -> tuple[Job, ...]:
        """A job's file is taken for where its log is: condor_q does not tell the submit file."""
        found = _told("condor_q", "-af:t", "ClusterId", "JobStatus", "HoldReason", "UserLog")
        rows = (line.split("\t", 3) for line in found.splitlines() if line.strip())
        # Completed jobs that somebody wants kept in the queue are over.
        return tuple(
            Job(number, _CONDOR_STATES.get(state, state), "" if why == "undefined" else why, log)
            for number, state, why, log in rows
            if state != "4"
        )

    def warn(self, number: str) -> None:
        """condor_rm itself sends SIGTERM first: see the submit description."""
        _told("condor_rm", number)

    def remove(self, numbers: Sequence[str]) -> None:
        """Out of the queue, even where the node does not answer."""
        if numbers:
            _told("condor_rm", *numbers)


SYSTEMS: dict[str, System] = {"slurm": Slurm(), "htcondor": HTCondor()}
