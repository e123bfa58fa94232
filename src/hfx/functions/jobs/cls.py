"""The job "cls": CLs of each hypothesis, for its natural, admissible and lowest minima.

A record holds the numbers of each choice of minima, and ``solutions``, from which other hypotheses can start: the parameters'
names and, for each fit, the best-fit values of the minima that the choices take. The task's inputs are ``known``, by key the
solutions that a hypothesis has, and ``neighbours``, by key those of its neighbours; ``changed`` then says whether any minimum was
improved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, cast

from hfx.functions.catalogue import NUMERICS, Job, Unanswered
from hfx.functions.jobs.cls_options import Choice, ClsOptions
from hfx.functions.prepared_hypotheses import Prepared
from hfx.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hfx.hf_core.fits.model import Model
    from hfx.hf_core.inference.cls import Answer, Outcome

    Array = NDArray[np.float64]
    Seeds = Mapping[str, Sequence[Array]]

__all__ = [
    "CHOICES",
    "FIT_NAMES",
    "JOB",
    "ChoiceRecord",
    "ClsResult",
    "FitRecord",
    "Solutions",
    "project",
]

FIT_NAMES = ("bkg", "fixed", "free", "asimov_fixed")
CHOICES: tuple[Choice, ...] = ("natural", "admissible", "lowest")
_DIFFERENT = 1e-8  # in CLs: below this the lowest and the chosen answer agree
_IMPROVED = 1e-8  # in 2NLL


class Solution(TypedDict):
    """The minima of one fit: parameter values, and for each choice which of them it takes and its deviance."""

    theta: list[list[float]]
    choice: dict[str, int]
    deviance: dict[str, float]


class Solutions(TypedDict):
    """The minima of all fits of a hypothesis, from which others can start."""

    parameters: list[str]
    minima: dict[str, Solution]
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """One fit of a result: 2NLL with all constants, estimated distance to the minimum in 2NLL (None: not converged), number of
    iterations and of minima found, and by how much the minimum lies below the natural one (None for Asimov data)."""

    twice_nll: float | None = None
    edm: float | None = None
    iterations: int | None = None
    minima: int | None = None
    improved: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRecord:
    """The numbers of one choice of minima; the mappings go by the name of the fit. ``why_not``: why the lowest minima are not
    admissible."""

    CLs_obs: float | None = None
    CLs_exp: Sequence[float | None] = ()
    CLsb_obs: float | None = None
    CLb_obs: float | None = None
    muhat: float | None = None
    status: str | None = None
    twice_nll: Mapping[str, float] = field(default_factory=dict)
    edm: Mapping[str, float | None] = field(default_factory=dict)
    iterations: Mapping[str, int] = field(default_factory=dict)
    minima: Mapping[str, int] = field(default_factory=dict)
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClsResult:
    """A result as scan.json holds it. ``region``, ``missing_in`` and ``by_region`` are those of a combination of regions."""

    name: str
    values: Sequence[float]
    status: str
    CLs_obs: float | None = None
    CLs_exp: Sequence[float | None] = ()
    CLsb_obs: float | None = None
    CLb_obs: float | None = None
    muhat: float | None = None
    edm: float | None = None
    fits: Mapping[str, FitRecord] = field(default_factory=dict)
    natural: ChoiceRecord | None = None
    admissible: ChoiceRecord | None = None
    lowest: ChoiceRecord | None = None
    seconds: float | None = None
    worker: str = ""
    region: str | None = None
    missing_in: Sequence[str] = ()
    by_region: Mapping[str, ChoiceRecord] = field(default_factory=dict)


def project(record: Mapping[str, JsonValue], minima: str) -> JsonObject:
    """A record with the numbers of one choice of minima in front: ``CLs_obs``, ``CLs_exp``, ..., ``edm`` and ``fits``.

    The one place where this choice is made: records hold all three. What a record lacks keeps its value.
    """
    part = cast(JsonObject, record.get(minima) or {})
    chosen: JsonObject = {
        key: part[key] for key in ("CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status") if key in part
    }
    edms = part.get("edm")
    if isinstance(edms, dict):
        values = cast(dict[str, float | None], edms).values()
        # null: a fit that did not converge has none
        chosen["edm"] = None if any(edm is None for edm in values) else max(edm for edm in values if edm is not None)
        chosen["fits"] = {name: _projected_fit(name, record, part) for name in cast(JsonObject, part["twice_nll"])}
    first = {key: record[key] for key in ("key", "name", "values") if key in record}
    return {**first, **chosen, **{key: value for key, value in record.items() if key not in chosen}}


def _projected_fit(name: str, record: Mapping[str, JsonValue], part: JsonObject) -> JsonObject:
    """One fit at the minimum of `part`, a choice of the record."""
    twice_nll = _by_fit(part, "twice_nll")[name]
    # The Asimov data are those of the choice's own background fit: values of two choices do not compare.
    natural = cast(JsonObject, record["natural"])
    improved = None if name == "asimov_fixed" else max(0.0, _by_fit(natural, "twice_nll")[name] - twice_nll)
    own: JsonObject = {key: _by_fit(part, key)[name] for key in ("edm", "iterations", "minima") if key in part}
    return {"twice_nll": twice_nll, **own, "improved": improved}


def _by_fit(part: JsonObject, key: str) -> dict[str, float]:
    return cast(dict[str, float], part[key])


def _answer(prepared: Prepared[ClsOptions], inputs: JsonObject) -> Sequence[JsonObject | Unanswered]:
    from hfx.hf_core.inference.cls import hypotest

    model, options = prepared.model, prepared.options
    known = cast(dict[str, Solutions], inputs.get("known") or {})
    seeds = exchange = None
    if "known" in inputs:
        neighbours = cast(dict[str, list[Solutions]], inputs.get("neighbours") or {})
        seeds = {h: _seeds(model, h, known[unit.key]) for h, unit in enumerate(prepared.units)}
        exchange = {
            h: [_seeds(model, h, solutions) for solutions in neighbours.get(unit.key, ())]
            for h, unit in enumerate(prepared.units)
        }
    outcomes = hypotest(
        model,
        mu=float(options.mu),
        test_stat=options.test_stat,
        starts=options.starts,
        threads=prepared.threads,
        seeds=seeds,
        exchange=exchange,
    )
    return [
        _content(model, h, outcome, known.get(unit.key))
        for h, (unit, outcome) in enumerate(zip(prepared.units, outcomes, strict=True))
    ]


def _seeds(model: Model, h: int, solutions: Solutions) -> Seeds:
    """The solutions' parameters in the order of hypothesis ``h``; a parameter that they lack stays at its initial value."""
    import numpy as np

    labels = model.batch.labels[h]
    index = {name: i for i, name in enumerate(solutions["parameters"])}
    here = [i for i, name in enumerate(labels) if name in index]
    there = [index[labels[i]] for i in here]
    seeds: dict[str, list[Array]] = {}
    for name in FIT_NAMES:
        seeds[name] = []
        for theta in solutions["minima"][name]["theta"]:
            start = model.batch.init[h][: len(labels)].copy()
            start[here] = np.asarray(theta)[there]
            seeds[name].append(start)
    return seeds


