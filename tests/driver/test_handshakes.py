"""What is said of workers: each thing that will not work with its remedy; pure, on handshakes that are made up."""

import platform
from dataclasses import replace
from typing import Any

import pytest

from hfx.driver.handshakes import Check, Worker, judge, report
from hfx.endpoints.specification import Endpoint, parse
from hfx.functions import handshake
from hfx.version import __version__

RIVER = parse({"engine": "parsl", "provider": "slurm", "workers": 4}, "river", None)


def worker(number: int = 1, *, clock: float = 0.0, **told: Any) -> Worker:
    own = {**handshake.run({"device": "cpu"}), "host": "n1", "pid": number, "cores": 8, "single": True}
    return Worker({**own, **told}, 0.01, clock)


def sentences(*workers: Worker, endpoint: Endpoint = RIVER, expected: int | None = None) -> tuple[str, str]:
    problems, remarks = judge(workers, endpoint, expected or len(workers))
    return " | ".join(problems), " | ".join(remarks)


def test_a_handshake_says_what_this_process_has() -> None:
    told = handshake.run({"seconds": 0.05})
    assert told["python"] == platform.python_version()
    assert told["hfx"] == __version__
    assert all(told["packages"].values())
    assert told["held"] >= 0.05
    assert (told["devices"], told["device_error"]) == (["cpu"], None)


def test_equals_need_no_word() -> None:
    assert sentences(worker(1), worker(2)) == ("", "")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"numerics": -1, "hfx": "9.9"}, f"hfx 9.9 there computes other numbers; install {__version__}, as here"),
        (
            {"packages": {"numpy": "2.0", "numba": None, "torch": None}},
            "no numba, torch there; pip install numba torch in the workers' Python",
        ),
        (
            {"device": "cuda", "device_error": "torch 2 sees 0 (CUDA_VISIBLE_DEVICES=None)"},
            "no cuda there: torch 2 sees 0 (CUDA_VISIBLE_DEVICES=None); ask for GPUs",
        ),
    ],
)
def test_what_makes_an_endpoint_unusable(told: dict[str, Any], words: str) -> None:
    problems, _ = sentences(worker(1), worker(2, **told))
    assert problems.startswith("n1:2: ")
    assert words in problems


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (worker(hfx="9.9"), f"hfx is 9.9 there and {__version__} here; install the same"),
        (worker(python="3.99.1"), f"Python is 3.99.1 there and {platform.python_version()} here; it works"),
        (worker(clock=-3600.0), "its clock is -3600 s off ours"),
        (worker(single=False), "OMP_NUM_THREADS is not 1 there"),
    ],
)
def test_what_is_only_worth_a_word(one: Worker, words: str) -> None:
    problems, remarks = sentences(one)
    assert problems == ""
    assert words in remarks


def test_a_node_with_more_workers_than_cores() -> None:
    _, remarks = sentences(*(worker(i, cores=2) for i in range(4)))
    assert remarks == "n1: 4 workers of 1 threads on 2 cores; set workers = 2"


def test_workers_that_have_not_come() -> None:
    _, remarks = sentences(worker(1), expected=4)
    assert remarks.startswith("1 of 4 workers answered")


def test_the_report_is_a_line_a_worker_and_a_line_a_sentence() -> None:
    found = Check("river", 2, (worker(1), worker(22)))
    lines = report(found).splitlines()
    assert [line.split()[0] for line in lines] == ["worker", "n1:1", "n1:22", "endpoint"]
    assert len({line.index("cpu") for line in lines[1:3]}) == 1  # columns
    lines = report(replace(found, problems=("n1:1: no numba there",), remarks=("late",))).splitlines()
    assert lines[3:] == ["cannot be used: n1:1: no numba there", "note: late"]
    assert found.public()["usable"]
