"""hfx: which signal hypotheses does this likelihood exclude?

::

    from hfx import open_pallet, scan

    result = scan("1Lbb.tar.gz")        # a file, a folder, an https URL or a HEPData resource DOI
    result.plot()

The names below load what they need when they are first used: ``import hfx`` itself loads neither torch nor
matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hfx.version import __version__

if TYPE_CHECKING:
    from hfx.driver.api import ScanHandle, scan, start_scan
    from hfx.driver.results import Result, ScanResult, load_run
    from hfx.errors import (
        EndpointError,
        HfxError,
        InputError,
        OptionError,
        PalletError,
        PatchError,
        RunFolderError,
        SpecificationError,
    )
    from hfx.pallets import Pallet, open_pallet

__all__ = [
    "EndpointError",
    "HfxError",
    "InputError",
    "OptionError",
    "Pallet",
    "PalletError",
    "PatchError",
    "Result",
    "RunFolderError",
    "ScanHandle",
    "ScanResult",
    "SpecificationError",
    "__version__",
    "load_run",
    "open_pallet",
    "scan",
    "start_scan",
]

_HOMES = {
    "Pallet": "hfx.pallets",
    "Result": "hfx.driver.results",
    "ScanHandle": "hfx.driver.api",
    "ScanResult": "hfx.driver.results",
    "load_run": "hfx.driver.results",
    "open_pallet": "hfx.pallets",
    "scan": "hfx.driver.api",
    "start_scan": "hfx.driver.api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hfx' has no attribute '{name}'; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOMES.get(name, "hfx.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
