"""JSON Patch (RFC 6902) by path copying: the patched document is new, the original is never changed.

Only the containers on the path from the root to the changed value are copied; all others are shared with the
original. Applying 125 patches to a background of 4 MB therefore takes a few milliseconds.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from hfx.errors import PatchError
from hfx.json_types import JsonValue

__all__ = ["apply_patch"]

_INDEX = re.compile(r"(0|[1-9][0-9]{0,8})\Z")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_COPY_LIMIT = 1_000_000  # JSON values that the `copy` operations of one patch may copy in all

_Operation: TypeAlias = Mapping[str, JsonValue]


def apply_patch(document: JsonValue, operations: Iterable[Mapping[str, JsonValue]]) -> JsonValue:
    """The document with the operations applied in sequence (RFC 6902, section 3).

    Args:
        document: any JSON value; never mutated; the result shares its unchanged parts.
        operations: objects with ``op``, ``path`` and ``value`` or ``from``.

    Raises:
        PatchError: an operation is malformed or does not apply; names its number (from 1), kind and path.
    """
    copied = 0
    for number, operation in enumerate(operations, start=1):
        try:
            copied += _copied(document, operation)
            if copied > _COPY_LIMIT:
                raise _RefusedError(f"copies more than {_COPY_LIMIT} values")
            document = _apply_one(document, operation)
        except _RefusedError as refusal:
            raise PatchError(f"operation {number} ({_describe(operation)}) {refusal}") from None
        except RecursionError:
            raise PatchError(f"operation {number} ({_describe(operation)}) is nested too deeply") from None
    return document


class _RefusedError(Exception):
    """The reason why an operation does not apply; `apply_patch` adds the operation's number, kind and path."""


def _describe(operation: _Operation) -> str:
    if not _is_object(operation):
        return type(operation).__name__
    return f"{operation.get('op', 'no op')} {operation.get('path', 'no path')}"[:200]


