"""The results of a run in memory, each as compressed JSON text.

A result as scan.json has it takes some ten kilobytes as Python objects, and half of one as compressed text: a hundred thousand
take some hundred megabytes in memory, not gigabytes.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, cast, overload

from hfx.driver.run import durable_files
from hfx.json_types import JsonObject, JsonValue

__all__ = ["PackedResults"]

Summary = TypeVar("Summary")


class PackedResults(Sequence[JsonObject]):
    """Results in order, each a new dict whenever it is asked for; equal to a list of equal results."""

    __slots__ = ("_packed", "_summary")

    def __init__(self, results: Iterable[Mapping[str, JsonValue]] = ()) -> None:
        self._packed = [zlib.compress(durable_files.dump(result).encode(), 1) for result in results]
        self._summary: list[object] | None = None

    @classmethod
    def of_texts(cls, texts: Iterable[bytes]) -> "PackedResults":
        """From results as JSON texts."""
        made = cls()
        made._packed = [zlib.compress(text, 1) for text in texts]
        return made

    def texts(self) -> Iterator[bytes]:
        """Each result as JSON text."""
        return map(zlib.decompress, self._packed)

    def summarised(self, summarise: Callable[[bytes], Summary]) -> list[Summary]:
        """A summary of each result, from its JSON text; made once, and kept."""
        if self._summary is None:
            self._summary = [summarise(text) for text in self.texts()]
        return cast(list[Summary], self._summary)

    @overload
    def __getitem__(self, position: int) -> JsonObject: ...
    @overload
    def __getitem__(self, position: slice) -> list[JsonObject]: ...
    def __getitem__(self, position: int | slice) -> JsonObject | list[JsonObject]:
        if isinstance(position, slice):
            return [_unpacked(packed) for packed in self._packed[position]]
        return _unpacked(self._packed[position])

    def __iter__(self) -> Iterator[JsonObject]:
        return map(_unpacked, self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedResults | list):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PackedResults({len(self)} results)"


def _unpacked(packed: bytes) -> JsonObject:
    result: JsonObject = json.loads(zlib.decompress(packed))
    return result
