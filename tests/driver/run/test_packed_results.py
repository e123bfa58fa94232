"""Results in memory: equal to what was put in, with briefs of what tables and pictures ask for."""

import copy
import pickle
from typing import Any

import pytest

from hfx.driver.run.packed_results import PackedResults


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


def test_what_is_packed_is_what_was_put_in() -> None:
    packed = PackedResults(RESULTS)
    assert packed == RESULTS == packed[:]
    assert (len(packed), packed[-1], packed[1:], list(reversed(packed))) == (3, RESULTS[2], RESULTS[1:], RESULTS[::-1])
    assert packed == PackedResults(RESULTS) != PackedResults(RESULTS[:2])
    assert packed != RESULTS[:2]
    assert packed == copy.deepcopy(packed) == pickle.loads(pickle.dumps(packed))
    with pytest.raises(IndexError):
        packed[3]


def test_a_result_that_is_changed_leaves_what_is_packed() -> None:
    packed = PackedResults(RESULTS)
    packed[0]["CLs_obs"] = 1.0
    assert packed == RESULTS
