"""The keys of an endpoint's file: fields of a dataclass that know what values they take.

A field's check gets the value that TOML gave and returns the one that is kept; it raises `ValueError` with
what would be right.
"""

import dataclasses
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "choice",
    "device",
    "identifier",
    "lines",
    "number",
    "ports",
    "switch",
    "table",
    "text",
    "values",
    "walltime",
    "whole",
]

Check = Callable[[Any], Any]

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")


def _key(check: Check, default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"check": check})


def values(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values of the keys of `kind` that are given; raises `ValueError` that begins with the key."""
    checked = {}
    for field in dataclasses.fields(kind):
        if field.name in given:
            try:
                checked[field.name] = field.metadata["check"](given[field.name])
            except ValueError as error:
                raise ValueError(f"{field.name} = {_shown(given[field.name])}: {error}") from None
    return checked


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def whole(default: int | None, least: int = 1, most: int = 100_000) -> Any:
    """A whole number from `least` to `most`."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"give a whole number from {least} to {most}")

    return _key(check, default)


def number(default: float | None, least: float) -> Any:
    """A number, `least` or more."""

    def check(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value < float("inf"):
            return float(value)
        raise ValueError(f"give a number, {least:g} or more")

    return _key(check, default)


def switch(default: bool) -> Any:
    """true or false."""

    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError("give true or false, without quotes")

    return _key(check, default)


def text(default: str | None) -> Any:
    """A text that is not empty, on one line."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value.strip() and "\n" not in value:
            return value
        raise ValueError("give a text on one line, in quotes")

    return _key(check, default)


def lines(default: tuple[str, ...] = ()) -> Any:
    """Lines: a text, or a list of texts."""

    def check(value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            return tuple(value.splitlines())
        if isinstance(value, list) and all(isinstance(line, str) for line in value):
            return tuple(part for line in value for part in line.splitlines())
        raise ValueError('give a text, or a list of texts, as ["one", "two"]')

    return _key(check, default)


def choice(default: str | None, *known: str) -> Any:
    """One of the `known`."""

    def check(value: Any) -> str:
        if value in known:
            return str(value)
        raise ValueError(f"give one of {', '.join(known)}")

    return _key(check, default)


def device(default: str | None = None) -> Any:
    """cpu, cuda or cuda:N."""

    def check(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(r"cpu|cuda(:\d+)?", value):
            return value
        raise ValueError("give 'cpu', 'cuda' or 'cuda:N'")

    return _key(check, default)


def identifier() -> Any:
    """A UUID, kept in small letters; none by default."""

    def check(value: Any) -> str:
        try:
            return str(uuid.UUID(value))
        except (AttributeError, TypeError, ValueError):
            raise ValueError('give a UUID, as "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"') from None

    return _key(check, None)


def table() -> Any:
    """A table of values that JSON knows; empty by default."""

    def check(value: Any) -> Mapping[str, Any]:
        try:
            json.dumps(value)
        except TypeError:
            raise ValueError("give texts, numbers, true or false, and lists of them") from None
        if isinstance(value, dict):
            return value
        raise ValueError('give a table, as {partition = "cpu", walltime = "01:00:00"}')

    return dataclasses.field(default_factory=dict, metadata={"check": check})


def walltime(default: str | None) -> Any:
    """A time as "01:30:00", or "2-00:00:00" with days; kept as hours, minutes, seconds."""

    def check(value: Any) -> str:
        match = _WALLTIME.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('give hours, minutes and seconds, as "01:30:00"')
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if not days + hours + minutes + seconds:
            raise ValueError("give more than no time at all")
        return f"{24 * days + hours:02d}:{minutes:02d}:{seconds:02d}"

    return _key(check, default)


def ports(default: tuple[int, int] | None = None) -> Any:
    """Two ports, the first and the last of a range."""

    def check(value: Any) -> tuple[int, int]:
        good = isinstance(value, list) and len(value) == 2 and all(type(port) is int for port in value)
        if good and 1024 <= value[0] < value[1] <= 65535:
            return value[0], value[1]
        raise ValueError("give the first and the last port of a range above 1023, as [54000, 54100]")

    return _key(check, default)
