"""Texts of a picture that matplotlib cannot draw are refused before the scan."""

from pathlib import Path

import pytest

from hfx.driver.plot.request import PictureRequest, styled
from hfx.driver.questions import picture_texts
from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.picture_texts import label_titles_in
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
    assert str(caught.value) == f"--title '{' '.join(text.split())}' contains LaTeX that cannot be drawn: {reason}; correct it"


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


def test_label_titles_that_cannot_be_read_or_drawn(tmp_path: Path) -> None:
    file = tmp_path / "titles.yaml"
    with pytest.raises(OptionError, match=r"--label-titles .*titles\.yaml cannot be read: No such file"):
        label_titles_in(file)
    file.write_text("m1:\n  colour: red\n")
    with pytest.raises(OptionError, match=r"--label-titles .*titles\.yaml, line 2: m1 has an entry 'colour'"):
        label_titles_in(file)
    file.write_text("m1: {latex: '\\frac{1'}\n")
    with pytest.raises(OptionError, match=r"titles\.yaml: the LaTeX of m1, .* cannot be drawn"):
        label_titles_in(file)
    file.write_text("m1: {latex: m_A}\n")
    assert label_titles_in(file) == {"m1": {"latex": "m_A"}}
