"""The function that a worker runs for every job: pure, from a JSON task to JSON records.

Task::

    {"job": "cls", "version": 2,
     "background": workspace,                        # HistFactory JSON
     "hypotheses": [{"key", "name", "values", "patch"}],  # RFC 6902 operations; "shard" and "signal_scale" where there are any
     "options": {...},                               # those of the job
     "inputs": {...},                                # what the job gets of earlier records, where it wants any
     "threads": 1, "device": "cpu"}

Result: ``{"results": [record, ...], "failures": [{"key", "name", "values", "reason"}, ...]}``. A record holds the key, the name
and the values of its hypothesis, the job and its version, what the job answers, ``seconds`` and ``worker``.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping

from hfx.errors import InputError
from hfx.functions.catalogue import Unanswered, job_for
from hfx.functions.prepared_hypotheses import TaskUnit, prepare
from hfx.functions.task_content import read_task
from hfx.json_types import JsonObject, JsonValue

__all__ = ["run"]


def run(task: Mapping[str, JsonValue]) -> JsonObject:
    """The records of a task's hypotheses; raises `InputError` where the task as a whole cannot be used."""
    job = job_for(task.get("job"), task.get("version"))
    begun = time.perf_counter()
    content = read_task(task)
    units = content.hypotheses
    prepared, reasons = prepare(
        content.background,
        units,
        job.options.read(content.options),
        device=content.device or "cpu",
        threads=content.threads or 1,
        compiled=job.compiled,
    )
    answers = job.answer(prepared, content.inputs or {}) if prepared.units else ()
    seconds = (time.perf_counter() - begun) / max(1, len(prepared.units))
    results: list[JsonValue] = []
    if len(answers) != len(prepared.units):
        raise InputError(f"the job {job.name!r} gave {len(answers)} answers for {len(prepared.units)} units; correct the job")
    for unit, answer in zip(prepared.units, answers, strict=True):
        reason = answer.reason if isinstance(answer, Unanswered) else _not_finite(job.name, answer)
        if isinstance(answer, Unanswered) or reason:
            reasons[unit.key] = reason
            continue
        own = _own(unit) | {"job": job.name, "version": job.version}
        results.append(own | answer | {"seconds": seconds, "worker": f"{socket.gethostname()}:{os.getpid()}"})
    return {"results": results, "failures": [_own(unit) | {"reason": reasons[unit.key]} for unit in units if unit.key in reasons]}


def _not_finite(job: str, answer: JsonObject) -> str:
    """The reason why an answer cannot be kept: JSON has no number that is not finite."""
    bad = [name for name, value in answer.items() if isinstance(value, float) and not math.isfinite(value)]
    return f"the job {job!r} gave {answer[bad[0]]} for '{bad[0]}', where a finite number or null is needed" if bad else ""


def _own(unit: TaskUnit) -> JsonObject:
    shard: JsonObject = {} if unit.shard is None else {"shard": unit.shard}
    return {"key": unit.key, "name": unit.name, "values": list(unit.values), **shard}
