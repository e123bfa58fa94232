"""The question of ``hfx scan``: CLs at one value of the parameter of interest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

import msgspec

from hfx.driver.questions.base import FEW, MANY, Brief, Column, Context, Question, Records, Round, Unit, listed
from hfx.driver.questions.exclusion import LEVEL, SURFACE, model_words, tested
from hfx.driver.questions.parameter_bounds import AtBounds, at_bounds, remark, row, words
from hfx.functions.jobs.cls import CHOICES, ChoiceRecord, ClsResult, project
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from hfx.driver.questions.exchange import SearchReport

__all__ = ["Cls", "ClsBrief"]

# Private entries of records: they stand in results.jsonl, not in results.
_PRIVATE = ("key", "job", "version", "step", "solutions")

_FAR_APART = 1e-3
"""In CLs: where two choices of the minima differ by more, the summary table says so."""
_DEFAULT_MINIMA = "the default (admissible) leaves out minima with avoidable negative yields"
# Measured on the published pallets, by megabytes of a workspace as JSON: 3L 0.06 MB: 2.2 ms, sbottom 0.28: 4.2 ms, 1Lbb 1.34:
# 18 ms.
_SECONDS, _SECONDS_A_MEGABYTE = 0.0015, 0.012


@dataclass(frozen=True, kw_only=True, slots=True)
class ClsBrief(Brief):
    """``muhat``: the best-fit mu. ``minima_differ``: the largest difference in CLs between two choices of the minima.
    ``at_bounds``: parameters on their bounds. ``changed_by``: another choice of minima, and its observed CLs, where that excludes
    what the answer does not or the reverse."""

    muhat: float | None = None
    minima_differ: float = 0.0
    at_bounds: AtBounds = field(default_factory=dict)
    changed_by: tuple[str, float] | None = None


def _expected(index: int) -> Callable[[ClsResult], float | None]:
    return lambda result: result.CLs_exp[index] if len(result.CLs_exp) == 5 else None


def _observed(choice: str) -> Callable[[ClsResult], float | None]:
    def value(result: ClsResult) -> float | None:
        part: ChoiceRecord | None = getattr(result, choice)
        return None if part is None else part.CLs_obs

    return value


COLUMNS: tuple[Column[ClsResult], ...] = (
    Column("CLs_obs", "observed CLs", lambda result: result.CLs_obs),
    *(
        Column(f"CLs_exp_{name}", f"expected CLs, {title}", _expected(i))
        for i, (name, title) in enumerate(
            (("m2", "-2 sigma"), ("m1", "-1 sigma"), ("0", "median"), ("p1", "+1 sigma"), ("p2", "+2 sigma"))
        )
    ),
    Column("CLsb_obs", "observed CLs+b", lambda result: result.CLsb_obs),
    Column("CLb_obs", "observed CLb", lambda result: result.CLb_obs),
    Column("muhat", "best-fit mu", lambda result: result.muhat),
    Column("status", "status", lambda result: result.status),
    Column("edm", "estimated distance to the minimum", lambda result: result.edm),
    Column("CLs_obs_natural", "observed CLs of the natural minima", _observed("natural")),
    Column("CLs_obs_admissible", "observed CLs of the admissible minima", _observed("admissible")),
    Column("CLs_obs_lowest", "observed CLs of the lowest minima", _observed("lowest")),
    Column("at_bound", "parameters on a bound", lambda result: words(at_bounds(result))),
)


class Cls(Question[ClsResult]):
    """CLs of every hypothesis: a local search for minima, then rounds in which each starts from the minima of all others."""

    name = "cls"
    job = "cls"
    help = """Fit all hypotheses of a pallet and draw the exclusion contour.

    A pallet is a published likelihood: a background-only HistFactory workspace, and one patch for each signal hypothesis.

    Ctrl-C and SIGTERM stop a scan: it ends the jobs and processes that it started, keeps the results so far, and prints the
    command that continues it. If the terminal is closed (SIGHUP), the scan continues; 'hfx attach' shows it again.

    Exit codes: 0, every hypothesis was fitted and converged; 1, some failed or did not converge, or the picture could not be
    drawn; 2, the pallet, an option or the output folder cannot be used; 130 and 143, the scan was stopped by Ctrl-C or SIGTERM.
    """
    references = ("arXiv:1007.1727",)
    result = ClsResult
    stored_as_result = True
    columns = COLUMNS
    surface = SURFACE
    options: ClsOptions

    def __init__(self, options: ClsOptions) -> None:
        super().__init__(options)
        if remark := tested(options):
            self.surface = replace(SURFACE, remark=remark)

    @classmethod
    def options_type(cls) -> type[ClsOptions]:
        """The type of its options."""
        return ClsOptions

    @classmethod
    def command(cls) -> str:
        """Its command."""
        return "scan"

    def rounds(self, context: Context) -> Generator[Round, Records, JsonObject | None]:
        """The local search of every hypothesis, then the exchange of minima; with ``starts`` 1 the natural minima alone."""
        from hfx.driver.questions.exchange import DEFAULT, THOROUGH, exchange  # with numpy: the command's help needs none

        records = yield Round([Unit(h.name, h.name) for h in context.selected])
        if self.options.starts == 1:
            return None
        names = [key for key in records if records.resumable(key)]
        report = yield from exchange(records, names, THOROUGH if self.options.thorough else DEFAULT)
        return cast(JsonObject, report)

    def stored(self, record: JsonObject) -> JsonObject:
        """The record with the numbers of the chosen minima in front."""
        return project(record, self.options.minima)

    def answer(self, records: Sequence[JsonObject]) -> JsonObject:
        """The result of a hypothesis: its one record, without what the search alone needs."""
        (record,) = records
        return {key: value for key, value in project(record, self.options.minima).items() if key not in _PRIVATE}

    def check_record(self, line: bytes) -> None:
        """Raise `ValueError` for a line of results.jsonl that is not a record as this version writes it."""
        from hfx.driver.questions.cls_record import check

        check(line)

    def brief(self, result: ClsResult) -> ClsBrief:
        """The short form of a result, for tables, pictures and views."""
        differ, bounds = _difference(result), at_bounds(result)
        return ClsBrief(
            name=result.name,
            values=tuple(result.values),
            status=result.status,
            numbers=_numbers(result.CLs_obs, result.CLs_exp),
            worker=result.worker,
            seconds=result.seconds,
            region=result.region,
            missing_in=tuple(result.missing_in),
            by_region={region: _numbers(part.CLs_obs, part.CLs_exp) for region, part in result.by_region.items()},
            remarks=(*((_remark(result),) if differ > _FAR_APART else ()), *remark(bounds)),
            muhat=result.muhat,
            minima_differ=differ,
            at_bounds=bounds,
            changed_by=_changed_by(result),
        )

    def later_rounds(self) -> str:
        """The rounds after the first, in words, for ``--plan``."""
        return "no search, no exchange (--starts 1)" if self.options.starts == 1 else "then the exchange"

    def seconds(self, megabytes: float) -> float:
        """About how long one core works on a hypothesis and its search, in seconds; a guess for other likelihoods and
        machines."""
        return _SECONDS + _SECONDS_A_MEGABYTE * megabytes

    def seconds_note(self) -> str:
        """Without a search it takes a third of that, and there is no exchange. Few hypotheses have more draws each."""
        if self.options.starts == 1:
            return " at most"
        return f", plus the exchange ({'many times as much' if self.options.thorough else 'as much again or more'})"

    def by_region(self, brief: Brief) -> JsonObject:
        """The numbers of one region, as the results of a combination of regions hold them."""
        return {"CLs_obs": brief.numbers[0], "CLs_exp": list(brief.numbers[1:])}

    def summary(self, results: Sequence[Brief], verbose: bool = False) -> list[tuple[str, str]]:
        """The numbers of a single hypothesis, and what the choice of minima changes."""
        bounds = [(one.at_bounds, one.numbers[0]) for one in results if isinstance(one, ClsBrief)]
        return [
            ("expected CLs", _expected_of(results)),
            ("at a bound", row(bounds, verbose, self.options.poi or "mu")),
            ("minima differ", _minima_differ(results, self.options.minima, verbose)),
        ]

    def concluded(self, conclusions: JsonObject, hypotheses: int, verbose: bool = False) -> list[tuple[str, str]]:
        """The estimated chance that a larger search would find other minima, where the search ended too early; with `verbose`
        always. Of a combination, that of the worst region."""
        regions = conclusions.get("regions")
        reports = [_report(one) for one in (regions.values() if isinstance(regions, dict) else [conclusions])]
        reports = [report for report in reports if report["missed"]]
        limited = any(report.get("limited") for report in reports)
        if not reports or not (limited or verbose):
            return []
        chance = max(report.get("hypotheses", max(report["missed"].values())) for report in reports)
        return [("search", _search(chance, sum(report["draws"] for report in reports), hypotheses, limited, self.options))]

    def description(self) -> str:
        """The method and the options, as a sentence without its end, for tables that are published."""
        options = self.options
        given = (
            f"tested mu {options.mu}, signal yields times {options.signal_scale}, test statistic {options.test_stat}, "
            f"minima {options.minima}"
        )
        return ", ".join([f"Asymptotic formulae; {given}", *model_words(options, MANY)])


def _report(content: JsonValue) -> SearchReport:
    """The report of a search from its JSON content; an empty one for another content, as of a file that was edited."""
    from hfx.driver.questions.exchange import SearchReport

    try:
        return msgspec.convert(content, SearchReport)
    except msgspec.ValidationError:
        return {"draws": 0, "missed": {}}


def _numbers(observed: float | None, expected: Sequence[float | None]) -> tuple[float | None, ...]:
    return (observed, *(expected if len(expected) == 5 else (None,) * 5))


def _difference(result: ClsResult) -> float:
    """The largest difference in CLs, observed or expected, between two choices of the minima."""
    parts = [part for part in (result.natural, result.admissible, result.lowest) if part is not None]
    values = [[part.CLs_obs, *part.CLs_exp] for part in parts]
    known = ([value for value in same if value is not None] for same in zip_longest(*values))
    return max((max(same) - min(same) for same in known if same), default=0.0)


def _changed_by(result: ClsResult) -> tuple[str, float] | None:
    """The first choice of minima that excludes what the answer does not, or the reverse, and its observed CLs."""
    if result.CLs_obs is None:
        return None
    for choice in CHOICES:
        part: ChoiceRecord | None = getattr(result, choice)
        if part is not None and part.CLs_obs is not None and (part.CLs_obs < LEVEL) != (result.CLs_obs < LEVEL):
            return choice, part.CLs_obs
    return None


def _remark(result: ClsResult) -> str:
    parts = {choice: getattr(result, choice) for choice in CHOICES}
    values = [f"{_rounded(part.CLs_obs)} ({choice})" for choice, part in parts.items() if part is not None]
    return f"Minima differ: CLs observed {', '.join(values)}."


def _rounded(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _expected_of(results: Sequence[Brief]) -> str:
    """The expected CLs and the best-fit mu of the only hypothesis; empty where there are several."""
    if len(results) != 1 or not isinstance(results[0], ClsBrief) or not results[0].converged:
        return ""
    two_low, one_low, median, one_high, two_high = map(_rounded, results[0].numbers[1:])
    within = f"{one_low} to {one_high} within 1 sigma, {two_low} to {two_high} within 2 sigma"
    return f"{median} (median; {within}); best-fit mu {_rounded(results[0].muhat)}"


def _search(chance: float, draws: int, hypotheses: int, limited: bool, options: ClsOptions) -> str:
    """The search for minima in words; `chance` is the share of hypotheses for which one twice as large would find another."""
    share = f"{100.0 * chance:.2g} %"
    if hypotheses == 1:
        found = f"the chance that a search twice as large finds another minimum is about {share}"
    else:
        found = f"a search twice as large would find another minimum for about {share} of the hypotheses"
    if not limited:
        return f"{draws} random starting points; {found}"
    ended = "the search for minima ended at its limit"
    return f"{ended}: {found}" + ("" if options.thorough else "; --thorough continues it")


def _minima_differ(results: Sequence[Brief], chosen: str, verbose: bool) -> str:
    """The hypotheses of which two choices of the minima give different CLs; first those whose exclusion changes."""
    differing = [brief for brief in results if isinstance(brief, ClsBrief) and brief.minima_differ > _FAR_APART]
    if not differing:
        return ""
    differing.sort(key=lambda brief: (brief.changed_by is None, -brief.minima_differ, brief.name))
    changed = [brief for brief in differing if brief.changed_by is not None]
    shown = [_difference_of(brief, chosen) for brief in (differing if verbose else changed)]
    which = f": {listed(shown, MANY if verbose else FEW, '; ')}" if shown else ""
    if changed:
        count = "1 hypothesis" if len(changed) == 1 else f"{len(changed)} hypotheses"
        return f"the exclusion of {count} depends on the choice among several minima{which}; {_DEFAULT_MINIMA}"
    if not verbose:
        return ""
    count, unchanged = ("1 hypothesis", "it never") if len(differing) == 1 else (f"{len(differing)} hypotheses", "none")
    return (
        f"nothing to do: for {count} CLs depends on the choice among several minima (by up to {differing[0].minima_differ:.2g}), "
        f"but {unchanged} changes between excluded and not excluded{which}"
    )


def _difference_of(brief: ClsBrief, chosen: str) -> str:
    if brief.changed_by is None:
        return f"CLs of {brief.name} changes by up to {brief.minima_differ:.2g}"
    choice, value = brief.changed_by
    now, then = ("not excluded", "excluded") if value < LEVEL else ("excluded", "not excluded")
    return (
        f"{brief.name} is {now} with the {chosen} minima (CLs {brief.numbers[0]:.3g}), but {then} with --minima {choice} "
        f"(CLs {value:.3g})"
    )
