"""The numbers along the axes: whole where they can be, written in full, and not so many that they overlap."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hfx.driver.plot.axis.numbers import number_axis


def written(low: float, high: float) -> list[str]:
    figure = Figure(figsize=(7.0, 5.6), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.set_xlim(low, high)
    ax.tick_params(labelsize=12)
    number_axis(ax.xaxis)
    canvas.draw()
    assert ax.xaxis.get_offset_text().get_text() == ""
    inside = [label for label in ax.get_xticklabels() if low <= label.get_position()[0] <= high]
    boxes = [label.get_window_extent() for label in inside]
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))
    return [label.get_text() for label in inside]


@pytest.mark.parametrize(
    ("low", "high"), [(999.9, 1003.1), (0, 3.1), (9999.5, 10010.5), (1e6, 1.008e6), (-0.5, 4.2), (120_000, 150_000), (178, 1222)]
)
def test_numbers_are_whole_and_in_full(low: float, high: float) -> None:
    found = [text.replace("\N{MINUS SIGN}", "-") for text in written(low, high)]
    assert len(found) >= 3
    assert all(text.lstrip("-").isdigit() and low <= int(text) <= high for text in found)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.052), (2000.0, 2000.42), (-0.04, 1.04)])
def test_a_range_without_whole_numbers_has_others(low: float, high: float) -> None:
    found = [float(text.replace("\N{MINUS SIGN}", "-")) for text in written(low, high)]
    assert len(found) >= 3
    assert all(low <= number <= high for number in found)
