"""Types of JSON documents, for content whose structure others decide: workspaces, patches, files of other tools."""

from typing import TYPE_CHECKING, Any

__all__ = ["JsonObject", "JsonValue"]

if TYPE_CHECKING:
    JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
else:  # libraries that read annotations cannot follow a type that contains itself
    JsonValue = Any

JsonObject = dict[str, JsonValue]
