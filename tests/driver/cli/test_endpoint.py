"""``hfx endpoint list|add|check|init`` and ``hfx scan --endpoint``: what is printed, and the exit codes."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hfx.driver.cli import main
from tests.conformance import engines
from tests.driver import fakes
from tests.engines import submitted

KINDS = ["globus", "globus-htcondor", "globus-slurm", "htcondor", "kubernetes", "local", "slurm-cpu", "slurm-gpu"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFX_CONFIG", str(tmp_path / "configuration"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)


def run(command: str, capsys: Captured) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main.run(shlex.split(command))
    return (code, *capsys.readouterr())


def test_from_a_template_to_a_name_that_scans(capsys: Captured) -> None:
    listed = dict(line.split("  ", 1) for line in run("endpoint init", capsys)[1].splitlines())
    assert list(listed) == KINDS
    assert {name: text.strip() for name, text in listed.items() if "slurm" in name} == {
        "globus-slurm": "the files of a Globus Compute endpoint at a site with Slurm",
        "slurm-cpu": "CPU nodes of a Slurm cluster: the workers run in Slurm jobs",
        "slurm-gpu": "GPU nodes of a Slurm cluster: one worker for each GPU, in Slurm jobs",
    }
    assert run("endpoint init local", capsys) == (0, "local.toml\n", "")
    assert "local.toml exists already; choose another file or folder with -o" in run("endpoint init local", capsys)[2]
    code, out, _ = run("endpoint add mine local.toml", capsys)
    assert (code, Path(out.strip()).name) == (0, "mine.toml")
    assert "replace it with --force" in run("endpoint add mine local.toml", capsys)[2]
    assert run("endpoint add mine local.toml --force", capsys)[0] == 0
    _, out, err = run("endpoint list", capsys)
    assert [line.split()[0] for line in out.splitlines()] == ["endpoint", "embedded", "inline", "parsl", "process", "mine"]
    assert " ".join(out.splitlines()[0].split()) == "endpoint engine provider tasks at a time file"
    assert out.splitlines()[-1].split()[:3] == ["mine", "process", "2"]
    assert out.splitlines()[-1].endswith("/configuration/endpoints/mine.toml")
    assert "configuration/endpoints" in err
    rows = json.loads(run("endpoint list --json", capsys)[1])
    assert {row["name"]: row["usable"] for row in rows}["mine"] is True
    pallet = fakes.write_pallet(Path("toy"), fakes.grid(3, 2))
    code, out, err = run(f"scan {pallet} --endpoint mine --plan", capsys)
    assert "workers     2 at most (mine)" in out
    assert run(f"scan {pallet} --endpoint mine", capsys)[0] == 0
    head = json.loads(Path("hfx-runs/toy/run.json").read_text())
    assert (head["endpoint"], head["command"]) == ("mine", "hfx scan toy -o hfx-runs/toy --endpoint mine")


def test_the_files_of_a_globus_site_come_as_a_folder(capsys: Captured) -> None:
    code, out, _ = run("endpoint init globus-slurm -o site", capsys)
    names = ["config.yaml", "user_config_schema.json", "user_config_template.yaml.j2"]
    assert (code, out.split()) == (0, [f"site/{name}" for name in names])
    assert "type: SlurmProvider" in Path("site/user_config_template.yaml.j2").read_text()
    code, _, err = run("endpoint init globus-slurm -o site", capsys)
    assert (code, "site/config.yaml exists already" in err) == (2, True)


def test_a_broken_file_is_not_added_and_is_listed_with_its_reason(capsys: Captured, tmp_path: Path) -> None:
    Path("bad.toml").write_text('engine = "process"\nworker = 2')
    code, out, err = run("endpoint add river bad.toml", capsys)
    assert (code, out) == (2, "")
    assert "did you mean 'workers'?" in err
    folder = tmp_path / "configuration" / "endpoints"
    folder.mkdir(parents=True)
    (folder / "river.toml").write_text(Path("bad.toml").read_text())
    code, out, _ = run("endpoint list", capsys)
    assert code == 0
    assert "river     cannot be used: endpoint river" in out
    code, out, err = run("scan toy --endpoint river", capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no key is called 'worker'" in err


def test_check_prints_every_worker(capsys: Captured) -> None:
    Path("two.toml").write_text('engine = "process"\nworkers = 2')
    code, out, err = run("endpoint check two.toml", capsys)
    assert (code, err) == (0, "")
    header, first, second, *_, last = out.splitlines()
    assert header.split()[:5] == ["worker", "python", "hfx", "numpy", "numba"]
    assert first.split()[0] != second.split()[0]
    assert last == "endpoint two can be used: 2 of 2 workers answered"
    found = json.loads(run("endpoint check two.toml --json", capsys)[1])
    assert found["usable"]
    assert len({worker["told"]["pid"] for worker in found["workers"]}) == 2


def test_check_of_a_device_that_is_not_there(capsys: Captured) -> None:
    import torch

    if torch.cuda.device_count() > 6:
        pytest.skip("this machine has them")
    Path("gpu.toml").write_text('engine = "process"\nworkers = 1\ndevice = "cuda:6"')
    code, out, err = run("endpoint check gpu.toml", capsys)
    assert code == 2
    assert "problem: " in out
    assert "no cuda:6 there: torch" in out
    assert err == "hfx: endpoint gpu cannot be used: 1 problem, listed with its remedy\n"
    assert "CUDA device" in run("scan toy --endpoint gpu.toml", capsys)[2]


def test_several_endpoints_share_a_scan_and_are_remembered(capsys: Captured) -> None:
    Path("one.toml").write_text('engine = "process"\nworkers = 1')
    Path("two.toml").write_text('engine = "inline"\nworkers = 1')
    pallet = fakes.write_pallet(Path("toy"), fakes.grid(6, 4))
    code, _, err = run(f"scan {pallet} --endpoint one.toml --endpoint two.toml", capsys)
    assert code == 0, err
    head = json.loads(Path("hfx-runs/toy/run.json").read_text())
    assert head["endpoint"] == ["one.toml", "two.toml"]
    assert head["command"].endswith("--endpoint one.toml --endpoint two.toml")
    content = json.loads(Path("hfx-runs/toy/scan.json").read_text())
    assert len(content["results"]) == 24
    assert run(shlex.join(shlex.split(head["command"])[1:]), capsys)[0] == 0


def test_a_device_that_the_endpoint_has_not(capsys: Captured) -> None:
    Path("one.toml").write_text('engine = "process"\ndevice = "cpu"')
    code, _, err = run("scan toy --endpoint one.toml --device cuda", capsys)
    assert code == 2
    assert "the workers of endpoint one (one.toml) compute on cpu; leave --device out" in err


def test_sigterm_ends_a_scan_as_ctrl_c_does(tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(12, 12))
    Path("one.toml").write_text('engine = "process"\nworkers = 1')
    command = [sys.executable, "-m", "hfx", "scan", str(pallet), "-o", "run", "--endpoint", "one.toml"]
    scan = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=submitted.environment(tmp_path, slow=True, pace=0.5))
    deadline = time.monotonic() + 120
    while not (tmp_path / "marker").exists() and time.monotonic() < deadline:  # which the first task writes
        time.sleep(0.02)
    scan.send_signal(signal.SIGTERM)
    _, err = scan.communicate(timeout=60)
    assert scan.returncode == 143, err
    assert "to continue: hfx scan" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_check_that_is_stopped_ends_the_workers(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    worker = tmp_path / "python"
    worker.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    worker.chmod(0o755)
    Path("one.toml").write_text(f'engine = "process"\nworkers = 1\npython = "{worker}"')
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from hfx.__main__ import main; main()"
    command = [sys.executable, "-c", program, "endpoint", "check", "one.toml"]
    check = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert engines.until((tmp_path / "pid").exists, 60)
    check.send_signal(sent)
    _, err = check.communicate(timeout=60)
    assert (check.returncode, err) == (code, "hfx: stopped; the workers that were started are ended\n")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_the_id_of_the_template_is_refused_before_anything_is_asked(capsys: Captured, tmp_path: Path) -> None:
    pallet = fakes.write_pallet(tmp_path / "toy", fakes.grid(2, 2))
    assert run(f"endpoint init globus -o {tmp_path}/globus.toml", capsys)[0] == 0
    for command in (f"endpoint check {tmp_path}/globus.toml", f"scan {pallet} --plan --endpoint {tmp_path}/globus.toml"):
        code, out, err = run(command, capsys)
        assert (code, out) == (2, "")
        assert (
            "endpoint_id = '00000000-0000-0000-0000-000000000000': this is the template's id, which names nothing; replace" in err
        )
