"""What a plan costs: the bytes of its tasks as they travel, a guess of the time, and whether they fit; all pure."""

import json
from collections.abc import Sequence

from hfx.driver.scan import plan
from hfx.endpoints import Endpoint
from hfx.errors import EndpointError
from hfx.functions import wire
from hfx.functions.jobs.cls import run
from hfx.pallets import Hypothesis, Pallet

__all__ = ["check_fits", "estimate", "sent"]

# Seconds of one core for a hypothesis and its search: measured on the published pallets, by megabytes of its workspace as
# JSON (3L 0.06 MB: 2.2 ms, sbottom 0.28: 4.2 ms, 1Lbb 1.34: 18 ms). A guess for other likelihoods and machines.
_SECONDS, _SECONDS_A_MEGABYTE = 0.0015, 0.012
_SOON = 20.0  # seconds on this machine: a job has hardly begun by then


def sent(
    pallet: Pallet,
    groups: Sequence[Sequence[Hypothesis]],
    options: plan.FitOptions,
    endpoints: Sequence[Endpoint],
    threads: int,
    device: str,
) -> list[int]:
    """Bytes of the tasks of the local step, in order; a batch over an endpoint's limit counts as its halves."""
    packer = wire.Packer()
    limit = min((one.most_bytes for one in endpoints if one.most_bytes is not None), default=None)
    queue, sizes = list(groups), []
    while queue:
        group = queue.pop(0)
        request = packer.request(run, plan.task(pallet, group, options, threads=threads, device=device))
        size = max(endpoint.sent_bytes(len(request)) for endpoint in endpoints)
        if limit is not None and size > limit and len(group) > 1:
            queue[:0] = [group[: len(group) // 2], group[len(group) // 2 :]]
        else:
            sizes.append(size)
    return sizes


def check_fits(pallet: Pallet, hypotheses: Sequence[Hypothesis], options: plan.FitOptions, endpoints: Sequence[Endpoint]) -> None:
    """Raise `EndpointError` where the task of one hypothesis alone is more than an endpoint's service takes."""
    for endpoint in endpoints:
        limit = endpoint.most_bytes
        if limit is None:
            continue
        packer = wire.Packer()
        empty = len(packer.request(run, plan.task(pallet, (), options, threads=1, device="cpu")))
        for h in hypotheses:
            # What is small as it is need not be packed.
            if endpoint.sent_bytes(empty + len(json.dumps(list(h.patch)))) <= limit:
                continue
            size = endpoint.sent_bytes(len(packer.request(run, plan.task(pallet, (h,), options, threads=1, device="cpu"))))
            if size > limit:
                raise EndpointError(
                    f"{endpoint}: the task of {h.name} alone is {size / 1e6:.1f} MB, and its service takes {limit / 1e6:.1f}; "
                    f"leave it out with --only or --where, or scan on another endpoint"
                )


def estimate(pallet: Pallet, hypotheses: Sequence[Hypothesis], options: plan.FitOptions, workers: int, cores: int | None) -> str:
    """A guess of the time, in words. Of workers elsewhere it may be that they are not worth the way, beside this machine's
    `cores`; None: they are here, or have what this one has not."""
    megabytes = (len(hypotheses) * len(json.dumps(pallet.background)) + _patches(hypotheses)) / 1e6
    seconds = (_SECONDS * len(hypotheses) + _SECONDS_A_MEGABYTE * megabytes) / max(1, workers)
    told = f"about {_rounded(seconds)} of fits on {workers} core{'' if workers == 1 else 's'}"
    # Without a search it is a third of that, and there is no exchange.
    told = f"{told} at most" if options.starts == 1 else f"{told}, the exchange as much again"
    if cores is None:
        return f"{told}; more on slower cores"
    here = seconds * max(1, workers) / max(1, cores)
    told = f"{told}; more with slower cores, and until workers are there"
    return f"{told}. Here alone it would be about {_rounded(here)}: leave --endpoint out" if hypotheses and here < _SOON else told


def _patches(hypotheses: Sequence[Hypothesis]) -> int:
    return sum(len(json.dumps(list(h.patch))) for h in hypotheses)


def _rounded(seconds: float) -> str:
    """One figure: nothing more is known."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{float(f'{seconds:.1g}'):.0f} s"
    return f"{float(f'{seconds / 60:.1g}'):.0f} minutes" if seconds < 5400 else f"{float(f'{seconds / 3600:.1g}'):.0f} hours"
