"""CLs as a question: the numbers that pictures and tables take of a result, the columns, and the rows of the summary table."""

from typing import Any

import numpy as np
import pytest

from hfx.driver.questions.cls import Cls, ClsBrief
from hfx.driver.questions.exclusion import LEVEL, SURFACE, significance
from hfx.functions.jobs.cls_options import ClsOptions

QUESTION = Cls(ClsOptions())
EXPECTED = [0.1, 0.2, 0.3, 0.4, 0.5]


def result(name: str, natural: float | None, lowest: float | None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "values": [1, 2.5],
        "status": "converged",
        "CLs_obs": natural,
        "CLs_exp": EXPECTED,
        "natural": {"CLs_obs": natural, "CLs_exp": EXPECTED},
        "lowest": {"CLs_obs": lowest, "CLs_exp": EXPECTED},
        **more,
    }


def brief(*given: Any, **more: Any) -> ClsBrief:
    return QUESTION.brief(QUESTION.read(result(*given, **more)))


def test_the_numbers_are_those_of_the_surface() -> None:
    found = brief("a", 0.04, 0.04)
    assert found.numbers == (0.04, *EXPECTED)
    assert len(found.numbers) == len(SURFACE.curves)
    assert found.numbers[SURFACE.column("expected")] == 0.3
    assert (found.minima_differ, found.changed_by, found.remarks) == (0.0, None, ())
    assert SURFACE.excludes(0.04)
    assert not SURFACE.excludes(LEVEL)
    assert not SURFACE.excludes(None)


def test_a_difference_between_minima_is_a_remark() -> None:
    found = brief("b", 0.04, 0.3)
    assert found.minima_differ == pytest.approx(0.26)
    assert found.changed_by == ("lowest", 0.3)
    assert found.remarks == ("Minima differ: CLs observed 0.04 (natural), 0.3 (lowest).",)


def test_missing_numbers_do_not_differ() -> None:
    found = brief("c", None, 0.3, status="fixed: step limit", CLs_exp=[])
    assert found.numbers == (None,) * 6
    assert (found.minima_differ, found.changed_by, found.converged) == (0.0, None, False)


def test_a_combination_of_regions() -> None:
    by_region = {"A": {"CLs_obs": 0.2, "CLs_exp": EXPECTED}, "B": {"CLs_obs": 0.3, "CLs_exp": EXPECTED}}
    found = brief("d", 0.2, 0.2, region="A", missing_in=["C"], by_region=by_region)
    assert (found.region, found.missing_in) == ("A", ("C",))
    assert found.by_region == {"A": (0.2, *EXPECTED), "B": (0.3, *EXPECTED)}
    assert QUESTION.by_region(found) == {"CLs_obs": 0.2, "CLs_exp": EXPECTED}


def test_a_line_is_read_whatever_else_it_holds_and_in_any_order() -> None:
    line = (
        b'{"solutions": {"parameters": ["mu"]}, "step": "local", "values": [1], '
        b'"status": "converged", "CLs_obs": 0.5, "name": "e"}'
    )
    assert QUESTION.read_line(line).CLs_obs == 0.5
    for wrong in (b"torn", b"3", b'{"name": 3, "values": [], "status": "converged"}'):
        with pytest.raises(ValueError, match=r"."):
            QUESTION.read_line(wrong)


def test_the_closing_table_s_rows() -> None:
    briefs = [brief("a", 0.04, 0.04), brief("b", 0.04, 0.3), brief("c", 0.2, 0.4)]
    rows = dict(QUESTION.summary(briefs))
    assert rows["expected CLs"] == ""
    assert rows["minima differ"] == (
        "the exclusion of 1 hypothesis depends on the choice among several minima: b is excluded with the admissible minima (CLs "
        "0.04), but not excluded with --minima lowest (CLs 0.3); the default (admissible) leaves out minima with avoidable "
        "negative yields"
    )
    assert "CLs of c changes by up to 0.2" in dict(QUESTION.summary(briefs, verbose=True))["minima differ"]
    # Where no exclusion depends on the choice, only experts want to know.
    assert dict(QUESTION.summary([briefs[0], briefs[2]]))["minima differ"] == ""
    assert dict(QUESTION.summary([briefs[0], briefs[2]], verbose=True))["minima differ"].startswith(
        "nothing to do: for 1 hypothesis CLs depends on the choice among several minima (by up to 0.2), but it never changes "
        "between excluded and not excluded"
    )
    assert dict(QUESTION.summary([briefs[2], brief("d", 0.2, 0.3)], verbose=True))["minima differ"].startswith(
        "nothing to do: for 2 hypotheses CLs depends on the choice among several minima (by up to 0.2), but none changes between "
        "excluded and not excluded"
    )


def test_a_single_hypothesis_has_its_numbers_in_a_row() -> None:
    rows = dict(QUESTION.summary([brief("a", 0.04, 0.04, muhat=0.25)]))
    assert rows["expected CLs"] == "0.3 (median; 0.2 to 0.4 within 1 sigma, 0.1 to 0.5 within 2 sigma); best-fit mu 0.25"


def test_a_picture_says_which_signal_was_tested() -> None:
    assert QUESTION.surface == SURFACE
    scaled = Cls(ClsOptions(mu=2.0, signal_scale=1.1)).surface
    assert scaled is not None
    assert scaled.remark == r"$\mu = 2$, signal yields $\times\,1.1$"


def test_the_scale_of_the_contour_keeps_the_order_and_the_level() -> None:
    scale = significance(np.array([1e-320, 0.01, LEVEL, 0.5, 1.0]))
    assert (scale[:-1] > scale[1:]).all()
    assert scale[2] == pytest.approx(1.6448536, abs=1e-6)


def test_equal_questions_have_equal_options() -> None:
    assert Cls(ClsOptions()) == QUESTION != Cls(ClsOptions(mu=2.0))
