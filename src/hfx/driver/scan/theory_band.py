"""The theory band: the same scan with the signal's cross section up and down, in folders beneath."""

import csv
import difflib
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.folder import WAYS
from hfx.errors import OptionError
from hfx.pallets import Pallet

__all__ = ["check", "curves", "read_table", "scaled"]

_COLUMNS = ("name", "uncertainty")


def curves(
    source: Any,
    options: ScanOptions,
    folder: Path,
    setting: Any,
    scan: Callable[[Any, ScanOptions, Any], Any],
) -> list[dict[str, Any]]:
    """The observed curves with the signals' yields times 1 + X and 1 - X, X the ``--theory-band``; or none.

    `scan(source, options, setting)` runs each; `source` is a pallet, or those of the regions by name. Their `which` is
    "theory-up" and "theory-down". X is one number, or each hypothesis' own in a table.
    """
    band = options.theory_band
    if band is None:
        return []
    found = []
    for way, sign in WAYS.items():
        varied = replace(options, theory_band=None, output=folder / way)
        if isinstance(band, str):
            setting.say(f"{way}: the signals scaled by what {band} says of each")
            result = scan(scaled(source, {name: 1.0 + sign * x for name, x in read_table(Path(band)).items()}), varied, setting)
        else:
            scale = options.signal_scale * (1.0 + sign * band)
            setting.say(f"{way}: the signal scaled by {scale:g}")
            result = scan(source, replace(varied, signal_scale=scale), setting)
        found += [{**c, "which": way} for c in result.contours["curves"] if c["which"] == "observed"]
    return found


def scaled(source: Any, factors: Mapping[str, float]) -> Any:
    """A pallet, or several by region, with the signals of the hypotheses named times their factors."""
    if not isinstance(source, Pallet):
        return {region: scaled(pallet, factors) for region, pallet in source.items()}
    hypotheses = tuple(replace(h, signal_scale=h.signal_scale * factors.get(h.name, 1.0)) for h in source.hypotheses)
    listed = " ".join(f"{h.name}:{h.signal_scale!r}" for h in hypotheses)
    # Other signals, other patches: their results are not those of the pallet as it is.
    digest = hashlib.sha256(f"{source.patchset_digest} {listed}".encode()).hexdigest()
    return replace(source, hypotheses=hypotheses, patchset_digest=digest)


def check(options: ScanOptions, names: Iterable[str]) -> None:
    """Raise `OptionError`, before any fit, where the table of a theory band cannot be used, or lacks one of `names`."""
    if not isinstance(options.theory_band, str):
        return
    table = read_table(Path(options.theory_band))
    lacking = [name for name in names if name not in table]
    if lacking:
        near = difflib.get_close_matches(lacking[0], table, n=1)
        hint = f" (it has {near[0]})" if near else ""
        raise OptionError(
            f"--theory-band {options.theory_band}: it has no uncertainty for {len(lacking)} of the hypotheses, such as "
            f"{lacking[0]}{hint}; add them, or scan fewer with --only"
        )


def read_table(path: Path) -> dict[str, float]:
    """Relative uncertainties by hypothesis from a CSV file with the columns name and uncertainty. Raises `OptionError`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(line for line in file if not line.startswith("#"))
            missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise OptionError(
                    f"--theory-band {path}: the column {' and the column '.join(missing)} is missing; it needs both"
                )
            return {row["name"]: _fraction(row, path) for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no CSV file"
        raise OptionError(
            f"--theory-band {path}: give a fraction, as 0.1, or a CSV file with the columns name and uncertainty ({why})"
        ) from None


def _fraction(row: Mapping[str, Any], path: Path) -> float:
    try:
        value = float(row["uncertainty"])
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < 1:
        raise OptionError(f"--theory-band {path}: {row['name']} has '{row['uncertainty']}'; give fractions from 0 up to below 1")
    return value
