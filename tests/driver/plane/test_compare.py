"""Distances and areas between shapes whose answers are known."""

import numpy as np
import pytest

from hfx.driver.plane import compare
from hfx.driver.plane.compare import covered, difference

SQUARE = np.array([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)], dtype=np.float64)
ROOM = [np.array([(-50, -50), (50, -50), (50, 50), (-50, 50)], dtype=np.float64)]


def circle(radius: float, x: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 2001)
    ring = np.c_[x + radius * np.cos(angle), radius * np.sin(angle)]
    ring[-1] = ring[0]
    return ring


def test_circles_in_one_another() -> None:
    found = difference([circle(20)], [circle(30)], [circle(20)[:-1]], ROOM)
    assert found.area == pytest.approx(np.pi * (900 - 400), rel=1e-4)
    assert found.published_area == pytest.approx(np.pi * 900, rel=1e-4)
    assert found.relative == pytest.approx(5 / 9, rel=1e-4)
    assert (found.mean, found.largest, found.mean_back, found.largest_back) == pytest.approx((10, 10, 10, 10), rel=1e-3)


def test_shifted_squares() -> None:
    shifted = SQUARE + np.array([3.0, 0.0])
    found = difference([SQUARE], [shifted], [SQUARE[:-1]], ROOM)
    assert found.area == pytest.approx(60, rel=1e-9)
    assert found.relative == pytest.approx(0.6, rel=1e-9)
    assert found.largest == pytest.approx(3, abs=0.02)
    # Top and bottom: 7 of 10 coincide, the rest is up to 3 away; left: 3 away; right: 3 away, or nearer the corners.
    assert found.mean == pytest.approx((2 * 4.5 + 30 + 30) / 40, abs=0.3)


def test_equal_contours_are_not_apart() -> None:
    found = difference([SQUARE], [SQUARE], [SQUARE[:-1]], ROOM)
    assert found.area == pytest.approx(0, abs=1e-9)
    assert (found.mean, found.largest) == pytest.approx((0, 0), abs=1e-9)
    assert (
        "area between the curves 0 % of the published area; mean distance 0 (0.0012 measured from the published line)"
        in found.sentence()
    )


def test_open_lines_differ_by_what_lies_between_them() -> None:
    """Ours excludes x < 4, the published line x < 5, in a room of 10 by 10; neither runs along the rim."""
    room = [SQUARE[:-1]]
    ours, theirs = (np.array([(x, 0.0), (x, 10.0)]) for x in (4.0, 5.0))
    excluded = [np.array([(0, 0), (4, 0), (4, 10), (0, 10)], dtype=np.float64)]
    for line in (theirs, theirs[::-1]):
        found = difference([ours], [line], excluded, room)
        assert found.area == pytest.approx(10, rel=1e-9)
        assert found.published_area == pytest.approx(50, rel=1e-9)
        assert found.mean == pytest.approx(1.0)


def test_only_what_the_points_span_counts() -> None:
    """The published square reaches beyond the points; what runs along their rim is no line of ours to miss."""
    ours = np.array([(8.0, 0.0), (8.0, 10.0)])
    excluded = [np.array([(0, 0), (8, 0), (8, 10), (0, 10)], dtype=np.float64)]
    published = np.array([(-5, -5), (7, -5), (7, 15), (-5, 15), (-5, -5)], dtype=np.float64)
    found = difference([ours], [published], excluded, [np.array([(0, 0), (20, 0), (20, 10), (0, 10)], dtype=np.float64)])
    assert found.area == pytest.approx(10, rel=1e-9)
    assert found.published_area == pytest.approx(70, rel=1e-9)
    assert found.largest_back == pytest.approx(1.0, abs=1e-3)


def test_a_line_that_is_missing_leaves_the_area() -> None:
    found = difference([], [SQUARE], [], ROOM)
    assert (found.mean, found.largest) == (None, None)
    assert found.relative == pytest.approx(1.0)
    assert "not two lines" in found.sentence()
    assert difference([SQUARE], [SQUARE + 200.0], [SQUARE[:-1]], ROOM).relative is None


def test_area_of_a_ring_with_a_hole() -> None:
    assert covered([circle(3)[:-1], circle(1)[:-1]]).area == pytest.approx(8 * np.pi, rel=1e-4)
    assert covered([circle(3)[:-1], circle(2, 10.0)]).area == pytest.approx(13 * np.pi, rel=1e-4)
    assert covered([]).area == 0.0
    assert covered([SQUARE[:2]]).area == 0.0


def test_a_ring_that_crosses_itself_covers_what_an_odd_number_of_turns_goes_round() -> None:
    eight = np.array([(0, 0), (2, 2), (2, 0), (0, 2)], dtype=np.float64)
    assert covered([eight]).area == pytest.approx(2.0)
    twice = np.concatenate([circle(3)[:-1], circle(1)[:-1]])  # once round the larger circle, then round the smaller one
    assert covered([twice]).area == pytest.approx(8 * np.pi, rel=1e-3)
    spur = np.array([(0, 0), (1, 0), (5, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    assert covered([spur]).area == pytest.approx(1.0)


def test_places_along_a_line() -> None:
    places = compare.resampled(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 3.0)]), 0.5)
    assert np.hypot(*np.diff(places, axis=0).T).max() <= 0.5
    assert [1.0, 0.0] in places.tolist()
