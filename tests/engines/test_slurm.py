"""What only a real batch system can show: jobs cancelled in mid-scan, job scripts, an endpoint that can have no jobs."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.scan.run_context import RunContext
from hfx.endpoints import connect
from hfx.errors import EndpointError
from tests.conformance import engines
from tests.conformance.clients import Place, client, failures, finished, local, named, over, placed, retried
from tests.driver import fakes
from tests.endpoints import jobs
from tests.engines import slurm


@pytest.fixture(scope="module")
def _up() -> Iterator[None]:
    with engines.ENGINES["slurm"].needs():
        yield


@pytest.fixture
def place(_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with placed("slurm", tmp_path, monkeypatch) as here:
        yield here


def check_outcome(folder: Path, log: Path, points: list[tuple[int, int]]) -> None:
    """All fitted and none twice, no failure, and nothing tried again."""
    assert sorted(log.read_text().split()) == named(points)
    assert local(folder) == Counter(named(points))
    assert failures(folder) == []
    assert retried(folder) == []


def jobs_until_it_ends(running: "subprocess.Popen[str]", seconds: float) -> set[str]:
    """The jobs that a scan has, until it is over."""
    seen: set[str] = set()

    def ended() -> bool:
        seen.update(slurm.jobs())
        time.sleep(0.5)
        return running.poll() is not None

    engines.until(ended, seconds)
    errors = over(running, 1)
    assert running.returncode == 0, errors
    return seen


def test_a_job_that_is_warned_finishes_its_task_and_leaves(place: Place, tmp_path: Path) -> None:
    """The signal that Slurm sends before the walltime ends: nothing is lost, nothing tried again, and another job takes over."""
    points = fakes.grid(10, 8)
    pallet, folder = fakes.write_pallet(tmp_path / "toy", points), tmp_path / "run"
    running = client(pallet, folder, place.with_one_job())
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
    short = ('walltime = "00:01:00"', "warning_seconds = 40")
    running = client(pallet, folder, place.with_lines(*short).with_one_job())
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
    assert (
        "Invalid partition name specified; 'sinfo' shows whether Slurm answers here and its partitions: correct partition"
        in str(caught.value)
    )
    assert "; logs: " in str(caught.value)
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
    setting = RunContext(say=lambda _: None, function=jobs.logged)
    result = scan(pallet, endpoint=[place.file, str(other)], output=tmp_path / "run", context=setting)
    assert len(result) == 80
    assert local(tmp_path / "run") == Counter(named(fakes.grid(10, 8)))
    assert engines.until(lambda: not place.left(), 20), place.left()
