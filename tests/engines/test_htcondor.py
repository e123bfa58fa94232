"""What only a real pool can show: jobs removed in mid-scan, held jobs, refused jobs, a setup that fails, an empty queue."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hfx.endpoints import connect
from hfx.errors import EndpointError, NodeLostError
from tests.conformance import engines
from tests.conformance.test_endpoints import Place, client, finished
from tests.driver import fakes
from tests.endpoints import jobs
from tests.engines import htcondor


@pytest.fixture(scope="module")
def _up() -> Iterator[None]:
    with engines.ENGINES["htcondor"].needs():
        yield


@pytest.fixture
def place(_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("HFX_TEST_MARKER", f"{tmp_path}/marker")
    monkeypatch.setattr("hfx.driver.outcome._picture", fakes.picture)
    here = Place("htcondor", engines.ENGINES["htcondor"].written(tmp_path), f"HFX_TEST_MARKER={tmp_path}/marker")
    yield here
    assert engines.until(lambda: not here.left(), 20), here.left()


def changed(place: Place, *lines: str) -> str:
    """The endpoint's file with `lines` in the place of those for the same keys."""
    keys = {line.split(" = ")[0] for line in lines}
    kept = [line for line in Path(place.file).read_text().splitlines() if line.split(" = ")[0] not in keys]
    Path(place.file).write_text("\n".join([*kept, *lines]))
    return place.file


def test_a_job_that_is_removed_in_mid_scan_costs_nothing(place: Place, tmp_path: Path) -> None:
    """And in the end not even the entry of a completed job is in the queue."""
    pallet, folder = fakes.write_pallet(tmp_path / "toy", fakes.grid(10, 8)), tmp_path / "run"
    running = client(pallet, folder, place)
    assert engines.until(lambda: finished(folder) > 4, 60)
    before = htcondor.jobs("JobStatus == 2")
    assert len(before) >= 1
    subprocess.run(["condor_rm", before[0]], check=True, capture_output=True)
    _, errors = running.communicate(timeout=90)
    assert running.returncode == 0, errors
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    local = Counter(line["name"] for line in lines if line["step"] == "local")
    assert local == Counter(f"sig_{a}_{b}" for a, b in fakes.grid(10, 8))
    assert json.loads((folder / "scan.json").read_text())["failures"] == []
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    retried = [event for event in events if event["event"] == "retried"]
    assert len(retried) >= 1
    assert all("was lost" in event["reason"] and event["hypotheses"] > 1 for event in retried)  # whole, not split
    assert engines.until(lambda: not htcondor.jobs("true"), 20), htcondor.jobs("true")


def test_a_job_that_ended_makes_room_for_another(place: Place) -> None:
    """Parsl alone takes a job that has left the queue for one that runs, and waits for ever."""
    changed(place, "init_blocks = 1", "max_blocks = 1")
    with connect(place.file) as pool:
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
    with connect(changed(place, line)) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(90)
    assert words in str(caught.value)
    assert "; logs: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert engines.until(lambda: not htcondor.jobs("true"), 20), htcondor.jobs("true")
