"""Coordinates chosen by leaving points out, against predictions that are made point by point."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.driver.plane.surface import coordinates
from hfx.driver.plane.surface.coordinates import AXES, Coordinates, Natural
from hfx.driver.plane.surface.gaussian_process import fit

Array = NDArray[np.float64]

GRID = np.array([(x, y) for x in range(200, 801, 75) for y in range(0, 401, 50)], dtype=np.float64)
ALL = np.ones(len(GRID), dtype=bool)


def splittings(count: int = 12) -> Array:
    """Places (m1, m2) on a grid that is even in the logarithm of m1 - m2."""
    return np.array([(m, m - d) for m in range(100, 301, 25) for d in np.geomspace(1.5, 60, count)])


def test_candidates_are_finite_everywhere() -> None:
    assert coordinates.candidates(GRID) == [AXES, Coordinates("log(x)", "y")]  # y starts at zero, x - y crosses it
    found = coordinates.candidates(splittings())
    assert Coordinates("log(x)", "log(x-y)") in found
    assert Coordinates("log(y)", "log(x-y)") in found
    turned = coordinates.candidates(splittings()[:, ::-1])
    assert Coordinates("log(y)", "log(y-x)") in turned
    for pair in found:
        assert np.isfinite(pair.of(splittings())).all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda x, y: np.log((x - y) / 5), {"log(x-y)"}),
        (lambda x, y: np.sin(3 * np.log(x - y)), {"log(x-y)"}),
        (lambda x, y: (x - y) / 20 + x / 100, {"y", "x-y"}),
    ],
)
def test_the_coordinates_in_which_values_vary_evenly_are_first(value: object, expected: set[str]) -> None:
    places = splittings()
    values = value(*places.T)[:, None]  # type: ignore[operator]
    (first, *_) = coordinates.ranked(places, [(np.ones(len(places), dtype=bool), values)])
    assert first.pair.second in expected


def test_the_axes_are_kept_where_nothing_is_much_better() -> None:
    values = np.random.default_rng(2).normal(size=(len(GRID), 2))
    assert coordinates.ranked(GRID, [(ALL, values)])[0] == Natural(AXES)


def test_only_known_values_count() -> None:
    places = splittings()
    values = np.log((places[:, :1] - places[:, 1:]) / 5)
    known = np.arange(len(places)) % 3 > 0
    assert coordinates.ranked(places, [(known, values[known])])[0].pair.second == "log(x-y)"


def test_scales_differ_where_values_vary_fast_along_one_coordinate() -> None:
    """A narrow dip at one mass splitting, seen by one row of points."""
    places = np.array([(x, x - gap) for x in range(200, 901, 100) for gap in (20.0, 160.0, 173.0, 186.0, 300.0, 500.0)])
    gap = places[:, 0] - places[:, 1]
    values = (4 - places[:, 0] / 250 - 3 * np.exp(-(((gap - 173) / 8) ** 2)))[:, None]
    first = coordinates.ranked(places, [(np.ones(len(places), dtype=bool), values)])[0]
    assert first.pair.first in ("x", "log(x)")
    assert first.pair.second in ("x-y", "log(x-y)")
    assert first.scales[1] < first.scales[0]
    unit = first.measure(places)(places)
    assert np.ptp(unit, axis=0) == pytest.approx(1 / np.array(first.scales))


def test_left_out_points_are_predicted_as_by_a_process_without_them() -> None:
    values = np.c_[np.sin(GRID[:, 0] / 150) + np.cos(GRID[:, 1] / 120), GRID[:, 0] / 300]
    values += np.random.default_rng(5).normal(scale=0.1, size=values.shape)
    whole = fit(GRID, values, np.array([(75.0, 0.0), (0.0, 50.0)]))
    errors, deviations = whole.left_out()
    covariance, basis = whole.factor @ whole.factor.T, np.column_stack([np.ones(len(GRID)), whole.unit])
    for i in (0, 17, 40, len(GRID) - 1):
        rest = np.arange(len(GRID)) != i
        inverse = np.linalg.inv(covariance[np.ix_(rest, rest)])
        trend = np.linalg.solve(basis[rest].T @ inverse @ basis[rest], basis[rest].T @ inverse @ values[rest])
        predicted = basis[i] @ trend + covariance[i, rest] @ inverse @ (values[rest] - basis[rest] @ trend)
        assert values[i] - predicted == pytest.approx(errors[i], abs=1e-6)
    pulls = errors / deviations
    assert 0.7 < np.sqrt((pulls**2).mean()) < 1.4


def test_coordinates_are_named_in_the_words_of_the_axes() -> None:
    assert Coordinates("x", "log(x-y)").words("m1", "m2") == ("m1", "log(m1-m2)")
    assert Coordinates("log(x)", "x-y").words("msb", "mn2-mn1") == ("log(msb)", "msb-(mn2-mn1)")
    assert Coordinates("x", "log(y)").words("m1", "m1-m2") == ("m1", "log(m1-m2)")
