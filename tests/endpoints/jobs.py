"""What the tests run on workers: importable by name, one JSON task in, JSON out."""

import hashlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.driver import fakes

Task = Mapping[str, Any]


def echo(task: Task) -> dict[str, Any]:
    """The task."""
    return dict(task)


def where(task: Task) -> dict[str, Any]:
    """Who runs it, and with which threads."""
    time.sleep(task.get("seconds", 0))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {"pid": os.getpid(), "threads": task.get("threads"), **{name: os.environ.get(name) for name in names}}


def devices(task: Task) -> dict[str, Any]:
    """Which devices its worker sees, and in which job."""
    time.sleep(task["seconds"])
    names = {"visible": "CUDA_VISIBLE_DEVICES", "job": "SLURM_JOB_ID"}
    return {"pid": os.getpid(), **{key: os.environ.get(name) for key, name in names.items()}}


def libraries(task: Task) -> dict[str, Any]:
    """The threads that the libraries themselves would use."""
    import numba
    import torch

    return {"torch": torch.get_num_threads(), "numba": numba.config.NUMBA_NUM_THREADS}


def noisy(task: Task) -> str:
    """Prints where the wire might be."""
    print("a library says something")
    os.write(1, b"and so does C\n")
    return "done"


def large(task: Task) -> list[str]:
    """An answer of 13 MB that compression does not halve."""
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(300_000)]


def noise(task: Task) -> str:
    """An answer that cannot be compressed to less than half."""
    return "".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(task["bytes"] // 64))


def fail(task: Task) -> None:
    """An error of Python's."""
    raise ZeroDivisionError("oh\ndear")


def fail_oddly(task: Task) -> None:
    """An error whose type nobody else knows."""

    class OddError(Exception):
        pass

    raise OddError("odd")


def die(task: Task) -> None:
    """The worker is killed, as by the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(task: Task) -> None:
    """The worker ends by itself."""
    os._exit(3)


def deadly(task: Task) -> dict[str, Any]:
    """The fake fits; one hypothesis kills its worker."""
    if any(h["name"] == "sig_300_40" for h in task["hypotheses"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return fakes.run(task)


def broken(task: Task) -> dict[str, Any]:
    """The fake fits; one hypothesis raises."""
    if any(h["name"] == "sig_300_40" for h in task["hypotheses"]):
        raise ArithmeticError("no such number")
    return fakes.run(task)


def once_deadly(task: Task) -> dict[str, Any]:
    """The fake fits; the first worker that comes to one hypothesis is killed, the next is not."""
    marker = Path(os.environ["HFX_TEST_MARKER"])
    if any(h["name"] == "sig_300_40" for h in task["hypotheses"]):
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return fakes.run(task)


def logged(task: Task) -> dict[str, Any]:
    """The fake fits; local searches are written down, at a pace that can be interrupted."""
    if "inputs" not in task:
        with Path(os.environ["HFX_TEST_MARKER"]).open("a") as file:
            file.writelines(h["name"] + "\n" for h in task["hypotheses"])
        time.sleep(float(os.environ.get("HFX_TEST_PACE", "0.05")) * len(task["hypotheses"]))
    return fakes.run(task)


def staged(task: Task) -> dict[str, Any]:
    """The fake fits, each round at a pace that can be interrupted; a file beside the marker says that its round has begun."""
    marker = Path(os.environ["HFX_TEST_MARKER"])
    if "inputs" in task:
        marker.with_name("reached-exchange").touch()
    else:
        with marker.open("a") as file:
            file.writelines(h["name"] + "\n" for h in task["hypotheses"])
    time.sleep(float(os.environ.get("HFX_TEST_PACE", "0.05")) * len(task["hypotheses"]))
    return fakes.run(task)
