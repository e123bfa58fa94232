"""Published contours, read from HEPData tables (CSV, YAML or JSON) or from a contour.json of hfx."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfx.errors import OptionError
from hfx.json_types import JsonObject, JsonValue
from hfx.pallets.formats.yaml_text import nested_too_deeply
from hfx.printable import printable

__all__ = ["PART", "Published", "read"]

Array = NDArray[np.float64]
Table = tuple[str, Sequence[Array], tuple[str, ...]]  # its name, its lines, and the names of x and y

_MOST_NAME = 200  # characters of the name of a table or of a column

PART = "Part"
"""The variable that numbers the parts of a contour in a table."""


@dataclass(frozen=True)
class Published:
    """A contour that others published: ``lines`` [k, 2] in the units of the axes, ``which`` "observed" or "expected".

    ``columns``: the names of x and y in its table; empty where there are none.
    """

    file: str
    name: str
    which: str
    lines: tuple[Array, ...]
    columns: tuple[str, ...] = ()

    def content(self) -> JsonObject:
        """The entry of contour.json."""
        curves: list[JsonValue] = [line.tolist() for line in self.lines]
        return {"file": self.file, "name": self.name, "which": self.which, "curves": curves}


def read(path: Path) -> Published:
    """The contour in a file whose ending names its format. Raises `OptionError`, with the line, where it is not a contour."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, (error.strerror if isinstance(error, OSError) else None) or "it is not a text file") from None
    readers = {".csv": _csv, ".yaml": _yaml, ".yml": _yaml, ".json": _json}
    if path.suffix.lower() not in readers:
        raise _unusable(path, "its name does not end in .csv, .yaml or .json")
    try:
        name, lines, columns = readers[path.suffix.lower()](text)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise _unusable(path, _reason(error)) from None
    if not all(line.size == 0 or (line.ndim == 2 and line.shape[1] == 2 and np.isfinite(line).all()) for line in lines):
        raise _unusable(path, "it contains a point that is not two finite numbers, x and y")
    lines = tuple(line for line in lines if len(line) > 1)
    if not lines:
        raise _unusable(path, "it contains no line: two columns of numbers, x and y, and at least two rows are needed")
    if any(np.abs(line).max() > _FARTHEST for line in lines):
        raise _unusable(path, f"it contains a number beyond {_FARTHEST:g}, which is in no plane")
    name, columns = printable(name, _MOST_NAME), tuple(printable(column, _MOST_NAME) for column in columns)
    return Published(str(path), name or path.stem, _which(f"{name} {path.stem}"), lines, columns)


_FARTHEST = 1e15  # of a coordinate; distances of much larger ones overflow
_REMEDY = "give a contour as a table of HEPData (CSV, YAML or JSON)"


def _unusable(path: Path, why: str) -> OptionError:
    """The error; a reason that begins with a line or row names the place in the file."""
    return OptionError(f"--published {path}{', ' if re.match('(line|row) [0-9]', why) else ': '}{why}; {_REMEDY}")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}: it is not JSON ({error.msg})"
    if isinstance(error, ValueError) and str(error):
        return " ".join(str(error).split())
    missing = f": {error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else ""
    return f"it is not a table as HEPData writes them{missing}"


def _which(words: str) -> str:
    """The curve that a table's name describes, such as HEPData's "Expected limit", "M60_Exp", "obs_contour"."""
    return "expected" if re.search(r"(?<![a-z])exp(?![a-z]|\w*lus)|expected", words.lower()) else "observed"


def _csv(text: str) -> Table:
    """The name and lines of a CSV file: comments "#: name: ...", headers, rows; a line without numbers begins another part."""
    name = re.search(r"^#: *name: *(.+)$", text, re.MULTILINE)
    blocks: list[list[list[float]]] = [[]]
    headers, columns = 0, list[str]()
    for number, row in enumerate(text.splitlines(), 1):
        if row.startswith("#"):
            continue
        cells = [cell.strip() for cell in row.split(",")]
        if len(cells) < 2:
            if row.strip():
                raise ValueError(f"line {number}: there is one column; two, x and y, are needed")
            blocks.append([])
        elif (place := _numbers(cells[:2])) is not None:
            blocks[-1].append(place)
        elif blocks[-1] or headers > len(blocks) or any(_numbers([cell]) for cell in cells[:2]):
            raise ValueError(f"line {number}: '{row.strip()[:60]}' does not begin with two numbers, x and y")
        else:
            headers += 1
            columns = cells[:2]
    return (name[1].strip() if name else ""), [np.array(block) for block in blocks if block], tuple(columns)


def _numbers(cells: Sequence[JsonValue]) -> list[float] | None:
    try:
        place = [float(cell) for cell in cells]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return place if np.isfinite(place).all() else None


def _yaml(text: str) -> Table:
    """The name and lines of HEPData's YAML of a table: x is its first variable, y the next, independent ones come first."""
    import yaml

    if nested_too_deeply(text):
        raise RecursionError
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}: "
        raise ValueError(f"{place}it is not YAML ({getattr(error, 'problem', None) or 'damaged'})") from None
    if not isinstance(table, Mapping):
        raise ValueError("it is not a table: independent_variables and dependent_variables are missing")
    return _variables(table)


def _variables(table: Mapping[str, Any]) -> Table:
    variables = [*(table.get("independent_variables") or ()), *(table.get("dependent_variables") or ())]
    if len(variables) < 2:
        raise ValueError("it has fewer than two variables; x and y are needed")
    names = [str((variable.get("header") or {}).get("name") or "") for variable in variables]
    columns = [[cell.get("value") for cell in variable["values"]] for variable in variables]
    if len(columns[0]) != len(columns[1]):
        raise ValueError(f"'{names[0]}' has {len(columns[0])} values and '{names[1]}' has {len(columns[1])}")
    line = _line(zip(*columns[:2], strict=True))
    # The tables that hfx exports number the parts of a contour.
    parts = np.array(columns[names.index(PART)] if PART in names else np.zeros(len(line)))
    return str(table.get("name") or ""), [line[parts == part] for part in dict.fromkeys(parts.tolist())], tuple(names[:2])


def _json(text: str) -> Table:
    """The name and lines of HEPData's JSON of a table, or the observed curves of a contour.json of hfx."""
    table = json.loads(text)
    if not isinstance(table, Mapping):
        raise ValueError("it is not a table")
    if table.get("panels"):
        raise ValueError("its curves lie in several planes; 'hfx plot RUN --where EXPR' writes those of one")
    if "curves" in table:
        observed = [np.array(curve["points"], dtype=float) for curve in table["curves"] if curve["which"] == "observed"]
        return "observed", observed, tuple(str(table[axis]) for axis in ("x", "y") if axis in table)
    if "independent_variables" in table:
        return _variables(table)
    rows = [[cell["value"] for cell in (*row["x"], *row["y"])][:2] for row in table["values"]]
    columns = tuple(str(header.get("name") or "") for header in table.get("headers") or ())
    return str(table.get("name") or ""), [_line(rows)], columns[:2]


def _line(rows: Iterable[Sequence[JsonValue]]) -> Array:
    places = []
    for number, row in enumerate(rows, 1):
        place = _numbers(row)
        if place is None or len(place) < 2:
            raise ValueError(f"row {number}: {', '.join(map(repr, row))} is not two numbers, x and y")
        places.append(place)
    return np.array(places, dtype=np.float64).reshape(-1, 2)
