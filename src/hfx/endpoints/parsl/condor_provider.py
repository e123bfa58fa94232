"""Parsl's CondorProvider with corrections, which tests on a real HTCondor pool (23.9) showed to be necessary.

Parsl itself reports a job that has left the queue as running and a job whose setup failed as completed, and it leaves held
jobs in the queue. This module imports Parsl.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypedDict

from parsl.jobs.states import JobState, JobStatus
from parsl.providers import CondorProvider

__all__ = ["ClassAd", "Pool", "status_of"]

# JobStatus and HoldReasonCode, as HTCondor's manual lists them (appendix "Job ClassAd Attributes").
_STATES = {1: JobState.PENDING, 2: JobState.RUNNING, 3: JobState.CANCELLED, 6: JobState.RUNNING, 7: JobState.HELD}
_COMPLETED, _HELD = 4, 5
_TOO_LONG = 46  # allowed_job_duration is over


class ClassAd(TypedDict, total=False):
    """The attributes of a job that condor_q shows."""

    ClusterId: int
    ProcId: int
    JobStatus: int
    ExitCode: int
    ExitBySignal: bool
    HoldReasonCode: int
    HoldReason: str
    Out: str
    Err: str


class Pool(CondorProvider):
    """Parsl's provider; a job that has ended is removed from the queue as soon as its end is known."""

    def _status(self) -> None:
        active = [job for job, known in self.resources.items() if not known["status"].terminal]
        for some in _chunks(active, self.cmd_chunk_size):
            out = self._output(f"condor_q {' '.join(some)} -json -attributes {','.join(ClassAd.__annotations__)}")
            if out is None:
                continue  # the queue does not answer now: the last known states are kept
            ads: list[ClassAd] = json.loads(out or "[]")
            found = {f"{ad['ClusterId']}.{ad['ProcId']}": ad for ad in ads}
            for job in some:
                self.resources[job]["status"] = status_of(found.get(job))
            self._remove([job for job in found if self.resources[job]["status"].terminal])

    def cancel(self, job_ids: Sequence[object]) -> list[bool]:
        """Remove jobs from the queue, whatever their state; Parsl itself uses -forcex, which may leave processes running."""
        for some in _chunks(job_ids, self.cmd_chunk_size):
            self._remove(some)
            for job in some:
                if job in self.resources:
                    self.resources[job]["status"] = JobStatus(JobState.CANCELLED)
        return [True for _ in job_ids]

    def _remove(self, jobs: Sequence[str]) -> None:
        if jobs:
            self._output(f"condor_rm {' '.join(jobs)}")

    def _output(self, command: str) -> str | None:
        """The standard output of one of HTCondor's commands; None where it fails."""
        code, out, _ = self.execute_wait(command)  # type: ignore[no-untyped-call]
        return str(out) if code == 0 else None


def status_of(ad: ClassAd | None) -> JobStatus:
    """Parsl's status for a job's ClassAd; None: the job has left the queue."""
    if ad is None:
        return JobStatus(JobState.COMPLETED)
    out, errors = ad.get("Out"), ad.get("Err")
    status = ad["JobStatus"]
    if status == _HELD:
        state = JobState.TIMEOUT if ad.get("HoldReasonCode") == _TOO_LONG else JobState.FAILED
        return JobStatus(state, message=f"its job was held: {ad.get('HoldReason', 'no reason given')}")
    if status == _COMPLETED:
        well = not ad.get("ExitBySignal") and ad.get("ExitCode") == 0
        state = JobState.COMPLETED if well else JobState.FAILED
        return JobStatus(state, exit_code=ad.get("ExitCode"), stdout_path=out, stderr_path=errors)
    return JobStatus(_STATES.get(status, JobState.UNKNOWN), stdout_path=out, stderr_path=errors)


def _chunks(jobs: Iterable[object], size: int) -> Iterator[list[str]]:
    left = map(str, jobs)
    while some := list(islice(left, size)):
        yield some
