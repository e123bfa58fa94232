"""The theory band: the same scan with the signal's cross section up and down, in folders beneath."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfx.driver.options import ScanOptions

__all__ = ["WAYS", "curves"]

WAYS = {"theory-up": 1.0, "theory-down": -1.0}


def curves(
    source: Any,
    options: ScanOptions,
    folder: Path,
    setting: Any,
    scan: Callable[[Any, ScanOptions, Any], Any],
) -> list[dict[str, Any]]:
    """The observed curves with the signals' yields times 1 + X and 1 - X, X the ``--theory-band``; or none.

    `scan(source, options, setting)` runs each. Their `which` is "theory-up" and "theory-down".
    """
    if options.theory_band is None:
        return []
    found = []
    for way, sign in WAYS.items():
        scale = options.signal_scale * (1.0 + sign * options.theory_band)
        setting.say(f"{way}: the signal scaled by {scale:g}")
        varied = replace(options, signal_scale=scale, theory_band=None, output=folder / way)
        result = scan(source, varied, setting)
        found += [{**c, "which": way} for c in result.contours["curves"] if c["which"] == "observed"]
    return found
