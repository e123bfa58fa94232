"""The output of ``hfx doctor``, for bug reports: plain text on versions and hardware, nothing on the user's data."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from hfx.driver.process.cores import usable_cores
from hfx.driver.run import provenance
from hfx.endpoints.globus import account
from hfx.endpoints.specification import ENGINES

__all__ = ["report"]

_PACKAGES = ("torch", "numpy", "scipy", "numba", "matplotlib", "typer", "rich", "httpx", "orjson", "parsl", "pandas")


def report(folder: Path | None = None) -> str:
    """Versions, cores, devices, engines, login, download cache and the free disk space of `folder`, a line each."""
    versions = provenance.versions()
    found = [
        ("hfx", f"{versions['hfx']} in {Path(__file__).resolve().parents[2]}"),
        ("python", f"{versions['python']}, {versions['executable']}"),
        ("platform", f"{versions['platform']}, {versions['machine']}"),
        ("packages", ", ".join(f"{p} {provenance.installed(p) or 'not installed'}" for p in _PACKAGES)),
        ("cores", f"{usable_cores()} of {os.cpu_count()} may be used by this process"),
        ("devices", ", ".join(_devices())),
        ("engines", ", ".join(sorted(ENGINES))),
        ("login", account.state()),
        ("cache", _cache()),
        ("disk", _disk(folder or Path.cwd())),
    ]
    return "\n".join(f"{name:<9} {text}" for name, text in found)


def _devices() -> Iterable[str]:
    yield "cpu"
    try:
        import torch
    except ImportError as error:
        yield f"GPUs unknown: torch cannot be imported ({error})"
        return
    if not torch.cuda.is_available():
        yield "no GPU that torch can use"
        return
    for i in range(torch.cuda.device_count()):
        yield f"cuda:{i} {torch.cuda.get_device_name(i)}"


def _cache() -> str:
    from hfx.pallets import cache

    folder = cache.cache_folder()
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return f"{folder}: {len(files)} files, {_size(sum(path.stat().st_size for path in files))}"


def _disk(folder: Path) -> str:
    try:
        return f"{folder}: {_size(shutil.disk_usage(folder).free)} free"
    except OSError as error:
        return f"{folder}: {error.strerror}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
