"""The job "cls": CLs of each hypothesis, for its natural, admissible and lowest minima.

A record holds the numbers of each choice of minima, and ``solutions``, from which other hypotheses can start: the parameters'
names and, for each fit, the best-fit values of the minima on which the choices depend. The task's inputs are ``known``, by key
the solutions that a hypothesis has, ``shifts``, the minima of others as changes of the parameters from the natural minimum, and
``draws``, the first and the number of further draws; ``changed`` then says whether a minimum was found on which a choice can
depend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypedDict, cast

from msgspec import Meta

from hfx.errors import InputError
from hfx.functions.catalogue import NUMERICS, Job, Unanswered
from hfx.functions.jobs.cls_options import Choice, ClsOptions
from hfx.functions.prepared_hypotheses import Prepared
from hfx.functions.task_content import converted
from hfx.json_types import JsonObject, JsonValue, LabelValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hfx.hf_core.fits.model import Model
    from hfx.hf_core.inference.cls import Answer, Known, Offered, Outcome

    Array = NDArray[np.float64]

__all__ = [
    "CHOICES",
    "FIT_NAMES",
    "JOB",
    "LOCAL_DRAWS",
    "ChoiceRecord",
    "ClsResult",
    "FitRecord",
    "Solutions",
    "project",
]

FIT_NAMES = ("bkg", "fixed", "free", "asimov_fixed")
CHOICES: tuple[Choice, ...] = ("natural", "admissible", "lowest")
LOCAL_DRAWS = 2
"""Draws of each fit to the published data in the local search."""

_AT_BOUND = 5
"""Parameters of a fit that a record names as those that lie on a bound."""
_IMPROVED = 1e-8  # in 2NLL
_FEWER = 1e-4  # events of negative yields
_Count = Annotated[int, Meta(ge=0, le=10**9)]
_Decided = Annotated[list[float], Meta(min_length=3, max_length=3)]


class Solution(TypedDict):
    """The minima of one fit on which the choices depend: parameter values, and for each choice which one it takes, its deviance,
    and ``decided``, the minima from which it was chosen, the natural one first: index, deviance and negative yields (events).

    Of the starts that were ``drawn`` from the constraint terms, ``hits`` reached each of them; ``iterations`` are the steps of
    the fits that did. ``found``: how many minima are known in all; ``sound``: whether the natural start converged.
    """

    theta: list[list[float]]
    choice: dict[str, int]
    deviance: dict[str, float]
    decided: dict[str, list[_Decided]]
    drawn: int
    hits: list[int]
    iterations: list[int]
    found: int
    sound: bool


class Solutions(TypedDict):
    """The minima of all fits of a hypothesis, from which others can start; the prior widths of its parameters, and the name of
    the parameter of interest. After a round of the exchange: whether a minimum on which a choice can depend was added
    (``changed``), or ``lost``."""

    parameters: list[str]
    widths: list[float]
    poi: str
    minima: dict[str, Solution]
    changed: bool
    lost: bool


@dataclass(frozen=True)
class _Inputs:
    """The inputs of a task: those of the local search have none."""

    known: dict[str, Solutions] | None = None
    shifts: list[dict[str, float]] = field(default_factory=list)
    draws: tuple[_Count, _Count] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """One fit of a result: 2NLL with all constants, estimated distance to the minimum in 2NLL (None: not converged), number of
    iterations and of minima found, and by how much the minimum lies below the natural one (negative: above; None for Asimov
    data). ``drawn``: the number of starting points that were drawn from the constraint terms; ``hits``: how many of
    them reached this minimum, where it is not the natural one (draws that cannot get below that one are abandoned).
    ``at_bound``: the bounds of the first parameters that lie on one, not of the parameter of interest; not for Asimov data."""

    twice_nll: float | None = None
    edm: float | None = None
    iterations: int | None = None
    minima: int | None = None
    improved: float | None = None
    drawn: int | None = None
    hits: int | None = None
    at_bound: Mapping[str, float] = field(default_factory=dict)


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
    at_bound: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClsResult:
    """A result as scan.json holds it. ``region``, ``missing_in`` and ``by_region`` are those of a combination of regions."""

    name: str
    values: Sequence[LabelValue]
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
        chosen["fits"] = {name: _projected_fit(name, record, part, minima) for name in cast(JsonObject, part["twice_nll"])}
    first = {key: record[key] for key in ("key", "name", "values") if key in record}
    return {**first, **chosen, **{key: value for key, value in record.items() if key not in chosen}}


def _projected_fit(name: str, record: Mapping[str, JsonValue], part: JsonObject, choice: str) -> JsonObject:
    """One fit at the minimum of `part`, the record's `choice`."""
    twice_nll = _by_fit(part, "twice_nll")[name]
    # The Asimov data are those of the choice's own background fit: values of two choices do not compare.
    natural = cast(JsonObject, record["natural"])
    below = _by_fit(natural, "twice_nll")[name] - twice_nll
    improved = None if name == "asimov_fixed" else below if abs(below) > _IMPROVED else 0.0
    own: JsonObject = {key: _by_fit(part, key)[name] for key in ("edm", "iterations", "minima") if key in part}
    if at_bound := cast(JsonObject, part.get("at_bound") or {}).get(name):
        own["at_bound"] = at_bound
    solutions = cast(JsonObject, record.get("solutions") or {})
    fit = cast(dict[str, "Solution"], solutions.get("minima") or {}).get(name)
    if fit is not None and "decided" in fit:
        place, first = fit["choice"][choice], fit["decided"][choice][0][0]
        own = {**own, "drawn": fit["drawn"], "hits": None if place == first else fit["hits"][place]}
    return {"twice_nll": twice_nll, **own, "improved": improved}


