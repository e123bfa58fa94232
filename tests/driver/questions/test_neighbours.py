"""Neighbours: symmetric, independent of order, and those that all pairwise distances give."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hfx.driver.questions.neighbours import NEIGHBOURS, neighbours

COORDINATE = st.one_of(st.integers(-5, 5), st.floats(-1e3, 1e3))


@given(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=30), st.randoms())
def test_neighbours_are_symmetric_and_independent_of_order(points: list[tuple[float, float]], rng: random.Random) -> None:
    named = {f"h{i:02d}": point for i, point in enumerate(points)}
    near = neighbours(named)
    shuffled = list(named.items())
    rng.shuffle(shuffled)
    assert neighbours(dict(shuffled)) == near
    for name, others in near.items():
        assert name not in others
        assert len(others) >= min(NEIGHBOURS, len(points) - 1)
        assert all(name in near[other] for other in others)


def test_neighbours_scale_labels_and_ignore_constant_ones() -> None:
    # The second label spans 1, the first 1000: scaled, a step of either is as far.
    named = {f"{i}-{j}": (1000.0 * i, 0.5 * j, 7.0) for i in range(5) for j in range(5)}
    near = neighbours(named, k=4)
    assert set(near["2-2"]) >= {"1-2", "3-2", "2-1", "2-3"}


def test_neighbours_of_one_place_and_of_one_hypothesis() -> None:
    assert neighbours({}) == {}
    assert neighbours({"a": (1.0,)}) == {"a": ()}
    assert neighbours({"a": (1.0, 2.0), "b": (1.0, 2.0)}) == {"a": ("b",), "b": ("a",)}
    assert neighbours({"a": (), "b": ()}) == {"a": ("b",), "b": ("a",)}


def all_pairs(points: Mapping[str, Sequence[float]], k: int = NEIGHBOURS) -> dict[str, tuple[str, ...]]:
    """The definition: every distance, sorted; for few points."""
    names = sorted(points)
    table = np.array([points[name] for name in names], dtype=np.float64)
    span = np.ptp(table, axis=0)
    table = (table[:, span > 0] - table[:, span > 0].min(axis=0)) / span[span > 0]
    distances = np.round(np.sqrt(((table[:, None, :] - table[None, :, :]) ** 2).sum(axis=2)), 12)
    near: dict[str, set[str]] = {name: set() for name in names}
    for i, name in enumerate(names):
        for j in [j for j in np.argsort(distances[i], kind="stable") if j != i][:k]:
            near[name].add(names[j])
            near[names[j]].add(name)
    return {name: tuple(sorted(near[name])) for name in names}


@given(st.lists(st.tuples(COORDINATE, COORDINATE, st.integers(0, 1)), min_size=2, max_size=40), st.integers(1, 9))
def test_neighbours_are_those_of_all_pairwise_distances(points: list[tuple[float, float, int]], k: int) -> None:
    named = {f"h{i:02d}": point for i, point in enumerate(points)}
    assert neighbours(named, k) == all_pairs(named, k)


def test_the_neighbours_of_a_large_grid_are_those_of_all_pairwise_distances() -> None:
    named = {f"{i}-{j}": (25.0 * i, 0.1 * j) for i in range(40) for j in range(40)}
    assert neighbours(named) == all_pairs(named)
