"""`hfx submit` on a real Slurm: the driver is a job, is looked at, cancelled, killed, started again, and nothing is left."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfx.driver.api import scan
from hfx.driver.results import load_run
from hfx.driver.scan.run_context import RunContext
from tests.conformance import engines
from tests.driver import fakes
from tests.engines import slurm, submitted
from tests.engines.submitted import fitted, hfx, left, state, status

MODES = ("driver-job", "one-job")
modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(scope="module", autouse=True)
def _up() -> Iterator[None]:
    with engines.ENGINES["slurm"].needs():
        yield


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert engines.until(lambda: not slurm.jobs(), 20), slurm.jobs()
    assert engines.until(lambda: not left(tmp_path), 20), left(tmp_path)


def endpoint(folder: Path, mode: str, *more: str, slow: bool = True) -> str:
    """An endpoint file of the test's Slurm; its jobs run what the test runs."""
    python = submitted.environment(folder, slow=slow)["PYTHONPATH"]
    lines = [
        *(
            line.replace(f"PYTHONPATH={submitted.ROOT}", f"PYTHONPATH={python}")
            for line in engines.ENGINES["slurm"].text(folder).splitlines()
        ),
        f'submit = "{mode}"',
        *more,
    ]
    path = folder / "river.toml"
    path.write_text("\n".join(lines))
    return str(path)


def submit(folder: Path, pallet: Path, file: str, *, slow: bool = True, pace: float = 0.01) -> tuple[Path, str]:
    """Submit a scan; its folder, and the number of the driver's job."""
    told = json.loads(hfx(folder, "submit", str(pallet), "--endpoint", file, "-o", "run", "--json", slow=slow, pace=pace))
    assert told["system"] == "slurm"
    return Path(told["folder"]), told["job"]


def begun(folder: Path, mode: str, size: tuple[int, int] = (10, 8)) -> tuple[Path, str]:
    """A slow scan that is under way, with some results but not all."""
    pallet = fakes.write_pallet(folder / "toy", fakes.grid(*size))
    run, job = submit(folder, pallet, endpoint(folder, mode), pace=0.4)
    assert engines.until(lambda: len(fitted(run)) > 3, 60), (run / "job" / "driver.log").read_text()
    return run, job


def whole(run: Path, size: tuple[int, int] = (10, 8)) -> None:
    """The run is complete, and nothing in it was fitted twice."""
    points = fakes.grid(*size)
    assert fitted(run) == dict.fromkeys((f"sig_{a}_{b}" for a, b in points), 1)
    assert len(json.loads((run / "scan.json").read_text())["results"]) == len(points)


@modes
def test_the_embedded_run_s_numbers(mode: str, tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(6, 4), broken=("sig_300_40",))
    run, job = submit(tmp_path, pallet, endpoint(tmp_path, mode, slow=False), slow=False)
    assert (tmp_path / "state" / "hfx" / "runs").is_dir()
    assert run == tmp_path / "run"
    assert job in slurm.jobs()
    before = status(tmp_path, run)
    assert before["state"] in ("submitted", "queued", "running")
    assert before["job"] == job
    err = hfx(tmp_path, "attach", str(run), code=1)  # one hypothesis fails, as in `hfx scan`
    assert "sig_300_40 failed: " in err
    wanted = scan(pallet, output=tmp_path / "embedded", context=RunContext(say=lambda _: None))
    found = load_run(run)
    assert len(found) == 23
    assert found.failures == wanted.failures
    for a, b in zip(wanted, found, strict=True):
        assert [b.CLs_obs, *b.CLs_exp] == pytest.approx([a.CLs_obs, *a.CLs_exp], abs=1e-10)
    after = status(tmp_path, run)
    assert (after["state"], after["done"], after["total"], after["failures"]) == ("finished", 23, 24, 1)
    told = json.loads((run / "run.json").read_text())
    assert (told["job"], told["script"]) == (f"slurm:{job}", f"{run}/job/driver.sh")
    assert told["endpoint"] == "river"


@modes
def test_cancelled_in_mid_run_and_gone_on_with(mode: str, tmp_path: Path) -> None:
    run, _ = begun(tmp_path, mode)
    assert len(slurm.jobs()) == (3 if mode == "driver-job" else 1)  # with the workers' two
    out = hfx(tmp_path, "cancel", str(run))
    assert out.startswith(f"stopped {run}: {len(fitted(run))} results kept; to continue: hfx attach {run}")
    assert slurm.jobs() == []
    assert left(tmp_path) == []
    assert state(run) == "stopped"
    kept = len(fitted(run))
    assert 3 < kept < 80
    assert status(tmp_path, run)["done"] == kept
    out = hfx(tmp_path, "attach", str(run))
    assert " of 80 hypotheses are excluded" in out
    whole(run)
    assert hfx(tmp_path, "cancel", str(run)) == f"{run} is finished: there is nothing to cancel\n"


@modes
def test_a_driver_s_job_that_its_user_cancels(mode: str, tmp_path: Path) -> None:
    """By scancel, which sends SIGTERM to all processes of a job at once, and SIGKILL soon after: workers go, or are of no use."""
    run, job = begun(tmp_path, mode)
    subprocess.run(["scancel", job], check=True)
    assert engines.until(lambda: not slurm.jobs(), 20), slurm.jobs()
    assert engines.until(lambda: not left(tmp_path), 20), left(tmp_path)
    assert state(run) == "stopped"
    assert f"results kept in {run}/results.jsonl; to continue: hfx attach {run}" in (run / "job" / "driver.log").read_text()
    assert 3 < len(fitted(run)) < 80
    assert " of 80 hypotheses are excluded" in hfx(tmp_path, "attach", str(run))
    whole(run)


