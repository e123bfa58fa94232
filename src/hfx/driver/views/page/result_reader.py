"""Results for the page: a line of results.jsonl, or a result of scan.json, as the numbers that the browser shows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Generic, NotRequired, TypedDict, TypeVar, get_type_hints

import msgspec

from hfx.driver.questions.base import Brief, Question
from hfx.functions.options import JobOptions
from hfx.json_types import JsonObject

__all__ = ["Cell", "ResultReader", "ShownResult"]

Options = TypeVar("Options", bound=JobOptions)
Result = TypeVar("Result")

Cell = str | float | int | None
"""A value in a table."""

# A record holds the result's entries, and these; solutions, which are most of its bytes, are skipped.
_OF_A_RECORD = {"step": str, "key": str, "shard": int | None}


@dataclass(frozen=True)
class ShownResult:
    """A result as the page shows it: its brief, and the values of the question's columns."""

    brief: Brief
    cells: tuple[Cell, ...]


class ResultReader(Generic[Options, Result]):
    """Decodes the results of one question."""

    def __init__(self, question: Question[Options, Result]) -> None:
        self._question = question
        hints = get_type_hints(question.result)
        entries = {field.name: hints[field.name] for field in fields(question.result)}  # type: ignore[arg-type]
        record = TypedDict("record", {name: NotRequired[kind] for name, kind in {**_OF_A_RECORD, **entries}.items()})  # type: ignore[misc]
        self._decoder: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(record)

    def from_line(self, line: bytes) -> ShownResult:
        """The result in a line of results.jsonl. Raises `ValueError` for a line that holds none."""
        try:
            return self.from_result(self._question.answer([self._decoder.decode(line)]))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"not a result: {error}") from None

    def from_result(self, content: Mapping[str, object]) -> ShownResult:
        """A result as it stands in scan.json. Raises `ValueError` for other content."""
        try:
            result = msgspec.convert(content, self._question.result)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a result: {error}") from None
        cells = tuple(column.value(result) for column in self._question.columns)
        return ShownResult(self._question.brief(result), cells)
