"""The problems and remarks of an endpoint check, each with its remedy, from made-up handshakes."""

import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from hfx.driver.setup.check_endpoint import Check, Handshake, Worker, problems_and_remarks, report
from hfx.endpoints.specification import Endpoint, parse
from hfx.functions import handshake
from hfx.version import __version__

RIVER = parse({"engine": "parsl", "provider": "slurm", "workers": 4}, "river", None)


def worker(number: int = 1, *, clock: float = 0.0, **told: Any) -> Worker:
    own = {**handshake.run({"device": "cpu"}), "host": "n1", "pid": number, "cores": 8, "single": True}
    return Worker(cast(Handshake, {**own, **told}), 0.01, clock)


def sentences(*workers: Worker, endpoint: Endpoint = RIVER, expected: int | None = None) -> tuple[str, str]:
    problems, remarks = problems_and_remarks(workers, endpoint, expected or len(workers))
    return " | ".join(problems), " | ".join(remarks)


def test_a_handshake_says_what_this_process_has() -> None:
    told = handshake.run({"seconds": 0.05})
    assert told["python"] == platform.python_version()
    assert told["hfx"] == __version__
    assert all(told["packages"].values())
    assert told["held"] >= 0.05
    assert (told["devices"], told["device_error"]) == (["cpu"], None)


def test_a_worker_whose_job_has_no_device_for_it_says_so_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setitem(sys.modules, "torch", None)
    told = handshake.run({"device": "cuda"})
    assert (told["devices"], told["visible"], told["device_lacks"]) == ([], "", "device")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert handshake.run({"device": "cuda"})["device_lacks"] == "torch"


def test_the_driver_s_version_is_read_where_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert handshake._driver(file) is None
    file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed Feb 26 01:54:09 UTC 2025\n")
    assert handshake._driver(file) == "570.124.06"
    file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n")
    assert handshake._driver(file) == "580.95.05"


def test_the_report_shows_a_worker_s_gpus() -> None:
    gpu = worker(device="cuda", devices=["NVIDIA H200"], cuda={"torch": "13.0", "driver": "580.95.05"})
    assert "NVIDIA H200 (CUDA 13.0, driver 580.95.05)" in report(Check("river", 1, (gpu,)))


def test_workers_like_this_process_need_no_remark() -> None:
    assert sentences(worker(1), worker(2)) == ("", "")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"numerics": -1, "hfx": "9.9"},
            f"hfx 9.9 there computes other numbers than {__version__} here; install {__version__} there",
        ),
        (
            {"packages": {"numpy": "2.0", "numba": None, "torch": None}, "executable": "/there/python3"},
            "its Python lacks numba; run '/there/python3 -m pip install numba' there, or set another Python in the endpoint file",
        ),
        (
            {"packages": {"numpy": "2.0", "numba": None, "torch": None}, "device": "cuda", "executable": "/there/python3"},
            "its Python lacks numba, torch; run '/there/python3 -m pip install numba torch' there,",
        ),
        (
            {"device": "cuda", "device_lacks": "device", "device_error": "torch 2 sees 0 (CUDA_VISIBLE_DEVICES=None)"},
            "no cuda there: torch 2 sees 0 (CUDA_VISIBLE_DEVICES=None); ask for as many GPUs as there are workers (gpus, gres)",
        ),
        (
            {"device": "cuda", "device_lacks": "build", "device_error": "torch 2+cpu is built for CPUs alone"},
            "no cuda there: torch 2+cpu is built for CPUs alone; install torch built for CUDA there",
        ),
        (
            {"device": "cuda", "device_lacks": "driver", "device_error": "Found no NVIDIA driver on your system"},
            "ask for nodes with GPUs (gpus, gres) whose driver is new enough",
        ),
    ],
)
def test_problems_that_make_an_endpoint_unusable(told: dict[str, Any], words: str) -> None:
    problems, _ = sentences(worker(1), worker(2, **told))
    assert problems.startswith("n1:2: ")
    assert words in problems


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (worker(hfx="9.9"), f"hfx is 9.9 there and {__version__} here; install the same version"),
        (worker(python="3.99.1"), f"Python is 3.99.1 there and {platform.python_version()} here; this works"),
        (worker(clock=-3600.0), "its clock differs by -3600 s from this machine's"),
        (worker(single=False), "OMP_NUM_THREADS is not 1 there"),
    ],
)
def test_remarks_on_what_still_works(one: Worker, words: str) -> None:
    problems, remarks = sentences(one)
    assert problems == ""
    assert words in remarks


def test_a_node_with_more_workers_than_cores() -> None:
    _, remarks = sentences(*(worker(i, cores=2) for i in range(4)))
    assert remarks == "n1: 4 workers of 1 threads on 2 cores; set workers = 2 in the endpoint file"


def test_workers_that_did_not_answer() -> None:
    _, remarks = sentences(worker(1), expected=4)
    assert remarks.startswith("1 of 4 workers answered")


def test_the_report_is_a_line_a_worker_and_a_line_a_sentence() -> None:
    found = Check("river", 2, (worker(1), worker(22)))
    lines = report(found).splitlines()
    assert [line.split()[0] for line in lines] == ["worker", "n1:1", "n1:22", "endpoint"]
    assert len({line.index("cpu") for line in lines[1:3]}) == 1  # columns
    lines = report(replace(found, problems=("n1:1: no numba there",), remarks=("late",))).splitlines()
    assert lines[3:] == ["problem: n1:1: no numba there", "note: late"]
    assert found.document()["usable"]
