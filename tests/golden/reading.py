"""The content of a run's files as values that can be compared: without what differs from run to run and place to place."""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["MASKED", "Json", "content", "lines", "masked"]

Json = dict[str, Any]

MASKED = "masked"

# Times, places, processes, versions; the values of these are not compared, that they are there is.
_PASSING = {"seconds", "worker", "time", "started", "finished", "resumed", "host", "pid"}
_VERSIONS = {"hfx", "python", "torch", "numpy", "scipy", "numba", "msgspec", "matplotlib", "platform", "machine", "executable"}
_VERSION = re.compile(r"(?<=\bhfx )\d[\w.+]*|^\d+\.\d+\.\d+\w*$")

# The one in C, where there is one: ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def content(folder: Path, inside: Iterable[str], paths: Mapping[str, str]) -> Json:
    """The files in some folders of `folder`, by name; in every text `paths` are replaced by what they are called."""
    files = sorted(path for name in inside for path in (folder / name).rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): _parsed(path) for path in files}
    for name, read in found.items():
        # The curves are the same in both files: recorded once.
        curves = found.get(name.replace("scan.json", "contour.json"))
        if name.endswith("scan.json") and read["contours"] == curves:
            read["contours"] = "contour.json"
    return {name: masked(read, paths) for name, read in found.items()}


def masked(value: Any, paths: Mapping[str, str] | None = None, key: str = "") -> Any:
    """A value without what differs from run to run; of iterations only the type is left."""
    if key in _PASSING | _VERSIONS and not isinstance(value, dict):
        return MASKED
    if isinstance(value, dict):
        return {name: masked(one, paths, key if key == "iterations" else name) for name, one in value.items()}
    if isinstance(value, list):
        return [masked(one, paths) for one in value]
    if isinstance(value, str):
        for path, called in (paths or {}).items():
            value = value.replace(path, called)
        return _VERSION.sub(MASKED, value)
    return type(value).__name__ if key == "iterations" else value


def lines(path: Path) -> Iterator[Json]:
    """The objects of a file with one a line."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _parsed(path: Path) -> Any:
    if path.name == "workspace.json":
        return _digest(path)  # it is made of others' data, of which nothing is recorded
    if path.name == "results.jsonl":
        return _records(path)
    if path.name == "events.jsonl":
        return _events(path)
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".yaml":
        return list(yaml.load_all(path.read_text(encoding="utf-8"), _LOADER))
    return _table(path) if path.suffix == ".csv" else path.stat().st_size > 1000


def _digest(path: Path) -> str:
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _records(path: Path) -> Json:
    """By step and name the last record: in which order they came depends on the threads."""
    found: Json = {}
    for record in lines(path):
        found.setdefault(record["step"], {})[record["name"]] = record
    return found


def _events(path: Path) -> Json:
    """By kind the events in an order that is no matter of time; of a result's brief not the worker, its last entry."""
    found: dict[str, list[Json]] = {}
    for event in lines(path):
        if "results" in event:
            event["results"] = [brief[:-1] for brief in event["results"]]
        found.setdefault(f"{event['event']} events", []).append(event)
    return {kind: sorted(events, key=_rank) for kind, events in found.items()}


def _rank(event: Json) -> tuple[str, ...]:
    return tuple(str(event.get(key, "")) for key in ("task", "step", "round", "name"))


def _table(path: Path) -> Json:
    """The columns in their order, and the lines with their numbers as such."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {"columns": header, "rows": [dict(zip(header, map(_number, row), strict=True)) for row in rows]}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
