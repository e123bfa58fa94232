"""Text of others (pallets, archives, servers, workers) that may be shown on a terminal, in a log or on a page.

Control characters move a terminal's cursor, set its title or forge lines; lone surrogates cannot be written as UTF-8; marks of
direction make a text read differently from what it is.
"""

import re

__all__ = ["MOST", "has_unprintable", "no_formula", "printable", "printable_json", "short"]

MOST = 1500
"""Characters of an error's text."""
_MOST_OF_NAME = 120

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\r\n\v\f\u2028\u2029]*[\r\n\v\f\u2028\u2029][ \t\r\n\v\f\u2028\u2029]*|\t")


# The same in JSON text: escapes (those of other characters are skipped as a whole), and the bytes of what is not escaped there.
_IN_JSON = re.compile(
    rb"\\u00[01][0-9a-f]|\\.|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
)
_SHORT_ESCAPES = {b"\\b": b"\\\\u0008", b"\\f": b"\\\\u000c"}
# What spreadsheets read as a formula, unless it is a number.
_FORMULA = re.compile(r"[=+\-@\t\r]")


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


def short(name: str) -> str:
    """A name of others as it is shown among others: of more than 120 characters the middle is left out."""
    return printable(name, _MOST_OF_NAME)


def printable_json(text: bytes) -> bytes:
    """JSON text whose strings, when read, have escapes in place of characters that must not be shown, but for ends of lines."""
    return _IN_JSON.sub(_escaped, text)


def _escaped(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found.startswith(b"\\u"):
        return b"\\" + found if len(found) > 2 else found
    if found.startswith(b"\\"):
        return _SHORT_ESCAPES.get(found, found)
    return b"\\\\u%04x" % ord(found.decode())


def no_formula(text: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula, which may run commands: a quotation mark is put before it.

    >>> no_formula("=cmd|'/c calc'!A1"), no_formula("-0.5"), no_formula("m_500")
    ("'=cmd|'/c calc'!A1", '-0.5', 'm_500')
    """
    if not _FORMULA.match(text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
