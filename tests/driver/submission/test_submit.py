"""A scan submitted to a process of this machine: it outlives the terminal; it can be followed, cancelled and started again."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from hfx.driver.cli import main
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import lock
from hfx.driver.run.submission_file import job_folder
from hfx.driver.scan.run_context import RunContext
from hfx.driver.submission import prepare, record
from hfx.endpoints.batch.systems import SYSTEMS, Job
from hfx.endpoints.specification import ENGINES
from hfx.errors import EndpointError
from tests.conformance import engines
from tests.driver import fakes
from tests.engines import submitted
from tests.engines.submitted import fitted, hfx, left, state, status

POINTS = fakes.grid(10, 8)


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert engines.until(lambda: not left(tmp_path), 10), left(tmp_path)


@pytest.fixture
def pallet(tmp_path: Path) -> Path:
    (tmp_path / "two.toml").write_text('engine = "process"\nworkers = 2')
    return fakes.write_pallet(tmp_path / "toy", POINTS)


def started_run(folder: Path, *more: str, pace: float = 0.4) -> Path:
    """The folder of a slow scan that a detached process runs."""
    words = ("submit", "toy", "--endpoint", "two.toml", "-o", "run", "--json", *more)
    run = Path(json.loads(hfx(folder, *words, pace=pace))["folder"])
    assert engines.until(lambda: len(fitted(run)) > 3, 60), (run / "job" / "driver.log").read_text()
    return run


def assert_complete(run: Path) -> None:
    """The run is complete, and nothing in it was fitted twice."""
    assert fitted(run) == dict.fromkeys((f"sig_{a}_{b}" for a, b in POINTS), 1)
    assert len(json.loads((run / "scan.json").read_text())["results"]) == 80


def test_the_driver_outlives_the_terminal(pallet: Path, tmp_path: Path) -> None:
    """`hfx submit` in a terminal that is closed while the scan runs: a hang-up reaches all that belongs to it."""
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may ignore it
        os.chdir(tmp_path)
        command = f"{sys.executable} -m hfx submit toy --endpoint two.toml -o run; sleep 600"
        os.execvpe("bash", ["bash", "-c", command], submitted.environment(tmp_path, slow=True, pace=0.1))
    run = tmp_path / "run"
    assert engines.until(lambda: len(fitted(run)) > 3, 60)
    driver = status(tmp_path, run)["driver"]
    os.close(terminal)
    _, code = os.waitpid(child, 0)
    assert os.WTERMSIG(code) == signal.SIGHUP
    assert status(tmp_path, run)["driver"] == driver
    assert os.getsid(int(driver.split()[1])) != os.getsid(0)
    out = hfx(tmp_path, "attach", "run")
    assert " of 80 hypotheses are excluded" in out
    assert_complete(run)
    assert status(tmp_path, run)["state"] == "finished"


def test_a_killed_driver_is_lost_and_attach_starts_it_again(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path)
    os.kill(int(status(tmp_path, run)["driver"].split()[1]), signal.SIGKILL)
    assert engines.until(lambda: status(tmp_path, run)["state"] == "lost", 20)
    kept = fitted(run)
    assert 3 < len(kept) < 80
    assert f"{run} is lost: its driver ended without recording why; to continue: hfx attach {run}" in hfx(tmp_path, "status")
    out = hfx(tmp_path, "attach", "run", "--json")
    assert len(json.loads(out)["results"]) == 80
    assert_complete(run)


def test_attach_starts_a_driver_again_that_is_killed_meanwhile(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path, pace=0.1)
    command = [sys.executable, "-m", "hfx", "attach", str(run)]
    own = submitted.environment(tmp_path, slow=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own) as attached:
        assert attached.stderr is not None
        first = attached.stderr.readline()
        os.kill(int(status(tmp_path, run)["driver"].split()[1]), signal.SIGKILL)
        out, err = attached.communicate(timeout=120)
    assert attached.returncode == 0, err
    assert "80 hypotheses to fit" in first
    assert "its driver ended without recording why; it is submitted again, and continues from the results kept so far" in err
    assert " of 80 hypotheses are excluded" in out
    assert_complete(run)


def test_ctrl_c_detaches_and_leaves_the_run_alone(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path, pace=0.2)
    command = [sys.executable, "-m", "hfx", "attach", str(run)]
    own = submitted.environment(tmp_path, slow=True)
    attached = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own, process_group=0)
    assert attached.stderr is not None
    seen = [attached.stderr.readline() for _ in range(3)]
    os.killpg(attached.pid, signal.SIGINT)
    out, err = attached.communicate(timeout=60)
    assert (attached.returncode, out) == (130, "")
    assert err.endswith(f"hfx: detached; the run continues, and 'hfx attach {run}' shows it again\n")
    assert any("hfx: fitted " in line for line in seen)
    assert status(tmp_path, run)["state"] == "running"
    assert "results kept" in hfx(tmp_path, "cancel", str(run))


def test_cancel_leaves_nothing_and_attach_goes_on(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path)
    assert len(left(tmp_path)) >= 3  # the driver, and its workers
    out = hfx(tmp_path, "cancel", str(run))
    assert left(tmp_path) == []
    kept = fitted(run)
    assert out == f"stopped {run}: {len(kept)} results kept; to continue: hfx attach {run}\n"
    assert 3 < len(kept) < 80
    assert state(run) == "stopped"
    assert not (run / "lock").exists()
    hfx(tmp_path, "attach", str(run))
    assert_complete(run)


def test_cancel_kills_a_driver_that_does_not_end(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path)
    driver = int(status(tmp_path, run)["driver"].split()[1])
    os.kill(driver, signal.SIGSTOP)
    hfx(tmp_path, "cancel", str(run), "--wait", "1")
    assert state(run) == "stopped"
    assert not lock.alive(lock.process(driver))


def test_submitted_twice(pallet: Path, tmp_path: Path) -> None:
    run = started_run(tmp_path)
    err = hfx(tmp_path, "submit", "toy", "--endpoint", "two.toml", "-o", "run", code=2)
    assert f"{run} is running already (process " in err
    assert f"'hfx attach {run}' shows it" in err
    assert "the scan runs in a background process" not in err
    err = hfx(tmp_path, "submit", "toy", "--endpoint", "two.toml", "-o", "run", "--mu", "2", code=2)
    assert "is running already" in err
    hfx(tmp_path, "cancel", str(run))
    err = hfx(tmp_path, "submit", "toy", "--endpoint", "two.toml", "-o", "run", "--mu", "2", code=2)
    assert f"{run} contains another scan: --mu is 1.0 there and 2.0 here" in err
    # The same command goes on.
    hfx(tmp_path, "submit", "toy", "--endpoint", "two.toml", "-o", "run")
    hfx(tmp_path, "attach", "run", "--quiet")
    assert_complete(run)


def test_a_driver_that_cannot_begin_says_why(pallet: Path, tmp_path: Path) -> None:
    """Here the pallet was changed after `hfx submit` had looked at it."""
    run = started_run(tmp_path)
    hfx(tmp_path, "cancel", str(run))
    kept = record.read(run)
    assert kept is not None
    fakes.write_pallet(tmp_path / "toy", POINTS[:40])
    err = hfx(tmp_path, "attach", str(run), code=2)
    assert "contains another scan: the patches' digest is" in err


def test_a_scan_that_was_not_submitted(pallet: Path, tmp_path: Path) -> None:
    """`hfx scan` in another terminal is followed; killed, it goes on in this one."""
    command = [sys.executable, "-m", "hfx", "scan", "toy", "--endpoint", "two.toml", "-o", "hfx-runs/mine"]
    own = submitted.environment(tmp_path, slow=True, pace=0.4)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=own, cwd=tmp_path) as running:
        run = tmp_path / "hfx-runs" / "mine"
        assert engines.until(lambda: len(fitted(run)) > 3, 60)
        (document,) = json.loads(hfx(tmp_path, "status", "--json"))
        assert (document["folder"], document["state"], document["driver"]) == (str(run), "running", f"process {running.pid}")
        running.kill()
    err = hfx(tmp_path, "status")
    assert f"{run} is lost: its driver ended without recording why; to continue: hfx attach {run}" in err
    out = hfx(tmp_path, "attach", "hfx-runs/mine")
    assert " of 80 hypotheses are excluded" in out
    assert_complete(run)


def test_a_run_that_does_not_name_its_pallet(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"state": "running"}')
    again = f"the same scan again, with -o {tmp_path / 'run'}"
    lost = f"{tmp_path / 'run'} is lost: its driver ended without recording why; to continue: {again}"
    assert lost in hfx(tmp_path, "status", str(tmp_path / "run"))
    told = hfx(tmp_path, "attach", str(tmp_path / "run"), code=2)
    assert told == f"hfx: {tmp_path / 'run'}/run.json does not say where the pallet is; to continue it: {again}\n"


def test_all_regions_and_a_theory_band(tmp_path: Path) -> None:
    """Their folders lie beneath the run's: the progress is the sum over the regions that have begun."""
    for region in ("SRA", "SRB"):
        fakes.write_pallet(tmp_path / "both" / region, fakes.grid(4, 3))
    words = ("both", "--region", "all", "--theory-band", "0.1", "--endpoint", "process", "-o", "run")
    hfx(tmp_path, "submit", *words)
    assert " of 12 hypotheses are excluded" in hfx(tmp_path, "attach", "run")
    document = status(tmp_path, tmp_path / "run")
    assert (document["done"], document["total"], document["failures"]) == (24, 24, 0)
    assert (tmp_path / "run" / "theory-up" / "SRA" / "scan.json").exists()