def _by_fit(part: JsonObject, key: str) -> dict[str, float]:
    return cast(dict[str, float], part[key])


def _answer(prepared: Prepared[ClsOptions], inputs: JsonObject) -> Sequence[JsonObject | Unanswered]:
    from hfx.hf_core.inference.cls import hypotest

    model, options = prepared.model, prepared.options
    given = converted(inputs, _Inputs)
    known = given.known or {}
    minima = offered = None
    if given.known is not None:
        try:
            minima = {h: _known(model, h, known[unit.key]) for h, unit in enumerate(prepared.units)}
        except (LookupError, ValueError):  # of a key that is missing, of values that are no vector
            raise InputError(
                "the task's minima are those of other hypotheses; install the same hfx for client and workers"
            ) from None
        offered = _offered(model, given)
    outcomes = hypotest(
        model,
        mu=float(options.mu),
        test_stat=options.test_stat,
        starts=options.starts,
        draws=LOCAL_DRAWS,
        threads=prepared.threads,
        known=minima,
        offered=offered,
    )
    return [
        _content(model, h, outcome, known.get(unit.key))
        for h, (unit, outcome) in enumerate(zip(prepared.units, outcomes, strict=True))
    ]


def _faults(prepared: Prepared[ClsOptions]) -> Sequence[str | None]:
    """Why each hypothesis would have no answer, told without a fit; torch is imported where compiling would take longer."""
    from hfx.hf_core.cpu.kernel import is_compiled
    from hfx.hf_core.fits.model import Model
    from hfx.hf_core.inference.cls import defect

    model = Model(prepared.batch, "compiled" if is_compiled() else "torch")
    return [defect(model, h, float(prepared.options.mu)) for h in range(len(model.batch))]


def _known(model: Model, h: int, solutions: Solutions) -> dict[str, Known]:
    """The solutions of hypothesis ``h``, in the order of its parameters."""
    import numpy as np

    from hfx.hf_core.inference.cls import Known

    if {*solutions["minima"]} != {*FIT_NAMES} or not all(map(_is_whole, solutions["minima"].values())):
        raise KeyError("minima")
    place = {name: i for i, name in enumerate(solutions["parameters"])}
    order = [place[name] for name in model.batch.labels[h]]
    return {
        name: Known(
            thetas=[np.asarray(theta)[order] for theta in fit["theta"]],
            hits=fit["hits"],
            iterations=fit["iterations"],
            decided={},  # again by the fits that start from them
            drawn=fit["drawn"],
            found=fit["found"],
            sound=fit["sound"],
        )
        for name, fit in solutions["minima"].items()
    }


def _is_whole(fit: Solution) -> bool:
    """Whether each minimum of a fit has its counts, and each choice the minima that it was made from."""
    counts = {len(fit["theta"]), len(fit["hits"]), len(fit["iterations"])}
    return 0 not in counts and len(counts) == 1 and {*fit["decided"]} >= {*CHOICES}


def _offered(model: Model, inputs: _Inputs) -> Offered:
    """The shifts in the order of each hypothesis' parameters; a parameter that they lack is not moved."""
    import numpy as np

    from hfx.hf_core.inference.cls import Offered

    given = inputs.shifts
    by_labels: dict[tuple[str, ...], list[Array]] = {}  # most hypotheses have the same parameters
    for labels in map(tuple, model.batch.labels):
        if labels not in by_labels:
            index = {name: i for i, name in enumerate(labels)}
            by_labels[labels] = [np.zeros(len(labels)) for _ in given]
            for shift, one in zip(by_labels[labels], given, strict=True):
                known = [name for name in one if name in index]
                shift[[index[name] for name in known]] = [one[name] for name in known]
    shifts = {h: by_labels[tuple(labels)] for h, labels in enumerate(model.batch.labels)}
    first, draws = inputs.draws
    return Offered(shifts, first, draws)


