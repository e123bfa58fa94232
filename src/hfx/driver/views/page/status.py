"""The status of a run for the page: its description, counts, rate and workers, its failures, and the rows of its table."""

from itertools import islice

from hfx.driver.questions.base import Brief
from hfx.driver.questions.texts.picture_title import analysis_name
from hfx.driver.views.failures import sentence
from hfx.driver.views.page.feed import Feed
from hfx.driver.views.page.messages import Failure, Head, Row, Status, SurfaceContent, Trouble, WorkerRow
from hfx.driver.views.state import RunState
from hfx.driver.views.state import Status as HypothesisStatus
from hfx.printable import printable

__all__ = ["head", "row", "status", "trouble"]

# Failures that are listed, and characters of each; the table holds all, and the whole reasons.
_MOST_FAILURES, _MOST_CHARACTERS = 200, 400


def head(feed: Feed) -> Head:
    """The description of a run: its pallet, its command, its question."""
    run, pallet = feed.run, feed.pallet
    return {
        "hfx": run.get("hfx"),
        "name": pallet.get("name"),
        "region": pallet.get("region"),
        "description": _other_than(pallet.get("name"), analysis_name(pallet)),
        "labels": feed.label_names,
        "digest": pallet.get("digest"),
        "references": pallet.get("references") or {},
        "command": run.get("command"),
        "endpoint": run.get("endpoint"),
        "host": run.get("host"),
        "folder": str(feed.folder),
        "options": {name: value for name, value in feed.options.items() if name in feed.question_options},
        "started": run.get("started"),
        "finished": run.get("finished"),
        "columns": [{"name": name, "title": title} for name, title in feed.columns],
        "surface": _surface(feed),
    }


def _other_than(name: str | None, analysis: str) -> str | None:
    """The name of the analysis where it says more than the pallet's name."""
    return None if analysis == name else analysis.removeprefix(f"{name}: ")


def _surface(feed: Feed) -> SurfaceContent | None:
    surface = feed.surface
    if surface is None:
        return None
    return {
        "name": surface.name,
        "curves": list(surface.curves),
        "median": surface.median,
        "level": surface.level,
        "statement": surface.statement,
    }


def status(feed: Feed) -> Status:
    """The counts, the rate, the workers."""
    state, step = feed.state, feed.state.progress.current
    counts = {status.name.lower(): number for status, number in state.counts.items() if number}
    return {
        "state": feed.run_state,
        "reason": feed.reason,
        "step": step.step,
        "round": step.round,
        "done": step.done,
        "of": step.total,
        "rate": step.rate if feed.going_on else 0.0,
        "left": step.remaining if feed.going_on and step.done < step.total else None,
        "now": step.now,
        "states": counts,
        "fitted": sum(state.counts[status] for status in HypothesisStatus if status.has_result),
        "total": max(len(feed.names), 0 if step.parts or not feed.state.progress.in_first else step.total),
        "workers": _workers(feed),
    }


def trouble(feed: Feed) -> Trouble:
    """The failures, and what happened last."""
    messages = reversed(feed.state.messages)
    return {
        "failures": _failures(feed),
        "notices": [{"time": time, "text": printable(text, _MOST_CHARACTERS)} for time, text in messages],
    }


def _workers(feed: Feed) -> list[WorkerRow]:
    found = [(name, worker) for name, worker in sorted(feed.state.workers.items()) if worker.done > 0]
    return [{"name": n, "done": w.done, "seconds": w.seconds / w.done, "last": w.last or None} for n, w in found]


def _failures(feed: Feed) -> list[Failure]:
    """The hypotheses without a usable result, with the reasons."""
    state = feed.state
    first = islice(state.unusable.items(), _MOST_FAILURES)
    return [{"status": state.statuses[name].name.lower(), "text": _why(state, name, reason)} for name, reason in first]


def _why(state: RunState, name: str, reason: str) -> str:
    why = f"{name} has not converged: {reason}" if name in state.results else sentence(name, reason)
    return printable(why, _MOST_CHARACTERS)


def row(feed: Feed, position: int) -> Row:
    """The row of a hypothesis."""
    name, state = feed.names[position], feed.state
    result = state.results.get(name)
    return [
        position,
        name,
        list(state.points[name]),
        state.statuses[name].name.lower(),
        None if result is None else list(result.numbers),
        list(feed.cells.get(name, ())),
        state.unusable.get(name, ""),
        [] if result is None else _remarks(result),
        None if result is None else result.seconds,
        "" if result is None else result.worker,
        state.finished.get(name),
    ]


def _remarks(result: Brief) -> list[str]:
    remarks = list(result.remarks)
    if result.missing_in:
        remarks.insert(0, f"No result in {', '.join(result.missing_in)}.")
    if result.region is not None:
        remarks.insert(0, f"From region {result.region}, the best expected one here.")
    return remarks
