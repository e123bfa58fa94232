"""HTCondor's ClassAds in Parsl's words, and what is asked of the queue; the pool itself is in tests/engines."""

import json
from typing import Any

import pytest
from parsl.jobs.states import JobState, JobStatus

from hfx.endpoints.parsl.condor_provider import Pool, status_of


@pytest.mark.parametrize(
    ("ad", "state"),
    [
        ({"JobStatus": 1}, JobState.PENDING),
        ({"JobStatus": 2}, JobState.RUNNING),
        ({"JobStatus": 3}, JobState.CANCELLED),
        ({"JobStatus": 4, "ExitCode": 0}, JobState.COMPLETED),
        ({"JobStatus": 4, "ExitCode": 3}, JobState.FAILED),
        ({"JobStatus": 4, "ExitBySignal": True}, JobState.FAILED),
        ({"JobStatus": 5, "HoldReasonCode": 34}, JobState.FAILED),
        ({"JobStatus": 5, "HoldReasonCode": 46}, JobState.TIMEOUT),  # no failure: its walltime is over
        ({"JobStatus": 6}, JobState.RUNNING),
        ({"JobStatus": 7}, JobState.HELD),
        ({"JobStatus": 99}, JobState.UNKNOWN),
        (None, JobState.COMPLETED),
    ],
)
def test_what_a_class_ad_says(ad: dict[str, Any] | None, state: JobState) -> None:
    assert status_of(ad).state == state


def test_what_a_failed_job_wrote_is_found() -> None:
    told = status_of({"JobStatus": 4, "ExitCode": 3, "Out": "/a.stdout", "Err": "/a.stderr"})
    assert (told.exit_code, told.stdout_path, told.stderr_path) == (3, "/a.stdout", "/a.stderr")


class Queue(Pool):
    """A pool whose commands are written down; `answers` stand for what condor_q says."""

    def __init__(self, *answers: tuple[int, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.answers, self.commands = list(answers), list[str]()

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        self.commands.append(cmd)
        if not cmd.startswith("condor_q"):
            return 0, "", ""
        code, ads = self.answers.pop(0)
        return code, json.dumps(ads) if ads else "", ""


def ad(number: int, status: int, **more: Any) -> dict[str, Any]:
    return {"ClusterId": number, "ProcId": 0, "JobStatus": status, **more}


def queue(*answers: tuple[int, list[dict[str, Any]]]) -> Queue:
    made = Queue(*answers)
    for job in ("1.0", "2.0", "3.0"):
        made.resources[job] = {"status": JobStatus(JobState.RUNNING)}
    return made


def test_a_job_that_has_left_the_queue_is_over_and_one_that_is_held_is_taken_out() -> None:
    pool = queue((0, [ad(1, 2), ad(3, 5, HoldReason="no such file")]), (0, [ad(1, 2)]))
    states = [told.state for told in pool.status(["1.0", "2.0", "3.0"])]
    assert states == [JobState.RUNNING, JobState.COMPLETED, JobState.FAILED]
    assert pool.resources["3.0"]["status"].message == "its job was held: no such file"
    assert pool.commands[1:] == ["condor_rm 3.0"]
    pool.status(["1.0"])
    assert pool.commands[2].startswith("condor_q 1.0 -json")  # the others are settled


def test_a_queue_that_does_not_answer_changes_nothing() -> None:
    pool = queue((1, []))
    assert [told.state for told in pool.status(["1.0", "2.0"])] == [JobState.RUNNING] * 2
    assert len(pool.commands) == 1


def test_jobs_are_cancelled_in_chunks() -> None:
    pool = queue()
    pool.cmd_chunk_size = 2
    assert pool.cancel(["1.0", "2.0", "3.0"]) == [True, True, True]
    assert pool.commands == ["condor_rm 1.0 2.0", "condor_rm 3.0"]
    assert pool.resources["1.0"]["status"].state == JobState.CANCELLED
