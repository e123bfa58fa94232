"""Keys of endpoint files: dataclass fields whose values are checked when the TOML file is read.

The check of a field gets the value from the TOML file and returns the value of the dataclass; it raises `ValueError`
with a text that says which values are allowed.
"""

import dataclasses
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import TypeVar

from hfx.json_types import JsonValue
from hfx.printable import has_unprintable, printable

__all__ = [
    "TomlValue",
    "build",
    "choice",
    "device",
    "host",
    "identifier",
    "lines",
    "number",
    "ports",
    "switch",
    "table",
    "text",
    "walltime",
    "whole",
    "word",
]

TomlValue = bool | int | float | str | datetime | date | time | list["TomlValue"] | dict[str, "TomlValue"]

# The functions below return a dataclasses.Field; for the type checker they return the field's default, as
# dataclasses.field does. The default is None where the key may be left out.
_Int = TypeVar("_Int", int, int | None)
_Float = TypeVar("_Float", float, float | None)
_Str = TypeVar("_Str", str, str | None)
_Default = TypeVar("_Default")
_Spec = TypeVar("_Spec")

_WORD = re.compile(r"[^\s\"'\\$`;<>#]+")
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")


def _key(check: Callable[[TomlValue], object], default: _Default) -> _Default:
    return dataclasses.field(default=default, metadata={"check": check})


def build(kind: type[_Spec], given: Mapping[str, TomlValue]) -> _Spec:
    """A `kind`, a dataclass of these fields, with the given values checked; other keys than its fields are ignored.

    Raises:
        ValueError: a value is not allowed, or values do not go together; the text begins with the key.
    """
    checked = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # "type[_Spec]" does not say that it is a dataclass
        if field.name in given:
            try:
                checked[field.name] = field.metadata["check"](given[field.name])
            except ValueError as error:
                raise ValueError(f"{field.name} = {_shown(given[field.name])}: {error}") from None
    return kind(**checked)


def _shown(value: TomlValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return printable(repr(value), 100)


def whole(default: _Int, least: int = 1, most: int = 100_000) -> _Int:
    """A key whose value is a whole number from `least` to `most`."""

    def check(value: TomlValue) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"give a whole number from {least} to {most}")

    return _key(check, default)


def number(default: _Float, least: float, most: float = 1e9) -> _Float:
    """A key whose value is a number from `least` to `most`."""

    def check(value: TomlValue) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        raise ValueError(f"give a number, {least:g} or more" + (f", up to {most:g}" if isinstance(value, int | float) else ""))

    return _key(check, default)


def switch(default: bool) -> bool:
    """A key whose value is true or false."""

    def check(value: TomlValue) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError("give true or false, without quotes")

    return _key(check, default)


def text(default: _Str) -> _Str:
    """A key whose value is one line of text, not empty."""

    def check(value: TomlValue) -> str:
        if isinstance(value, str) and value.strip() and not has_unprintable(value):
            return value
        raise ValueError("give a text on one line, in quotes and without control characters")

    return _key(check, default)


def word(default: _Str) -> _Str:
    """A key whose value is one word, which goes into scripts and command lines as it is."""

    def check(value: TomlValue) -> str:
        if isinstance(value, str) and _WORD.fullmatch(value) and not has_unprintable(value):
            return value
        raise ValueError(
            "give one word in quotes, without spaces and without characters that a shell reads (\" ' \\ $ ` ; < > #)"
        )

    return _key(check, default)


def host(default: _Str) -> _Str:
    """A key whose value is a host's name or IP address, which goes into command lines as it is."""

    def check(value: TomlValue) -> str:
        if isinstance(value, str) and _HOST.fullmatch(value):
            return value
        raise ValueError("give the name of a host or an IP address, in quotes")

    return _key(check, default)


def lines(default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A key for lines of text, given as one text or as a list of texts; kept as a tuple of lines."""

    def check(value: TomlValue) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        given = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
        if not isinstance(items, list) or len(given) != len(items):
            raise ValueError('give a text, or a list of texts, for example ["one", "two"]')
        if any(has_unprintable(item.replace("\t", " "), lines=True) for item in given):
            raise ValueError("leave control characters out, which would be read in a job's script")
        return tuple(line for item in given for line in item.splitlines())

    return _key(check, default)


def choice(default: _Str, *known: str) -> _Str:
    """A key whose value is one of the `known`."""

    def check(value: TomlValue) -> str:
        if value in known:
            return str(value)
        raise ValueError(f"give one of {', '.join(known)}")

    return _key(check, default)


def device() -> str | None:
    """A key whose value is ``cpu``, ``cuda`` or ``cuda:N``; None by default."""

    def check(value: TomlValue) -> str:
        if isinstance(value, str) and re.fullmatch(r"cpu|cuda(:\d+)?", value):
            return value
        raise ValueError("give 'cpu', 'cuda' or 'cuda:N'")

    return _key(check, None)


def identifier() -> str | None:
    """A key whose value is a UUID, kept in lower case; None by default."""

    def check(value: TomlValue) -> str:
        try:
            found = uuid.UUID(value if isinstance(value, str) else "")
        except ValueError:
            raise ValueError('give a UUID, for example "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"') from None
        if not found.int:
            raise ValueError("this is the template's id, which names nothing; replace it by your own")
        return str(found)

    return _key(check, None)


def table() -> Mapping[str, JsonValue]:
    """A key whose value is a table that JSON can represent; empty by default."""

    def check(value: TomlValue) -> Mapping[str, TomlValue]:
        try:
            json.dumps(value)
        except TypeError:  # a date or a time
            raise ValueError("give texts, numbers, true or false, and lists of them") from None
        if isinstance(value, dict):
            return value
        raise ValueError('give a table, for example {partition = "cpu", walltime = "01:00:00"}')

    return dataclasses.field(default_factory=dict, metadata={"check": check})


def walltime(default: _Str) -> _Str:
    """A key whose value is a time, "01:30:00" or with days "2-00:00:00"; kept as hours, minutes and seconds."""

    def check(value: TomlValue) -> str:
        match = _WALLTIME.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('give hours, minutes and seconds, for example "01:30:00"')
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if not days + hours + minutes + seconds:
            raise ValueError("give more than no time at all")
        return f"{24 * days + hours:02d}:{minutes:02d}:{seconds:02d}"

    return _key(check, default)


def ports() -> tuple[int, int] | None:
    """A key whose value is a list of the first and the last port of a range; None by default."""

    def check(value: TomlValue) -> tuple[int, int]:
        match value:
            case [int(first), int(last)] if 1024 <= first < last <= 65535:
                return first, last
        raise ValueError("give the first and the last port of a range above 1023, for example [54000, 54100]")

    return _key(check, None)