def test_a_pallet_that_was_fetched_is_named_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job finds it in the cache, without a network, and keeps its name and DOI."""
    from hfx.pallets import cache
    from hfx.pallets.demo import write_demo

    monkeypatch.setenv("HFX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    doi = "10.17182/hepdata.90607.v3/r3"
    demo = write_demo(tmp_path)
    kept = cache.cache_folder()
    assert kept == tmp_path / "cache"
    monkeypatch.setattr("hfx.pallets.sources.fetch", lambda source, progress=None: _fetched(source, doi, demo))
    file = tmp_path / "river.toml"
    file.write_text('engine = "parsl"\nprovider = "slurm"')
    scan = prepare.prepare_scan(doi, ScanOptions(endpoint=str(file)), RunContext())
    text = scan.text()
    assert f"export HFX_CACHE={tmp_path}/cache\n" in text
    assert text.splitlines()[-1] == f"exec hfx scan {doi} -o {tmp_path}/hfx-runs/demo --endpoint river"


def _fetched(source: str, doi: str, path: Path) -> object:
    from hfx.pallets.sources import Fetched

    return Fetched(source, "https://x", doi, path.name, path, "0", 1, True)


def test_globus_is_collected_here_and_says_so(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "globus", "hfx.endpoints.local.process")
    file = tmp_path / "far.toml"
    file.write_text('engine = "globus"\nworkers = 2')
    scan = prepare.prepare_scan(str(pallet), ScanOptions(endpoint=str(file), output=tmp_path / "run"), RunContext())
    assert scan.submission.how == "here"
    stays, deletes = prepare.notes(scan)
    assert stays.endswith("it continues when the terminal is closed, but ends if the machine is shut down")
    assert "deletes results that are not fetched within 30 minutes" in deletes
    assert f"'hfx attach {tmp_path}/run' starts it again, and it repeats the tasks whose results were deleted" in deletes
    assert not (tmp_path / "run").exists()


def test_several_endpoints_are_driven_from_this_machine(pallet: Path, tmp_path: Path) -> None:
    river = tmp_path / "river.toml"
    river.write_text('engine = "parsl"\nprovider = "slurm"\nmax_blocks = 4')
    several = (str(river), str(tmp_path / "two.toml"))
    scan = prepare.prepare_scan(str(pallet), ScanOptions(endpoint=several, output=tmp_path / "run"), RunContext())
    assert (scan.submission.how, scan.files) == ("here", {})
    assert scan.command[-4:] == ["--endpoint", str(river), "--endpoint", str(tmp_path / "two.toml")]


# --- the status of a run, without a batch system -------------------------------------------------------


def run_folder(folder: Path, name: str, **more: object) -> Path:
    """A run's folder with a run.json in the state `name`."""
    folder.mkdir(exist_ok=True)
    run = {"state": name, "started": "2026-01-01T00:00:00+00:00", "command": "hfx scan toy", "identity": {}, **more}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def submitted_to(folder: Path, system: str, job: str | None) -> Path:
    submission = record.Submission(
        "one-job", system, "river", "/toy", {}, "2026-01-01", f"{folder}/job/driver.sh", "log", 10.0, job=job
    )
    job_folder(folder).mkdir()
    record.write(folder, submission)
    return folder


