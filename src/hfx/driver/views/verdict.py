"""The verdict of a scan in one sentence: how many hypotheses are excluded, or whether the only one is."""

from collections.abc import Sequence

from hfx.driver.questions.base import AnyQuestion, Brief, Surface
from hfx.driver.questions.catalogue import of_run
from hfx.driver.questions.scan_content import briefs, gaps
from hfx.driver.run.file_types import ScanContent

__all__ = ["of_scan", "sentence"]


def of_scan(scan: ScanContent) -> str:
    """The verdict of a scan."""
    return sentence(of_run(scan), briefs(scan), len(gaps(scan)))


def sentence(question: AnyQuestion, results: Sequence[Brief], failed: int) -> str:
    """The verdict on these results; `failed`: how many more hypotheses have none."""
    surface, good = question.surface, [result for result in results if result.converged]
    total = len(results) + failed
    if not good:
        return "no hypothesis has a result that can be used"
    if surface is None or surface.level is None:
        return f"{len(good)} of {_hypotheses(total)} {'has' if len(good) == 1 else 'have'} a result"
    if total == 1:
        return _single(good[0], surface)
    whole = _hypotheses(total) if len(good) == total else _hypotheses(len(good), "fitted ")
    first, *median = _curves(surface)
    excluded = _count(good, surface, first)
    subject = f"the one {whole[2:]} is{'' if excluded else ' not'}" if len(good) == 1 else _are(excluded, f" of {whole}")
    text = f"{subject} excluded {_criterion(surface, first)}"
    return "; ".join([text, *(f"expected (median): {_count(good, surface, curve)}" for curve in median)])


def _single(result: Brief, surface: Surface) -> str:
    first, *median = _curves(surface)
    value = result.numbers[surface.column(first)]
    text = f"{result.name} is {'' if surface.excludes(value) else 'not '}excluded {_criterion(surface, first)}"
    numbers = [f"{curve} {surface.name} {_rounded(result.numbers[surface.column(curve)])}" for curve in (first, *median)]
    return f"{text}: {', '.join(numbers)}{' (median)' if median else ''}"


def _criterion(surface: Surface, curve: str) -> str:
    """The criterion, as "at 95 % confidence level (CLs < 0.05)"; the curve is named where it is not the observed one."""
    named = "" if curve == "observed" else f"{curve} "
    return f"{surface.criterion} ({named}{surface.name} < {surface.level:g})".lstrip()


def _curves(surface: Surface) -> list[str]:
    """The curve that decides, and the median where there is one."""
    return list(dict.fromkeys((surface.curves[0], surface.median or surface.curves[0])))


def _count(results: Sequence[Brief], surface: Surface, curve: str) -> int:
    return sum(surface.excludes(result.numbers[surface.column(curve)]) for result in results)


def _are(count: int, of: str = "") -> str:
    return f"{count}{of} {'is' if count == 1 else 'are'}"


def _hypotheses(count: int, kind: str = "") -> str:
    return f"1 {kind}hypothesis" if count == 1 else f"{count} {kind}hypotheses"


def _rounded(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
