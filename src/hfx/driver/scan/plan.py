"""The plan of a scan, pure: which hypotheses, in which tasks."""

import fnmatch
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from hfx.driver.plane import text_labels
from hfx.driver.plane.expressions import parse
from hfx.driver.questions.base import AnyQuestion, Context, Unit, listed
from hfx.driver.questions.conditions import all_of
from hfx.driver.run.records import StoredRecords
from hfx.errors import OptionError
from hfx.functions.background_workspace import Background
from hfx.functions.catalogue import entry_of
from hfx.hf_core.reasons import no_signal
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.pallets import Hypothesis, Pallet
from hfx.printable import printable, short

__all__ = [
    "BATCH",
    "batches",
    "describe",
    "fault_rows",
    "first_units",
    "resumed",
    "select",
    "task",
]

# Few enough that results stream and a stopped scan loses little; enough to fill the batched solver.
BATCH = 32
_NAMES = 3  # hypotheses of a kind that are named


def labels_of(pallet: Pallet, hypothesis: Hypothesis) -> dict[str, LabelValue]:
    """Label to value; labels or values too many are left out."""
    return dict(zip(pallet.labels, hypothesis.values, strict=False))


def select(pallet: Pallet, only: str | None = None, where: str | Sequence[str] | None = None) -> tuple[Hypothesis, ...]:
    """The hypotheses chosen by a shell pattern on names and by conditions on labels, in the pallet's order.

    Raises `OptionError` when the choice leaves none, or the condition cannot be read.
    """
    where = all_of(where)
    chosen = [h for h in pallet.hypotheses if only is None or fnmatch.fnmatchcase(h.name, only)]
    if only is not None and not chosen:
        raise OptionError(f"--only '{only}' {_no_match([h.name for h in pallet.hypotheses])}")
    if where is not None:
        texts = text_labels.values_of(text_labels.columns(pallet.labels, [h.values for h in pallet.hypotheses]))
        condition = parse(where, pallet.labels, option="--where", condition=True, texts=texts)
        chosen = [h for h in chosen if _holds(condition.labels, condition.holds, labels_of(pallet, h))]
        if not chosen:
            among = f" that --only '{only}' selects" if only is not None else ""
            raise OptionError(f"--where '{where}' holds for no hypothesis{among}; the labels range over: {_ranges(pallet)}")
    return tuple(chosen)


def _no_match(names: Sequence[str]) -> str:
    """Words for a pattern that none of these names matches."""
    if len(names) == 1:
        return f"does not match the only name, {names[0]}"
    return f"matches none of the {len(names)} names" + (f" (the first is {names[0]})" if names else "")


def _ranges(pallet: Pallet) -> str:
    """The range of each label over the pallet's hypotheses, as "m1 from 200 to 600"."""
    table = [h.values for h in pallet.hypotheses if len(h.values) == len(pallet.labels)]
    columns = zip(pallet.labels, zip(*table, strict=True), strict=False)
    return ", ".join(_range(label, values) for label, values in columns)


def _range(label: str, values: Sequence[LabelValue]) -> str:
    if texts := sorted({value for value in values if isinstance(value, str)}):
        return f"{label} over {listed(texts, _NAMES)}"
    numbers = [float(value) for value in values]
    return f"{label} from {min(numbers):g} to {max(numbers):g}"


def _holds(used: Iterable[str], holds: Callable[[Mapping[str, LabelValue]], object], values: Mapping[str, LabelValue]) -> bool:
    return all(label in values for label in used) and bool(holds(values))