def _content(model: Model, h: int, outcome: Outcome, known: Solutions | None) -> JsonObject | Unanswered:
    """The content of a record; with `known` solutions it says whether any was added or lost."""
    reason = outcome.defect or _not_finite(outcome.answers.values())
    if reason is not None:
        return Unanswered(reason)
    solutions = _solutions(model, h, outcome)
    if known is not None:
        solutions["changed"] = _is_below(solutions, known)
        solutions["lost"] = _is_below(known, solutions)
        for name, fit in solutions["minima"].items():
            fit["found"] = max(fit["found"], known["minima"][name]["found"])
    counts = {name: fit["found"] for name, fit in solutions["minima"].items()}
    return {
        "natural": _choice(model, h, outcome.answers["natural"], counts),
        "admissible": _choice(model, h, outcome.answers["admissible"], counts),
        "lowest": {**_choice(model, h, outcome.answers["lowest"], counts), "why_not": _why_not(model, h, outcome.answers)},
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


def _choice(model: Model, h: int, answer: Answer, counts: Mapping[str, int]) -> JsonObject:
    """The numbers of one choice of minima, as `ChoiceRecord` has them. ``counts``: the minima that are known of each fit."""
    from hfx.hf_core.fits.bounds import at_bounds

    fits = {name: at_bounds(model, h, fit.theta, _AT_BOUND) for name, fit in answer.fits.items() if name != "asimov_fixed"}
    at_bound: JsonObject = {name: dict(found) for name, found in fits.items() if found}
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
        "minima": dict(counts),
        **({"at_bound": at_bound} if at_bound else {}),
    }


def _solutions(model: Model, h: int, outcome: Outcome) -> Solutions:
    from hfx.hf_core.fits.run import Fits

    minima: dict[str, Solution] = {}
    for name, known in outcome.known.items():
        index = {id(theta): i for i, theta in enumerate(known.thetas)}
        minima[name] = {
            "theta": [theta.tolist() for theta in known.thetas],
            "choice": {choice: index[id(answer.fits[name].theta)] for choice, answer in outcome.answers.items()},
            "deviance": {choice: answer.fits[name].deviance for choice, answer in outcome.answers.items()},
            "decided": {choice: [list(one) for one in minima] for choice, minima in known.decided.items()},
            "drawn": known.drawn,
            "hits": list(known.hits),
            "iterations": list(known.iterations),
            "found": known.found,
            "sound": known.sound,
        }
    labels = model.batch.labels[h]
    widths = Fits(model).scale(h)[: len(labels)].tolist()
    poi = labels[model.batch.poi[h]]
    return {"parameters": list(labels), "widths": widths, "poi": poi, "minima": minima, "changed": False, "lost": False}


def _is_below(one: Solutions, other: Solutions) -> bool:
    """Whether any fit has a minimum that is lower than each of the other's, or has fewer negative yields than all lower ones."""
    return any(
        all(
            known > deviance + _IMPROVED or known_negative > negative + _FEWER
            for _, known, known_negative in other["minima"][name]["decided"][choice]
        )
        for name in FIT_NAMES
        for choice in ("admissible", "lowest")
        for _, deviance, negative in one["minima"][name]["decided"][choice]
    )


def _why_not(model: Model, h: int, answers: Mapping[str, Answer]) -> str | None:
    """Why the lowest minimum is not the admissible one: which fit, how much lower, which sample and bin is negative."""
    import numpy as np

    reasons = []
    for name, lowest in answers["lowest"].fits.items():
        admissible = answers["admissible"].fits[name]
        other_data = name == "asimov_fixed" and answers["lowest"].fits["bkg"] is not answers["admissible"].fits["bkg"]
        if lowest is admissible or other_data:  # the background fits that make other Asimov data are named
            continue
        theta = np.repeat(model.batch.init[h][None, :], 2, axis=0)
        theta[:, : len(lowest.theta)] = lowest.theta, admissible.theta
        yields, _ = model.yields(np.array([h, h], dtype=np.int64), theta)
        lower = admissible.deviance - lowest.deviance
        worst = int(np.argmin(np.minimum(yields[0], 0.0) - np.minimum(yields[1], 0.0)))
        where = model.cell_name(h, worst)
        events = f"{yields[0, worst]:.4g} events (in the admissible minimum {yields[1, worst]:.4g})"
        reasons.append(f"{name}: {lower:.4g} lower in 2NLL, with {where} at {events}")
    return "; ".join(reasons) or None


JOB = Job(name="cls", version=4, numerics=NUMERICS, options=ClsOptions, answer=_answer, faults=_faults)
