"""The job "signal_events": expected signal events in every `parts`-th bin, for a later sum."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hfx.functions.catalogue import Job, Unanswered
from hfx.functions.options import JobOptions, setting
from hfx.functions.prepared_hypotheses import Prepared
from hfx.json_types import JsonObject

__all__ = ["JOB", "EventsOptions"]


@dataclass(frozen=True, kw_only=True)
class EventsOptions(JobOptions):
    """The options of the job."""

    parts: int = setting(4, "Number of parts that the bins are divided into.")
    again: bool = setting(False, "Work again on the first part at the end.", wire=False)


def _answer(prepared: Prepared[EventsOptions], inputs: JsonObject) -> Sequence[JsonObject | Unanswered]:
    return [_part(prepared, i, inputs) for i in range(len(prepared.units))]


def _part(prepared: Prepared[EventsOptions], i: int, inputs: JsonObject) -> JsonObject | Unanswered:
    unit, workspace = prepared.units[i], prepared.workspaces[i]
    _log(unit.key)
    signal = set(workspace.signal_samples())
    if not signal:
        return Unanswered("no sample carries the parameter of interest")
    if unit.key in os.environ.get("TOY_QUESTION_LOST", "").split():
        return Unanswered("this part is lost")
    samples = [(channel.name, sample) for channel in workspace.channels for sample in channel.samples]
    bins = [float(n) for channel, sample in samples if (channel, sample.name) in signal for n in sample.nominal]
    mine = bins[unit.shard :: prepared.options.parts]
    return {"status": "converged", "part_events": sum(mine), "part_bins": len(mine), "before": inputs.get(unit.name)}


def _log(key: str) -> None:
    """Where a test asks for it: which units were worked on, at a pace that can be interrupted."""
    if path := os.environ.get("TOY_QUESTION_LOG"):
        with Path(path).open("a") as file:
            file.write(key + "\n")
        time.sleep(0.05)


JOB = Job(name="signal_events", version=1, numerics=1, options=EventsOptions, answer=_answer, compiled=False)
