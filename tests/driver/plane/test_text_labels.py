"""Labels with texts: comparisons in conditions, what they may not be, planes of their own, and the page's slices."""

import pytest

from hfx.driver.plane.axes import choose, selected, slices
from hfx.driver.plane.expressions import parse
from hfx.driver.plane.panels import find
from hfx.driver.plane.points import collect
from hfx.errors import OptionError
from tests.driver.plane.test_contour import data_of, scan_of

LABELS = ("m1", "m2", "topology", "my label")
ROWS = [(100.0, 0.0, "WZ", "a b"), (200.0, 0.0, "Wh", "it's"), (300.0, 50.0, "WZ", 'say "no"'), (400.0, 50.0, "is", "`")]
GRID = [(m1, m2, text) for text in ("WZ", "Wh") for m1 in range(100, 500, 100) for m2 in (0, 50, 100)]


def holds(where: str) -> list[bool]:
    return [bool(one) for one in selected(LABELS, ROWS, where, every_text=True)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ('topology == "WZ"', [True, False, True, False]),
        ("topology!='WZ'", [False, True, False, True]),
        ('"WZ"==topology', [True, False, True, False]),
        ('m1>150 and (topology=="WZ" or topology=="is")', [False, False, True, True]),
        ('not topology=="WZ" and m2<m1', [False, True, False, True]),
        ("`my label`=='a b'", [True, False, False, False]),
        ('`my label`=="it\'s"', [False, True, False, False]),
        ("`my label`=='say \"no\"'", [False, False, True, False]),
        ('`my label`=="`"', [False, False, False, True]),
    ],
)
def test_a_text_is_compared_with_one_in_quotes(where: str, found: list[bool]) -> None:
    assert holds(where) == found


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ('topology=="Wz"', 'no hypothesis has topology "Wz"; its values: "WZ", "Wh", "is"'),
        (
            "topology==WZ",
            "the values of topology are texts; compare it with one of them, in quotes and with == or !=, for example",
        ),
        ("topology==3", "the values of topology are texts"),
        ('topology<"WZ"', "the values of topology are texts"),
        ("topology>m1", "the values of topology are texts"),
        ("topology==topology", "the values of topology are texts"),
        ('m1=="WZ"', "the values of m1 are numbers; the label topology has texts; its values: "),
        ('"WZ"=="WZ"', "'WZ' is a text, and is compared with what has numbers"),
        ('m1+"WZ">3', "contains something other than numbers, labels"),
        ('topology+"x"=="WZx"', "'WZx' is a text, and is compared"),
        ('topology=="W"+"Z"', "the values of topology are texts"),
        ('topology==f"{m1}"', "the values of topology are texts"),
        ('topology==b"WZ"', "the values of topology are texts"),
        ('max("WZ")>3', "contains something other than"),
        ('"WZ"', "is a number, not a comparison|contains something other than"),
        ('topology=="WZ', "cannot be read as a comparison"),
        ('topology="WZ"', "did you mean 'topology==\"WZ\"'?"),
        ("`my label`=='\\x61 b'", 'no hypothesis has my label "\\x61 b"'),  # no escapes within quotes
    ],
)
def test_a_text_is_nothing_else(where: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        holds(where)
    assert any(one in str(caught.value) for one in words.split("|")), str(caught.value)


def test_a_hypothesis_without_the_text_fulfils_neither() -> None:
    rows = [(1.0, "a"), (), (2.0, "b")]
    for where, found in (("t=='a'", [True, False, False]), ("t!='a'", [False, False, True])):
        assert selected(("m", "t"), rows, where).tolist() == found


def test_of_some_of_the_hypotheses_any_text_may_be_another_ones() -> None:
    assert selected(LABELS, ROWS, "topology=='ZZ'").tolist() == [False] * 4
    assert selected(("m", "t"), [(1.0,)], "t=='a'").tolist() == [False]
    assert selected(("m", "t"), [], "t=='a'").tolist() == []


def test_numbers_of_arithmetic_have_no_texts() -> None:
    with pytest.raises(OptionError, match="--x 'topology-m1': the values of topology are texts"):
        parse("topology-m1", LABELS, option="--x", condition=False, texts={"topology": ["WZ"]})
    with pytest.raises(OptionError, match="--x 'topology': its values are texts, as 'WZ', which are no axis"):
        collect(data_of(scan_of(GRID, lambda x, y, _: 1.0, labels=("m1", "m2", "topology"))), x="topology")


def test_texts_are_no_axes_by_default_and_planes_of_their_own() -> None:
    labels = ("topology", "m1", "m2")
    rows = [(text, m1, m2) for m1, m2, text in GRID]
    assert (choose(labels, rows).x, choose(labels, rows).y) == ("m1", "m2")
    assert [(panel.where, panel.points) for panel in find(labels, rows)] == [('topology=="WZ"', 12), ('topology=="Wh"', 12)]
    assert find(labels, rows[:12]) == ()
    assert [one["where"] for one in slices(labels, rows)] == ['topology=="WZ"', 'topology=="Wh"']


def test_points_of_several_texts_on_top_of_each_other_are_named() -> None:
    few = [row for row in GRID if row[1] < 100 and row[0] < 400]
    made = collect(data_of(scan_of(few, lambda x, y, _: 3 - x / 200, labels=("m1", "m2", "topology"))))
    assert made.hidden == ("topology",)
    (note,) = (note for note in made.notes if note.startswith("Points with different topology"))
    assert "give 'hfx plot' --where 'topology==\"WZ\"' (6 points) or --where 'topology==\"Wh\"' (6 points)" in note


def test_hypotheses_with_texts_alone_are_numbered() -> None:
    made = collect(data_of(scan_of([("a",), ("b",), ("c",)], lambda _: 1.0, labels=("t",))))
    assert (made.axes.x, made.axes.y) == ("hypothesis", None)
    assert made.places[:, 0].tolist() == [1.0, 2.0, 3.0]
