"""Texts of a picture: malformed LaTeX is refused before the scan, and no text loses the picture."""

from pathlib import Path

import pytest

from hfx.driver.plot.request import PictureRequest, styled
from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.texts import latex_names, picture_texts
from hfx.driver.questions.texts.picture_texts import label_titles_in
from hfx.errors import OptionError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
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


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"$\PSQt$", r"${\tilde{t}}$"),
        (r"$pp\to\PSQtDo\PASQt$", r"$pp\to{\tilde{t}_{1}}{\bar{\tilde{t}}}$"),
        (r"$m(\PSGczDo) < m(\PSGcpmDo)$ [\GeV]", r"$m({\tilde{\chi}_{1}^{0}}) < m({\tilde{\chi}_{1}^{\pm}})$ [${\mathrm{GeV}}$]"),
        (r"\PHiggs and \Ptop", "${H}$ and ${t}$"),
        (r"$\ensuremath{\PWp}\mbox{ and }\textrm{Z}$", r"${{W^{+}}}\mathrm{ and }\mathrm{Z}$"),
        (r"$m(\tilde{\chi}^{0}_{1})$ [GeV]", r"$m(\tilde{\chi}^{0}_{1})$ [GeV]"),
        (r"costs 5 $ or \$6", r"costs 5 $ or \$6"),
    ],
)
def test_latex_of_the_field_is_understood(text: str, latex: str) -> None:
    assert picture_texts.drawable(text) == latex
    picture_texts.check("--title", text)
    assert not list(picture_texts.plainly_drawn({"--title": text}))


def test_every_name_of_a_particle_can_be_drawn() -> None:
    names = [name for names in latex_names._PARTICLES.values() for name in names.split()]
    assert len(set(names)) == len(names)
    assert [name for name in names if "$" not in picture_texts.drawable(rf"$x_{{\{name}}}^2$")] == []


@pytest.mark.parametrize(
    ("text", "plain", "why"),
    [
        (r"$\PSQnosuch$ of \$5", r"PSQnosuch of \$5", r"unknown symbol: \PSQnosuch"),
        (r"$m(\chii)$ [GeV]", "m(chii) [GeV]", r"unknown symbol: \chii"),
        (r"$\frac{\nosuch}{2}$", "frac nosuch 2", None),
        (r"$pp \to \PSQnosuch\PSQother$", "pp → PSQnosuch PSQother", r"unknown symbol: \PSQnosuch"),
        (r"$\HepProcess$", "HepProcess", r"unknown symbol: \HepProcess"),
        (f"${'{' * 3000}a{'}' * 3000}$", "a", "it has more than 200 braces"),
    ],
)
def test_what_cannot_be_drawn_falls_back_to_plain_text(text: str, plain: str, why: str | None) -> None:
    assert picture_texts.drawable(text) == plain
    (sentence,) = picture_texts.plainly_drawn({"--title": text, "--xlabel": "x", "--ylabel": None})
    assert sentence.startswith(f"--title '{text}' is drawn as '{plain}', without its LaTeX: {why or 'unknown symbol'}")


def test_an_unknown_word_of_latex_is_no_error() -> None:
    assert ScanOptions.of({"title": r"$\PSQnosuch$"}).title == r"$\PSQnosuch$"


def test_a_literal_text_has_no_mathematics() -> None:
    assert picture_texts.literal("a$b^$c") == r"a\$b^\$c"
