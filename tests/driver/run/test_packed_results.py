"""Results in memory: equal to what was put in, with briefs of what tables and pictures ask for."""

import copy
import pickle
from typing import Any

import pytest

from hfx.driver.run.packed_results import Held, briefs, parted


def result(name: str, natural: float, lowest: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "values": [1, 2.5],
        "status": "converged",
        "CLs_obs": natural,
        "CLs_exp": [0.1, 0.2, 1 / 3, 0.4, 0.5],
        "fits": {"bkg": {"twice_nll": 1234.5678901234567}},
        "natural": {"CLs_obs": natural, "CLs_exp": [0.1, 0.2, 0.3, 0.4, 0.5]},
        "lowest": {"CLs_obs": lowest, "CLs_exp": [0.1, 0.2, 0.3, 0.4, 0.5]},
        **more,
    }


RESULTS = [result("a", 0.04, 0.04), result("b", 0.1, 0.3, region="R", missing_in=["S"]), result("c", 0.2, 0.2)]


def test_what_is_held_is_what_was_put_in() -> None:
    held = Held(RESULTS)
    assert held == RESULTS == held[:]
    assert (len(held), held[-1], held[1:], list(reversed(held))) == (3, RESULTS[2], RESULTS[1:], RESULTS[::-1])
    assert held == Held(RESULTS) != Held(RESULTS[:2])
    assert held != RESULTS[:2]
    assert held == copy.deepcopy(held) == pickle.loads(pickle.dumps(held))
    with pytest.raises(IndexError):
        held[3]


def test_a_result_that_is_changed_leaves_what_is_held() -> None:
    held = Held(RESULTS)
    held[0]["CLs_obs"] = 1.0
    assert held == RESULTS


def test_a_brief_has_what_tables_ask_for_and_no_more() -> None:
    found = briefs(Held(RESULTS))
    assert found == briefs(RESULTS)
    assert set(found[0]) == {"name", "values", "status", "CLs_obs", "CLs_exp", "parted", "turned"}
    assert (found[1]["region"], found[1]["missing_in"]) == ("R", ["S"])
    assert [row["parted"] for row in found] == [0.0, pytest.approx(0.2), 0.0]


def test_numbers_that_are_missing_do_not_part() -> None:
    assert parted({}) == 0.0
    lost = {"CLs_obs": None, "CLs_exp": [0.1]}
    assert parted({"natural": lost, "lowest": {"CLs_obs": 0.5, "CLs_exp": [0.3]}}) == pytest.approx(0.2)
