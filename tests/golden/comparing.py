"""How recorded content and that of the code under test differ, as sentences."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

__all__ = ["differences", "told"]

# What a later version may add to an object.
ADDED: set[str] = set()

# What it calls otherwise.
RENAMED: dict[str, str] = {}

# Sentences that say the same in other words: the recorded one, and what it became. There is a ||| between several.
REWORDED: tuple[tuple[str, str], ...] = ()

# A fit counts as converged up to here; its own estimate of the distance is noise.
EDM = 1e-9

# Relative or absolute, the first that fits the place; these hold on other CPUs too.
_TOLERANCES = (
    (".yaml", 2e-5),  # written with six digits
    ("theta", 1e-5),
    ("parameters.json", 1e-5),
    ("contour", 1e-6),
    ("", 1e-9),
)


def told(recorded: Any, found: Any) -> str:
    """The first differences, a line each; "" where there are none."""
    return "\n".join(islice(differences(recorded, found), 20))


def differences(recorded: Any, found: Any, place: tuple[str, ...] = ()) -> Iterator[str]:
    """What is missing, changed, or new without being one of `ADDED`; files and events may be new."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        yield from _of_objects(recorded, found, place)
    elif isinstance(recorded, list) and isinstance(found, list):
        recorded = [part for one in recorded for part in _parts(one)]
        if len(recorded) != len(found):
            yield f"{_where(place)}: {len(recorded)} entries became {len(found)}"
        for i, (one, other) in enumerate(zip(recorded, found, strict=False)):
            yield from differences(one, other, (*place, str(i)))
    elif not _same(_joined(_reworded(recorded)), found, place):
        yield f"{_where(place)}: {recorded!r} became {found!r}"


def _reworded(recorded: Any) -> Any:
    """A recorded sentence in today's words."""
    if isinstance(recorded, str):
        for sentence, words in REWORDED:
            recorded = re.sub(sentence, words, recorded)
    return recorded


def _joined(words: Any) -> Any:
    """The sentences that a recorded one became, in one text."""
    return words.replace("|||", " ") if isinstance(words, str) else words


def _parts(recorded: Any) -> list[Any]:
    """The sentences that a recorded one became; anything else as it is."""
    return _reworded(recorded).split("|||") if isinstance(recorded, str) else [recorded]


def _of_objects(recorded: dict[str, Any], found: dict[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    for key, value in recorded.items():
        key = key if key in found else RENAMED.get(key, key)
        if key in found:
            yield from differences(value, found[key], (*place, key))
        else:
            yield f"{_where(place)}: '{key}' is missing"
    if not _open(place):
        yield from (f"{_where(place)}: '{key}' is new" for key in found.keys() - recorded.keys() - ADDED)


def _open(place: tuple[str, ...]) -> bool:
    """Whether what stands there is a list of files or the kinds of events, which may grow."""
    return place == ("files",) or (place[-1:] != () and place[-1].endswith("events.jsonl"))


def _same(recorded: Any, found: Any, place: tuple[str, ...]) -> bool:
    if type(recorded) is not type(found) or not isinstance(recorded, float):
        return type(recorded) is type(found) and bool(recorded == found)
    if "edm" in place:
        return (recorded <= EDM) == (found <= EDM)
    tolerance = next(tolerance for part, tolerance in _TOLERANCES if any(part in one for one in place))
    return abs(recorded - found) <= tolerance * max(1.0, abs(recorded))


def _where(place: tuple[str, ...]) -> str:
    return " > ".join(place) or "the whole"
