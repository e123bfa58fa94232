"""Following a run until it ends, whichever process drives it. A submitted run without a driver is submitted again."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hfx.driver.run.events import Event
from hfx.driver.run.follow import Follower, condensed
from hfx.driver.scan.run_context import RunContext
from hfx.driver.submission.prepare import prepare_resubmission
from hfx.driver.submission.status import BatchQueues, RunStatus, run_status
from hfx.driver.submission.submit import submit
from hfx.errors import RunFolderError

__all__ = ["follow", "orphaned"]

_PAUSE = 0.3  # seconds between two looks into the folder


@dataclass
class _DriverMessages:
    """Messages on the driver's state, each given once."""

    say: Callable[[str], None]
    last: str = ""

    def give(self, status: RunStatus) -> None:
        message = f"{status.state}: {status.driver}"
        if status.driver and message != self.last:
            self.last = message
            self.say(message)


def follow(folder: Path, say: Callable[[str], None], listen: Callable[[Event], None], queues: BatchQueues) -> RunStatus:
    """Follow a run until it ends; `listen` gets its events, those of the past condensed to what a display needs.

    A submitted run that was stopped, failed or lost its driver is submitted again, also if its driver is lost later, provided
    that the previous driver made progress. Returns the final status, or the status of a run that has no driver and was not
    submitted.
    Raises `RunFolderError`: no run there, or drivers that end before they make progress.
    """
    follower, messages = Follower(folder), _DriverMessages(say)
    status = run_status(folder, queues)
    past = follower.new()
    if status.state == "finished" or orphaned(status):
        return status
    progressed = status.active and bool(past)
    if status.active:
        for event in condensed(past):
            listen(event)
    else:
        _submit_again(status, say, queues)
    while True:
        status = run_status(folder, queues)
        new = follower.new()
        for event in new:
            listen(event)
        progressed = progressed or bool(new)
        if status.ended or orphaned(status):
            return status
        messages.give(status)
        if not status.active:
            if not progressed:
                raise RunFolderError(f"{folder}: its driver ended before it fitted anything: {_last_words(status)}")
            _submit_again(status, say, queues)
            progressed = False
        time.sleep(_PAUSE)


def orphaned(status: RunStatus) -> bool:
    """Whether a run has no driver and was not submitted: a scan whose terminal was closed, for example."""
    return not status.active and status.submission is None


def _submit_again(status: RunStatus, say: Callable[[str], None], queues: BatchQueues) -> None:
    """Submit a run that has no driver."""
    reasons = {"lost": "its driver ended without recording why", "stopped": "it was stopped"}
    reason = reasons.get(status.state, f"it failed ({status.run.get('reason')})")
    say(f"{status.folder}: {reason}; it is submitted again, and continues from the results kept so far")
    submission = submit(prepare_resubmission(status, RunContext(say=say)), say, queues)
    say(f"{submission.name} now drives the scan")


def _last_words(status: RunStatus) -> str:
    """The last line of the driver's log, and the log's path."""
    assert status.submission is not None
    lines: list[str] = []
    with suppress(OSError):
        lines = [line for line in Path(status.submission.log).read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1].removeprefix('hfx: ') if lines else 'its log is empty'} (complete log: {status.submission.log})"
