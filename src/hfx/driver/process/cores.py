"""The cores and devices that this process may use.

Cores: the smallest of the process' CPU affinity, its cgroup quota and SLURM_CPUS_PER_TASK.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path

from hfx.errors import OptionError

__all__ = ["check_device", "usable_cores"]

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cores(environment: Mapping[str, str] | None = None, cgroup: Path = _CGROUP, own: Path = _OWN_GROUPS) -> int:
    """The number of usable cores, at least 1.

    `environment`, `cgroup` and `own` replace os.environ, /sys/fs/cgroup and /proc/self/cgroup in tests.
    """
    environment = os.environ if environment is None else environment
    limits = [_affinity(), *map(_quota, _groups(cgroup, own)), _slurm(environment)]
    return max(1, min(limit for limit in limits if limit is not None))


def _groups(cgroup: Path, own: Path) -> list[Path]:
    """The process' control group and its parents: login nodes set a user's quota on the user's slice."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return [cgroup]
    paths = [line.removeprefix("0::").strip("/") for line in lines if line.startswith("0::")]
    below = [cgroup / path for path in paths if path and ".." not in path]
    return [cgroup, *(group for path in below for group in (path, *path.parents) if cgroup in group.parents)]


def check_device(device: str) -> None:
    """Raise `OptionError` when this process cannot compute on `device`: "cpu", "cuda" or "cuda:N"."""
    if device == "cpu":
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        found = f"{count} CUDA devices, numbered from cuda:0" if count else "no CUDA device that torch can use (see 'hfx doctor')"
        raise OptionError(f"--device {device}: this machine has {found}; leave --device out to use the CPU")


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def _quota(cgroup: Path) -> int | None:
    """The quota of cgroup version 2 or 1 in cores, rounded up; None if there is none or it cannot be read."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        return math.ceil(int(quota) / int(period)) if int(quota) > 0 and int(period) > 0 else None
    except ValueError:  # "max": no quota
        return None


def _slurm(environment: Mapping[str, str]) -> int | None:
    text = environment.get("SLURM_CPUS_PER_TASK", "")
    return int(text) if text.isdigit() and int(text) > 0 else None
