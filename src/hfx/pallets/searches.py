"""Whether regions belong to one search: those of different searches must not be combined, and are called pallets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

__all__ = ["Search", "difference"]

# A DOI may be that of a region's own file.
_OWN = ("doi",)


@dataclass(frozen=True)
class Search:
    """The search that a region belongs to, by the labels of its hypotheses and the references that its patch set states."""

    labels: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)


def difference(searches: Mapping[str, Search]) -> str | None:
    """Why regions, by name, are not of one search, as words: the first two that differ, and in what; None where they agree."""
    distinct: dict[object, tuple[str, Search]] = {}
    for name, search in searches.items():
        distinct.setdefault((tuple(sorted(search.labels)), tuple(sorted(search.references.items()))), (name, search))
    for (one, first), (two, second) in combinations(distinct.values(), 2):
        if reason := _difference(first, second):
            return f"{one} and {two} {reason}"
    return None


def _difference(one: Search, two: Search) -> str | None:
    for key in sorted((one.references.keys() & two.references.keys()) - {*_OWN}):
        if one.references[key] != two.references[key]:
            return f"have different references ({key} {one.references[key]} and {two.references[key]})"
    if sorted(one.labels) != sorted(two.labels):
        return f"have different labels ({_named(one.labels)} and {_named(two.labels)})"
    return None


def _named(labels: tuple[str, ...]) -> str:
    return ",".join(labels) or "none"
