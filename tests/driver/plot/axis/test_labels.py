"""Labels of axes, of comparisons and of equations."""

import pytest

from hfx.driver.plot.axis.labels import Titles, axis_label, condition_label, equation_label, mass, relation_label


@pytest.mark.parametrize(
    ("expression", "label"),
    [
        ("m1", "$m_{1}$ [GeV]"),
        ("mC1", r"$m(\tilde{\chi}_{1}^{\pm})$ [GeV]"),
        ("mn2-mn1", r"$m(\tilde{\chi}_{2}^{0})-m(\tilde{\chi}_{1}^{0})$ [GeV]"),
        ("mn1/msb", r"$m(\tilde{\chi}_{1}^{0})/m(\tilde{b}_{1})$"),
        ("x1", "x1"),
        ("mn2-width", "mn2-width"),
        ("tanb", r"$\tan\beta$"),
        ("CLs", r"$\mathrm{CL}_{\mathrm{s}}$"),
    ],
)
def test_axis_labels(expression: str, label: str) -> None:
    assert axis_label(expression) == label


def test_relation_labels() -> None:
    assert relation_label("y>x-125", "m1", "m2") == "$m_{2}>m_{1}-125$"
    assert relation_label("y>=x", "width", "m2") == "m2>=width"


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("M(Sbottom) [GeV]", "msb"),
        (r"$m_{\tilde{b}_1}$ [GeV]", "msb"),
        (r"$M(\widetilde{\chi}^{0}_{1})$ [GeV]", "mlsp"),
        (r"$m(\tilde{\chi}_1^\pm)$", "mC1"),
        (r"$m_{\tilde{g}}$ (GeV)", "mgluino"),
        (r"$m_{\tilde{G}}$", "mgravitino"),
        ("M(N2)-M(N1)", "mn2-mn1"),
    ],
)
def test_a_column_of_a_table_names_the_mass_of_a_label(column: str, label: str) -> None:
    assert mass(column) == mass(label) != ""


@pytest.mark.parametrize("text", ["m1", "mst", "x", "mass", "$m_{Z}$", "mn1/2", "", "-"])
def test_what_may_be_another_mass_is_not_recognised(text: str) -> None:
    assert mass(text) == ""


def test_equation_labels() -> None:
    assert equation_label("CLs", 0.05) == r"$\mathrm{CL}_{\mathrm{s}} = 0.05$"
    assert equation_label("limit", 1.0) == "limit = 1"


@pytest.mark.parametrize("name", ["mst", "mg", "ma", "mx", "mh", "mt1", "mb1", "dm", "m12", "max", "mT"])
def test_ambiguous_names_stay_as_they_are(name: str) -> None:
    assert axis_label(name) == name


def test_names_of_the_user_come_first() -> None:
    titles: Titles = {"mst": {"latex": r"m(\tilde{\tau})", "unit": "GeV"}, "m(N2)": {"unit": "TeV"}, "k": {"latex": "k"}}
    assert axis_label("mst", titles) == r"$m(\tilde{\tau})$ [GeV]"
    assert axis_label("mst-mn1", titles) == r"$m(\tilde{\tau})-m(\tilde{\chi}_{1}^{0})$ [GeV]"
    assert axis_label("mst/k", titles) == r"$m(\tilde{\tau})/k$"
    assert axis_label("k", titles) == "$k$"
    assert axis_label("m(N2)", titles) == r"$\mathrm{m(N2)}$ [TeV]"
    assert relation_label("y>x", "mst", "k", titles) == r"$k>m(\tilde{\tau})$"


@pytest.mark.parametrize(
    ("condition", "label"),
    [
        ("mn1==60", r"$m(\tilde{\chi}_{1}^{0}) = 60$ GeV"),
        ("mn2-mn1==130", r"$m(\tilde{\chi}_{2}^{0})-m(\tilde{\chi}_{1}^{0}) = 130$ GeV"),
        ("x3==2.5", "x3 = 2.5"),
        ("`m(N2)`==0", "m(N2) = 0"),
        ("tanb==10", r"$\tan\beta = 10$"),
    ],
)
def test_condition_labels(condition: str, label: str) -> None:
    assert condition_label(condition) == label
