"""The lock of a run's folder, which admits one driver at a time.

The file ``lock`` records its holder: host, process and start time. The holder also takes an ``flock`` on the file, which the
kernel releases when the process ends, however it ends. On a file system without ``flock``, and between hosts, only the
content of the file counts.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hfx.driver.run.stored_json import decoded, open_regular
from hfx.errors import RunFolderError

__all__ = ["JOB", "Holder", "LockState", "acquire", "alive", "check_free", "holder", "process", "remove", "state", "this_process"]

_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_ATTEMPTS = 20

# The environment variable in which a batch job's script gives the job's name to the driver, such as "slurm:17".
JOB = "HFX_JOB"


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Args:
        host, pid: the host's name and the process number.
        started: start time in clock ticks after boot, which distinguishes a process from a later one of the same number.
        since: when the lock was taken, UTC.
        job: the batch job that the process belongs to, such as "slurm:17"; "" for any other process.
    """

    host: str
    pid: int
    started: str
    since: str
    job: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (since {self.since})"


def this_process() -> Holder:
    """This process as a holder, with its batch job."""
    return replace(process(os.getpid()), job=os.environ.get(JOB, ""))


def process(pid: int) -> Holder:
    """The process `pid` of this host as a holder."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Holder(socket.gethostname(), pid, _started(pid) or "", now)


def holder(folder: Path, name: str = "lock") -> Holder | None:
    """The process recorded in the lock file of `folder`, running or not; None if there is no lock."""
    try:
        descriptor = open_regular(folder / name)
    except OSError:
        return None
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class LockState:
    """A lock's holder, and whether it runs; `running` is None if that cannot be checked: the holder is on another host."""

    holder: Holder | None
    running: bool | None


def state(folder: Path) -> LockState:
    """The state of the lock of `folder`. The lock itself is not touched."""
    found = holder(folder)
    if found is None:
        return LockState(None, None if (folder / "lock").exists() else False)  # a file without content is being written
    return LockState(found, alive(found) if found.host == socket.gethostname() else None)


def check_free(folder: Path) -> None:
    """Raise `RunFolderError`, as `acquire` does, if a process that is not known to have ended holds the lock; it is not taken."""
    _check_holder(folder / "lock", holder(folder), flocked=False, say=lambda _: None)


def remove(folder: Path) -> None:
    """Remove the lock of a holder that is known to have ended, on any host."""
    (folder / "lock").unlink(missing_ok=True)


def _started(pid: int) -> str | None:
    """A process' start time from /proc; None: no such process; "": unknown, because there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else ""
    except OSError:
        return ""
    # The second field is the name in parentheses, which may contain any character. A zombie does not run.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def alive(holder: Holder) -> bool:
    """Whether the holder, which must be a process of this host, still runs."""
    started = _started(holder.pid)
    if started == "":
        try:
            os.kill(holder.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    return started is not None and (not holder.started or started == holder.started)


@contextmanager
def acquire(folder: Path, say: Callable[[str], None], name: str = "lock") -> Iterator[None]:
    """Hold the lock `name` of `folder` for the block; `say` gets a sentence if a stale lock is taken over.

    Raises `RunFolderError`, which names host and process, if another process holds the lock.
    """
    path = folder / name
    descriptor = _take(path, say)
    try:
        yield
    finally:
        _release(path, descriptor)


def _take(path: Path, say: Callable[[str], None]) -> int:
    for _ in range(_ATTEMPTS):
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        try:
            mine = _flock(descriptor)
            holder = _read(descriptor)
            if mine is False:
                raise _refusal(path, holder)
            if not _same_file(descriptor, path):  # its holder has released and removed it since it was opened
                os.close(descriptor)
                continue
            _check_holder(path, holder, flocked=mine is True, say=say)
            _write(descriptor)
        except BaseException:
            _close(descriptor)
            raise
        return descriptor
    raise RunFolderError(f"{path.parent}: other processes keep taking and releasing its lock; run the command again")


def _check_holder(path: Path, holder: Holder | None, *, flocked: bool, say: Callable[[str], None]) -> None:
    """Raise if the recorded holder may still run; explain the takeover if it does not.

    `flocked`: this process has the `flock`. A file that records this very process is then a leftover of its own.
    """
    if holder is None:
        return
    if holder.host != socket.gethostname():
        if holder.job and holder.job == os.environ.get(JOB):
            # A job runs once at a time: the batch system has started it again on another node.
            say(f"{path.parent} was locked by {holder}, an earlier start of this very job: its lock is taken over")
            return
        raise RunFolderError(
            f"{path.parent} is locked by {holder}, which cannot be checked from this machine; "
            f"if it no longer runs, remove {path} and run the command again"
        )
    if alive(holder) and not (flocked and holder.pid == os.getpid()):
        raise _refusal(path, holder)
    say(f"{path.parent} was locked by {holder}, which no longer runs: its lock is taken over")


def _refusal(path: Path, holder: Holder | None) -> RunFolderError:
    who = str(holder) if holder else "another process that is just starting"
    return RunFolderError(f"{path.parent} is in use by {who}; wait for it, or choose another folder with -o")


def _flock(descriptor: int) -> bool | None:
    """True: this process has the `flock` now; False: another process has it; None: the file system has no `flock`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Holder | None:
    """The recorded holder; None for an empty or incomplete file, whose writer ended while writing it."""
    with suppress(ValueError):
        found = decoded(os.pread(descriptor, 4096, 0), _HOLDER)
        return found if found.pid > 0 else None  # for the kernel others are groups of processes
    return None


_HOLDER = msgspec.json.Decoder(Holder)


def _write(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(this_process())).encode() + b"\n", 0)
    os.fsync(descriptor)


def _release(path: Path, descriptor: int) -> None:
    """Remove the file, if this process still owns it, and release the `flock`; a missing folder is no error here."""
    try:
        if _same_file(descriptor, path):
            path.unlink()
    except OSError:
        # Should the file reappear, it is empty and counts as a free lock.
        _empty(descriptor)
    _close(descriptor)


def _empty(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
    except OSError:
        return


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return
