"""The function that a worker runs: CLs of a batch of hypotheses. JSON in, JSON out, pure.

Task::

    {"job": "cls_scan", "version": 1,
     "background": workspace,                        # HistFactory JSON
     "hypotheses": [{"name", "values", "patch"}],    # RFC 6902 operations; "signal_scale" too where it has its own
     "options": {"mu", "signal_scale", "test_stat", "normsys", "histosys", "measurement", "starts", "minima"},
     "known": {name: solutions},                     # for the exchange: what each hypothesis has so far, and
     "neighbours": {name: [solutions, ...]},         # what its neighbours have
     "threads": 1, "device": "cpu"}

Result: ``{"results": [record, ...], "failures": [{"name", "values", "reason"}, ...]}``. A record's ``solutions`` holds the
parameter names and, for each fit, the best-fit values of its natural, admissible and lowest minima; ``changed`` says
whether an exchange improved any of them.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from hfx.errors import HfxError, InputError
from hfx.functions.background import Background
from hfx.pallets.json_patch import apply_patch

__all__ = ["FIT_NAMES", "JOB", "NUMERICS", "VERSION", "run"]

JOB = "cls_scan"
VERSION = 1
NUMERICS = 4  # raised whenever the numbers of a local result change; runs of different numerics are not mixed
FIT_NAMES = ("bkg", "fixed", "free", "asimov_fixed")
_DIFFERENT = 1e-8  # in CLs: below this the lowest and the chosen answer agree


def run(task: Mapping[str, Any]) -> dict[str, Any]:
    """CLs of every hypothesis of ``task``; raises InputError where the task as a whole cannot be used."""
    if task.get("job") != JOB or task.get("version") != VERSION:
        raise InputError(f"task {task.get('job')!r} version {task.get('version')!r}: this worker runs {JOB} {VERSION}")
    begun = time.perf_counter()
    from hfx.hf_core.inference.cls import hypotest

    options, background = task["options"], task["background"]
    with background.preparing if isinstance(background, Background) else nullcontext():
        usable, model, failures = _prepared(task)
    if model is None:
        return {"results": [], "failures": failures}
    batch = model.batch
    names = [hypothesis["name"] for hypothesis in usable]
    seeds = exchange = None
    if "known" in task:
        seeds = {h: _seeds(batch.labels[h], batch.init[h], task["known"][name]) for h, name in enumerate(names)}
        neighbours = task.get("neighbours", {})
        exchange = {
            h: [_seeds(batch.labels[h], batch.init[h], solutions) for solutions in neighbours.get(name, ())]
            for h, name in enumerate(names)
        }
    outcomes = hypotest(
        model,
        mu=float(options.get("mu", 1.0)),
        test_stat=options.get("test_stat", "qtilde"),
        starts=options.get("starts"),
        threads=int(task.get("threads") or 1),
        seeds=seeds,
        exchange=exchange,
    )
    seconds = (time.perf_counter() - begun) / len(usable)
    results = []
    for h, (hypothesis, outcome) in enumerate(zip(usable, outcomes, strict=True)):
        reason = outcome.defect or _not_finite(outcome.answers[options.get("minima", "admissible")])
        if reason is not None:
            failures.append(_failure(hypothesis, reason))
            continue
        results.append(_record(hypothesis, model, h, outcome, options.get("minima", "admissible"), seconds))
        if "known" in task:
            results[-1]["solutions"]["changed"] = _improved(task["known"][hypothesis["name"]], results[-1]["solutions"])
    return {"results": results, "failures": failures}


def _prepared(task: Mapping[str, Any]) -> tuple[list[Any], Any, list[dict[str, Any]]]:
    """The hypotheses that can be fitted, their model (None where there are none), and the failures of the others."""
    from hfx.functions.precompile import together
    from hfx.hf_core.batch.compile import compile_batch
    from hfx.hf_core.fits.model import Model

    options, device = task["options"], task.get("device") or "cpu"
    usable, workspaces, parameters, failures = _decode(task)
    if not usable:
        return usable, None, failures
    codes = {"normsys": options.get("normsys", 4), "histosys": options.get("histosys", "4p")}
    batch = compile_batch(workspaces, **codes, parameters=parameters)
    if device == "cpu":
        together(batch.tables)
    return usable, Model(batch, device=device), failures


def _decode(task: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any], list[dict[str, Any]]]:
    """The hypotheses whose patched workspaces are valid, these workspaces, their parameters, and the failures of the others."""
    from hfx.hf_core.batch.parameters import Parameters
    from hfx.hf_core.decoding import Decoder

    options = task["options"]
    background = task["background"]
    decoder, shared = background.decoder() if isinstance(background, Background) else Decoder(), Parameters()
    usable, workspaces, parameters, failures = [], [], [], []
    for hypothesis in task["hypotheses"]:
        try:
            document = apply_patch(background, hypothesis["patch"])
            workspace = decoder.workspace(document, options.get("measurement"))
            scale = float(options.get("signal_scale", 1.0)) * float(hypothesis.get("signal_scale", 1.0))
            workspace = workspace.with_signal_scaled(scale)
            parameters.append(shared.table(workspace))
        except HfxError as error:
            failures.append(_failure(hypothesis, str(error)))
            continue
        usable.append(hypothesis)
        workspaces.append(workspace)
    return usable, workspaces, parameters, failures


def _not_finite(answer: Any) -> str | None:
    """Why there are no numbers to give: a likelihood that is not finite where the fits begin."""
    numbers = (*answer.CLs_exp, answer.CLs_obs, answer.muhat, *answer.twice_nll.values())
    return None if all(math.isfinite(number) for number in numbers) else str(answer.status)


def _failure(hypothesis: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {"name": hypothesis["name"], "values": list(hypothesis["values"]), "reason": reason}


def _seeds(labels: Sequence[str], init: Any, solutions: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The solutions' parameters in the order of ``labels``; a parameter that they lack stays at its initial value."""
    import numpy as np

    index = {name: i for i, name in enumerate(solutions["parameters"])}
    here = [i for i, name in enumerate(labels) if name in index]
    there = [index[labels[i]] for i in here]
    seeds: dict[str, list[Any]] = {}
    for name in FIT_NAMES:
        seeds[name] = []
        for theta in solutions["minima"][name]["theta"]:
            start = init[: len(labels)].copy()
            start[here] = np.asarray(theta)[there]
            seeds[name].append(start)
    return seeds


