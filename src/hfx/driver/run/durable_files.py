"""Files that survive: whole or not at all, appended and synced; a failing disk explained in a line."""

import errno
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeVar

from hfx.errors import RunFolderError

__all__ = [
    "append",
    "create",
    "dump",
    "explained",
    "lines",
    "make_folder",
    "parsed",
    "read_at",
    "write_parts",
    "write_whole",
]

T = TypeVar("T")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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
    if error.errno in _REFUSED:
        return f"{what}it cannot be written ({error.strerror}); make it writable or choose another with -o"
    if error.errno in _GONE:
        return (
            f"{what}the folder has gone or cannot be reached ({error.strerror}); when it is back, run the "
            "same command again; else choose another with -o"
        )
    return f"{what}{error.strerror or error}; correct this or choose another folder with -o, then run again"


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


def parsed(path: Path, parse: Callable[[TextIO], T], remedy: str) -> T | None:
    """The content of a file in a run's folder, read by `parse`; None if there is no such file.

    Raises `RunFolderError`, with its `remedy`, where the file cannot be read or `parse` raises `ValueError`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return parse(file)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise RunFolderError(f"{path.parent} is a file, not a run's folder; choose another with -o") from None
    except (ValueError, OSError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise RunFolderError(f"{path} cannot be read ({why}); {remedy}") from None


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


def write_parts(path: Path, parts: Iterable[str]) -> None:
    """`write_whole` for a text that comes in parts, one after the other."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        try:
            os.fchmod(descriptor, 0o644 & ~_umask())
            for part in parts:
                _write_all(descriptor, part.encode())
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
    Where the disk fills up in the middle, the file is cut back to its whole lines.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
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
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        _sync_folder(path.parent)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset, line without its end) of a file's whole lines, none if there is no file; a torn last line is left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    offset = 0
    with file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line[:-1]
            offset += len(line)


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
