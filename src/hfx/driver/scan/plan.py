"""The plan of a scan, pure: which hypotheses, in which tasks."""

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from hfx.driver.plane.expressions import parse
from hfx.errors import OptionError
from hfx.functions.background import Background
from hfx.pallets import Hypothesis, Pallet

__all__ = [
    "BATCH",
    "FitOptions",
    "batches",
    "describe",
    "resumed",
    "select",
    "task",
]

# Few enough that results stream and a stopped scan loses little; enough to fill the batched solver.
BATCH = 32


@dataclass(frozen=True)
class FitOptions:
    """What decides the numbers (`minima`: which of them are shown), in the words of ``hfx scan``."""

    mu: float = 1.0
    signal_scale: float = 1.0
    test_stat: str = "qtilde"
    normsys: int = 4
    histosys: str = "4p"
    measurement: str | None = None
    starts: int | None = None
    minima: str = "admissible"

    def wire(self) -> dict[str, Any]:
        """The ``options`` of a task."""
        return asdict(self)


def labels_of(pallet: Pallet, hypothesis: Hypothesis) -> dict[str, float]:
    """Label to value; labels or values too many are left out."""
    return dict(zip(pallet.labels, hypothesis.values, strict=False))


def select(pallet: Pallet, only: str | None = None, where: str | None = None) -> tuple[Hypothesis, ...]:
    """The hypotheses chosen by a shell pattern on names and a condition on labels, in the pallet's order.

    Raises `OptionError` when the choice leaves none, or the condition cannot be read.
    """
    chosen = [h for h in pallet.hypotheses if only is None or fnmatch.fnmatchcase(h.name, only)]
    if only is not None and not chosen:
        example = pallet.hypotheses[0].name if pallet.hypotheses else "none"
        raise OptionError(f"--only '{only}' matches none of {len(pallet.hypotheses)} names, such as {example}")
    if where is not None:
        condition = parse(where, pallet.labels, option="--where", condition=True)
        chosen = [h for h in chosen if _holds(condition.labels, condition.holds, labels_of(pallet, h))]
        if not chosen:
            raise OptionError(f"--where '{where}' holds for no hypothesis; labels: {', '.join(pallet.labels)}")
    return tuple(chosen)


def _holds(used: Iterable[str], holds: Any, values: Mapping[str, float]) -> bool:
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


def task(
    pallet: Pallet,
    hypotheses: Iterable[Hypothesis],
    options: FitOptions,
    *,
    threads: int,
    device: str,
    background: Background | None = None,
    known: Mapping[str, Any] | None = None,
    starts_from: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """One task as the worker reads it; the exchange gives `known` and `starts_from` (of the neighbours).

    `background`: the pallet's, as all tasks of a scan share it.
    """
    content: dict[str, Any] = {
        "job": "cls_scan",
        "version": 1,
        "background": pallet.background if background is None else background,
        "hypotheses": [_wired(h) for h in hypotheses],
        "options": options.wire(),
        "threads": threads,
        "device": device,
    }
    if known is not None and starts_from is not None:
        content["known"] = dict(known)
        content["neighbours"] = {name: list(solutions) for name, solutions in starts_from.items()}
    return content


def _wired(hypothesis: Hypothesis) -> dict[str, Any]:
    content = {"name": hypothesis.name, "values": list(hypothesis.values), "patch": list(hypothesis.patch)}
    scaled = hypothesis.signal_scale != 1.0
    return {**content, "signal_scale": hypothesis.signal_scale} if scaled else content


def describe(
    pallet: Pallet,
    hypotheses: Sequence[Hypothesis],
    options: FitOptions,
    *,
    kept: int,
    folder: str,
    endpoint: str,
    threads: int,
    device: str,
    workers: int | None = None,
    size: int = BATCH,
    sent: Sequence[int] = (),
    estimate: str = "",
) -> str:
    """The plan as text: what ``--plan`` prints. `kept` of the hypotheses have local results already.

    `workers`: how many the endpoint has; None: this process, with its threads. `sent`: the bytes that travel with each
    task, in place of the tasks that are counted here; `estimate`: the time, in words.
    """
    groups = batches([h.name for h in hypotheses], size, workers or threads)
    travel = f"; {sum(sent):,} sent, at most {max(sent):,} a task" if any(sent) else ""
    background = len(json.dumps(pallet.background))
    patches = sum(len(json.dumps(list(h.patch))) for h in hypotheses)
    rows = [
        ("pallet", f"{pallet.name}{f', region {pallet.region}' if pallet.region else ''} ({pallet.source})"),
        ("digest", f"sha256:{pallet.digest}"),
        (
            "hypotheses",
            f"{len(hypotheses) + kept} of {len(pallet.hypotheses)}, {kept} with local results already",
        ),
        (
            "tasks",
            f"{len(sent) or len(groups)} of at most {max(map(len, groups), default=0)} hypotheses, then the exchange",
        ),
        ("bytes", f"{background:,} of background, {patches:,} of patches, as JSON{travel}"),
        (
            "workers",
            f"{workers} at most ({endpoint})"
            if workers
            else f"1 ({endpoint}), {threads} thread{'' if threads == 1 else 's'}, {device}",
        ),
        *([("estimate", estimate)] if estimate else []),
        (
            "options",
            ", ".join(f"{name} {value}" for name, value in options.wire().items() if value is not None),
        ),
        ("folder", folder),
    ]
    if options.starts == 1:
        rows[3] = (
            "tasks",
            rows[3][1].replace(", then the exchange", "; no search, no exchange (--starts 1)"),
        )
    return "\n".join(f"{name:<11} {value}" for name, value in rows)
