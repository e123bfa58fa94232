"""The verdict of a scan in one sentence."""

from hfx.driver.questions.base import Brief, Surface
from hfx.driver.questions.cls import Cls
from hfx.driver.views import verdict
from hfx.functions.jobs.cls_options import ClsOptions


def brief(name: str, observed: float, expected: float, status: str = "converged") -> Brief:
    return Brief(name=name, values=(1.0,), status=status, numbers=(observed, 0.0, 0.01, expected, 0.2, 0.3))


def sentence(*results: Brief, failed: int = 0, surface: Surface | None = None) -> str:
    question = Cls(ClsOptions())
    if surface is not None:
        question.surface = surface
    return verdict.sentence(question, results, failed)


def test_of_several_the_numbers_observed_and_expected() -> None:
    results = [brief("a", 0.01, 0.02), brief("b", 0.07, 0.04), brief("c", 0.5, 0.6)]
    expected = "at 95 % confidence level (CLs < 0.05); expected (median): 2"
    assert sentence(*results) == f"1 of 3 hypotheses is excluded {expected}"
    slow = brief("d", 0.01, 0.02, "fixed: step limit")
    assert sentence(*results, slow, failed=2) == f"1 of 3 fitted hypotheses is excluded {expected}"


def test_of_one_its_numbers_and_whether_it_is_excluded() -> None:
    assert sentence(brief("a", 0.07, 0.04)) == (
        "a is not excluded at 95 % confidence level (CLs < 0.05): observed CLs 0.07, expected CLs 0.04 (median)"
    )
    assert sentence(brief("a", 0.01, 0.04)).startswith("a is excluded at 95 % confidence level")
    assert sentence(brief("a", 0.01, 0.04), failed=1).startswith("the one fitted hypothesis is excluded at 95 %")
    assert sentence(brief("a", 0.07, 0.04), failed=1).startswith("the one fitted hypothesis is not excluded at 95 %")


def test_without_a_level_or_a_result_there_is_no_exclusion() -> None:
    surface = Surface(name="yield", curves=("expected",))
    assert sentence(brief("a", 1.0, 1.0), brief("b", 1.0, 1.0), failed=1, surface=surface) == "2 of 3 hypotheses have a result"
    assert sentence(brief("a", 0.1, 0.1, "fixed: step limit")) == "no hypothesis has a result that can be used"
    few = Surface(name="yield", curves=("expected",), level=2.0)
    assert sentence(brief("a", 1.0, 1.0), brief("b", 3.0, 1.0), surface=few) == (
        "1 of 2 hypotheses is excluded (expected yield < 2)"
    )
