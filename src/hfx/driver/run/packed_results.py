"""The results of a scan in memory: a brief of each for tables and pictures, the whole of it packed.

A result as scan.json has it takes some ten kilobytes as Python objects, packed half of one; its brief takes less than
another. Of hundreds of thousands there are so some hundred megabytes in memory, not gigabytes.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hfx.driver.run import durable_files

__all__ = ["LEVEL", "Held", "briefs", "parted"]

LEVEL = 0.05
"""A hypothesis with a smaller CLs is excluded."""

Record = Mapping[str, Any]

# What tables and pictures ask of a result; "region", "missing_in" and "by_region" are those of a combination of regions.
_BRIEF = ("name", "values", "status", "CLs_obs", "CLs_exp", "region", "missing_in", "by_region")


class Held(Sequence[dict[str, Any]]):
    """Results in order, each a new dict whenever it is asked for; equal to a list of equal results.

    ``briefs``: of each the entries that tables and pictures need; "parted", see `parted`; "turned", another choice of
    minima and its CLs observed, where that excludes what the answer does not, or the other way round.
    """

    __slots__ = ("_packed", "briefs")

    def __init__(self, results: Iterable[Record] = ()) -> None:
        self._packed: list[bytes] = []
        self.briefs: list[dict[str, Any]] = []
        for result in results:
            self._packed.append(zlib.compress(durable_files.dump(result).encode(), 1))
            self.briefs.append(_brief(result))

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [_unpacked(packed) for packed in self._packed[position]]
        return _unpacked(self._packed[position])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(_unpacked, self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held | list):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Held({len(self)} results)"


def _unpacked(packed: bytes) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(zlib.decompress(packed))
    return result


def briefs(results: Sequence[Record]) -> Sequence[Record]:
    """What tables and pictures need of each result."""
    return results.briefs if isinstance(results, Held) else [_brief(result) for result in results]


def _brief(result: Record) -> dict[str, Any]:
    chosen = {key: result[key] for key in _BRIEF if key in result}
    return {**chosen, "parted": parted(result), "turned": _turned(result)}


def _turned(result: Record) -> tuple[str, float] | None:
    """The first choice of minima that excludes what the answer does not, or the other way round, and its CLs observed."""
    answer = result.get("CLs_obs")
    if answer is None:
        return None
    others = [(part, (result.get(part) or {}).get("CLs_obs")) for part in ("natural", "admissible", "lowest")]
    return next(((part, float(cls)) for part, cls in others if cls is not None and (cls < LEVEL) != (answer < LEVEL)), None)


def parted(result: Record) -> float:
    """By how much CLs, observed or expected, of the natural and of the lowest minimum differ at most."""
    natural, lowest = result.get("natural") or {}, result.get("lowest") or {}
    pairs = zip(_all_cls(natural), _all_cls(lowest), strict=False)
    return max((abs(a - b) for a, b in pairs if a is not None and b is not None), default=0.0)


def _all_cls(part: Record) -> list[float | None]:
    return [part.get("CLs_obs"), *part.get("CLs_exp", ())]
