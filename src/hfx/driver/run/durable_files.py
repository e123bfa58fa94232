"""Files that survive: whole or not at all, appended and synced; a failing disk explained in a line."""

import errno
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hfx.driver.run.stored_json import LONGEST, open_regular
from hfx.errors import RunFolderError

__all__ = [
    "append",
    "create",
    "dump",
    "explained",
    "lines",
    "make_folder",
    "read_at",
    "write_parts",
    "write_whole",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PIECE = 1 << 20  # bytes of a line that are passed over at a time
_LINK = {errno.ELOOP}
_GONE = {errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.ENOTCONN, errno.ENODEV, errno.EIO, errno.EREMOTEIO}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def explained(folder: Path, kept: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn what the disk refuses into a `RunFolderError`: the folder, what is kept in it, how to go on."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(_explanation(folder, error, kept() if kept else "")) from error


def _explanation(folder: Path, error: OSError, kept: str) -> str:
    what = f"{folder}: {'' if _removed(folder) else kept}"
    if error.errno in _FULL:
        return f"{what}no space is left there ({error.strerror}); make room, then run the same command again"
    if error.errno in _LINK:
        return f"{what}{error.filename} is a link to another place, which is not written to; put the file itself there"
    if error.errno in _REFUSED:
        return f"{what}it cannot be written ({error.strerror}); make it writable or choose another with -o"
    if error.errno in _GONE:
        return (
            f"{what}the folder has gone or cannot be reached ({error.strerror}); when it is back, run the "
            "same command again; else choose another with -o"
        )
    place = f"{error.filename}: " if error.filename and str(error.filename) != str(folder) else ""
    return f"{what}{place}{error.strerror or error}; correct this or choose another folder with -o, then run again"


def _removed(folder: Path) -> bool:
    """Whether there is no such folder any more, nor what was kept in it; a disk that does not answer may still have it."""
    try:
        return not folder.exists()
    except OSError:
        return False


def make_folder(folder: Path) -> None:
    """Make a folder for files that a user named, but none above it: that would be a misspelt path.

    Raises `RunFolderError`.
    """
    if not folder.parent.is_dir():
        raise RunFolderError(f"{folder} cannot be created: there is no folder {folder.parent}; create it, or correct -o")
    with explained(folder):
        folder.mkdir(exist_ok=True)


def dump(content: object, *, indent: int | None = None) -> str:
    """Strict JSON text; a number that is not finite becomes null."""
    try:
        return json.dumps(content, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: object) -> object:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one, never a part."""
    write_parts(path, [text])


def write_parts(path: Path, parts: Iterable[str | bytes]) -> None:
    """`write_whole` for a text that comes in parts, one after the other."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        try:
            os.fchmod(descriptor, 0o644 & ~_umask())
            for part in parts:
                _write_all(descriptor, part if isinstance(part, bytes) else part.encode())
            _sync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _umask() -> int:
    """The process' umask, from /proc (to ask the kernel is to change it for a moment, in every thread)."""
    with suppress(OSError, ValueError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    return 0o022


def append(path: Path, text: bytes, *, sync: bool = True) -> int:
    """Append whole lines to an existing file; the offset at which they begin.

    The file is opened anew each time: a folder that has vanished is noticed, not written into the void.
    Where the disk fills up in the middle, the file is cut back to its whole lines. A link is not followed: what it leads to is no
    file of this folder.
    """
    descriptor = open_regular(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
    try:
        before = _whole_lines(descriptor)
        try:
            _write_all(descriptor, text)
            if sync:
                _sync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    return before


def create(path: Path) -> None:
    """An empty file, unless it is there."""
    if not path.exists():
        os.close(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW))
        _sync_folder(path.parent)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset, line without its end) of a file's whole lines, none if there is no file; a torn last line is left out.

    A line that is longer than any that hfx writes is given as an empty one.
    """
    try:
        file = os.fdopen(open_regular(path), "rb")
    except FileNotFoundError:
        return
    offset = 0
    with file:
        while line := file.readline(LONGEST):
            length, whole = len(line), line[:-1]
            while length >= LONGEST and line and not line.endswith(b"\n"):
                line, whole = file.readline(_PIECE), b""
                length += len(line)
            if line.endswith(b"\n"):
                yield offset, whole
            offset += length


def read_at(path: Path, offset: int, length: int) -> bytes:
    """`length` bytes of a file from `offset` on, fewer where it ends."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(length)


def _whole_lines(descriptor: int) -> int:
    """Cut a torn last line off; the length that is left."""
    length = os.fstat(descriptor).st_size
    if length and os.pread(descriptor, 1, length - 1) == b"\n":
        return length
    end = length
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < length:
        os.ftruncate(descriptor, end)
    return end


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder last; where folders cannot be synced there is nothing to do."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