def states_and_drivers(capsys: pytest.CaptureFixture[str], *runs: Path) -> list[tuple[str, str]]:
    assert main.run(["status", *map(str, runs), "--json"]) == 0
    return [(one["state"], one["driver"]) for one in json.loads(capsys.readouterr().out)]


class Queue:
    """A batch system with a queue that a test writes down."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs, self.queries = jobs, 0

    def queue(self) -> tuple[Job, ...]:
        self.queries += 1
        return self.jobs


def test_every_state(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(Job("1", "PENDING", "Priority", "f"), Job("2", "RUNNING", "", "f"))
    monkeypatch.setitem(SYSTEMS, "slurm", queue)  # type: ignore[arg-type]
    for name in ("finished", "stopped"):
        run_folder(tmp_path / name, name)
    run_folder(tmp_path / "failed", "failed", reason="no space is left there")
    submitted_to(run_folder(tmp_path / "queued", "submitted"), "slurm", "1")
    submitted_to(run_folder(tmp_path / "begins", "submitted"), "slurm", "2")
    submitted_to(run_folder(tmp_path / "again", "running"), "slurm", "1")  # requeued
    submitted_to(run_folder(tmp_path / "gone", "running"), "slurm", "3")
    submitted_to(run_folder(tmp_path / "preempted", "stopped"), "slurm", "1")
    submitted_to(run_folder(tmp_path / "cancelled", "stopped"), "slurm", "3")
    run_folder(tmp_path / "left", "running")
    elsewhere = {**vars(lock.this_process()), "host": "elsewhere", "pid": 7}
    (run_folder(tmp_path / "afar", "running") / "lock").write_text(json.dumps(elsewhere))
    job = {**elsewhere, "job": "slurm:2"}
    (submitted_to(run_folder(tmp_path / "runs", "running"), "slurm", "2") / "lock").write_text(json.dumps(job))
    (run_folder(tmp_path / "mine", "running") / "lock").write_text(json.dumps(vars(lock.this_process())))
    names = (
        "finished",
        "stopped",
        "failed",
        "queued",
        "begins",
        "again",
        "gone",
        "left",
        "afar",
        "runs",
        "mine",
        "preempted",
        "cancelled",
    )
    assert states_and_drivers(capsys, *(tmp_path / name for name in names)) == [
        ("finished", ""),
        ("stopped", ""),
        ("failed", ""),
        ("queued", "slurm 1: PENDING (Priority)"),
        ("submitted", "slurm 2: RUNNING"),
        ("queued", "slurm 1: PENDING (Priority)"),
        ("lost", ""),
        ("lost", ""),
        ("running", "process 7 on elsewhere, not to be seen from here"),
        ("running", "slurm 2: RUNNING"),
        ("running", f"process {os.getpid()}"),
        ("queued", "slurm 1: PENDING (Priority)"),
        ("stopped", ""),
    ]
    assert queue.queries == 3  # once for all, and once more for each that it does not have
    assert main.run(["status", str(tmp_path / "failed"), str(tmp_path / "left")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "state", "driver", "done", "failed", "started", "last", "event"]
    assert lines[1].split()[:2] == [str(tmp_path / "failed"), "failed"]
    assert lines[3] == f"{tmp_path}/failed failed: no space is left there"
    assert main.run(["status", str(tmp_path / "stopped")]) == 0
    stopped = capsys.readouterr().out.splitlines()[-1]
    assert stopped == f"{tmp_path}/stopped was stopped; to continue: hfx scan toy"
    (tmp_path / "left" / "run.json").write_text("{")
    assert main.run(["status", str(tmp_path / "left")]) == 2
    assert "restore the file, or repeat the scan in another folder" in (said := capsys.readouterr().err)
    assert "with -o" not in said
    assert lines[4].endswith("is lost: its driver ended without recording why; to continue: hfx scan toy")


def test_a_queue_that_does_not_answer_makes_no_run_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def queue(self) -> tuple[Job, ...]:
            raise EndpointError("squeue refuses: Unable to contact slurm controller")

    monkeypatch.setitem(SYSTEMS, "slurm", Silent())  # type: ignore[arg-type]
    run = submitted_to(run_folder(tmp_path / "run", "running"), "slurm", "3")
    ((found, driver),) = states_and_drivers(capsys, run)
    assert found == "running"
    assert driver == "slurm 3 (squeue refuses: Unable to contact slurm controller)"


def test_a_run_on_another_host_is_cancelled_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_folder(tmp_path / "run", "running")
    (run / "lock").write_text(json.dumps({**vars(lock.this_process()), "host": "elsewhere", "pid": 7}))
    assert main.run(["cancel", str(run)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"hfx: {run} is driven by process 7 on elsewhere, not to be seen from here: type 'hfx cancel {run}' on that machine\n"
    )


def test_a_run_whose_job_died_on_another_node_goes_on_here(pallet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock names a host that cannot be looked at; that the queue does not have its job any more is enough."""
    monkeypatch.setitem(SYSTEMS, "slurm", Queue())  # type: ignore[arg-type]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: fakes.run)
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    for name, value in submitted.environment(tmp_path, slow=True).items():
        monkeypatch.setenv(name, value)
    run = tmp_path / "run"
    assert main.run(["scan", str(pallet), "--only", "sig_2*", "-o", str(run), "--quiet"]) == 0
    kept = fitted(run)
    scan = prepare.prepare_scan(str(pallet), ScanOptions(endpoint=str(tmp_path / "two.toml"), output=run), RunContext())
    job_folder(run).mkdir()
    record.write(run, replace(scan.submission, system="slurm").with_driver(job="3"))
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, "state": "running"}))
    (run / "lock").write_text(json.dumps({**vars(lock.this_process()), "host": "node7", "pid": 7, "job": "slurm:3"}))
    assert main.run(["attach", str(run), "--quiet"]) == 0
    assert 0 < len(kept) < 80
    assert_complete(run)


