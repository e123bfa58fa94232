"""The lock of a run's folder: one driver at a time.

The file ``lock`` names its holder (host, process, start time). On this host the kernel keeps it: it is held
with ``flock`` and let go of when the holder dies, however it dies. Where the file system has no ``flock``,
and across hosts, what the file says is all there is.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hfx.errors import RunFolderError

__all__ = ["JOB", "Holder", "Seen", "alive", "held", "holder", "myself", "of_process", "remove", "seen"]

_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_ATTEMPTS = 20

# The environment's name for the batch job that a driver is, as "slurm:17"; its script sets it.
JOB = "HFX_JOB"


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; `started` (ticks after boot) tells a process from a later one of the same number.

    `job`: the batch job that it is, as "slurm:17"; "" for any other process.
    """

    host: str
    pid: int
    started: str
    since: str
    job: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (since {self.since})"


def myself() -> Holder:
    """This process as a holder."""
    return replace(of_process(os.getpid()), job=os.environ.get(JOB, ""))


def of_process(pid: int) -> Holder:
    """A process of this host as a holder."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Holder(socket.gethostname(), pid, _started(pid) or "", now)


def holder(folder: Path, name: str = "lock") -> Holder | None:
    """Whom the lock of `folder` names, alive or not; None where there is no lock."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Seen:
    """A lock as an onlooker sees it; `running` is None where the holder is on another host, and cannot be looked at."""

    by: Holder | None
    running: bool | None


def seen(folder: Path) -> Seen:
    """Who holds the lock of `folder`, and whether that process runs; looking takes nothing from it."""
    found = holder(folder)
    if found is None:
        return Seen(None, None if (folder / "lock").exists() else False)  # it is just being written
    return Seen(found, alive(found) if found.host == socket.gethostname() else None)


def remove(folder: Path) -> None:
    """Remove the lock of a holder that is known to be dead, on whichever host."""
    (folder / "lock").unlink(missing_ok=True)


def _started(pid: int) -> str | None:
    """When a process started, as /proc has it; None: no such process; "": there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else ""
    except OSError:
        return ""
    # The second field is the name in parentheses, which may hold anything; a zombie is dead.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def alive(holder: Holder) -> bool:
    """Whether the holder, a process of this host, still runs."""
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
def held(folder: Path, say: Callable[[str], None], name: str = "lock") -> Iterator[None]:
    """Hold the lock `name` of `folder` for the block; `say` gets a sentence when a stale lock is taken over.

    Raises `RunFolderError` when another process holds it, by name of host and process.
    """
    path = folder / name
    descriptor = _take(path, say)
    try:
        yield
    finally:
        _release(path, descriptor)


def _take(path: Path, say: Callable[[str], None]) -> int:
    for _ in range(_ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            mine = _flock(descriptor)
            holder = _read(descriptor)
            if mine is False:
                raise _refusal(path, holder)
            if not _same_file(descriptor, path):  # released, and removed, by its holder in between
                os.close(descriptor)
                continue
            _judge(path, holder, kernel=mine is True, say=say)
            _write(descriptor)
        except BaseException:
            _close(descriptor)
            raise
        return descriptor
    raise RunFolderError(f"{path.parent}: its lock is taken and released too fast; run the command again")


def _judge(path: Path, holder: Holder | None, *, kernel: bool, say: Callable[[str], None]) -> None:
    """Raise when the holder that the file names may be alive; explain the takeover when it is dead.

    `kernel`: the kernel gave us the lock. A file that names this very process is then a leftover of its own.
    """
    if holder is None:
        return
    if holder.host != socket.gethostname():
        if holder.job and holder.job == os.environ.get(JOB):
            # A job runs once at a time: it was started again, on another node.
            say(f"{path.parent} was locked by {holder}, an earlier start of this very job: its lock is taken over")
            return
        raise RunFolderError(
            f"{path.parent} is locked by {holder}, which cannot be looked at from here; "
            f"if it no longer runs, remove {path} and run the command again"
        )
    if alive(holder) and not (kernel and holder.pid == os.getpid()):
        raise _refusal(path, holder)
    say(f"{path.parent} was locked by {holder}, which no longer runs: its lock is taken over")


def _refusal(path: Path, holder: Holder | None) -> RunFolderError:
    who = str(holder) if holder else "another process that is just starting"
    return RunFolderError(f"{path.parent} is in use by {who}; wait for it, or choose another folder with -o")


def _flock(descriptor: int) -> bool | None:
    """True: held by us now; False: by another; None: the file system cannot say."""
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
    """The holder that the file names; None for an empty or torn file, whose writer died within it."""
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        text = {key: str(content[key]) for key in ("host", "started", "since")}
        return Holder(pid=int(content["pid"]), job=str(content.get("job", "")), **text)
    except (ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(myself())).encode() + b"\n", 0)
    os.fsync(descriptor)


def _release(path: Path, descriptor: int) -> None:
    """Remove the file, if it is still ours, and let go; a vanished folder is no error here."""
    try:
        if _same_file(descriptor, path):
            path.unlink()
    except OSError:
        # An emptied file is a free lock too, should it come back.
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
