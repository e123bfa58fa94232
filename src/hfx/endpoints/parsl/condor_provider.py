"""Jobs of an HTCondor pool, as Parsl sees them: its CondorProvider, mended where a real pool (23.9) showed that it was wrong.

Parsl takes a job that has left the queue for one that still runs, a setup that failed for a job well done, and leaves held
jobs where they are. Imports Parsl.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.providers import CondorProvider

__all__ = ["Pool", "status_of"]

_ATTRIBUTES = "ClusterId,ProcId,JobStatus,ExitCode,ExitBySignal,HoldReasonCode,HoldReason,Out,Err"

# JobStatus and HoldReasonCode, as HTCondor's manual lists them (appendix "Job ClassAd Attributes").
_STATES = {1: JobState.PENDING, 2: JobState.RUNNING, 3: JobState.CANCELLED, 6: JobState.RUNNING, 7: JobState.HELD}
_COMPLETED, _HELD = 4, 5
_TOO_LONG = 46  # allowed_job_duration is over


class Pool(CondorProvider):
    """Parsl's provider; what is over leaves the queue as soon as it is known."""

    def _status(self) -> None:
        active = [job for job, told in self.resources.items() if not told["status"].terminal]
        for some in _chunks(active, self.cmd_chunk_size):
            out = self._asked(f"condor_q {' '.join(some)} -json -attributes {_ATTRIBUTES}")
            if out is None:
                continue  # the queue does not answer now: what was known stands
            found = {f"{ad['ClusterId']}.{ad['ProcId']}": ad for ad in json.loads(out or "[]")}
            for job in some:
                self.resources[job]["status"] = status_of(found.get(job))
            self._remove([job for job in found if self.resources[job]["status"].terminal])

    def cancel(self, job_ids: Sequence[object]) -> list[bool]:
        """Take jobs out of the queue, whatever their state; Parsl's own forces them out and may leave their processes."""
        for some in _chunks(job_ids, self.cmd_chunk_size):
            self._remove(some)
            for job in some:
                if job in self.resources:
                    self.resources[job]["status"] = JobStatus(JobState.CANCELLED)
        return [True for _ in job_ids]

    def _remove(self, jobs: Sequence[str]) -> None:
        if jobs:
            self._asked(f"condor_rm {' '.join(jobs)}")

    def _asked(self, command: str) -> str | None:
        """What a command of HTCondor's answers; None where it fails."""
        code, out, _ = self.execute_wait(command)  # type: ignore[no-untyped-call]
        return str(out) if code == 0 else None


def status_of(ad: Mapping[str, Any] | None) -> JobStatus:
    """What a job's ClassAd says, in Parsl's words; None: it has left the queue."""
    if ad is None:
        return JobStatus(JobState.COMPLETED)
    said = {"stdout_path": ad.get("Out"), "stderr_path": ad.get("Err")}
    status = ad["JobStatus"]
    if status == _HELD:
        state = JobState.TIMEOUT if ad.get("HoldReasonCode") == _TOO_LONG else JobState.FAILED
        return JobStatus(state, message=f"its job was held: {ad.get('HoldReason', 'no reason given')}")
    if status == _COMPLETED:
        well = not ad.get("ExitBySignal") and ad.get("ExitCode") == 0
        return JobStatus(JobState.COMPLETED if well else JobState.FAILED, exit_code=ad.get("ExitCode"), **said)
    return JobStatus(_STATES.get(status, JobState.UNKNOWN), **said)


def _chunks(jobs: Iterable[object], size: int) -> Iterator[list[str]]:
    left = map(str, jobs)
    while some := list(islice(left, size)):
        yield some
