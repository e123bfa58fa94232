"""Lines over generated planes: grids like those of searches, with and without a statistical scatter of the signals."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hfx.driver.plane.contour import plane
from tests.driver.plane.crossings import crossings, on_the_wrong_side
from tests.driver.plane.test_contour import LEVEL, contours, curves_of, data_of, scan_of

Array = NDArray[np.float64]
Grid = list[tuple[float, float]]


def _lattice() -> Grid:
    return [(x, y) for x in range(400, 1201, 100) for y in range(0, 351, 50)]


def _triangle() -> Grid:
    """All masses below the diagonal, uneven, as of a search for electroweakinos."""
    masses = (150, 175, 200, 250, 300, 350, 400, 500, 600, 700, 800, 900)
    return [(x, y) for x in masses for y in (0, 25, 50, 75, 100, 150, 200, 250, 300, 400) if y < x - 110]


def _corridor() -> Grid:
    """Many points in rows beside the diagonal, as of a search for compressed top squarks."""
    return [(x, x - d) for x in range(250, 801, 50) for d in (87, 100, 112, 125, 137, 150, 175)]


def _compressed() -> Grid:
    """Mass splittings that are even in their logarithm."""
    return [(x, x - d) for x in (90, 100, *range(125, 326, 25)) for d in (1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 60)]


def _significance(rng: np.random.Generator, largest: float) -> Callable[[float, float], float]:
    """A significance that falls with the first mass and with the compression; ``largest``: the scale of masses."""
    mass, gap, power = rng.uniform(0.35, 0.6), rng.uniform(0.5, 1.5), rng.uniform(2.0, 4.0)

    def value(x: float, y: float) -> float:
        far, near = x / largest, (x - y) / largest
        efficiency = near / (near + 0.1 * gap)
        return float(np.clip(6.5 * (mass / far) ** power * efficiency - 0.7, -3, 9))

    return value


GRIDS = {"lattice": _lattice, "triangle": _triangle, "corridor": _corridor, "compressed": _compressed}


@pytest.mark.parametrize("scatter", [0.0, 0.25])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("grid", GRIDS)
def test_the_line_follows_the_points(grid: str, seed: int, scatter: float) -> None:
    rng = np.random.default_rng(seed)
    points = GRIDS[grid]()
    truth = _significance(rng, max(x for x, _ in points))
    noise = {point: rng.normal(scale=scatter) for point in points} if scatter else dict.fromkeys(points, 0.0)
    made = plane(data_of(scan_of(points, lambda x, y: truth(x, y) + noise[x, y])))
    found = list(crossings(made))
    assert found
    assert max((crossing.distance for crossing in found if crossing.clear), default=0.0) <= 0.2
    assert on_the_wrong_side(made) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("grid", GRIDS)
def test_a_smooth_truth_has_no_crumbs_and_is_met(grid: str, seed: int) -> None:
    points = GRIDS[grid]()
    truth = _significance(np.random.default_rng(seed), max(x for x, _ in points))
    made = plane(data_of(scan_of(points, truth)))
    lines = curves_of(made.contours, "observed")
    assert 1 <= len(lines) <= 2  # the truth has one line; closed along the rim it may be cut where it leaves the points
    off = []
    for line in lines:
        along_rim = np.isclose(line[:, 0] - line[:, 1], min(x - y for x, y in points), rtol=0.2)
        off += [truth(x, y) - LEVEL for x, y in line[~along_rim]]
    assert np.sqrt(np.mean(np.square(off))) < 0.1


DIPS = {
    "rows": ((100, 125, 150, 173, 200), range(200, 1001, 50)),
    "wide rows": ((100, 150, 173, 200), range(200, 1001, 100)),
    "few rows": ((20, 160, 173, 186, 300, 500), range(200, 901, 100)),
    "uneven": (
        (1.5, 7, 20, 40, 80, 100, 150, 172, 173, 174, 200, 300, 400, 600),
        (200, 225, 250, 300, 310, 400, 420, 500, 650, 800),
    ),
    "dense": ((5, 20, 50, 100, 125, 150, 165, 173, 180, 190, 215, 250, 300, 400, 600, 800), range(200, 976, 25)),
}


@pytest.mark.parametrize("depth", [2.0, 3.0])
@pytest.mark.parametrize("grid", DIPS)
def test_a_narrow_dip_along_the_diagonal_has_no_crumbs(grid: str, depth: float) -> None:
    """Top squarks: where the splitting is the mass of the top quark the search is blind, in a row of points between others."""
    gaps, masses = DIPS[grid]
    points = [(float(x), float(x - gap)) for x in masses for gap in gaps if x >= gap]
    rng = np.random.default_rng(1)
    noise = {point: rng.normal(scale=0.02) for point in points}

    def value(x: float, y: float) -> float:
        gap = x - y
        return float(4.5 - x / 250 + np.tanh((gap - 60) / 80) - depth * np.exp(-(((gap - 173) / 8) ** 2)) + noise[x, y])

    made = plane(data_of(scan_of(points, value)))
    # The two sides of the dip, where it parts what is excluded, and the end at small splittings.
    assert 1 <= len(curves_of(made.contours, "observed")) <= 3
    assert on_the_wrong_side(made) == []


@pytest.mark.parametrize("values", [(0.1, 0.2, 0.3, 0.4, 0.5), (1e-12, 1e-11, 1e-10, 1e-9, 1e-8), (1, 10, 100, 200, 300)])
def test_a_mass_and_another_quantity_have_no_kinematic_edge(values: tuple[float, ...]) -> None:
    """The column of the smallest mass is the end of the grid, and no limit; a lifetime in seconds is no mass splitting."""
    points = [(x, y) for x in range(1000, 4001, 500) for y in values]
    lines = curves_of(contours(scan_of(points, lambda x, _: 5 - x / 1000)), "observed")
    (line,) = lines
    assert np.allclose(line[:, 0], 1000 * (5 - LEVEL), atol=0.1)


@pytest.mark.parametrize("step", [(1.0, 1e-9), (1e-9, 1.0), (1.0, 0.01)])
def test_axes_of_very_different_size_are_each_drawn_in_full(step: tuple[float, float]) -> None:
    points = [(1e6 * (step[1] == 0.01) + step[0] * i, step[1] * (j + 1)) for i in range(8) for j in range(8)]
    made = plane(data_of(scan_of(points, lambda x, y: 4 - (x - points[0][0]) / step[0] / 2 + y / step[1] / 9)))
    (line,) = curves_of(made.contours, "observed")
    x, y = ((line - np.array(points[0])) / step).T
    assert np.abs(4 - x / 2 + (y + 1) / 9 - LEVEL).max() < 0.02
    (ring,) = made.excluded()
    assert len(np.unique(ring[:, 1])) > 8
    assert made.band()
