"""The points of a plane: which hypotheses count, and their positions among all."""

from dataclasses import replace

from hfx.driver.plane.points import collect
from tests.driver.plane.test_contour import GRID, VALUE, data_of, scan_of, values_of


def test_slice_with_a_label_that_follows_from_the_axes_is_no_mixture() -> None:
    points = [(x, y + 130, y) for x, y in GRID]
    scan = scan_of(points, lambda x, y, z: 5.0 - x / 100, labels=("msb", "mn2", "mn1"))
    assert collect(data_of(scan)).notes == ()
    assert collect(data_of(scan)).hidden == ()


def test_without_a_level_the_largest_of_one_place_is_kept() -> None:
    data = values_of([(1.0, 1.0), (1.0, 1.0), (2.0, 5.0)], lambda x, y: 0.0, VALUE)
    data = replace(data, results=[replace(brief, numbers=(float(i),)) for i, brief in enumerate(data.results)])
    found = collect(data)
    assert found.values[:, 0].tolist() == [1.0, 2.0]
    assert found.indices.tolist() == [1, 2]
    (note,) = found.notes
    assert "the one with the largest value is drawn" in note


def test_points_without_a_place_are_left_out_and_named() -> None:
    found = collect(data_of(scan_of(GRID, lambda x, y: 5.0 - x / 100)), x="m1/(m2-50)", y="m2")
    missing = [f"h{i:03}" for i, (_, y) in enumerate(GRID) if y == 50]
    assert found.notes[0].startswith(f"{len(missing)} hypotheses have no finite value of m1/(m2-50) or m2, left out: h001, ")
    assert len(found.places) == len(GRID) - len(missing)


def test_places_tell_which_hypothesis_they_are() -> None:
    scan = scan_of(GRID, lambda x, y: 5.0 - x / 100, h003={"status": "not converged"})
    scan["results"] = scan["results"][::-1]
    scan["failures"] = [{"name": "f", "values": [700, 50], "reason": "negative rate"}]
    data = data_of(scan)
    found = collect(data)
    assert [data.results[i].values for i in found.indices] == [tuple(place) for place in found.places.tolist()]
    assert [[*data.results, *data.failures][i] for i in found.failed_indices] == [data.results[-4], data.failures[0]]
    assert found.failed.tolist() == [list(GRID[3]), [700, 50]]
