"""The function that a worker runs to be known: what it is and what it has. Needs neither numpy nor torch.

Task::

    {"seconds": 0.2, "device": "cpu", "threads": 1}    # how long it stays busy, so that the other workers answer too

Result: ``{"host", "pid", "python", "hfx", "numerics", "packages": {name: version or null}, "cores", "single": whether the
libraries are held to one thread, "device", "devices": [name, ...], "device_error": null or why the device cannot be used,
"time": seconds since the epoch when the task came, "held": seconds}``.
"""

import os
import platform
import socket
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hfx.functions.cls_scan import NUMERICS
from hfx.version import __version__

__all__ = ["PACKAGES", "run"]

PACKAGES = ("numpy", "scipy", "numba", "torch")  # that fits need


def run(task: Mapping[str, Any]) -> dict[str, Any]:
    """Who answers, and what it has."""
    came, begun = time.time(), time.perf_counter()
    device = str(task.get("device") or "cpu")
    devices, error = _devices(device)
    time.sleep(max(0.0, float(task.get("seconds", 0.0)) - (time.perf_counter() - begun)))
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "hfx": __version__,
        "numerics": NUMERICS,
        "packages": {package: _installed(package) for package in PACKAGES},
        "cores": _cores(),
        "single": os.environ.get("OMP_NUM_THREADS") == "1",
        "device": device,
        "devices": devices,
        "device_error": error,
        "time": came,
        "held": time.perf_counter() - begun,
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def _devices(wanted: str) -> tuple[list[str], str | None]:
    """The devices that the worker sees, and why `wanted` is not among them; the CPU is always there."""
    if wanted == "cpu":
        return ["cpu"], None
    try:
        import torch

        found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    except (ImportError, RuntimeError) as error:
        return [], str(error).split("\n")[0]
    if int(wanted.partition(":")[2] or 0) < len(found):
        return found, None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found, f"torch {torch.__version__} sees {len(found)} (CUDA_VISIBLE_DEVICES={visible})"
