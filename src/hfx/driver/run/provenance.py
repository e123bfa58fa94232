"""The origin of numbers: versions, platform and pallet, for run.json, scan.json, pictures and bug reports."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TypedDict

from hfx.driver.run.file_types import PalletBlock
from hfx.pallets import Pallet
from hfx.version import __version__

__all__ = ["Versions", "installed", "now", "pallet_block", "versions"]


class Versions(TypedDict):
    """Versions of hfx, Python and the packages that compute or draw the numbers (None: not installed), and the platform."""

    hfx: str
    python: str
    torch: str | None
    numpy: str | None
    scipy: str | None
    numba: str | None
    matplotlib: str | None
    platform: str
    machine: str
    executable: str


def installed(package: str) -> str | None:
    """The version of an installed distribution, without importing it; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions() -> Versions:
    """The versions and the platform of this process."""
    return {
        "hfx": __version__,
        "python": platform.python_version(),
        "torch": installed("torch"),
        "numpy": installed("numpy"),
        "scipy": installed("scipy"),
        "numba": installed("numba"),
        "matplotlib": installed("matplotlib"),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "executable": sys.executable,
    }


def now() -> str:
    """The time, UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def pallet_block(pallet: Pallet) -> PalletBlock:
    """The pallet's entry in run.json and scan.json."""
    block: PalletBlock = {
        "name": pallet.name,
        "source": pallet.source,
        "region": pallet.region,
        "doi": pallet.doi,
        "digest": pallet.digest,
        "patchset_digest": pallet.patchset_digest,
        "labels": list(pallet.labels),
        "description": pallet.description,
        "references": dict(pallet.references),
        "hypotheses": len(pallet.hypotheses),
        "warnings": list(pallet.warnings),
    }
    if pallet.label_titles:
        block["label_titles"] = dict(pallet.label_titles)
    return block
