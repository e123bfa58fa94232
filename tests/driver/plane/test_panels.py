"""Panels: the few planes in which hypotheses lie, and points without lines where there are no few."""

from itertools import product

import pytest

from hfx.driver.plane import axes, contour, panels
from hfx.driver.plane.axes import Axes
from hfx.errors import OptionError
from tests.driver.plane.test_contour import GRID, data_of, scan_of

LABELS = ("msb", "mn2", "mn1")
FIRST = [(x, y, 60) for x in range(300, 900, 100) for y in range(150, 450, 50)]
SECOND = [(x, y + 130, y) for x in range(300, 800, 100) for y in range(75, 375, 50)]
BOTH = [*FIRST, *SECOND]


def test_hypotheses_in_two_planes() -> None:
    first, second = panels.find(LABELS, BOTH)
    assert (first.where, first.x, first.y, first.points) == ("mn1==60", "msb", "mn2", 36)
    assert (second.where, second.x, second.y, second.points) == ("mn2-mn1==130", "msb", "mn2", 30)
    assert axes.selected(LABELS, BOTH, first.where).sum() == 36
    assert axes.selected(LABELS, BOTH, second.where).sum() == 30


def test_the_axes_are_those_that_are_given() -> None:
    assert [(one.x, one.y) for one in panels.find(LABELS, BOTH, "msb", "mn2-60")] == [("msb", "mn2-60")] * 2
    assert [(one.x, one.y) for one in panels.find(LABELS, BOTH, "mn2", None)] == [("mn2", "msb")] * 2
    # Over these axes one of the planes is a line.
    assert panels.find(LABELS, BOTH, "msb", "mn2-mn1") == ()


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        (LABELS, FIRST),  # one plane
        (LABELS, [(x, y + 130, y) for x, y, _ in FIRST]),
        (("m1", "m2"), GRID),
        (("m1",), [(1,), (2,)]),
        ((), [(), ()]),
        (LABELS, []),
        (LABELS, list(product(range(6), range(6), range(6)))),  # six planes
        (LABELS, [(x, (7 * x) % 31, (11 * x) % 29) for x in range(60)]),  # scattered
        (LABELS, [*FIRST, (300, 150, 61), (300, 150, 62)]),  # one plane and few others
    ],
)
def test_no_panels(labels: tuple[str, ...], rows: list[tuple[float, ...]]) -> None:
    assert panels.find(labels, rows) == ()


def test_a_box_of_few_layers_has_a_panel_for_each() -> None:
    rows = list(product(range(100, 500, 100), range(5), (1.5, 2.25, 3)))
    more = [(450, 7, 2.25), (460, 7, 2.25)]  # the layer with the most points
    assert [one.where for one in panels.find(("a", "b", "m(N2)"), [*rows, *more])] == [
        "`m(N2)`==1.5",
        "`m(N2)`==2.25",
        "`m(N2)`==3",
    ]


def test_a_label_that_follows_from_the_others_is_no_slice() -> None:
    """Masses between two others, rounded, and cross sections by mass are written into patch sets too."""
    halfway = [(x, y, round((x + y) / 2 + 0.3)) for x, y in product(range(300, 900, 50), range(0, 250, 35))]
    section = [(x, y, 1000 * 0.5 ** (x / 100)) for x, y in product(range(300, 900, 50), range(0, 250, 35))]
    for rows in (halfway, section):
        assert axes.hidden(Axes("a", "b", ""), ("a", "b", "c"), rows) == ()
        assert panels.find(("a", "b", "c"), rows) == ()


def test_no_line_goes_through_several_slices() -> None:
    data = data_of(scan_of(BOTH, lambda x, y, z: 5.0 - x / 100, labels=LABELS))
    mixed = contour.plane(data)
    assert mixed.contours["curves"] == []
    assert (mixed.band(), mixed.excluded(), mixed.interpolated) == ([], [], None)
    assert any("without lines" in note and "--where 'mn1==60'" in note for note in mixed.contours["notes"])
    one = contour.plane(panels.part(data, "mn1==60"), interpolation="linear")
    assert {curve["which"] for curve in one.contours["curves"]} >= {"observed", "expected"}
    with pytest.raises(OptionError, match="--forbidden"):
        contour.plane(data, forbidden="y=x")


def test_the_part_of_a_condition() -> None:
    failures = [{"name": "f", "values": [300, 190, 60], "reason": "x"}, {"name": "g", "values": [300, 190, 61], "reason": "x"}]
    data = data_of({**scan_of(BOTH, lambda x, y, z: 5.0 - x / 100, labels=LABELS), "failures": failures})
    found = panels.part(data, "mn1==60")
    assert (len(found.results), [failure["name"] for failure in found.failures]) == (36, ["f"])
    assert panels.part(data, None) is data


def test_a_forbidden_region_with_every_point_in_it_is_told() -> None:
    data = data_of(scan_of(GRID, lambda x, y: 5.0 - x / 120))
    (note,) = (note for note in contour.plane(data, forbidden="y<1000").contours["notes"] if note.startswith("Every point"))
    assert "--forbidden 'y<1000'" in note
    assert contour.plane(data, forbidden="y<1000").band() == []
    assert not [note for note in contour.plane(data, forbidden="y>x").contours["notes"] if note.startswith("Every point")]
