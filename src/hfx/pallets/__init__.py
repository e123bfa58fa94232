"""Pallets: a background workspace with its signal hypotheses, from a path, an https URL or a HEPData DOI.

A module of this package is imported when one of its names is first used, so that ``import hfx.pallets`` stays fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfx.pallets.opening import open_pallet, region_names
    from hfx.pallets.pallet import Hypothesis, Pallet

__all__ = ["Hypothesis", "Pallet", "open_pallet", "region_names"]

_HOMES = {
    "Hypothesis": "hfx.pallets.pallet",
    "Pallet": "hfx.pallets.pallet",
    "open_pallet": "hfx.pallets.opening",
    "region_names": "hfx.pallets.opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
