"""The theory band: the same scan with the signal's cross section up and down, in folders beneath."""

import csv
import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar, overload

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.file_types import Curve, ScanContent, curves_of
from hfx.driver.run.folder import VARIATIONS
from hfx.driver.scan.run_context import RunContext
from hfx.errors import OptionError
from hfx.pallets import Pallet
from hfx.pallets.pallet import near_names

__all__ = ["Variation", "check", "curves", "read_table", "scaled", "variations"]

_COLUMNS = ("name", "uncertainty")


Regions = dict[str, Pallet]
Source = TypeVar("Source", Pallet, Regions)


@dataclass(frozen=True)
class Variation(Generic[Source]):
    """One of the two variations: the name of its folder, which is the ``which`` of its curves, a sentence for the user, and the
    pallet or pallets and the options of its scan."""

    name: str
    sentence: str
    source: Source
    options: ScanOptions


class _Finished(Protocol):
    @property
    def content(self) -> ScanContent: ...


def curves(
    source: Source,
    options: ScanOptions,
    folder: Path,
    context: RunContext,
    scan: Callable[[Source, ScanOptions, RunContext], _Finished],
) -> list[Curve]:
    """The observed curves of the `variations`, or none; `scan` runs each of them."""
    found: list[Curve] = []
    for variation in variations(source, options, folder):
        context.say(variation.sentence)
        result = scan(variation.source, variation.options, context)
        observed = [curve for curve in curves_of(result.content["contours"]) if curve["which"] == "observed"]
        found += [{**curve, "which": variation.name} for curve in observed]
    return found


def variations(source: Source, options: ScanOptions, folder: Path) -> list[Variation[Source]]:
    """The scans with the signals' yields times 1 + X and 1 - X, X the ``--theory-band``, in folders beneath `folder`; or none.

    `source` is a pallet, or those of the regions by name. X is one number, or each hypothesis' own in a table.
    """
    band = options.theory_band
    if band is None:
        return []
    found = []
    for name, sign in VARIATIONS.items():
        varied = replace(options, theory_band=None, output=folder / name)
        if isinstance(band, str):
            factors = {hypothesis: 1.0 + sign * x for hypothesis, x in read_table(Path(band)).items()}
            sentence = f"{name}: the signal of each hypothesis scaled as {band} says"
            found.append(Variation(name, sentence, scaled(source, factors), varied))
        else:
            scale = options.question.options.signal_scale * (1.0 + sign * band)
            sentence = f"{name}: the signal scaled by {scale:g}"
            found.append(Variation(name, sentence, source, varied.asking(signal_scale=scale)))
    return found


@overload
def scaled(source: Pallet, factors: Mapping[str, float]) -> Pallet: ...
@overload
def scaled(source: Regions, factors: Mapping[str, float]) -> Regions: ...
def scaled(source: Pallet | Regions, factors: Mapping[str, float]) -> Pallet | Regions:
    """A pallet, or several by region, with the signals of the named hypotheses times their factors."""
    if isinstance(source, Pallet):
        return _scaled(source, factors)
    return {region: _scaled(pallet, factors) for region, pallet in source.items()}


def _scaled(pallet: Pallet, factors: Mapping[str, float]) -> Pallet:
    hypotheses = tuple(replace(h, signal_scale=h.signal_scale * factors.get(h.name, 1.0)) for h in pallet.hypotheses)
    listed = " ".join(f"{h.name}:{h.signal_scale!r}" for h in hypotheses)
    # Other signals are other patches: their results are not those of the pallet as it is.
    digest = hashlib.sha256(f"{pallet.patchset_digest} {listed}".encode()).hexdigest()
    return replace(pallet, hypotheses=hypotheses, patchset_digest=digest)


def check(options: ScanOptions, names: Iterable[str]) -> None:
    """Raise `OptionError`, before any fit: the question has no contour, or the table is unusable or lacks one of `names`."""
    if options.theory_band is not None and options.question.surface is None:
        raise OptionError(f"--theory-band draws contours, and the question {options.question.name} has none; leave it out")
    if not isinstance(options.theory_band, str):
        return
    table = read_table(Path(options.theory_band))
    lacking = [name for name in names if name not in table]
    if lacking:
        near = near_names(lacking[0], table)
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
        raise OptionError(f"--theory-band {path}: {_why(path, error)}") from None


def _why(path: Path, error: Exception) -> str:
    """The reason why a table cannot be read, with the remedy."""
    remedy = "give a fraction, for example 0.1 for 10 %, or a CSV file with the columns name and uncertainty"
    if percent := re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%", str(path)):
        return f"give a fraction: {percent[1]} % is {float(percent[1]) / 100:g}"
    if isinstance(error, FileNotFoundError):
        return f"there is no such file; {remedy}" if path.suffix[1:].isalpha() else remedy
    return f"{remedy} ({(error.strerror if isinstance(error, OSError) else None) or 'it is not a CSV file'})"


def _fraction(row: Mapping[str, str], path: Path) -> float:
    try:
        value = float(row["uncertainty"])
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < 1:
        raise OptionError(f"--theory-band {path}: {row['name']} has '{row['uncertainty']}'; give fractions from 0 up to below 1")
    return value
