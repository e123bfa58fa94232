"""The distinct minima of a scan, and the chance that one was missed."""

from typing import Any

import numpy as np
import pytest

from hfx.driver.questions import distinct_minima
from hfx.driver.questions.distinct_minima import DistinctMinima
from hfx.functions.jobs.cls import Solutions


def solutions(places: list[float], hits: int, drawn: int, *, width: float = 1.0, still: float = 0.0) -> Solutions:
    """A hypothesis whose natural minima are at 0, and whose background fit has one lower, by as much as its first place."""
    lower = [places] if places else []
    labels = [f"p{i}" for i in range(max(1, len(places)))]
    natural = [still] * len(labels)
    theta = [natural, *([still + width * place for place in one] for one in lower)]
    depth = -abs(places[0]) if places else 0.0
    bkg: Any = {
        "theta": theta,
        "choice": {"natural": 0, "admissible": 0, "lowest": len(lower)},
        "deviance": {"natural": 10.0, "admissible": 10.0, "lowest": 10.0 + depth},
        "decided": {"lowest": [(0, 10.0, 0.0), *((1, 10.0 + depth, 1.0) for _ in lower)]},
        "drawn": drawn,
        "hits": [0, *(hits for _ in lower)],
        "sound": True,
    }
    other: Any = {"theta": [natural], "choice": dict.fromkeys(bkg["choice"], 0), "drawn": drawn, "hits": [0], "sound": True}
    other["deviance"] = dict.fromkeys(bkg["choice"], 10.0)
    other["decided"] = {"lowest": [(0, 10.0, 0.0)]}
    minima = {"bkg": bkg, "fixed": other, "free": other, "asimov_fixed": other}
    known: Any = {"parameters": labels, "widths": [width] * len(labels), "poi": "mu", "minima": minima}
    return {**known, "changed": False, "lost": False}


def test_a_shift_is_that_from_the_natural_minimum_in_the_parameters_units() -> None:
    minima = DistinctMinima()
    assert minima.new([("a", solutions([2.0, 0.0, -1.0], 3, 10, width=0.5, still=1.0))]) == [{"p0": 1.0, "p2": -0.5}]
    assert minima.new([("b", solutions([2.2, 0.1, -1.0], 3, 10, width=2.0))]) == []  # alike, in prior widths
    assert minima.new([("c", solutions([2.4], 3, 10))]) == [{"p0": 2.4}]


def test_a_hypothesis_that_is_taken_again_counts_once() -> None:
    minima = DistinctMinima()
    minima.new([("a", solutions([2.0], 1, 10)), ("b", solutions([], 0, 10))])
    assert minima.chances()["bkg"] == pytest.approx(1 / 2 + 0.5 / 20)
    minima.new([("a", solutions([2.0], 2, 30))])
    assert minima.chances()["bkg"] == pytest.approx(0.5 / 40)
    assert minima.drawn == 4 * 40


def test_a_class_that_one_draw_of_the_whole_scan_has_reached_counts_for_all_its_fits() -> None:
    minima = DistinctMinima()
    minima.new([("a", solutions([2.0], 1, 10)), ("b", solutions([], 0, 10)), ("c", solutions([], 0, 10))])
    minima.new([("b", solutions([2.1], 0, 10))])
    assert minima.chances() == {
        "bkg": pytest.approx(2 / 3 + 0.5 / 30),
        "fixed": pytest.approx(0.5 / 30),
        "free": pytest.approx(0.5 / 30),
        "asimov_fixed": pytest.approx(0.5 / 30),
    }


def test_what_other_starts_have_reached_would_not_be_new() -> None:
    minima = DistinctMinima()
    minima.new([("a", solutions([2.0], 0, 10)), ("b", solutions([2.1], 1, 10)), ("c", solutions([-7.0], 1, 10))])
    assert minima.chances()["bkg"] == pytest.approx(1 / 3 + 0.5 / 30)
    assert minima.chance_of_a_hypothesis() == pytest.approx(1 / 3 + 0.5 / 30)
    minima.new([("a", solutions([4.0], 1, 20))])
    assert minima.chances()["bkg"] == pytest.approx(2 / 3 + 0.5 / 40)


def test_fits_without_draws_do_not_count() -> None:
    minima = DistinctMinima()
    minima.new([("a", solutions([], 0, 0))])
    assert minima.chances() == {}
    minima.new([("a", solutions([1.0], 1, 1))])
    assert minima.chances()["bkg"] == pytest.approx(1.0)
    minima.new([("a", solutions([1.0], 1, 1)), ("b", solutions([], 0, 0))])
    assert minima.chances()["bkg"] == pytest.approx(1.0)


def test_the_parameter_of_interest_moves_and_does_not_tell_classes_apart() -> None:
    minima = DistinctMinima()
    one, other = (solutions([2.0, mu], 1, 10) for mu in (1.0, 5.0))
    one["parameters"][1] = other["parameters"][1] = "mu"
    assert minima.new([("a", one), ("b", other)]) == [{"p0": 2.0, "mu": 1.0}]


def test_a_natural_minimum_that_did_not_converge_is_no_place_to_count_from() -> None:
    minima = DistinctMinima()
    broken = solutions([2.0], 1, 10)
    broken["minima"]["bkg"]["sound"] = False
    assert minima.new([("a", broken), ("b", solutions([], 0, 10))]) == []


def test_more_minima_than_are_compared_or_offered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct_minima, "_COMPARED", 5)
    monkeypatch.setattr(distinct_minima, "_MOST", 3)
    minima = DistinctMinima()
    many = [(f"h{i}", solutions([float(i)], 1, 1)) for i in range(1, 9)]
    assert [shift["p0"] for shift in minima.new(many)] == [8.0, 7.0, 6.0]
    assert [shift["p0"] for shift in minima.new([])] == [5.0, 4.0]
    assert minima.new([]) == []
    assert minima.chances()["bkg"] == pytest.approx(1.0)


def test_thousands_of_minima() -> None:
    rng = np.random.default_rng(1)
    minima = DistinctMinima()
    minima.new((f"h{i}", solutions(rng.normal(0.0, 3.0, 40).tolist(), 1, 2)) for i in range(3000))
    assert 0.95 < minima.chances()["bkg"] <= 1.0
