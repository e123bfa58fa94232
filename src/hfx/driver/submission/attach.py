"""Following a run to its end, whoever drives it; one that nobody drives any more is handed over again."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hfx.driver.run.events import Event
from hfx.driver.run.follow import Follower, condensed
from hfx.driver.scan.context import RunContext
from hfx.driver.submission.prepare import again
from hfx.driver.submission.status import Queues, Standing, standing
from hfx.driver.submission.submit import hand_over
from hfx.errors import RunFolderError

__all__ = ["follow", "orphaned"]

_PAUSE = 0.3  # seconds between looks into the folder


@dataclass
class _Shown:
    """What has been said of the driver, so that it is not said twice."""

    say: Callable[[str], None]
    driver: str = ""

    def tell(self, there: Standing) -> None:
        told = f"{there.state}: {there.driver}"
        if there.driver and told != self.driver:
            self.driver = told
            self.say(told)


def follow(folder: Path, say: Callable[[str], None], listen: Callable[[Event], None], queues: Queues) -> Standing:
    """Show a run until it ends; `listen` hears its events: of the past only what matters still.

    A submitted run that has stopped, failed or lost its driver is handed over again, and again whenever it is lost after
    it got on. Returns how it ended; or that nobody drives it, where nobody submitted it either.
    Raises `RunFolderError`: no run there, or drivers that go before they get on.
    """
    follower, shown = Follower(folder), _Shown(say)
    there = standing(folder, queues)
    past = follower.new()
    if there.state == "finished" or orphaned(there):
        return there
    got_on = there.driven and bool(past)
    if there.driven:
        for event in condensed(past):
            listen(event)
    else:
        _again(there, say, queues)
    while True:
        there = standing(folder, queues)
        new = follower.new()
        for event in new:
            listen(event)
        got_on = got_on or bool(new)
        if there.ended or orphaned(there):
            return there
        shown.tell(there)
        if not there.driven:
            if not got_on:
                raise RunFolderError(f"{folder}: its driver has gone before it began: {_last_words(there)}")
            _again(there, say, queues)
            got_on = False
        time.sleep(_PAUSE)


def orphaned(there: Standing) -> bool:
    """Whether a run that nobody submitted is driven by nobody: a scan whose terminal has gone, say."""
    return not there.driven and there.submitted is None


def _again(there: Standing, say: Callable[[str], None], queues: Queues) -> None:
    """Hand a run over again that nobody drives."""
    why = {"lost": "its driver has gone without a word", "stopped": "it was stopped"}
    reason = why.get(there.state, f"it failed ({there.run.get('reason')})")
    say(f"{there.folder}: {reason}; it is submitted again, and goes on from what is kept")
    scan = again(there, RunContext(say=say))
    handed = hand_over(scan, say, queues)
    say(f"{handed.name} drives it now")


def _last_words(there: Standing) -> str:
    """The last line of the driver's log, and where the log is."""
    assert there.submitted is not None
    lines: list[str] = []
    with suppress(OSError):
        lines = [line for line in Path(there.submitted.log).read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1].removeprefix('hfx: ') if lines else 'it said nothing'} (all of it: {there.submitted.log})"
