"""Types of JSON documents whose structure others decide (workspaces, patches, files of other tools), and the memory they take."""

import re
from typing import TYPE_CHECKING, Any

__all__ = ["JsonObject", "JsonValue", "LabelValue", "memory_of", "objects"]

if TYPE_CHECKING:
    JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
else:  # libraries that read annotations cannot follow a type that contains itself
    JsonValue = Any

JsonObject = dict[str, JsonValue]

LabelValue = int | float | str
"""The value of a label of a hypothesis: a number, usually a mass, or a text, such as a topology."""


_FOUR_BYTES = re.compile(rb"[\xf0-\xf4]|\\u[dD][89abAB]")
_TWO_BYTES = re.compile(rb"[\xc4-\xef]|\\u(?!00)")


def _width(raw: bytes) -> int:
    """The bytes that Python takes for each character of a text that contains the widest one of these."""
    if raw.isascii() and b"\\u" not in raw:
        return 1
    return 4 if _FOUR_BYTES.search(raw) else 2 if _TWO_BYTES.search(raw) else 1


def memory_of(raw: bytes) -> int:
    """About the bytes of memory that a JSON text takes as a document, from above: by its objects, lists, values and texts."""
    values = raw.count(b",") + raw.count(b":")
    return len(raw) * _width(raw) + 400 * raw.count(b"{") + 96 * raw.count(b"[") + 40 * values + 24 * raw.count(b'"')


def objects(value: JsonValue) -> list[JsonObject]:
    """The JSON objects in a list, for documents whose structure is not checked; empty where the value is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
