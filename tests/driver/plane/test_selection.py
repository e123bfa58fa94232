"""The part of a pallet that a run contains, in words for the table and for pictures."""

from typing import Any

import pytest

from hfx.driver.plane.selection import Selection, of_hypotheses, of_scan
from hfx.driver.run.packed_results import PackedResults
from tests.driver.plane.test_contour import GRID, scan_of

NAMES = [f"sig_{x}_{y}" for x, y in GRID]
PALLET: Any = {"labels": ["m1", "m2"], "hypotheses": len(GRID) + 5}


@pytest.mark.parametrize(
    ("options", "only", "where", "selected"),
    [
        ({"where": "m1>0"}, None, "m1>0", len(GRID)),
        ({"only": "sig_*", "where": "m1>0"}, "sig_*", "m1>0", len(GRID)),
        ({"where": "m1>1e9"}, None, "m1>1e9", 0),  # all hypotheses are of an earlier scan into the same folder
        ({"only": "other_*"}, "other_*", None, 0),
        ({"where": "m9==1"}, None, "m9==1", None),  # a label that another region has
    ],
)
def test_a_part(options: dict[str, Any], only: str | None, where: str | None, selected: int | None) -> None:
    assert of_hypotheses(NAMES, GRID, PALLET, options) == Selection(len(GRID), len(GRID) + 5, only, where, selected)


def test_other_points_in_the_folder_are_told_where_all_of_the_pallet_are_there() -> None:
    whole = {**PALLET, "hypotheses": len(GRID)}
    assert of_hypotheses(NAMES, GRID, whole, {"only": NAMES[0]}) == Selection(len(GRID), len(GRID), NAMES[0], None, 1)


def test_the_whole_pallet_is_no_part() -> None:
    assert of_hypotheses(NAMES, GRID, {**PALLET, "hypotheses": len(GRID)}, {"where": "m1>0"}) is None
    assert of_hypotheses(NAMES, GRID, PALLET, {"where": None, "only": None}) is None


def test_failures_count_as_hypotheses_of_the_run() -> None:
    scan: Any = scan_of(GRID, lambda x, y: 1.0)
    failure = {"name": "f", "values": [1, 2], "reason": "x"}
    changed = {"results": PackedResults(scan["results"]), "failures": [failure], "options": {"where": "m1>0"}}
    part: Any = {**scan, "pallet": {**scan["pallet"], **PALLET}, **changed}
    assert of_scan(part) == Selection(len(GRID) + 1, len(GRID) + 5, None, "m1>0", len(GRID) + 1)


def test_words() -> None:
    part = Selection(15, 64, "ERJR_*", "mn2<=150", 15)
    assert part.caption() == "Only 15 of 64 hypotheses: mn2<=150; name ERJR_*"
    assert part.row() == "15 of 64 hypotheses (--where 'mn2<=150' --only 'ERJR_*')"
    mixed = Selection(217, 217, None, "mn1==60", 130)
    assert mixed.caption() == ""  # the whole pallet is drawn
    assert Selection(217, 218, None, "mn1==60", 130).caption() == "130 hypotheses with mn1==60, and 87 others"
    assert mixed.row() == (
        "130 of 217 hypotheses (--where mn1==60); table and picture also contain 87 others in this folder; -o NEW leaves them out"
    )
    assert "1 other in this folder" in Selection(2, 2, "a", None, 1).row()
    assert Selection(15, 64).caption() == "Only 15 of 64 hypotheses"
    assert Selection(15, 64).row() == "15 of 64 hypotheses, from scans with different --where or --only"
    # Where the number of all hypotheses is not known.
    assert Selection(15, None, None, "mn1==60", 15).caption() == "Only 15 hypotheses: mn1==60"
    assert Selection(15, None, None, "mn1==60", 15).row() == "15 hypotheses (--where mn1==60)"