def batches(names: Sequence[str], size: int = BATCH, workers: int = 1) -> tuple[tuple[str, ...], ...]:
    """The names in order, in batches of at most `size`, as even as they can be; no worker goes without while there are enough."""
    count = max(-(-len(names) // size), min(workers, len(names)))
    edges = [round(i * len(names) / count) for i in range(count + 1)] if count else []
    return tuple(tuple(names[a:b]) for a, b in pairwise(edges))


def resumed(names: Sequence[str], earlier: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The batches of an `earlier` client that are still to be done as they were, the last submitted first.

    A task that is equal byte for byte can be collected where it was submitted, if the endpoint kept it.
    """
    todo, taken, kept = set(names), set[str](), []
    for batch in reversed(earlier):
        if todo.issuperset(batch) and taken.isdisjoint(batch):
            kept.append(tuple(batch))
            taken.update(batch)
    return tuple(kept)


def first_units(
    pallet: Pallet, selected: Sequence[Hypothesis], question: AnyQuestion, stored: StoredRecords
) -> tuple[Sequence[Unit], Sequence[Unit]]:
    """The units of the first round over the selected hypotheses, and those of them that are not `stored` yet."""
    first = next(question.rounds(Context(pallet, selected)))
    there = stored.of_step(first.step)
    return first.units, [unit for unit in first.units if unit.key not in there]


def task(
    pallet: Pallet,
    units: Iterable[Unit],
    question: AnyQuestion,
    *,
    threads: int = 1,
    device: str = "cpu",
    background: Background | None = None,
    inputs: JsonObject | None = None,
) -> JsonObject:
    """One task as `hfx.functions.task` describes it; `background`: the pallet's, where all tasks of a run share it."""
    more: JsonObject = {} if inputs is None else {"inputs": inputs}
    return {
        "job": question.job,
        "version": entry_of(question.job).version,
        "background": pallet.background if background is None else background,
        "hypotheses": [_unit(pallet.hypothesis(unit.hypothesis), unit) for unit in units],
        "options": question.options.wire(),
        "threads": threads,
        "device": device,
        **more,
    }


def _unit(hypothesis: Hypothesis, unit: Unit) -> JsonObject:
    shard: JsonObject = {} if unit.shard is None else {"shard": unit.shard}
    scale: JsonObject = {"signal_scale": hypothesis.signal_scale} if hypothesis.signal_scale != 1.0 else {}
    patch: list[JsonValue] = list(hypothesis.patch)
    return {"key": unit.key, "name": hypothesis.name, "values": list(hypothesis.values), "patch": patch, **shard, **scale}


def _counted(count: int, parts: bool) -> str:
    one, several = ("part", "parts") if parts else ("hypothesis", "hypotheses")
    return one if count == 1 else several


def describe(
    pallet: Pallet,
    units: Sequence[Unit],
    question: AnyQuestion,
    *,
    selected: int,
    kept: int,
    parts: bool = False,
    folder: str,
    endpoint: str,
    threads: int,
    device: str,
    workers: int | None = None,
    size: int = BATCH,
    sent: Sequence[int] = (),
    estimate: str = "",
    faults: Mapping[str, str] | None = None,
) -> str:
    """The plan as text: what ``--plan`` prints. `selected` hypotheses are to have a result; `units` of the first round are
    still to be worked on, and `kept` others have their records already; `parts`: they are parts of the work on a hypothesis.
    `faults`: reasons of hypotheses that cannot be fitted. `workers`: how many the endpoint has; None: this process, with its
    threads. `sent`: the bytes that travel with each task, in place of the tasks that are counted here; `estimate`: the time,
    in words.
    """
    groups = batches([unit.key for unit in units], size, workers or threads)
    largest = max(map(len, groups), default=0)
    travel = f"; {sum(sent):,} sent, at most {max(sent):,} a task" if any(sent) else ""
    background = len(json.dumps(pallet.background))
    patches = sum(len(json.dumps(list(pallet.hypothesis(name).patch))) for name in {unit.hypothesis for unit in units})
    tasks = f"{len(sent) or len(groups)}, with at most {largest} {_counted(largest, parts)} each"
    done = f"{kept} of their {len(units) + kept} parts done already" if parts else f"{kept} of them fitted already"
    rows = [
        ("pallet", f"{pallet.name}{f', region {pallet.region}' if pallet.region else ''} ({pallet.source})"),
        ("digest", f"sha256:{pallet.digest}"),
        (
            "hypotheses",
            f"{selected} of {len(pallet.hypotheses)} selected, {done}",
        ),
        (
            "tasks",
            "; ".join(filter(None, (tasks, question.later_rounds()))) if groups else "none: all of them are done",
        ),
        ("JSON", f"background {background:,} bytes, patches {patches:,} bytes{travel}"),
        (
            "workers",
            f"{workers} at most ({endpoint})"
            if workers
            else f"{threads} thread{'' if threads == 1 else 's'} of this process ({endpoint}), on {device}",
        ),
        *fault_rows(faults or {}),
        *([("estimate", estimate)] if estimate and groups else []),
        (
            "options",
            ", ".join(f"{name} {value}" for name, value in question.options.content().items() if value is not None),
        ),
        ("folder", printable(folder)),
    ]
    return "\n".join(f"{name:<11} {value}" for name, value in rows)


def fault_rows(faults: Mapping[str, str]) -> list[tuple[str, str]]:
    """The hypotheses that will have no result, as rows: those that will fail, and those without a signal."""
    bare = {name: reason for name, reason in faults.items() if no_signal(reason)}
    failing = {name: reason for name, reason in faults.items() if name not in bare}
    rows = ("will fail", failing), ("no signal", {name: str(no_signal(reason)) for name, reason in bare.items()})
    return [(title, _fault_list(found)) for title, found in rows if found]


def _fault_list(faults: Mapping[str, str]) -> str:
    """The hypotheses by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in faults.items():
        by_reason.setdefault(reason, []).append(name)
    shown = [f"{listed([*map(short, names)], _NAMES)} ({reason})" for reason, names in by_reason.items()]
    count = "1 hypothesis" if len(faults) == 1 else f"{len(faults)} hypotheses"
    return f"{count}: {listed(shown, _NAMES, '; ')}"
