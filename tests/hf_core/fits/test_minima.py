"""Which of the minima of a fit is chosen: a matter of the set of minima, not of the order in which they were found."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfx.hf_core.batch.problem import CONVERGED, FLOOR
from hfx.hf_core.fits.minima import CHOICES, Pool
from hfx.hf_core.fits.run import Minimum

STEP_LIMIT = next(status for status in range(10) if status not in (CONVERGED, FLOOR))


def pool(*minima: tuple[float, float], status: int = CONVERGED) -> Pool:
    """One minimum for each deviance and size of its negative yields; the last has the status."""
    found = Pool(np.ones(1))
    for place, (deviance, negative) in enumerate(minima):
        last = place == len(minima) - 1
        found.add(Minimum(np.array([deviance, negative]), deviance, 1e-12, 3, status if last else CONVERGED, negative))
    return found


def chosen(choice: str, *minima: tuple[float, float]) -> tuple[float, float]:
    one = pool(*minima).chosen(choice)
    return one.deviance, one.negative


@pytest.mark.parametrize(
    ("minima", "answer"),
    [
        ([(0.0, 0.0), (-1.0, 0.0)], (-1.0, 0.0)),  # no negative yields: the lowest
        ([(0.0, 0.0), (-0.8, 0.36)], (0.0, 0.0)),  # negative yields that another minimum avoids
        ([(-0.8, 0.36), (0.0, 0.0)], (0.0, 0.0)),  # the same, whichever is the natural one
        ([(0.0, 0.0), (-21.0, 77.0)], (0.0, 0.0)),
        ([(0.0, 0.0), (-0.013, 0.21)], (-0.013, 0.21)),  # less than 0.25 events fewer
        ([(0.0, 0.42), (-0.04, 0.72)], (-0.04, 0.72)),  # more than a third
        ([(0.0, 0.2), (-0.04, 0.72)], (0.0, 0.2)),
        ([(0.0, 0.0), (-1.6, 0.36)], (-1.6, 0.36)),  # more than 4 in 2NLL for each event
        ([(5.0, 0.0), (0.0, 3.0), (1.0, 1.1)], (5.0, 0.0)),  # what is not admissible itself still counts
        ([(9.0, 0.0), (0.0, 3.0), (1.0, 1.1), (1.5, 0.4)], (1.0, 1.1)),  # two thirds are not avoided, nine tenths too dear
    ],
)
def test_the_admissible_minimum(minima: list[tuple[float, float]], answer: tuple[float, float]) -> None:
    for order in permutations(minima):
        assert chosen("admissible", *order) == answer
        assert chosen("natural", *order) == order[0]
        assert chosen("lowest", *order) == min(minima)


def test_a_natural_minimum_that_is_as_low_is_taken() -> None:
    assert chosen("admissible", (0.0, 0.0), (-1e-8, 0.0)) == (0.0, 0.0)
    assert chosen("lowest", (0.0, 0.0), (-1e-8, 0.0)) == (0.0, 0.0)


def test_a_fit_that_did_not_converge_does_not_make_negative_yields_avoidable() -> None:
    assert pool((0.0, 1.0), (1.0, 0.0), status=STEP_LIMIT).chosen("admissible").deviance == 0.0


MINIMA = st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 6.0)), min_size=1, max_size=7, unique=True)


@given(MINIMA, st.randoms(use_true_random=False))
def test_the_choice_depends_on_the_set_of_minima_alone(minima: list[tuple[float, float]], chance: object) -> None:
    answers = set()
    for _ in range(3):
        chance.shuffle(minima)  # type: ignore[attr-defined]
        answers.add(round(chosen("admissible", *minima)[0], 6))
    assert len(answers) == 1


@given(MINIMA, MINIMA)
def test_what_decides_is_kept(known: list[tuple[float, float]], further: list[tuple[float, float]]) -> None:
    """The choice among the minima that a record keeps and new ones is that among all."""
    kept = pool(*known).deciding()
    for choice in CHOICES:
        best = pool(*((one.deviance, one.negative) for one in kept), *further).chosen(choice)
        whole = pool(*known, *further).chosen(choice)
        assert best.deviance == pytest.approx(whole.deviance, abs=1e-6)
    assert kept[0].deviance == known[0][0]


@given(MINIMA, st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 6.0)))
def test_a_start_that_ends_higher_than_what_is_useful_changes_nothing(
    minima: list[tuple[float, float]], further: tuple[float, float]
) -> None:
    before = pool(*minima)
    if further[0] > before.useful():
        assert pool(*minima, further).chosen("admissible").deviance == before.chosen("admissible").deviance


def test_a_free_fit_is_no_worse_than_those_that_hold_a_parameter() -> None:
    """Of its minima those alone count that lie below what such fits have, also where the lower one has negative yields."""
    free, held = pool((-1.0, 1.58), (2.0, 0.0)), pool((1.9, 0.0))
    assert free.chosen("admissible").deviance == 2.0
    free.within = [held]
    assert free.chosen("admissible").deviance == -1.0
    free.within = [pool((2.1, 0.0))]
    assert free.chosen("admissible").deviance == 2.0
