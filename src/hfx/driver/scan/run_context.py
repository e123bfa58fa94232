"""The surroundings of a run, which do not change its results: receivers of sentences and events, workers, the request to stop."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.events import Listener
from hfx.driver.scan import plan, submit_and_retry

__all__ = ["RunContext", "connected"]


def _to_stderr(sentence: str) -> None:
    print(f"hfx: {sentence}", file=sys.stderr)


@dataclass(frozen=True)
class RunContext:
    """The surroundings of a run.

    `say` gets sentences for the user, `listener` events. `function` is what a worker runs (None: `hfx.functions.task.run`).
    `stop`, once set, ends the run with `CancelledError`. `batch` is the most units of a task. `progress` gets the bytes of a
    pallet that have been fetched, and how many there are. `pool` runs the tasks; None: the endpoint is connected to, and left at
    the end. `began` gets the run's folder once it is locked, and each one beneath it. `remarks`: whether the sentences of
    `hfx.driver.scan.remarks` are said; not for a part of a run.
    """

    say: Callable[[str], None] = _to_stderr
    listener: Listener | None = None
    function: submit_and_retry.Function | None = None
    stop: threading.Event | None = None
    batch: int = plan.BATCH
    progress: Callable[[int, int | None], None] | None = None
    pool: Executor | None = None
    began: Callable[[Path], None] | None = None
    remarks: bool = True


@contextmanager
def connected(options: ScanOptions, context: RunContext) -> Iterator[RunContext]:
    """The context with a pool: one for all regions and variations of a run, whose workers start when there are tasks for them."""
    if context.pool is not None:
        yield context
        return
    cores = 1 if options.endpoint is None and options.device != "cpu" else options.cores
    with options.endpoints.connect(cores, say=context.say) as pool:
        yield replace(context, pool=pool)
