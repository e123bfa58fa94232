"""The cost of a plan: the bytes of its tasks as they travel, a guess of the time, and whether an endpoint takes them; all
pure."""

import json
from collections import Counter
from collections.abc import Sequence

from hfx.driver.questions.base import AnyQuestion, Unit
from hfx.driver.scan import plan
from hfx.endpoints import Endpoints
from hfx.errors import EndpointError
from hfx.functions import wire
from hfx.functions.task import run
from hfx.pallets import Pallet

__all__ = ["check_fits", "estimate", "sent"]

_SOON = 20.0  # seconds on this machine: a batch job has hardly begun by then


def sent(
    pallet: Pallet,
    groups: Sequence[Sequence[Unit]],
    question: AnyQuestion,
    endpoints: Endpoints,
    device: str,
) -> list[int]:
    """Bytes of the tasks of the first round, in order; a batch over an endpoint's limit counts as its halves."""
    packer = wire.Packer()
    limit = endpoints.most_bytes
    queue, sizes = list(groups), []
    while queue:
        group = queue.pop(0)
        request = packer.request(run, plan.task(pallet, group, question, device=device))
        size = max(endpoint.sent_bytes(len(request)) for endpoint in endpoints)
        if limit is not None and size > limit and len(group) > 1:
            queue[:0] = [group[: len(group) // 2], group[len(group) // 2 :]]
        else:
            sizes.append(size)
    return sizes


def check_fits(pallet: Pallet, units: Sequence[Unit], question: AnyQuestion, endpoints: Endpoints) -> None:
    """Raise `EndpointError` where the task of one unit alone is more than an endpoint's service takes."""
    for endpoint in endpoints:
        limit = endpoint.most_bytes
        if limit is None:
            continue
        packer = wire.Packer()
        empty = len(packer.request(run, plan.task(pallet, (), question)))
        for unit in {unit.hypothesis: unit for unit in units}.values():
            # One that is small without compression need not be compressed to know.
            if endpoint.sent_bytes(empty + len(json.dumps(list(pallet.hypothesis(unit.hypothesis).patch)))) <= limit:
                continue
            size = endpoint.sent_bytes(len(packer.request(run, plan.task(pallet, [unit], question))))
            if size > limit:
                raise EndpointError(
                    f"{endpoint}: the task of {unit.hypothesis} alone is {size / 1e6:.1f} MB, and its service takes "
                    f"{limit / 1e6:.1f}; leave it out with --only or --where, or scan on another endpoint"
                )


def estimate(pallet: Pallet, units: Sequence[Unit], question: AnyQuestion, workers: int, cores: int | None) -> str:
    """A guess of the time, in words; empty where there is none.

    It says so where workers elsewhere are not worth the way, beside the `cores` of this machine; None: the workers are here, or
    have a device that this machine has not.
    """
    background = len(json.dumps(pallet.background))
    patches = Counter(unit.hypothesis for unit in units)
    costs = [
        (question.seconds((background + len(json.dumps(list(pallet.hypothesis(name).patch)))) / 1e6), count)
        for name, count in patches.items()
    ]
    if any(cost is None for cost, _ in costs):
        return ""
    total = sum(cost * count for cost, count in costs if cost is not None)
    seconds = total / max(1, workers)
    note = question.seconds_note()
    text = f"about {_rounded(seconds)} of fits on {workers} core{'' if workers == 1 else 's'}{note}"
    if cores is None:
        return f"{text}; more on slower cores"
    here = total / max(1, cores)
    text = f"{text}{' and' if ', plus ' in note else ', plus'} the wait for workers"
    alone = f"this machine alone needs about {_rounded(here)}, so leave --endpoint out"
    return f"{text}; {alone}" if units and here < _SOON else text


def _rounded(seconds: float) -> str:
    """One figure: nothing more is known."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{float(f'{seconds:.1g}'):.0f} s"
    return f"{float(f'{seconds / 60:.1g}'):.0f} minutes" if seconds < 5400 else f"{float(f'{seconds / 3600:.1g}'):.0f} hours"
