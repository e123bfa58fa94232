"""Results for the page: a line of results.jsonl, or a result of scan.json, as the numbers that the browser shows."""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any, NamedTuple

import msgspec

from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.json_types import JsonObject, JsonValue

__all__ = ["Cell", "ResultReader", "ShownResult"]

Cell = str | float | int | None
"""A value in a table."""

# The entries of a record beside those of the result. Solutions, which are most of its bytes, are skipped.


class ShownResult(NamedTuple):
    """A result as the page shows it: its brief, and the values of the question's columns."""

    brief: Brief
    cells: tuple[Cell, ...]


class ResultReader:
    """Decodes the results of one question.

    `as_stored`: the lines were written with the question's present options, so that a record of a whole hypothesis holds its
    result; else the question makes the result from the record.
    """

    def __init__(self, question: AnyQuestion, *, as_stored: bool = False) -> None:
        self._question, self._as_stored = question, as_stored
        self._columns = [column.value for column in question.columns]
        self._records: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)
        key = [("key", str | None, None)]
        result = make_dataclass("result", key, bases=(question.result,), frozen=True, kw_only=True, slots=True)
        self._results: msgspec.json.Decoder[Any] = msgspec.json.Decoder(result)
        self._shards: dict[str, dict[str, JsonObject]] = {}

    def from_line(self, line: bytes) -> ShownResult:
        """The result that a line of results.jsonl brings. Raises `ValueError` for a line that holds none."""
        try:
            if self._as_stored and (result := self._whole(line)) is not None:
                return self._shown(result)
            record = self._records.decode(line)
            return self.from_result(self._question.answer(self._of_the_hypothesis(record)))
        except (UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a result: {error}") from None

    def from_result(self, content: Mapping[str, JsonValue]) -> ShownResult:
        """A result as it stands in scan.json. Raises `ValueError` for other content."""
        return self._shown(self._question.read(content))

    def _whole(self, line: bytes) -> Any:
        """The result in a record of a whole hypothesis; None for the record of a shard, which need not look like a result."""
        try:
            result = self._results.decode(line)
        except msgspec.ValidationError:
            return None
        return result if result.key in (None, result.name) else None

    def _shown(self, result: Any) -> ShownResult:
        """`result`: of the question's type of results."""
        return ShownResult(self._question.brief(result), tuple([value(result) for value in self._columns]))

    def _of_the_hypothesis(self, record: JsonObject) -> list[JsonObject]:
        """The last record of each unit of work on the record's hypothesis, so far."""
        name, key = str(record["name"]), str(record.get("key", record["name"]))
        if key == name:
            return [record]
        shards = self._shards.setdefault(name, {})
        shards[key] = record
        return list(shards.values())
