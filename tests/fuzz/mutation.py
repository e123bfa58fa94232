"""Mutations of JSON-like documents and of bytes that keep most of their structure."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["NASTY_NUMBERS", "NASTY_TEXTS", "damage", "mutate", "mutate_numbers", "nasty", "places"]

NASTY_TEXTS = (
    *("", " ", "a", "mu", "0", "-1", "1e308", "NaN", "null", "../../etc/passwd", "/", "~", "~1", "~0", "-", "%s", "{}"),
    *("\x1b[31mred\x1b[0m", "a\nb", "a\r#SBATCH --x", "\x00", "\x7f", "\x85", "\u202etxt", "\u2066", "\ufeff", "\u2028"),
    *("\ud800", "\udfff x", "na\u00efve", "\u8cea\u91cf", "\U0001f9ea", "e\u0301", "[bold]", "<script>alert(1)</script>"),
    *("' OR 1", '"', "\\", "x" * 5000, "a;b", "$\\PSQt$", "$(id)", "`id`"),
)
NASTY_NUMBERS = (
    *(0, -0.0, 1, -1, 2, 0.5, -0.5, 1e-300, 5e-324, -1e-300, 1e300, -1e300, 1.7976931348623157e308, 1e16, 1e15, 1e-10, 100, 1e6),
    *(float("inf"), float("-inf"), float("nan"), 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**25, 10**400),
)


def nasty(draw: random.Random) -> Any:
    """Any value that stands in nobody's workspace."""
    match draw.randrange(10):
        case 0 | 1 | 2:
            return draw.choice(NASTY_NUMBERS)
        case 3 | 4 | 5:
            return draw.choice(NASTY_TEXTS)
        case 6:
            return draw.choice((None, True, False, [], {}, [[]], [{}], {"": None}))
        case 7:
            return [nasty(draw) for _ in range(draw.randrange(4))]
        case 8:
            return {str(nasty(draw)): nasty(draw) for _ in range(draw.randrange(3))}
        case _:
            return _deep(draw.choice((3, 30, 253, 254, 255, 300, 900)), draw.choice(("list", "object")))


def _deep(levels: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


def places(document: Any, depth: int = 40) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of every value in a document, not deeper than ``depth``."""
    keys: Any = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        if depth:
            yield from places(document[key], depth - 1)


def mutate(document: Any, draw: random.Random, times: int) -> Any:
    """A copy with so many mutations."""
    document = _copied(document)
    for _ in range(times):
        found = list(places(document))
        if not found:
            return nasty(draw)
        container, key = draw.choice(found)
        draw.choice(_MUTATIONS)(container, key, draw)
    return document


def mutate_numbers(document: Any, draw: random.Random, times: int) -> Any:
    """A copy in which so many numbers are others: the structure stays sound, and fits have to cope."""
    document = _copied(document)
    numbers = [(c, k) for c, k in places(document) if isinstance(c[k], int | float) and not isinstance(c[k], bool)]
    for container, key in draw.choices(numbers, k=times) if numbers else ():
        value = container[key]
        factor = draw.choice((-1.0, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1.1, 2.0, 10.0, 1e3, 1e6, 1e12, 10 ** draw.uniform(-3, 3)))
        container[key] = draw.choice((0, 1, -1e-9, 1e-9, value * factor, value * factor, value * factor, -value, value + factor))
    return document


def _copied(document: Any, depth: int = 60) -> Any:
    """A copy, of so many levels: what lies deeper is shared, and never mutated."""
    if isinstance(document, dict) and depth:
        return {key: _copied(value, depth - 1) for key, value in document.items()}
    return [_copied(value, depth - 1) for value in document] if isinstance(document, list) and depth else document


def _replace(container: Any, key: Any, draw: random.Random) -> None:
    container[key] = nasty(draw)


def _number(container: Any, key: Any, draw: random.Random) -> None:
    """Another number for a number, a value of the same type for others."""
    value = container[key]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, int) and abs(value) > 1e300:
        container[key] = nasty(draw)
    elif isinstance(value, int | float):
        container[key] = draw.choice((*NASTY_NUMBERS, -value, value * 1e6, value * 1e-6, value * 1.0001, value + 1, value // 1))
    elif isinstance(value, str):
        container[key] = draw.choice((*NASTY_TEXTS, value + "x", value[:-1], value.upper(), value * 2))
    elif isinstance(value, list):
        others: tuple[Any, ...] = ([], value[:1], value[:-1], value + value, value[::-1], value * 40, [value])
        container[key] = draw.choice((*others, dict(enumerate(map(str, value)))))
    elif isinstance(value, dict):
        container[key] = draw.choice(({}, [value], list(value.items()), {**value, "more": 1}))
    else:
        container[key] = nasty(draw)


def _drop(container: Any, key: Any, draw: random.Random) -> None:
    del container[key]


def _rename(container: Any, key: Any, draw: random.Random) -> None:
    if isinstance(container, dict):
        container[draw.choice((*NASTY_TEXTS, *container, f"{key}x", str(key)[:-1], str(key).upper()))] = container.pop(key)
    else:
        container.insert(draw.randrange(len(container) + 1), container[key])


def _twin(container: Any, key: Any, draw: random.Random) -> None:
    """Twice the same, with the second a copy or the very same object."""
    value = container[key]
    if isinstance(container, list):
        container.append(draw.choice((value, _copied(value))))
    else:
        container[draw.choice((f"{key}2", *container))] = value


def _swap(container: Any, key: Any, draw: random.Random) -> None:
    other = draw.choice(list(container) if isinstance(container, dict) else range(len(container)))
    container[key], container[other] = container[other], container[key]


def _text_of(container: Any, key: Any, draw: random.Random) -> None:
    value = container[key]
    container[key] = str(value) if draw.randrange(2) else [value]


_MUTATIONS: Sequence[Callable[[Any, Any, random.Random], None]] = (
    *(_replace, _number, _number, _number, _drop, _rename, _twin, _swap, _text_of),
)


_EXTREMES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\xff\xff\xff\x7f")


def damage(raw: bytes, draw: random.Random, times: int) -> bytes:
    """Bytes with so many of them changed, cut out, put in, repeated or moved."""
    content = bytearray(raw)
    for _ in range(times):
        at = draw.randrange(len(content) + 1)
        size = draw.choice((1, 1, 2, 4, 8, 100, 512))
        match draw.randrange(8):
            case 0 | 1:
                content[at : at + 1] = bytes([draw.randrange(256)])
            case 2:
                content[at : at + 1] = bytes([(content[at] if at < len(content) else 0) ^ (1 << draw.randrange(8))])
            case 3:
                content[at : at + size] = draw.choice((b"", b"\0" * size, b"\xff" * size, b"9" * size, b"-" * size))
            case 4:
                content[at:at] = draw.choice((b"\0" * size, b"\xff" * size, draw.randbytes(size), b"[" * size, b"{" * size))
            case 5:
                start = draw.randrange(len(content) + 1)
                content[at:at] = content[start : start + size]
            case 6:
                del content[at : len(content) if draw.randrange(4) == 0 else at + size]
            case _:
                content[at : at + 4] = draw.choice(_EXTREMES)
    return bytes(content)
