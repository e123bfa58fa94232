"""Text of others as it may be shown: one line, no control characters, not too long."""

import json

import msgspec
import pytest

from hfx.errors import PalletError
from hfx.printable import has_unprintable, printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, $m_{\\tilde t}$ and \u00fc, \U0001f600", "plain, $m_{\\tilde t}$ and \u00fc, \U0001f600"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("a\x9bb\x7f", "a\\u009bb\\u007f"),
        ("a \r\n hfx: all excluded\tc", "a hfx: all excluded c"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("half \ud83d", "half \\ud83d"),
        ("a\u2028b", "a b"),
    ],
)
def test_a_text_of_others_in_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert not has_unprintable(printable(text))
    assert has_unprintable(text) == (text != shown)
    printable(text).encode("utf-8")


def test_lines_are_no_fault_of_prose() -> None:
    assert not has_unprintable("first\n\tsecond\r\n", lines=True)
    assert has_unprintable("first\x1bsecond\n", lines=True)


def test_the_middle_of_a_long_text_is_left_out() -> None:
    shown = printable("a" * 700 + "b" * 100_000 + "c" * 700)
    assert len(shown) < 1_600
    assert shown.startswith("a" * 700)
    assert shown.endswith("c" * 700)
    assert "99,900 characters" in shown


def test_errors_are_printable() -> None:
    assert str(PalletError("no channel '\x1b]0;owned\x07\nhfx: excluded'; x")) == (
        "no channel '\\u001b]0;owned\\u0007 hfx: excluded'; x"
    )
    assert len(str(PalletError("n" * 100_000))) < 1_600


def test_in_json_what_must_not_be_shown_is_an_escape_when_it_is_read() -> None:
    bad = "\u202e\u2066\ufeff\u061c\u2028\x1b\x00\x7f\x9b\b\f"
    text = {"name": f"a{bad}b", "other": 'ü€\U0001f600 "\\u202e" \\\\u001b \\b\n\t\r/', bad: [1.5, None]}
    shown = "".join(f"\\u{ord(one):04x}" for one in bad)
    for encoded in (msgspec.json.encode(text), json.dumps(text, ensure_ascii=False).encode()):
        assert json.loads(printable_json(encoded)) == {"name": f"a{shown}b", "other": text["other"], shown: [1.5, None]}
