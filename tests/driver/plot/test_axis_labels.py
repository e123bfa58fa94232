"""Labels of axes, of comparisons and of equations."""

import pytest

from hfx.driver.plot.axis_labels import axis_label, equation_label, relation_label


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


def test_equation_labels() -> None:
    assert equation_label("CLs", 0.05) == r"$\mathrm{CL}_{\mathrm{s}} = 0.05$"
    assert equation_label("limit", 1.0) == "limit = 1"
