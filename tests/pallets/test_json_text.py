"""The digest's convention, and JSON that only one of the two parsers reads."""

import gc
import json
import re
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfx.errors import PalletError
from hfx.json_types import memory_of
from hfx.pallets import json_text
from hfx.pallets.json_text import canonical, first_nonfinite, histfactory_digest, parse
from hfx.printable import has_unprintable
from tests.pallets.builders import digest, dump, workspace


def test_digest_is_that_of_pyhf() -> None:
    import pyhf.utils

    background = parse(dump(workspace()), "w.json", exact=True).document
    for algorithm in ("sha256", "md5"):
        expected = pyhf.utils.digest(background, algorithm=algorithm)
        assert histfactory_digest(background, algorithm, "w.json") == expected == digest(background, algorithm)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text().filter(lambda text: not has_unprintable(text))
)
def test_digest_of_any_number_or_text(value: Any) -> None:
    raw = json.dumps({"value": value}).encode()
    document = parse(raw, "w.json", exact=True).document
    assert document == {"value": value}
    assert histfactory_digest(document, "sha256", "w.json") == digest({"value": value})


@pytest.mark.parametrize(
    "number",
    [
        "1e-07",
        "1E-7",
        "0.0000001",
        "100000000000000000000000",
        "-0",
        "-0.0",
        "1e5",
        "-98765432109876543210",
        "0.1234567890123456789",
        "12345678901234567890.5",
        "12345678901234567890e2",
    ],
)
def test_numbers_digest_as_python_writes_them(number: str) -> None:
    text = f'{{"a": {number}}}'
    document = parse(text.encode(), "w.json", exact=True).document
    assert histfactory_digest(document, "sha256", "w.json") == digest(json.loads(text))


@pytest.mark.parametrize("token", ["NaN", "-Infinity", "1e999", "1" + "0" * 400, "-2" + "0" * 308])
def test_tokens_that_are_no_json(token: str) -> None:
    parsed = parse(f'{{"a": [1, {token}]}}'.encode(), "w.json")
    assert not parsed.strict
    assert first_nonfinite(parsed.document) == "/a/1"
    assert first_nonfinite({"a": [1, 2.5, None, 10**308, True, "x"]}) is None


def test_integers_of_thousands_of_digits() -> None:
    with pytest.raises(PalletError, match=r"w\.json holds an integer of more than 4300 digits"):
        parse(b"[" + b"9" * 10_000 + b"]", "w.json", exact=True)


def test_half_a_character_has_no_digest() -> None:
    with pytest.raises(PalletError, match="lone surrogate"):
        histfactory_digest({"name": "\ud800"}, "sha256", "w.json")
    assert canonical({"name": "\ud800"}, "w.json")


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"channels": [{"name": "SR\x1b[31m"}]}, "/channels/0/name"),
        ({"patches": [{"metadata": {"name": "a\nhfx: all excluded"}}]}, "/patches/0/metadata/name"),
        ({"patches": [{"metadata": {"values": [1, "\u202eb"]}}]}, "/patches/0/metadata/values/1"),
        ({"metadata": {"description": "\x9b2J"}}, "/metadata/description"),
        ({"metadata": {"labels": ["m\u2028"]}}, "/metadata/labels/0"),
        ({"a\x07": 1}, "/a"),
        ({"name": "\ud800"}, "/name"),
    ],
)
def test_characters_that_must_not_be_shown_are_refused(document: Any, place: str) -> None:
    texts = [json.dumps(document)]
    if document != {"name": "\ud800"}:  # which has no UTF-8
        texts.append(json.dumps(document, ensure_ascii=False))
    for text in texts:
        said = (
            f"^w.json contains a control character, a lone surrogate or a bidirectional mark at {re.escape(place)}.*; remove it$"
        )
        with pytest.raises(PalletError, match=said):
            parse(text.encode(), "w.json")


def test_honest_texts_are_read() -> None:
    document = {
        "description": "two lines:\n\tthe second\r\n",
        "latex": "$\\tilde{\\nu}_\\tau \\rightarrow \\beta\\frac{1}{2}$",
        "name": "Müller, \u03c7\u0303\u2070 \U0001f600 \u2013 \u201cb\u201d",
    }
    for escaped in (True, False):
        assert parse(json.dumps(document, ensure_ascii=escaped).encode(), "w.json").document == document


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"a":0},', b"0,", b"[[[]]],", b'"",'])
def test_a_text_that_grows_in_memory_is_refused_before_it_is_read(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"[" + piece * 200_000 + b"0]"
    gc.collect()
    tracemalloc.start()
    parse(raw, "w.json")
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory_of(raw) > grown  # an estimate from above
    monkeypatch.setattr(json_text, "MOST_MEMORY", memory_of(raw) - 1)
    with pytest.raises(PalletError, match=r"^w\.json would take about .* GiB of memory"):
        parse(raw, "w.json")


@pytest.mark.parametrize("wide", ["\U0001f600", "\\ud83d\\ude00", "\u03bc", "\\u03bc", "\u00e9"])
def test_the_memory_of_texts_is_that_of_their_widest_characters(wide: str) -> None:
    raw = ('["' + "a" * 2_000_000 + wide + '"]').encode()
    (text,) = parse(raw, "w.json").document
    assert sys.getsizeof(text) <= memory_of(raw) <= 1.1 * sys.getsizeof(text)


@pytest.mark.parametrize("levels", [300, 1_100, 1_000_000])
@pytest.mark.parametrize("token", ["1", "NaN"])
def test_depth(levels: int, token: str) -> None:
    raw = b"[" * levels + token.encode() + b"]" * levels
    with pytest.raises(PalletError, match=r"w\.json is nested deeper than 254 levels"):
        canonical(parse(raw, "w.json").document, "w.json")


@pytest.mark.parametrize("raw", [b"", b"  \n", b"\0\0\0", b"\xef\xbb\xbf"])
def test_empty(raw: bytes) -> None:
    with pytest.raises(PalletError, match=r"w\.json is an empty file"):
        parse(raw, "w.json")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings(encoding: str) -> None:
    with pytest.raises(PalletError, match="not UTF-8"):
        parse('{"a": "é"}'.encode(encoding), "w.json")


@pytest.mark.parametrize("text", ['{"a": [1.5]}', '{"a": '])
def test_a_large_text_is_read_without_the_collector_which_is_then_as_before(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_LARGE", 1)
    seen = []
    loads = json_text.orjson.loads
    monkeypatch.setattr(json_text.orjson, "loads", lambda raw: seen.append(gc.isenabled()) or loads(raw))
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            if text.endswith("}"):
                assert parse(text.encode(), "w.json").document == {"a": [1.5]}
            else:
                with pytest.raises(PalletError, match="is not JSON"):
                    parse(text.encode(), "w.json")
            assert gc.isenabled() == enabled
            assert gc.get_freeze_count() == 0
        finally:
            gc.enable()
    assert seen == [False, False]
