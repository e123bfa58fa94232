"""The part of a pallet that a run contains, in words for the table and for pictures."""

from typing import Any

import pytest

from hfx.driver.plane.selection import Selection, of_hypotheses, of_scan
from hfx.driver.run.packed_results import PackedResults
from tests.driver.plane.test_contour import GRID, scan_of

NAMES = [f"sig_{x}_{y}" for x, y in GRID]
PALLET: Any = {"labels": ["m1", "m2"], "hypotheses": len(GRID) + 5}


@pytest.mark.parametrize(
    ("options", "only", "where"),
    [
        ({"where": "m1>0"}, None, "m1>0"),
        ({"only": "sig_*", "where": "m1>0"}, "sig_*", "m1>0"),
        ({"where": "m1>1e9"}, None, None),  # most hypotheses are of an earlier scan into the same folder
        ({"only": "other_*"}, None, None),
        ({"where": "m9==1"}, None, None),  # a label that another region has
    ],
)
def test_a_part(options: dict[str, Any], only: str | None, where: str | None) -> None:
    assert of_hypotheses(NAMES, GRID, PALLET, options) == Selection(len(GRID), len(GRID) + 5, only, where)


def test_the_whole_pallet_is_no_part() -> None:
    assert of_hypotheses(NAMES, GRID, {**PALLET, "hypotheses": len(GRID)}, {"where": "m1>0"}) is None
    assert of_hypotheses(NAMES, GRID, PALLET, {"where": None, "only": None}) is None


def test_failures_count_as_hypotheses_of_the_run() -> None:
    scan: Any = scan_of(GRID, lambda x, y: 1.0)
    failure = {"name": "f", "values": [1, 2], "reason": "x"}
    changed = {"results": PackedResults(scan["results"]), "failures": [failure], "options": {"where": "m1>0"}}
    part: Any = {**scan, "pallet": {**scan["pallet"], **PALLET}, **changed}
    assert of_scan(part) == Selection(len(GRID) + 1, len(GRID) + 5, None, "m1>0")


def test_words() -> None:
    part = Selection(15, 64, "ERJR_*", "mn2<=150")
    assert part.caption() == "Only 15 of 64 hypotheses: mn2<=150; name ERJR_*"
    assert part.row() == "15 of the 64 hypotheses of the pallet (--where 'mn2<=150' --only 'ERJR_*')"
    assert Selection(15, 64).caption() == "Only 15 of 64 hypotheses"
    assert Selection(15, 64).row().endswith("(from scans with different --where or --only)")
    # Of a combination of regions the number of all hypotheses is not known.
    assert Selection(15, None, None, "mn1==60").caption() == "Only 15 hypotheses: mn1==60"