def _record(hypothesis: Mapping[str, Any], model: Any, h: int, outcome: Any, choice: str, seconds: float) -> dict[str, Any]:
    answers = outcome.answers
    answer = answers[choice]
    return {
        "name": hypothesis["name"],
        "values": list(hypothesis["values"]),
        **_limits(answer),
        "CLsb_obs": answer.CLsb_obs,
        "CLb_obs": answer.CLb_obs,
        "muhat": answer.muhat,
        "status": answer.status,
        "edm": _finite(max(fit.edm for fit in answer.fits.values())),
        "fits": {
            name: {
                "twice_nll": answer.twice_nll[name],
                "edm": _finite(fit.edm),
                "iterations": fit.iterations,
                "minima": outcome.minima[choice][name],
                "improved": max(0.0, answers["natural"].twice_nll[name] - answer.twice_nll[name])
                if name != "asimov_fixed"
                else None,
            }
            for name, fit in answer.fits.items()
        },
        "natural": _choice(outcome, "natural"),
        "admissible": _choice(outcome, "admissible"),
        "lowest": {**_choice(outcome, "lowest"), "why_not": _why_not(model, h, answers)},
        "seconds": seconds,
        "worker": f"{socket.gethostname()}:{os.getpid()}",
        "solutions": _solutions(model.batch.labels[h], outcome),
    }


def _finite(edm: float) -> float | None:
    """null where a fit that did not converge has no EDM: JSON knows no infinity."""
    return edm if math.isfinite(edm) else None


def _limits(answer: Any) -> dict[str, Any]:
    return {"CLs_obs": answer.CLs_obs, "CLs_exp": list(answer.CLs_exp)}


def _choice(outcome: Any, choice: str) -> dict[str, Any]:
    """What a change of ``--minima`` needs to be shown without another fit."""
    answer = outcome.answers[choice]
    return {
        **_limits(answer),
        "CLsb_obs": answer.CLsb_obs,
        "CLb_obs": answer.CLb_obs,
        "muhat": answer.muhat,
        "status": answer.status,
        "twice_nll": dict(answer.twice_nll),
        "edm": {name: _finite(fit.edm) for name, fit in answer.fits.items()},
        "iterations": {name: fit.iterations for name, fit in answer.fits.items()},
        "minima": dict(outcome.minima[choice]),
    }


def _solutions(labels: Sequence[str], outcome: Any) -> dict[str, Any]:
    """Best-fit values by fit; ``choice`` says which of them is the natural, admissible and lowest minimum."""
    minima = {}
    for name in FIT_NAMES:
        thetas = outcome.thetas[name]
        index = {id(theta): i for i, theta in enumerate(thetas)}
        minima[name] = {
            "theta": [theta.tolist() for theta in thetas],
            "choice": {choice: index[id(answer.fits[name].theta)] for choice, answer in outcome.answers.items()},
            "deviance": {choice: answer.fits[name].deviance for choice, answer in outcome.answers.items()},
        }
    return {"parameters": list(labels), "minima": minima, "changed": False}


def _improved(known: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether any fit's admissible or lowest minimum lies lower than before."""
    for name in FIT_NAMES:
        before, after = known["minima"][name], found["minima"][name]
        for choice in ("admissible", "lowest"):
            if after["deviance"][choice] < before["deviance"][choice] - 1e-8:
                return True
    return False


def _why_not(model: Any, h: int, answers: Mapping[str, Any]) -> str | None:
    """Where the lowest minimum is not the admissible one: which fit, how much lower, which sample and bin is negative."""
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
        worst = min(cells, key=lambda cell: yields[0, cell], default=None)
        if worst is not None:
            where = model.cell_name(h, worst)
            reasons.append(f"{name}: {lower:.4g} lower in 2NLL, with {where} at {yields[0, worst]:.4g} events")
    if not reasons and abs(answers["lowest"].CLs_obs - answers["admissible"].CLs_obs) > _DIFFERENT:
        reasons.append("asimov_fixed: the lowest minimum has a negative sample yield")
    return "; ".join(reasons) or None