def test_submit_has_the_options_of_scan(tmp_path: Path) -> None:
    """All of them, with the same names, defaults and words; and its own."""
    commands = typer.main.get_command(main.app).commands  # type: ignore[attr-defined]
    found = {
        name: {p.name: (p.opts, p.secondary_opts, p.default, getattr(p, "help", None)) for p in commands[name].params}
        for name in ("scan", "submit")
    }
    own = {"plan", "live", "no_browser", "port", "as_json", "quiet", "verbose"}
    assert len(found["scan"]) > 25
    assert {k: v for k, v in found["submit"].items() if k not in ("dry_run", "as_json")} == {
        k: v for k, v in found["scan"].items() if k not in own
    }


def test_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("status", "attach", "cancel"):
        assert main.run([command, str(tmp_path / "nothing")]) == 2
        assert "contains no run of hfx (no run.json)" in capsys.readouterr().err


def test_runs_are_known_until_their_folders_vanish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hfx.driver.submission import registry

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    assert main.run(["status"]) == 0
    assert capsys.readouterr().out == "no runs: you have submitted none, and the current folder has none in hfx-runs\n"
    for name in ("b", "a"):
        registry.add(run_folder(tmp_path / name, "finished"))
        time.sleep(0.01)
    registry.add(tmp_path / "b")
    run_folder(tmp_path / "hfx-runs", "finished")
    run_folder(tmp_path / "hfx-runs" / "c", "finished")
    assert registry.runs() == [tmp_path / "a", tmp_path / "b"]  # the last submitted last
    assert main.run(["status", "--json"]) == 0
    assert [Path(one["folder"]).name for one in json.loads(capsys.readouterr().out)] == ["a", "b", "c"]
    (tmp_path / "a" / "run.json").unlink()
    assert registry.runs() == [tmp_path / "b"]
    assert len(list(registry.folder().iterdir())) == 1


def test_a_job_that_starts_again_elsewhere_takes_its_own_lock_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv(lock.JOB, "slurm:17")
    (tmp_path / "lock").write_text(json.dumps({**vars(lock.this_process()), "host": "elsewhere"}))
    with lock.acquire(tmp_path, said.append):
        holder = lock.holder(tmp_path)
    assert holder is not None
    assert (holder.host, holder.job) == (socket.gethostname(), "slurm:17")
    assert "an earlier start of this very job: its lock is taken over" in said[0]