def _content(model: Model, h: int, outcome: Outcome, known: Solutions | None) -> JsonObject | Unanswered:
    """The content of a record; with `known` solutions it says whether any was improved."""
    reason = outcome.defect or _not_finite(outcome.answers.values())
    if reason is not None:
        return Unanswered(reason)
    solutions = _solutions(model.batch.labels[h], outcome)
    if known is not None:
        solutions["changed"] = _improved(known, solutions)
    lowest = {**_choice(outcome, "lowest"), "why_not": _why_not(model, h, outcome.answers)}
    return {
        "natural": _choice(outcome, "natural"),
        "admissible": _choice(outcome, "admissible"),
        "lowest": lowest,
        "solutions": cast(JsonObject, solutions),
    }


def _not_finite(answers: Iterable[Answer]) -> str | None:
    """The reason why a hypothesis has no numbers: a likelihood that is not finite where the fits begin."""
    for answer in answers:
        if not all(map(math.isfinite, (*answer.CLs_exp, answer.CLs_obs, answer.muhat, *answer.twice_nll.values()))):
            return str(answer.status)
    return None


def _finite(edm: float) -> float | None:
    """null where a fit that did not converge has no EDM: JSON knows no infinity."""
    return edm if math.isfinite(edm) else None


def _choice(outcome: Outcome, choice: Choice) -> JsonObject:
    """The numbers of one choice of minima, as `ChoiceRecord` has them."""
    answer = outcome.answers[choice]
    return {
        "CLs_obs": answer.CLs_obs,
        "CLs_exp": list(answer.CLs_exp),
        "CLsb_obs": answer.CLsb_obs,
        "CLb_obs": answer.CLb_obs,
        "muhat": answer.muhat,
        "status": answer.status,
        "twice_nll": dict(answer.twice_nll),
        "edm": {name: _finite(fit.edm) for name, fit in answer.fits.items()},
        "iterations": {name: fit.iterations for name, fit in answer.fits.items()},
        "minima": dict(outcome.minima[choice]),
    }


def _solutions(labels: Sequence[str], outcome: Outcome) -> Solutions:
    minima: dict[str, Solution] = {}
    for name in FIT_NAMES:
        thetas = outcome.thetas[name]
        index = {id(theta): i for i, theta in enumerate(thetas)}
        minima[name] = {
            "theta": [theta.tolist() for theta in thetas],
            "choice": {choice: index[id(answer.fits[name].theta)] for choice, answer in outcome.answers.items()},
            "deviance": {choice: answer.fits[name].deviance for choice, answer in outcome.answers.items()},
        }
    return {"parameters": list(labels), "minima": minima, "changed": False}


def _improved(known: Solutions, found: Solutions) -> bool:
    """Whether any fit's admissible or lowest minimum lies lower than before."""
    return any(
        found["minima"][name]["deviance"][choice] < known["minima"][name]["deviance"][choice] - _IMPROVED
        for name in FIT_NAMES
        for choice in ("admissible", "lowest")
    )


def _why_not(model: Model, h: int, answers: Mapping[str, Answer]) -> str | None:
    """Why the lowest minimum is not the admissible one: which fit, how much lower, which sample and bin is negative."""
    import numpy as np

    reasons = []
    for name, lowest in answers["lowest"].fits.items():
        natural, admissible = answers["natural"].fits[name], answers["admissible"].fits[name]
        if lowest is admissible or name == "asimov_fixed":
            continue
        cells = sorted(lowest.negative - natural.negative)
        theta = model.batch.init[h][None, :].copy()
        theta[0, : len(lowest.theta)] = lowest.theta
        yields, _ = model.yields(np.array([h], dtype=np.int64), theta)
        lower = admissible.deviance - lowest.deviance
        worst = min(cells, key=lambda cell: float(yields[0, cell]), default=None)
        if worst is not None:
            where = model.cell_name(h, worst)
            reasons.append(f"{name}: {lower:.4g} lower in 2NLL, with {where} at {yields[0, worst]:.4g} events")
    if not reasons and abs(answers["lowest"].CLs_obs - answers["admissible"].CLs_obs) > _DIFFERENT:
        reasons.append("asimov_fixed: the lowest minimum has a negative sample yield")
    return "; ".join(reasons) or None


JOB = Job(name="cls", version=2, numerics=NUMERICS, options=ClsOptions, answer=_answer)
