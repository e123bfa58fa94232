"""What only a real pool can show: jobs removed in mid-scan, held jobs, refused jobs, a setup that fails, an empty queue."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hfx.endpoints import connect
from hfx.errors import EndpointError, NodeLostError
from tests.conformance import engines
from tests.conformance.clients import Place, placed
from tests.endpoints import jobs
from tests.engines import htcondor


@pytest.fixture(scope="module")
def _up() -> Iterator[None]:
    with engines.ENGINES["htcondor"].needs():
        yield


@pytest.fixture
def place(_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with placed("htcondor", tmp_path, monkeypatch) as here:
        yield here
    assert engines.until(lambda: not htcondor.jobs("true"), 20), "not even the entry of a completed job is in the queue"


def test_a_job_that_ended_makes_room_for_another(place: Place) -> None:
    """Parsl alone takes a job that has left the queue for one that runs, and waits for ever."""
    with connect(place.with_one_job().file) as pool:
        assert pool.submit(jobs.echo, {"a": 1}).result(90)["a"] == 1
        (first,) = htcondor.jobs()
        subprocess.run(["condor_rm", first], check=True, capture_output=True)
        assert engines.until(lambda: first not in htcondor.jobs("true"), 20)
        with suppress(NodeLostError):  # until its silence is noticed, the lost job gets tasks
            pool.submit(jobs.echo, {}).result(90)
        assert pool.submit(jobs.echo, {"a": 2}).result(90)["a"] == 2
        assert first not in htcondor.jobs()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('directives = ["hold = true"]', "its workers do not start: its job was held: submitted on hold at user's request"),
        ('worker_init = "echo no such module >&2; exit 3"', "its workers do not start: no such module"),
        ('requirements = "(OpSys =="', "its workers do not start: ERROR: Parse error in expression:"),
    ],
    ids=["held", "setup", "refused"],
)
def test_jobs_that_never_work_end_in_one_sentence(place: Place, line: str, words: str) -> None:
    with connect(place.with_lines(line).file) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(90)
    assert words in str(caught.value)
    assert ("'condor_q' and 'condor_status' show" in str(caught.value)) is ("Parse error" in words)
    assert "; logs: " in str(caught.value)
    assert "\n" not in str(caught.value)
