"""Axes: the choice of them, places on them, and what is offered and refused."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from hfx.driver.plane import axes
from hfx.driver.plane.axes import Axes
from hfx.errors import OptionError

LABELS = ("msb", "mn2", "mn1")
ROWS = [(x, y, 60) for x in (300, 400, 500) for y in (150, 200, 250)] + [(x, y + 130, y) for x in (300, 400) for y in (100, 150)]


@pytest.mark.parametrize(
    ("labels", "rows", "given", "expected"),
    [
        (LABELS, ROWS, (None, None), ("msb", "mn2")),
        (LABELS, ROWS, ("mn1", None), ("mn1", "msb")),
        (LABELS, ROWS, (None, "mn1"), ("msb", "mn1")),
        (LABELS, ROWS, ("mn2-mn1", "mn1"), ("mn2-mn1", "mn1")),
        (("m1", "m2"), [(1, 2), (1, 3)], (None, None), ("m2", None)),
        (("m1", "m2"), [(1, 2), (1, 3)], ("m2", None), ("m2", None)),
        (("m1", "m2"), [(1, 2)], (None, None), ("m1", None)),
        ((), [(1, 2), (3, 4)], (None, None), ("x1", "x2")),
        ((), [(), ()], (None, None), ("hypothesis", None)),
        (("m1",), [], (None, None), ("m1", None)),
    ],
)
def test_the_choice(
    labels: tuple[str, ...], rows: list[tuple[float, ...]], given: tuple[str, str], expected: tuple[str, str]
) -> None:
    found = axes.choose(labels, rows, *given)
    assert (found.x, found.y) == expected
    assert found.x in found.choice
    assert found == axes.choose(labels, axes.label_values(labels, rows), *given)


def test_the_quantity_is_named_where_there_is_one_axis() -> None:
    assert axes.choose(("m",), [(1,), (2,)], quantity="CLs").choice == "CLs is drawn against m: only m varies."
    assert axes.choose(("m",), [(1,), (2,)], x="m", quantity="q").choice == "q is drawn against m: no other label varies."


def test_places() -> None:
    found = axes.places(Axes("mn2-mn1", "msb", ""), LABELS, [(300, 200, 60), (400, 250)])
    assert found[0].tolist() == [140, 300]
    assert np.isnan(found[1, 0])
    assert axes.places(Axes("msb", None, ""), LABELS, [(300, 200, 60)]).tolist() == [[300, 0]]
    assert axes.places(Axes("hypothesis", None, ""), (), [(), ()]).tolist() == [[1, 0], [2, 0]]
    assert axes.places(Axes("m(N2)", None, ""), ("m(N2)",), [(5,)]).tolist() == [[5, 0]]  # a label that is no name
    assert axes.places(Axes("3", "msb", ""), LABELS, [(300, 200, 60)]).tolist() == [[3, 300]]
    with pytest.raises(OptionError, match="--y 'mass'"):
        axes.places(Axes("msb", "mass", ""), LABELS, [(300, 200, 60)])


def test_the_only_hypothesis() -> None:
    assert axes.choose(("m", "n"), [(1, 2)], quantity="CLs").choice == "CLs is drawn against m."
    assert axes.choose(("m",), [(1,), (1,)], quantity="CLs").choice == "CLs is drawn against m: no label varies."


def test_an_axis_without_a_finite_value_for_any_hypothesis() -> None:
    with pytest.raises(OptionError, match="--x 'msb/\\(mn1-60\\)' has no finite value for any hypothesis"):
        axes.check(LABELS, ROWS[:9], "msb/(mn1-60)", None, None)
    axes.check(LABELS, ROWS, "msb/(mn1-60)", None, None)
    axes.check(LABELS, [(math.nan, 1, 2), (1, math.nan, 2)], "msb-mn2", "mn1", None)  # its labels have no values either


def test_text_in_place_of_a_number_has_no_place() -> None:
    assert np.isnan(axes.places(Axes("m1", None, ""), ("m1",), [("a",)])[0, 0])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("x", "y", "forbidden", "option"),
    [
        ("mn2", "mn2", None, "--x and --y are both 'mn2'"),
        ("mn3", None, None, "--x"),
        ("msb", "mn2-", None, "--y"),
        (None, None, "y=x", "--forbidden"),
        ("mn1==3", None, None, "--x"),
    ],
)
def test_axes_that_no_picture_can_be_drawn_with(x: str, y: str, forbidden: str, option: str) -> None:
    with pytest.raises(OptionError, match=option):
        axes.check(LABELS, ROWS, x, y, forbidden)


def test_axes_that_a_picture_can_be_drawn_with() -> None:
    axes.check(LABELS, ROWS, None, None, None)
    axes.check(LABELS, ROWS, "mn2-mn1", "msb", "y>x-125")
    axes.check(("m",), [(1,), (2,)], None, None, "y=x")  # there is no plane that it could be forbidden in


def test_axes_to_offer() -> None:
    assert axes.offered(("m1", "m2"), [(1, 2), (2, 3)]) == ["m1", "m2"]
    assert axes.offered(LABELS, ROWS) == [
        *LABELS,
        *("msb-mn2", "msb-mn1", "mn2-msb", "mn2-mn1", "mn1-msb", "mn1-mn2"),
    ]
    assert axes.offered((), []) == []


def test_slices_to_offer() -> None:
    found = axes.slices(LABELS, ROWS)
    assert found[0] == {"where": "mn1==60", "points": 9}
    assert {"where": "mn2-mn1==130", "points": 4} in found
    assert not any(one["where"].startswith("mn1-mn2==-130") for one in found)  # the same as the one before
    assert all(one["points"] > 3 for one in found)
    assert [one["points"] for one in found] == sorted((one["points"] for one in found), reverse=True)
    assert axes.slices(("m1", "m2"), [(1, 2), (2, 3)]) == []
    named = axes.slices(("a", "m(N2)", "c"), [(i, i % 2, i % 3) for i in range(12)])
    assert {"where": "`m(N2)`==0", "points": 6} in named


def test_a_slice_selects_as_many_points_as_it_says() -> None:
    for found in axes.slices(LABELS, ROWS):
        assert axes.selected(LABELS, ROWS, found["where"]).sum() == found["points"]
    assert axes.selected(LABELS, ROWS, None).all()
    with pytest.raises(OptionError, match="--where"):
        axes.selected(LABELS, ROWS, "mn3==1")


def test_labels_that_the_plane_does_not_determine() -> None:
    plane = Axes("msb", "mn2", "")
    assert axes.hidden(plane, LABELS, ROWS) == ("mn1",)
    assert axes.hidden(plane, LABELS, [(x, y + 130, y) for x, y, _ in ROWS]) == ()
    (sentence,) = axes.mixture(plane, LABELS, ROWS)
    assert "Points with different mn1 are drawn on top of each other" in sentence
    assert "--where 'mn1==60' (9 points)" in sentence
    assert axes.mixture(Axes("msb", "mn1", ""), LABELS, [(x, y, y - 130) for x, y, _ in ROWS]) == []


def test_numpy_is_not_loaded_with_the_module() -> None:
    """Views are there before numpy is."""
    program = "import sys, hfx.driver.plane.axes; print('numpy' in sys.modules, 'shapely' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["False", "False"]


def test_one_label_that_varies_is_the_axis_whatever_was_given() -> None:
    labels, row = ("m1", "m2"), [(100.0, 60.0), (200.0, 60.0), (300.0, 60.0)]
    for given in (("m1", "m2"), ("m1-m2", None), ("m1-m2", "m2"), (None, "m2")):
        assert axes.in_force(labels, row, *given) == (None, None)
    assert axes.in_force(labels, [*row, (100.0, 0.0)], "m1", "m1-m2") == ("m1", "m1-m2")
    assert axes.in_force(labels, row[:1], "m1", "m2") == ("m1", "m2")  # one hypothesis: none varies
    with pytest.raises(OptionError, match="m3"):
        axes.in_force(labels, row, "m1", "m3")


def test_a_text_that_tells_hypotheses_at_one_place_apart_is_hidden() -> None:
    labels = ("m1", "m2", "model")
    rows: Any = [(x, y, model) for x in range(4) for y in range(3) for model in ("wino", "higgsino")]
    chosen = axes.choose(labels, rows)
    assert axes.hidden(chosen, labels, rows) == ("model",)
    assert axes.hidden(chosen, labels, rows[::2]) == ()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("m1", "log(m1-m2)"),
        ("log(m1)", "m1-m2"),
        ("log(m1)", "log(m1-m2)"),
        ("m1*m2", "m1"),
        ("sqrt(m1)", "m1-m2"),
        ("m2/m1", "m1"),
        ("log(m2)", "log(m1)"),
    ],
)
def test_any_functions_of_the_labels_are_axes_of_a_plane(x: str, y: str) -> None:
    grids = {
        "compressed": [(m, m - d) for m in (90.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0) for d in (1.5, 3, 5, 10, 20, 40, 60)],
        "bulk": [(m, n) for m in range(200, 1001, 100) for n in range(10, 500, 60) if n < m - 60],
    }
    for name, grid in grids.items():
        chosen = axes.choose(("m1", "m2"), grid, x, y)
        assert axes.hidden(chosen, ("m1", "m2"), grid) == (), name
        # A third mass, of two slices that lie among each other, does not follow from the place.
        rows = [(*row, 60.0 + 70.0 * (i % 2)) for i, row in enumerate(grid)]
        chosen = axes.choose(("m1", "m2", "m3"), rows, x, y)
        assert axes.hidden(chosen, ("m1", "m2", "m3"), rows) == ("m3",), name
