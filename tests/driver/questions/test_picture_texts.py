"""Texts of a picture that matplotlib cannot draw are refused before the scan."""

import pytest

from hfx.driver.plot.request import PictureRequest, styled
from hfx.driver.questions import picture_texts
from hfx.driver.questions.options import ScanOptions
from hfx.errors import OptionError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"$m(\chii)$ [GeV]", r"unknown symbol: \chii"),
        ("$a$ $b^$", "there is an error at the end of 'b^'"),
        ("$m_1_2$", "double subscript"),
        ("$m$\n$m_{1$", "a '{' is not closed"),
    ],
)
def test_broken_latex(text: str, reason: str) -> None:
    with pytest.raises(OptionError) as caught:
        picture_texts.check("--title", text)
    assert str(caught.value) == f"--title '{text}' contains LaTeX that cannot be drawn: {reason}; correct it"


@pytest.mark.parametrize("text", [None, "plain^_", "5 $", r"cost \$5 and \$6", r"$m(\tilde{\chi}_1^\pm)$ [GeV]"])
def test_texts_that_can_be_drawn(text: str | None) -> None:
    picture_texts.check("--title", text)


def test_every_text_is_checked() -> None:
    for name in ("xlabel", "ylabel", "title"):
        with pytest.raises(OptionError, match=f"--{name} .*cannot be drawn"):
            ScanOptions.of({name: "$x^$"})
        with pytest.raises(OptionError, match=f"--{name} .*cannot be drawn"):
            styled({}, {name: "$x^$"})
    with pytest.raises(OptionError, match=r"--label .*cannot be drawn"):
        PictureRequest(labels=("A", "$x^$"))