@modes
def test_a_driver_that_is_killed_is_lost_and_attach_goes_on(mode: str, tmp_path: Path) -> None:
    run, job = begun(tmp_path, mode)
    subprocess.run(["scancel", "--batch", "--signal=KILL", job], check=True)
    assert engines.until(lambda: job not in slurm.jobs(), 20)
    assert state(run) == "running"  # it had no time to say so
    assert status(tmp_path, run)["state"] == "lost"
    assert f"{run} is lost: its driver ended without recording why; to continue: hfx attach {run}" in hfx(tmp_path, "status")
    out = hfx(tmp_path, "attach", str(run))
    assert " of 80 hypotheses are excluded" in out
    whole(run)


def test_a_killed_driver_s_jobs_are_swept_up(tmp_path: Path) -> None:
    """Workers' jobs that still wait would find nobody: `cancel` knows them by where their scripts lie."""
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(10, 8))
    own = ('directives = ["--hold"]', 'submit_directives = ["--no-requeue"]')
    run, job = submit(tmp_path, pallet, endpoint(tmp_path, "driver-job", *own))
    assert engines.until(lambda: len(slurm.jobs()) == 3, 60)
    other = subprocess.run(["sbatch", "--parsable", "--hold", "--wrap=true"], capture_output=True, text=True, check=True)
    subprocess.run(["scancel", "--batch", "--signal=KILL", job], check=True)
    assert engines.until(lambda: job not in slurm.jobs(), 20)
    assert len(slurm.jobs()) == 3
    assert "nothing fitted yet" in hfx(tmp_path, "cancel", str(run))
    assert slurm.jobs() == [other.stdout.strip()]  # what is not the run's is left alone
    assert state(run) == "stopped"
    subprocess.run(["scancel", other.stdout.strip()], check=True)


def test_a_job_that_waits_is_queued_and_can_be_cancelled(tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    file = endpoint(tmp_path, "one-job", 'submit_directives = ["--hold"]')
    run, job = submit(tmp_path, pallet, file)
    told = status(tmp_path, run)
    assert (told["state"], told["driver"]) == ("queued", f"slurm {job}: PENDING (JobHeldUser)")
    err = hfx(tmp_path, "submit", str(pallet), "--endpoint", file, "-o", "run", code=2)
    assert f"{run} is queued already (slurm {job}: PENDING (JobHeldUser)): 'hfx attach {run}' shows it" in err
    assert slurm.jobs() == [job]
    assert "nothing fitted yet" in hfx(tmp_path, "cancel", str(run))
    assert slurm.jobs() == []


def test_a_job_that_slurm_starts_again_goes_on_by_itself(tmp_path: Path) -> None:
    """As after a node's failure: the same job, from results.jsonl."""
    run, job = begun(tmp_path, "one-job", (5, 4))
    kept = len(fitted(run))
    subprocess.run(["scontrol", "requeue", job], check=True)
    assert engines.until(lambda: status(tmp_path, run)["state"] == "queued", 30)
    assert state(run) in ("stopped", "running")  # Slurm's SIGTERM, or its SIGKILL, came first
    err = hfx(tmp_path, "submit", str(tmp_path / "toy"), "--endpoint", str(tmp_path / "river.toml"), "-o", "run", code=2)
    assert f"{run} is queued already (slurm {job}: PENDING" in err
    assert engines.until(lambda: subprocess.run(["scontrol", "update", f"job={job}", "StartTime=now"]).returncode == 0, 30)
    assert engines.until(lambda: state(run) == "finished", 60), (run / "job" / "driver.log").read_text()
    assert kept < 20
    whole(run, (5, 4))


def test_the_walltime_s_end_stops_it_and_attach_goes_on(tmp_path: Path) -> None:
    """Slurm sends SIGTERM before it kills: no later than a quarter of a short walltime, and up to a minute earlier."""
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(12, 10))
    file = endpoint(tmp_path, "one-job", 'submit_walltime = "00:01:00"')
    run, job = submit(tmp_path, pallet, file, pace=2.0)
    assert engines.until(lambda: job not in slurm.jobs(), 120)
    assert state(run) == "stopped"
    assert f"results kept in {run}/results.jsonl; to continue: hfx attach {run}" in (run / "job" / "driver.log").read_text()
    assert 0 < len(fitted(run)) < 120
    assert " of 120 hypotheses are excluded" in hfx(tmp_path, "attach", str(run))
    whole(run, (12, 10))


def test_what_slurm_refuses_is_one_sentence(tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    file = endpoint(tmp_path, "one-job", 'submit_directives = ["--partition=nowhere"]')
    err = hfx(tmp_path, "submit", str(pallet), "--endpoint", file, "-o", "run", code=2)
    assert err.splitlines()[-1].startswith("hfx: sbatch refuses: ")
    assert "Invalid partition" in err
    assert state(tmp_path / "run") == "failed"


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    file = endpoint(tmp_path, "driver-job")
    before = sorted(tmp_path.rglob("*"))
    out = hfx(tmp_path, "submit", str(pallet), "--endpoint", file, "--mu", "2", "--dry-run")
    assert f"exec hfx scan {pallet} -o {tmp_path}/hfx-runs/toy --mu 2.0 --endpoint river\n" in out
    assert sorted(tmp_path.rglob("*")) == before
    assert slurm.jobs() == []
