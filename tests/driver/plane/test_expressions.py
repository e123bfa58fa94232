"""Expressions on labels: what they compute, what they refuse, how they say it."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfx.driver.plane.expressions import parse
from hfx.errors import OptionError

LABELS = ("mn2", "mn1")
AT = {"mn2": 200.1, "mn1": 70.1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mn2-mn1", 130.0),
        ("-mn1 + 2*mn2", 330.1),
        ("(mn2 - mn1) / 2", 65.0),
        ("mn2 // 100", 2.0),
        ("mn1 % 7", 0.1),
        ("mn1**2", 70.1**2),
        ("sqrt(abs(mn1 - mn2 + 30)) + min(1, mn1) + max(mn1, 3, mn2)", 10 + 1 + 200.1),
        ("1e3", 1000.0),
    ],
)
def test_arithmetic(text: str, value: float) -> None:
    expression = parse(text, LABELS, option="--x", condition=False)
    assert expression.number(AT) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("mn2-mn1==130", True),  # 200.1 - 70.1 is not 130 in binary
        ("mn2-mn1!=130", False),
        ("mn2-mn1<130", False),
        ("mn2-mn1<=130", True),
        ("mn2-mn1>=130", True),
        ("mn2-mn1>130", False),
        ("100 < mn1*2 < 200", True),
        ("mn1 > 100 or mn2 > 200", True),
        ("mn1 > 100 and mn2 > 200", False),
        ("not mn1 > 100", True),
    ],
)
def test_comparison(text: str, truth: bool) -> None:
    assert parse(text, LABELS, option="--where", condition=True).holds(AT) is truth


def test_arrays_and_divisions_by_zero() -> None:
    expression = parse("y > x - 125", ("x", "y"), option="--forbidden")
    assert expression.evaluate({"x": np.array([100.0, 300.0]), "y": np.array([1.0, 1.0])}).tolist() == [
        True,
        False,
    ]
    assert parse("1/x", ("x",), option="--x").number({"x": 0.0}) == np.inf


def test_labels_that_are_no_python_names() -> None:
    expression = parse("`m(N2)` - lambda", ("m(N2)", "lambda"), option="--x")
    assert expression.labels == ("m(N2)", "lambda")
    assert expression.number({"m(N2)": 3.0, "lambda": 1.0}) == 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mn3-1", "no label is called 'mn3' (did you mean mn2?); labels: mn2, mn1"),
        ("`what`", "no label is called 'what'"),
        ("mn2=130", "'==' tests for equality"),
        ("mn2)=", "cannot be read as arithmetic on labels ('==' tests for equality); write"),
        ("", "cannot be read as arithmetic on labels; write arithmetic on labels, for example 'mn2-mn1'; labels: mn2, mn1"),
        ("mn2)", "cannot be read as arithmetic on labels"),
        ("mn2==1", "is a comparison; write arithmetic on labels, for example 'mn2-mn1'"),
        ("__import__('os').system('true')", "contains something other than"),
        ("mn2.real", "contains something other than"),
        ("min()", "contains something other than"),
        ("abs(mn1, mn2)", "contains something other than"),
        ("(lambda: 1)()", "contains something other than"),
        ("[mn1 for mn1 in (1,)]", "contains something other than"),
        ("True", "contains something other than"),
        ("'a'", "contains something other than"),
        ("1" + "0" * 400, "contains something other than"),
        ("sqrt", "no label is called 'sqrt'"),
        ("mn1+" * 400 + "1", "longer than"),
    ],
)
def test_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(text, LABELS, option="--x", condition=False)
    assert words in str(caught.value)
    assert "--x" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_is_no_condition() -> None:
    with pytest.raises(OptionError, match=r"^--where 'mn1==60 and \(mn2\)': 'mn2' is a number, not a comparison"):
        parse("mn1==60 and (mn2)", LABELS, option="--where", condition=True)
    with pytest.raises(OptionError, match="is a number, not a comparison; write a comparison, for example 'mn2-mn1==130'"):
        parse("mn2-mn1", LABELS, option="--where", condition=True)
    with pytest.raises(OptionError, match="'y' is a number, not a comparison; write a comparison, for example 'y>x-125'"):
        parse("y", ("x", "y"), option="--forbidden", condition=True)


def test_half_a_comparison() -> None:
    with pytest.raises(OptionError) as caught:
        parse("mn2>", LABELS, option="--where", condition=True)
    said = "--where 'mn2>' cannot be read as a comparison; write a comparison, for example 'mn2-mn1==130'; labels: mn2, mn1"
    assert str(caught.value) == said


@pytest.mark.parametrize(("text", "meant"), [("mn2=130", "mn2==130"), ("`mn2` = 3 and mn1>1", "`mn2` == 3 and mn1>1")])
def test_one_equals_sign_is_corrected(text: str, meant: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(text, LABELS, option="--where", condition=True)
    assert str(caught.value) == f"--where '{text}' cannot be read as a comparison; did you mean '{meant}'?"
    assert parse(meant, LABELS, option="--where", condition=True)


def test_examples_have_the_pallet_s_labels() -> None:
    for labels, example in ((("mass",), "mass==130"), (("m(N2)", "mn1"), "mn1==130"), (("m(N2)",), "m1-m2==130")):
        with pytest.raises(OptionError, match=f"write a comparison, for example '{example}'"):
            parse("1", labels, option="--where", condition=True)


def test_large_powers_end() -> None:
    assert parse("9**9**9**9**9", LABELS, option="--x").number(AT) == np.inf


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_an_option_error(text: str) -> None:
    with suppress(OptionError):
        parse(text, LABELS, option="--x").evaluate(AT)


def test_labels_that_hfx_made_can_be_named() -> None:
    with pytest.raises(OptionError, match=r"labels: x1, x2 \(--labels gives them the names of your search, for example"):
        parse("mn1==60", ("x1", "x2"), option="--where")
