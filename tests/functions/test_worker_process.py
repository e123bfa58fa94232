"""Processes apart: the device that each sees, and how their ends are told apart."""

import os
import signal
import threading
import time

import pytest

from hfx.errors import EndpointError, NodeLostError, WorkerLostError
from hfx.functions import wire, worker_process
from tests.endpoints import jobs


@pytest.mark.parametrize(
    ("environment", "device"),
    [
        ({}, None),  # nobody said that each worker has one
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, None),
        ({"HFX_DEVICES": "job", "CUDA_VISIBLE_DEVICES": "2,3", "PARSL_WORKER_RANK": "0"}, "2"),
        ({"HFX_DEVICES": "job", "CUDA_VISIBLE_DEVICES": "2,3", "PARSL_WORKER_RANK": "1"}, "3"),
        ({"HFX_DEVICES": "job", "CUDA_VISIBLE_DEVICES": "GPU-1a, GPU-2b", "PARSL_WORKER_RANK": "1"}, "GPU-2b"),
        ({"HFX_DEVICES": "job", "CUDA_VISIBLE_DEVICES": "2", "PARSL_WORKER_RANK": "1"}, ""),  # promised, and not given
        ({"HFX_DEVICES": "job", "CUDA_VISIBLE_DEVICES": "NoDevFiles", "PARSL_WORKER_RANK": "0"}, ""),
        ({"HFX_DEVICES": "job", "PARSL_WORKER_RANK": "0"}, ""),
        ({"HFX_DEVICES": "node", "PARSL_WORKER_RANK": "1"}, "1"),
        ({"HFX_DEVICES": "node", "CUDA_VISIBLE_DEVICES": "5", "PARSL_WORKER_RANK": "0"}, "5"),
    ],
)
def test_each_worker_has_one_of_the_job_s_devices(environment: dict[str, str], device: str | None) -> None:
    assert worker_process.device_of(environment) == device


def ended_by(number: signal.Signals) -> WorkerLostError:
    """How the end of a process by a signal is told, in the middle of a task."""
    process = worker_process.WorkerProcess(device="7")
    process.begin()
    asked = wire.Packer().request(jobs.where, {"seconds": 60})
    threading.Thread(target=lambda: (time.sleep(0.5), os.kill(process.process.pid, number))).start()
    with pytest.raises(WorkerLostError) as caught:
        process.ask(asked)
    return caught.value


def test_a_process_that_is_told_to_end_is_no_fault_of_its_task() -> None:
    """SIGTERM is how batch systems end jobs; SIGKILL may be the memory that a task took."""
    assert isinstance(ended_by(signal.SIGTERM), NodeLostError)
    assert not isinstance(ended_by(signal.SIGKILL), NodeLostError)


def test_a_python_that_is_not_there() -> None:
    with pytest.raises(EndpointError, match=r"/no/such/python cannot be started .No such file or directory.; name another"):
        worker_process.WorkerProcess("/no/such/python")
