"""Results for the page: a line of results.jsonl, or a result of scan.json, as the numbers that the browser shows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypedDict, cast

import msgspec

from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.json_types import JsonObject, JsonValue

__all__ = ["Cell", "ResultReader", "ShownResult"]

Cell = str | float | int | None
"""A value in a table."""

# The entries of a record beside those of the result. Solutions, which are most of its bytes, are skipped.
_OF_A_RECORD = ("key", "name", "shard", "step")


@dataclass(frozen=True)
class ShownResult:
    """A result as the page shows it: its brief, and the values of the question's columns."""

    brief: Brief
    cells: tuple[Cell, ...]


class _Decoder(Protocol):
    def decode(self, line: bytes, /) -> JsonObject: ...


class ResultReader:
    """Decodes the results of one question."""

    def __init__(self, question: AnyQuestion) -> None:
        self._question = question
        names = (*_OF_A_RECORD, *(field.name for field in fields(question.result)))
        record = TypedDict("record", dict.fromkeys(names, Any), total=False)  # type: ignore[misc]
        self._decoder = cast(_Decoder, msgspec.json.Decoder(record))
        self._shards: dict[str, dict[str, JsonObject]] = {}

    def from_line(self, line: bytes) -> ShownResult:
        """The result that a line of results.jsonl brings. Raises `ValueError` for a line that holds none."""
        try:
            record = self._decoder.decode(line)
            return self.from_result(self._question.answer(self._records(record)))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a result: {error}") from None

    def from_result(self, content: Mapping[str, JsonValue]) -> ShownResult:
        """A result as it stands in scan.json. Raises `ValueError` for other content."""
        try:
            result = self._question.read(content)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a result: {error}") from None
        cells = tuple(column.value(result) for column in self._question.columns)
        return ShownResult(self._question.brief(result), cells)

    def _records(self, record: JsonObject) -> list[JsonObject]:
        """The last record of each unit of work on the record's hypothesis, so far."""
        name, key = str(record["name"]), str(record.get("key", record["name"]))
        if key == name:
            return [record]
        shards = self._shards.setdefault(name, {})
        shards[key] = record
        return list(shards.values())
