"""How recorded content and that of the code under test differ, as sentences."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

__all__ = ["differences", "told"]

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
    """What is missing, changed or new; files and events may be new."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        yield from _of_objects(recorded, found, place)
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            yield f"{_where(place)}: {len(recorded)} entries became {len(found)}"
        for i, (one, other) in enumerate(zip(recorded, found, strict=False)):
            yield from differences(one, other, (*place, str(i)))
    elif not _same(recorded, found, place):
        yield f"{_where(place)}: {recorded!r} became {found!r}"


def _of_objects(recorded: dict[str, Any], found: dict[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    for key, value in recorded.items():
        if key in found:
            yield from differences(value, found[key], (*place, key))
        else:
            yield f"{_where(place)}: '{key}' is missing"
    if not _open(place):
        yield from (f"{_where(place)}: '{key}' is new" for key in found.keys() - recorded.keys())


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
