"""YAML text of others, checked before the YAML library reads it: its time grows with the square of brackets that are open."""

import re

__all__ = ["nested_too_deeply"]

_BRACKETS = re.compile(r"[\[\]{}]")
_DEEPEST = 100  # brackets; the library's time for a thousand is a second


def nested_too_deeply(text: str) -> bool:
    """Whether more brackets are open at some place of a text than any table has. Those in quotes count too."""
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > _DEEPEST:
            return True
    return False
