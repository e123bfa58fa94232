"""Text of others (pallets, archives, servers, workers) that may be shown on a terminal, in a log or on a page.

Control characters move a terminal's cursor, set its title or forge lines; lone surrogates cannot be written as UTF-8; marks of
direction make a text read differently from what it is.
"""

import re

__all__ = ["MOST", "has_unprintable", "printable"]

MOST = 1500
"""Characters of an error's text."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\r\n\v\f\u2028\u2029]*[\r\n\v\f\u2028\u2029][ \t\r\n\v\f\u2028\u2029]*|\t")


def has_unprintable(text: str, *, lines: bool = False) -> bool:
    """Whether a text holds a character that must not be shown as it is; with ``lines`` tabs and ends of lines may be in it."""
    found = _UNPRINTABLE.finditer(text)
    return any(not lines or match[0] not in "\t\r\n" for match in found)


def printable(text: str, most: int = MOST) -> str:
    """A text in one line: ends of lines are spaces, characters that must not be shown are escapes as in JSON, and of more than
    ``most`` characters the middle is left out.

    >>> printable("red: \\x1b[31m")
    'red: \\\\u001b[31m'
    """
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", _SPACES.sub(" ", text))
