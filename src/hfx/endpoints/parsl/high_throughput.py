"""Parsl's HighThroughputExecutor with an orderly end, whichever of its processes are left. This module imports Parsl.

Parsl itself waits without a limit for answers of its interchange, also when it cancels the blocks, and an interchange that was
killed never answers.
"""

import fcntl
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from parsl.executors import HighThroughputExecutor
from parsl.utils import Timer

from hfx.endpoints.parsl.worker_pool import LOCK

if TYPE_CHECKING:
    from parsl import DataFlowKernel
    from parsl.providers.base import ExecutionProvider

__all__ = ["Blocks"]

# Seconds for an answer of the interchange, and for the commands to a batch system that are under way at the end.
_ANSWER, _COMMANDS = 5.0, 6.0
_PERIOD = 0.5


class Blocks(HighThroughputExecutor):
    """Parsl's executor, which can be ended without its interchange, and starts no block after its end."""

    ended = False
    _lock: IO[str] | None = None

    def start(self) -> None:
        """Start the interchange. On this machine, blocks end when the lock that is taken here is released, by whatever."""
        if self._blocks.label == "local":
            self._take_lock(Path(self.logdir) / LOCK)
        super().start()  # type: ignore[no-untyped-call]
        vars(self.command_client)["run"] = partial(self.command_client.run, timeout_s=_ANSWER)

    def _take_lock(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # no locks on this file system: the blocks end when they get no heartbeats
            path.unlink()

    @property
    def _blocks(self) -> "ExecutionProvider":
        assert self.provider is not None
        return self.provider

    def scale_out_facade(self, n: int) -> list[str]:
        """Start blocks, but not after the end."""
        return [] if self.ended else list(super().scale_out_facade(n))

    def scale_in(self, blocks: int, max_idletime: float | None = None) -> list[str]:
        """Cancel blocks, but not after the end: there are none."""
        return [] if self.ended else list(super().scale_in(blocks, max_idletime))

    def wait_for_interchange(self) -> str | None:
        """How the interchange ended; None: it was ended here."""
        assert self.interchange_proc is not None
        while (code := self.interchange_proc.poll()) is None and not self.ended:
            time.sleep(_PERIOD)
        if self.ended or code is None:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def end(self, kernel: "DataFlowKernel | None") -> None:
        """Cancel the blocks, and end the interchange and Parsl's threads; `kernel` is None where it could not be made."""
        self.ended = True
        if kernel is not None:
            Timer.close(kernel.job_status_poller, _COMMANDS)  # after it, no job is in the making
        with suppress(Exception):
            self._blocks.cancel(self._cancellable())
        if self.interchange_proc is not None:
            self.interchange_proc.kill()
            self.interchange_proc.wait()
        if kernel is not None:
            with suppress(Exception):
                kernel.cleanup()
        if self._lock is not None:
            self._lock.close()

    def _cancellable(self) -> list[Any]:
        """The jobs that have not ended, as far as is known."""
        known = ((self.blocks_to_job_id.get(block), status) for block, status in self.status_facade.items())
        return [job for job, status in known if job is not None and not status.terminal]
