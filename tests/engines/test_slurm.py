"""What only a real batch system can show: jobs cancelled in mid-scan, job scripts, an endpoint that can have no jobs."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.scan import Setting, scan
from hfx.endpoints import connect
from hfx.errors import EndpointError
from tests.conformance import engines
from tests.conformance.test_endpoints import Place, client, finished
from tests.driver import fakes
from tests.endpoints import jobs
from tests.engines import slurm


@pytest.fixture(scope="module")
def _up() -> Iterator[None]:
    with engines.ENGINES["slurm"].needs():
        yield


@pytest.fixture
def place(_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("HFX_TEST_MARKER", f"{tmp_path}/marker")
    monkeypatch.setattr("hfx.driver.outcome._picture", fakes.picture)
    yield Place("slurm", engines.ENGINES["slurm"].written(tmp_path), f"HFX_TEST_MARKER={tmp_path}/marker")
    # What a test that failed has left must not meet the next.
    subprocess.run(["pkill", "-KILL", "-f", str(tmp_path)], check=False)
    subprocess.run(["scancel", *slurm.jobs()], check=False, capture_output=True)
    engines.until(lambda: not slurm.jobs(), 20)


def test_a_job_that_is_cancelled_in_mid_scan_costs_nothing(place: Place, tmp_path: Path) -> None:
    pallet, folder = fakes.write_pallet(tmp_path / "toy", fakes.grid(10, 8)), tmp_path / "run"
    running = client(pallet, folder, place)
    assert engines.until(lambda: finished(folder) > 4, 60)
    before = slurm.jobs()
    assert len(before) == 2
    subprocess.run(["scancel", before[0]], check=True)
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
    assert engines.until(lambda: not place.left(), 20), place.left()


def check_outcome(folder: Path, log: Path, points: list[tuple[int, int]]) -> None:
    """All fitted and none twice, no failure, and nothing tried again."""
    names = sorted(f"sig_{a}_{b}" for a, b in points)
    assert sorted(log.read_text().split()) == names
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert sorted(line["name"] for line in lines if line["step"] == "local") == names
    assert json.loads((folder / "scan.json").read_text())["failures"] == []
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["reason"] for event in events if event["event"] == "retried"] == []


def jobs_until_it_ends(running: "subprocess.Popen[str]", seconds: float) -> set[str]:
    """The jobs that a scan has, until it is over."""
    seen: set[str] = set()

    def ended() -> bool:
        seen.update(slurm.jobs())
        time.sleep(0.5)
        return running.poll() is not None

    assert engines.until(ended, seconds), seen
    assert running.returncode == 0, running.communicate()[1]
    running.communicate()
    return seen


def with_lines(place: Place, *lines: str) -> Place:
    """The endpoint's file with `lines` in the place of those for the same keys."""
    keys = {line.split(" = ")[0] for line in lines}
    kept = [line for line in Path(place.file).read_text().splitlines() if line.split(" = ")[0] not in keys]
    Path(place.file).write_text("\n".join([*kept, *lines]))
    return place


def test_a_job_that_is_warned_finishes_its_task_and_leaves(place: Place, tmp_path: Path) -> None:
    """The signal that Slurm sends before the walltime ends: nothing is lost, nothing tried again, and another job takes over."""
    points = fakes.grid(10, 8)
    pallet, folder = fakes.write_pallet(tmp_path / "toy", points), tmp_path / "run"
    running = client(pallet, folder, with_lines(place, "init_blocks = 1", "max_blocks = 1"))
    assert engines.until(lambda: finished(folder) > 4, 60)
    (first,) = slurm.jobs()
    subprocess.run(["scancel", "--batch", "--signal=USR1", first], check=True)
    assert engines.until(lambda: first not in slurm.jobs(), 20)
    assert len(jobs_until_it_ends(running, 90)) == 1
    check_outcome(folder, tmp_path / "marker", points)
    assert engines.until(lambda: not place.left(), 20), place.left()


def test_a_scan_outlives_its_jobs(place: Place, tmp_path: Path) -> None:
    """A walltime of a minute, the shortest that Slurm has, and a warning early in it: job after job ends, the scan goes on."""
    points = fakes.grid(26, 24)
    pallet, folder = fakes.write_pallet(tmp_path / "toy", points), tmp_path / "run"
    short = ('walltime = "00:01:00"', "warning_seconds = 40", "init_blocks = 1", "max_blocks = 1")
    running = client(pallet, folder, with_lines(place, *short))
    assert engines.until(lambda: finished(folder) > 0, 60)
    shown = subprocess.run(["scontrol", "show", "job", *slurm.jobs()], capture_output=True, text=True, check=True).stdout
    assert "TimeLimit=00:01:00" in shown
    assert len(jobs_until_it_ends(running, 150)) >= 2
    check_outcome(folder, tmp_path / "marker", points)
    assert engines.until(lambda: not place.left(), 20), place.left()


def test_jobs_that_slurm_refuses_end_in_one_sentence(place: Place, tmp_path: Path) -> None:
    file = Path(place.file)
    file.write_text(file.read_text().replace('partition = "debug"', 'partition = "nowhere"'))
    with connect(str(file)) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(60)
    assert "Invalid partition name specified; logs: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert slurm.jobs() == []


def test_workers_whose_setup_fails_end_in_one_sentence(place: Place, tmp_path: Path) -> None:
    file = Path(place.file)
    text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("worker_init"))
    file.write_text(text + '\nworker_init = "echo no such module >&2; exit 3"')
    with connect(str(file)) as pool, pytest.raises(EndpointError) as caught:
        pool.submit(jobs.echo, {}).result(90)
    assert "its workers do not start: no such module" in str(caught.value)
    assert engines.until(lambda: not slurm.jobs(), 20)


def test_two_endpoints_share_a_scan(place: Place, tmp_path: Path) -> None:
    """Slurm and processes of this machine: both take part, and nothing is fitted twice."""
    other = tmp_path / "here.toml"
    other.write_text('engine = "process"\nworkers = 1')
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(10, 8))
    setting = Setting(say=lambda _: None, run=jobs.logged)
    result = scan(pallet, endpoint=[place.file, str(other)], output=tmp_path / "run", setting=setting)
    assert len(result) == 80
    lines = [json.loads(line) for line in (tmp_path / "run" / "results.jsonl").read_text().splitlines()]
    assert set(Counter(line["name"] for line in lines if line["step"] == "local").values()) == {1}
    assert engines.until(lambda: not place.left(), 20), place.left()
