"""Sentences about hypotheses without a result: those that failed, and those that have no signal, which is no failure."""

from collections.abc import Sequence

from hfx.driver.questions.base import FEW, MANY, listed
from hfx.driver.run.file_types import Failure
from hfx.hf_core.reasons import no_signal
from hfx.printable import short

__all__ = ["first_of", "rows", "sentence"]


def sentence(name: str, reason: str) -> str:
    """The sentence of the progress about a hypothesis that gets no result."""
    why = no_signal(reason)
    name = short(name)
    return f"{name} failed: {reason}" if why is None else f"{name} has no signal here and is left out ({why})"


def rows(failures: Sequence[Failure], results: int, region: str | None, verbose: bool) -> list[tuple[str, str]]:
    """The rows of the summary table on hypotheses without a result, beside so many that have one.

    Where none has a signal, the parameter of interest is wrong rather than the signals: then all of them failed.
    """
    bare = [failure for failure in failures if no_signal(failure["reason"]) is not None] if results else []
    failed = [failure for failure in failures if failure not in bare]
    total = results + len(failures)
    return [("failed", _failed(failed, total, verbose)), ("no signal", _without_signal(bare, total, region, verbose))]


def _failed(failures: Sequence[Failure], total: int, verbose: bool) -> str:
    """The hypotheses that failed, and the reasons."""
    if not failures:
        return ""
    named = _named([(failure["name"], failure["reason"]) for failure in failures], verbose)
    return f"{len(failures)} of {total}{named}; once this is corrected, the same command fits them"


def _without_signal(failures: Sequence[Failure], total: int, region: str | None, verbose: bool) -> str:
    """The hypotheses without a signal, and the reasons."""
    if not failures:
        return ""
    named = _named([(failure["name"], no_signal(failure["reason"]) or "") for failure in failures], verbose)
    where = f" in {region}" if region and region != "all" else ""
    return f"{len(failures)} of {total}{where}{named}; nothing to do"


def _named(failures: Sequence[tuple[str, str]], verbose: bool) -> str:
    """Names and reasons; a reason that all have is given once."""
    names, reasons = [short(name) for name, _ in failures], {reason for _, reason in failures}
    if len(reasons) == 1 and len(failures) > 1:
        return f" ({reasons.pop()}): {first_of(names, verbose, ', ')}"
    return f": {first_of([f'{short(name)} ({reason})' for name, reason in failures], verbose)}"


def first_of(items: Sequence[str], verbose: bool, separator: str = "; ") -> str:
    """The first items, how many more there are, and where all are listed."""
    most = MANY if verbose else FEW
    return listed(items, most, separator) + (" (scan.json lists all)" if len(items) > most else "")
