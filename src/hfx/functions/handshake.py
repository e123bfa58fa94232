"""The handshake: a function by which a worker describes itself and its machine. Needs neither numpy nor torch.

Task::

    {"seconds": 0.2, "device": "cpu", "threads": 1}    # how long it stays busy, so that the other workers answer too

Result: ``{"host", "pid", "python", "executable", "hfx", "numerics", "packages": {name: version or null}, "cores", "single":
whether the libraries are held to one thread, "device", "devices": [name, ...], "visible": CUDA_VISIBLE_DEVICES, "cuda":
{"torch", "driver"}: the version that torch is built for and that of the driver, or null, "device_lacks": null or one of
"device", "torch", "build", "driver", "device_error": why the device cannot be used, "time": seconds since the epoch when the
task came, "held": seconds}``.
"""

import os
import platform
import re
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hfx.errors import InputError
from hfx.functions.catalogue import NUMERICS
from hfx.json_types import JsonObject, JsonValue
from hfx.version import __version__

__all__ = ["PACKAGES", "run"]

PACKAGES = ("numpy", "scipy", "numba", "msgspec", "torch")  # that fits need; the last one on other devices than the CPU

_LONGEST = 20.0  # seconds
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")
_DRIVER = Path("/proc/driver/nvidia/version")


def run(task: Mapping[str, JsonValue]) -> JsonObject:
    """The description of this worker."""
    came, begun = time.time(), time.perf_counter()
    device = str(task.get("device") or "cpu")
    seconds = task.get("seconds", 0.0)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST or not _DEVICE.fullmatch(device):
        raise InputError("the handshake is none of this hfx's; install the same hfx for client and workers")
    found = _devices(device)
    time.sleep(max(0.0, seconds - (time.perf_counter() - begun)))
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "hfx": __version__,
        "numerics": NUMERICS,
        "packages": {package: _installed(package) for package in PACKAGES},
        "cores": _cores(),
        "single": os.environ.get("OMP_NUM_THREADS") == "1",
        "device": device,
        **found,
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
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


def _devices(wanted: str) -> JsonObject:
    """The devices that the worker sees, and why `wanted` is not among them; the CPU is always there."""
    driver = _driver()
    if wanted == "cpu":
        return _found(["cpu"], None, driver)
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return _found([], None, driver, "device", "its job was given none for it")
    try:
        import torch
    except ImportError as error:
        return _found([], None, driver, "torch", str(error).split("\n")[0])
    built = torch.version.cuda
    if built is None:
        return _found([], None, driver, "build", f"torch {torch.__version__} is built for CPUs alone")
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # no driver, one that is too old, no device
        reason = str(error).split(". ")[0].split("\n")[0]
        return _found([], built, driver, "driver" if driver is None or "driver" in reason else "device", reason)
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if int(wanted.partition(":")[2] or 0) < len(names):
        return _found(names, built, driver)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    reason = f"torch {torch.__version__} sees {len(names)} (CUDA_VISIBLE_DEVICES={visible})"
    return _found(names, built, driver, "device", reason)


def _found(
    devices: Sequence[str], built: str | None, driver: str | None, lacks: str | None = None, error: str | None = None
) -> JsonObject:
    return {"devices": list(devices), "cuda": {"torch": built, "driver": driver}, "device_lacks": lacks, "device_error": error}


def _driver(file: Path = _DRIVER) -> str | None:
    """The version of NVIDIA's driver, as 570.124.06; None where there is none."""
    try:
        match = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", file.read_text())
    except OSError:
        return None
    return match[1] if match else None
