"""Results for the page: a line of results.jsonl, or a result of scan.json, as the numbers that the browser shows."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import make_dataclass
from typing import Any, NamedTuple

import msgspec

from hfx.driver.questions.base import AnyQuestion, Brief
from hfx.driver.run.records import in_order
from hfx.json_types import JsonObject, JsonValue

__all__ = ["Cell", "ResultReader", "ShownResult"]

Cell = str | float | int | None
"""A value in a table."""

# While more is to be read, a result is made anew when at least one of so many of its parts is new.
_SHARE = 8


class ShownResult(NamedTuple):
    """A result as the page shows it: its brief, and the values of the question's columns."""

    brief: Brief
    cells: tuple[Cell, ...]


class ResultReader:
    """Decodes the results of one question.

    `as_stored`: the lines were written with the question's present options, so that a record of a whole hypothesis holds its
    result, if the question stores it so; else the question makes the result from the records.
    """

    def __init__(self, question: AnyQuestion, *, as_stored: bool = False) -> None:
        self._question, self._as_stored = question, as_stored and question.stored_as_result
        self._columns = [column.value for column in question.columns]
        self._records: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)
        key = [("key", str | None, None)]
        result = make_dataclass("result", key, bases=(question.result,), frozen=True, kw_only=True, slots=True)
        self._results: msgspec.json.Decoder[Any] = msgspec.json.Decoder(result)
        self._parts: dict[str, dict[str, JsonObject]] = {}
        self._wholes: dict[str, JsonObject] = {}  # records of whole hypotheses, of which there may be parts later
        self._new: Counter[str] = Counter()

    def from_line(self, line: bytes) -> ShownResult | None:
        """The result that a line of results.jsonl brings; None for a part of one, which `of_parts` gives later.

        Raises `ValueError` for a line that holds none.
        """
        try:
            if self._as_stored and (result := self._whole(line)) is not None:
                return self._shown(result)
            record = self._records.decode(line)
            name, key = str(record["name"]), str(record.get("key", record["name"]))
            if key == name and name not in self._parts:
                if not self._question.stored_as_result:
                    self._wholes[name] = {entry: value for entry, value in record.items() if entry != "solutions"}
                return self._shown(self._question.result_of([record]))
            if name not in self._parts:
                self._parts[name] = {name: self._wholes.pop(name)} if name in self._wholes else {}
            self._parts[name][key] = record
            self._new[name] += 1
            return None
        except (UnicodeDecodeError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"not a result: {error}") from None

    def of_parts(self, *, every: bool) -> Iterator[ShownResult]:
        """The results of hypotheses of which parts were read. Without `every`, those alone of whose parts many are new, so that
        the time that all of them take does not grow with the square of the parts."""
        for name, new in list(self._new.items()):
            parts = self._parts[name]
            if not every and new * _SHARE < len(parts):
                continue
            del self._new[name]
            with suppress(ValueError):  # as for a scan: such records do not count
                yield self._shown(self._question.result_of(in_order(parts.values())))

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