def _tokens(text: str) -> tuple[str, ...]:
    if text == "":
        return ()
    if not text.startswith("/"):
        raise _RefusedError("has a path that does not begin with '/'")
    if _BAD_ESCAPE.search(text):
        raise _RefusedError("has a '~' in its path that is neither ~0 nor ~1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def _pointer(operation: _Operation, key: str) -> tuple[str, ...]:
    text = operation.get(key)
    if not isinstance(text, str):
        raise _RefusedError(f"lacks a text {key!r}")
    return _tokens(text)


def _value(operation: _Operation) -> JsonValue:
    if "value" not in operation:
        raise _RefusedError("lacks a 'value'")
    return operation["value"]


def _copied(document: JsonValue, operation: _Operation) -> int:
    """The number of JSON values that the operation copies; a chain of n copies could otherwise make 2^n of them."""
    if not _is_object(operation):
        raise _RefusedError("is not an object")
    if operation.get("op") != "copy":
        return 0
    return _size(_get(document, _pointer(operation, "from")), _COPY_LIMIT)


def _is_object(operation: object) -> bool:
    """Whether an operation is a JSON object: callers pass lists whose items were never checked."""
    return isinstance(operation, Mapping)


def _apply_one(document: JsonValue, operation: _Operation) -> JsonValue:
    kind = operation.get("op")
    apply = _OPERATIONS.get(kind) if isinstance(kind, str) else None
    if apply is None:
        raise _RefusedError("is none of add, remove, replace, move, copy, test")
    return apply(document, operation)


def _op_add(document: JsonValue, operation: _Operation) -> JsonValue:
    return _add(document, _pointer(operation, "path"), _value(operation))


def _op_remove(document: JsonValue, operation: _Operation) -> JsonValue:
    return _remove(document, _pointer(operation, "path"))


def _op_replace(document: JsonValue, operation: _Operation) -> JsonValue:
    return _replace(document, _pointer(operation, "path"), _value(operation))


def _op_move(document: JsonValue, operation: _Operation) -> JsonValue:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    if len(source) < len(target) and target[: len(source)] == source:
        raise _RefusedError("moves a value into itself")
    value = _get(document, source)
    return document if source == target else _add(_remove(document, source), target, value)


def _op_copy(document: JsonValue, operation: _Operation) -> JsonValue:
    return _add(document, _pointer(operation, "path"), _get(document, _pointer(operation, "from")))


def _op_test(document: JsonValue, operation: _Operation) -> JsonValue:
    if not _equal(_get(document, _pointer(operation, "path")), _value(operation)):
        raise _RefusedError("fails: the value there is another")
    return document


_OPERATIONS: dict[str, Callable[[JsonValue, _Operation], JsonValue]] = {
    "add": _op_add,
    "remove": _op_remove,
    "replace": _op_replace,
    "move": _op_move,
    "copy": _op_copy,
    "test": _op_test,
}


def _index(container: list[JsonValue], token: str, *, end: bool = False) -> int:
    """The list index that a token stands for; with ``end`` one past the last element is allowed, also as ``-``."""
    if end and token == "-":
        return len(container)
    if not _INDEX.match(token):
        raise _RefusedError(f"has {token!r} where the list needs an index")
    index = int(token)
    if index >= len(container) + end:
        raise _RefusedError(f"points at index {index} of a list of {len(container)}")
    return index


def _child(container: JsonValue, token: str) -> JsonValue:
    if isinstance(container, dict):
        if token not in container:
            raise _RefusedError(f"points at {token!r}, which is not there")
        return container[token]
    if isinstance(container, list):
        return container[_index(container, token)]
    raise _RefusedError(f"points at {token!r} inside a value that is neither object nor list")


def _get(document: JsonValue, tokens: tuple[str, ...]) -> JsonValue:
    for token in tokens:
        document = _child(document, token)
    return document


_Change: TypeAlias = Callable[[JsonValue, str], JsonValue]


def _rebuild(document: JsonValue, tokens: tuple[str, ...], change: _Change) -> JsonValue:
    """Copies the containers along the path; ``change`` makes the new last container, given the last token."""
    parents = []
    for token in tokens[:-1]:
        parents.append(document)
        document = _child(document, token)
    document = change(document, tokens[-1])
    for parent, token in zip(reversed(parents), reversed(tokens[:-1]), strict=True):
        document = _with_child(parent, token, document)
    return document


def _with_child(container: JsonValue, token: str, value: JsonValue) -> JsonValue:
    """A copy of the container with an existing child replaced."""
    if isinstance(container, dict):
        return {**container, token: value}
    assert isinstance(container, list), "_child has found the token in it"
    changed = container.copy()
    changed[int(token)] = value
    return changed


def _add(document: JsonValue, tokens: tuple[str, ...], value: JsonValue) -> JsonValue:
    if not tokens:
        return value

    def change(container: JsonValue, token: str) -> JsonValue:
        if isinstance(container, dict):
            return {**container, token: value}
        if isinstance(container, list):
            index = _index(container, token, end=True)
            return [*container[:index], value, *container[index:]]
        raise _RefusedError("adds into a value that is neither object nor list")

    return _rebuild(document, tokens, change)


def _remove(document: JsonValue, tokens: tuple[str, ...]) -> JsonValue:
    if not tokens:
        raise _RefusedError("removes the whole document")
    return _rebuild(document, tokens, _without_child)


def _without_child(container: JsonValue, token: str) -> JsonValue:
    _child(container, token)
    if isinstance(container, dict):
        remaining = container.copy()
        del remaining[token]
        return remaining
    assert isinstance(container, list), "_child has found the token in it"
    index = int(token)
    return [*container[:index], *container[index + 1 :]]


def _replace(document: JsonValue, tokens: tuple[str, ...], value: JsonValue) -> JsonValue:
    if not tokens:
        return value

    def change(container: JsonValue, token: str) -> JsonValue:
        _child(container, token)
        return _with_child(container, token, value)

    return _rebuild(document, tokens, change)


def _equal(left: JsonValue, right: JsonValue) -> bool:
    """Equality of JSON values: numbers by value, and unlike in Python true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _size(value: JsonValue, limit: int) -> int:
    """The number of JSON values in a value, itself included; counting stops above the limit."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count
