"""Where numbers come from: versions, platform, pallet, command; for run.json, pictures and bug reports."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from hfx.driver.run.contents import PalletBlock
from hfx.pallets import Pallet
from hfx.version import __version__

__all__ = ["installed", "now", "pallet_block", "versions"]


def installed(package: str) -> str | None:
    """The version of an installed distribution, without importing it; None when it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """hfx, Python, and what decides or draws the numbers."""
    packages = ("torch", "numpy", "scipy", "numba", "matplotlib")
    return {
        "hfx": __version__,
        "python": platform.python_version(),
        **{package: installed(package) for package in packages},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "executable": sys.executable,
    }


def now() -> str:
    """The time, UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def pallet_block(pallet: Pallet) -> PalletBlock:
    """What run.json and scan.json say of the pallet."""
    return {
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
