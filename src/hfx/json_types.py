"""Types of JSON documents, for content whose structure others decide: workspaces, patches, files of other tools."""

__all__ = ["JsonObject", "JsonValue"]

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]
