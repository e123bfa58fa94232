"""What the page says of a run as a whole: how far it is, how fast, who works, what went wrong."""

from itertools import islice
from typing import Any

from hfx.driver.views.page import rows
from hfx.driver.views.page.feed import Feed

__all__ = ["head", "status"]

_REASONS = 200
"""The most failures that are listed with their reasons; the table holds all."""


def head(feed: Feed) -> dict[str, Any]:
    """What does not change while a run goes on: what it is of, and how it was asked for."""
    run, pallet = feed.run, feed.run.get("pallet", {})
    options = run.get("options", {})
    return {
        "hfx": run.get("hfx"),
        "name": pallet.get("name"),
        "region": pallet.get("region"),
        "description": pallet.get("description"),
        "labels": feed.label_names,
        "digest": pallet.get("digest"),
        "references": pallet.get("references") or {},
        "command": run.get("command"),
        "endpoint": run.get("endpoint"),
        "host": run.get("host"),
        "folder": str(feed.folder),
        "minima": options.get("minima"),
        "mu": options.get("mu"),
        "title": options.get("title"),
        "started": run.get("started"),
        "finished": run.get("finished"),
    }


def status(feed: Feed) -> dict[str, Any]:
    """The counts, the rate, the workers, the failures."""
    count = feed.count
    return {
        "state": feed.state,
        "gone": feed.gone,
        "step": count.step,
        "round": count.round,
        "done": count.done,
        "of": count.total,
        "rate": count.rate if feed.going_on else 0.0,
        "left": count.left if feed.going_on and count.done < count.total else None,
        "now": count.now,
        "states": {name: number for name, number in feed.counts.states.items() if number},
        "unconverged": feed.counts.unconverged,
        "total": max(len(feed.rows), count.total if count.step == "local" else 0),
        "workers": _workers(feed),
        "failures": _failures(feed),
        "told": feed.told[::-1],
    }


def _workers(feed: Feed) -> list[dict[str, Any]]:
    """Each worker that sent results: how many, its mean time for one, and when the last came."""
    found = [(name, work) for name, work in sorted(feed.counts.workers.items()) if work.fitted > 0]
    return [{"name": n, "fitted": w.fitted, "seconds": w.seconds / w.fitted, "last": w.last} for n, w in found]


def _failures(feed: Feed) -> list[dict[str, Any]]:
    """The hypotheses without a usable result, with the reason."""
    bad = islice(feed.counts.unusable.values(), _REASONS)
    return [{"name": row.name, "reason": row.reason, "failed": row.state == rows.FAILED} for row in bad]
