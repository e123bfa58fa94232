"""Files of a pallet, from a folder, an archive or a single file, read into memory within limits.

The type of a container is told by its first bytes, not by its name. Archives are streamed: a member that cannot
belong to a pallet is skipped and not kept in memory. Nothing is written to disk, so a hostile member name could do
no harm; it is refused all the same, because no honest pallet has one.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from hfx.errors import PalletError
from hfx.pallets.formats.foreign import recognised
from hfx.pallets.formats.label_titles import is_titles_file
from hfx.pallets.formats.tar_headers import CheckedTar
from hfx.printable import has_unprintable

__all__ = [
    "LIMITS",
    "Budget",
    "Limits",
    "Members",
    "is_archive",
    "read_container",
    "read_nested",
    "unpacked_stem",
]

Members = dict[str, bytes]

_GZIP, _XZ, _BZIP2, _ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_ZSTD, _SEVEN, _RAR = b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!"
_HEAD = 512
_LOOKED_AT = 1 << 16  # bytes of a file in which words of another format are searched for
_SUFFIXES = (".gz", ".xz", ".bz2", ".tgz", ".txz", ".tbz2", ".tar", ".zip")


@dataclass(frozen=True)
class Limits:
    """Limits on the size of a source.

    Args:
        total_bytes: unpacked bytes of one source, nested archives included.
        members: number of files and folders.
        nesting: levels of archives inside archives.
    """

    total_bytes: int = 2 * 1024**3
    members: int = 20_000
    nesting: int = 3


LIMITS = Limits()


class Budget:
    """The bytes and members that may still be read from a source, all its nested archives included."""

    def __init__(self, source: str, limits: Limits = LIMITS) -> None:
        self.source, self.limits = source, limits
        self._bytes, self._members = limits.total_bytes, limits.members
        self.skipped: dict[str, bytes] = {}
        """The first bytes of files that cannot belong to a pallet, by name: errors say what they are."""

    def spend_bytes(self, count: int) -> None:
        self.expect_bytes(count)
        self._bytes -= count

    def expect_bytes(self, count: int) -> None:
        """Raise `PalletError` if so many bytes are more than may still be read."""
        if count > self._bytes:
            size = f"{self.limits.total_bytes / 1024**2:.0f} MiB"
            raise PalletError(f"{self.source} unpacks to more than {size}; unpack it and give the pallet's own folder")

    def spend_member(self) -> None:
        self._members -= 1
        if self._members < 0:
            count = self.limits.members
            raise PalletError(f"{self.source} holds more than {count} files; give the pallet's own folder or archive")


def read_container(path: Path, budget: Budget, file: str | None = None) -> Members:
    """The files that may belong to a pallet, by their paths in the folder or archive; of a single file that file.

    Args:
        path: the folder, archive or file.
        budget: the limits, reduced by all that is read.
        file: the file's name where the path does not end with it (in the cache).

    Raises:
        PalletError: not readable, not a container, damaged, unsafe or beyond the limits.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _read_folder(path, budget)
        if not stat.S_ISREG(status.st_mode):
            raise PalletError(f"{path} is neither a file nor a folder; give the pallet's archive or folder")
        with path.open("rb") as handle:
            return _read_stream(handle, file or path.name, budget)
    except OSError as error:
        # In a folder, the file at fault.
        where = error.filename if error.filename and path.is_dir() else file or path
        raise PalletError(f"{where} cannot be read: {error.strerror or error}") from None


def read_nested(name: str, raw: bytes, budget: Budget) -> Members:
    """The files of an archive that is a member of another, under a folder of its name without suffixes."""
    folder = unpacked_stem(name)
    return {f"{folder}/{member}": text for member, text in _read_stream(io.BytesIO(raw), name, budget).items()}


def is_archive(head: bytes) -> bool:
    """Whether a file with these first 512 bytes is a container that can be opened."""
    return head.startswith((_GZIP, _XZ, _BZIP2, _ZIP)) or _is_tar(head)


def unpacked_stem(name: str) -> str:
    """A name without its archive suffixes: ``a/1Lbb.tar.gz`` gives ``a/1Lbb``."""
    while name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def _is_tar(head: bytes) -> bool:
    if len(head) < _HEAD:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_HEAD], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _wanted(name: str, head: bytes) -> bool:
    """Whether a file may belong to a pallet: JSON, names of labels, or an archive within the archive."""
    return name.lower().endswith(".json") or is_titles_file(name) or head.lstrip()[:1] in (b"{", b"[") or is_archive(head)


def _is_junk(name: str) -> bool:
    """Whether a file is one that macOS, editors or version control leave behind."""
    return any(part == "__MACOSX" or part.startswith(".") for part in name.split("/"))


def _safe_name(name: str, archive: str) -> str:
    """The member's path with forward slashes and no ``.`` parts; raises `PalletError` for a path out of the archive."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    absolute = name.startswith(("/", "\\")) or (bool(parts) and parts[0].endswith(":"))
    if absolute or ".." in parts:
        raise PalletError(f"{archive} holds {name[:100]!r}, a path that leads out of the archive; it is not to be trusted")
    if has_unprintable(name):
        raise PalletError(f"{archive} holds {name[:100]!r}, a name with control characters; it is not to be trusted")
    return "/".join(parts)


# --- folders


def _read_folder(folder: Path, budget: Budget) -> Members:
    members: Members = {}
    for path in _walk(folder, budget, frozenset()):
        name = path.relative_to(folder).as_posix()
        if has_unprintable(name):
            raise PalletError(f"{folder} holds {name[:100]!r}, a name with control characters; give the file another name")
        with path.open("rb") as handle:
            head = handle.read(_HEAD)
            if not _wanted(name, head):
                budget.skipped[name] = head
                continue
            budget.spend_bytes(path.stat().st_size)
            members[name] = head + handle.read()
    return members


def _walk(folder: Path, budget: Budget, above: frozenset[str]) -> Iterator[Path]:
    """The regular files below a folder, by name. Links are followed (the folder is the user's own), cycles of links are not."""
    here = os.path.realpath(folder)
    if here in above:
        return
    for path in sorted(folder.iterdir()):
        if _is_junk(path.name):
            continue
        budget.spend_member()
        if path.is_dir():
            yield from _walk(path, budget, above | {here})
        elif path.is_file():
            yield path


# --- archives and single files


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Metered:
    """A stream that reduces the budget by all that is read from it; tarfile needs no more methods of a stream."""

    def __init__(self, stream: _Readable, budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._budget.spend_bytes(len(chunk))
        return chunk

    def read_all(self) -> bytes:
        return b"".join(iter(lambda: self.read(1 << 20), b""))


_UNPACKERS: dict[bytes, Callable[[IO[bytes]], _Readable]] = {
    _GZIP: lambda handle: gzip.GzipFile(fileobj=handle, mode="rb"),
    _XZ: lzma.LZMAFile,
    _BZIP2: lambda handle: bz2.BZ2File(handle),
}


# Python's readers of archives raise these too where a header lies, of a place before the beginning for example.
_OF_LIES = (ValueError, ArithmeticError, LookupError, RecursionError, struct.error)


@contextmanager
def _explaining(name: str) -> Iterator[None]:
    """Turns errors of the unpackers into `PalletError`."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, *_OF_LIES) as error:
        raise _damaged(name, error) from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # gzip and bz2 give none, a place that cannot be gives EINVAL
            raise
        raise _damaged(name, error) from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile: a compression method that it lacks
        raise PalletError(f"{name} cannot be unpacked ({str(error)[:100]}); unpack it and give the folder") from None


def _damaged(name: str, error: Exception) -> PalletError:
    return PalletError(f"{name} is truncated or damaged ({(str(error) or type(error).__name__)[:100]}); fetch it again")


def _read_stream(handle: IO[bytes], name: str, budget: Budget) -> Members:
    head = handle.read(_HEAD)
    handle.seek(0)
    with _explaining(name):
        if not head:
            raise PalletError(f"{name} is an empty file; download or write it again")
        if head.startswith(_ZIP):
            return _read_zip(handle, name, budget)
        for magic, unpacker in _UNPACKERS.items():
            if head.startswith(magic):
                return _read_packed(unpacker, handle, name, budget)
        if _is_tar(head):
            return _read_tar(_Metered(handle, budget), name, budget)
        return {name: _read_plain(handle, head, name, budget)}


def _read_packed(unpacker: Callable[[IO[bytes]], _Readable], handle: IO[bytes], name: str, budget: Budget) -> Members:
    """A compressed tar, or one compressed file."""
    head = unpacker(handle).read(_HEAD)
    handle.seek(0)
    stream = _Metered(unpacker(handle), budget)
    if _is_tar(head):
        members = _read_tar(stream, name, budget)
        stream.read_all()  # up to the checksum, so that a truncated file is noticed
        return members
    inner, raw = Path(unpacked_stem(name)).name, stream.read_all()
    # What is packed twice is unpacked as an archive within an archive.
    return {inner: raw if is_archive(raw[:_HEAD]) else _plain(raw, head, name)}


def _read_plain(handle: IO[bytes], head: bytes, name: str, budget: Budget) -> bytes:
    return _plain(_Metered(handle, budget).read_all(), head, name)


def _plain(raw: bytes, head: bytes, name: str) -> bytes:
    """The content of a file that is no archive; raises `PalletError` where it is not JSON, naming its type if known."""
    if name.lower().endswith(".json") or raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return raw
    if head.startswith(_EMPTY_ZIP):
        raise PalletError(f"{name} is an empty archive; download or pack it again")
    if head.startswith((_ZSTD, _SEVEN, _RAR)):
        raise PalletError(f"{name} is packed in a way hfx does not read; unpack it and give the folder")
    if (foreign := recognised(name, raw[:_LOOKED_AT])) is not None:
        raise PalletError(foreign.explanation(name))
    if head.lstrip()[:1] == b"<":
        raise PalletError(f"{name} is a web page or XML, not a pallet; fetch the archive that the page offers")
    remedy = "an endpoint file is given with --endpoint" if name.lower().endswith(".toml") else "give the pallet's file or folder"
    raise PalletError(f"{name} is neither an archive (.zip, .tar, .tar.gz, .tgz, .tar.xz) nor JSON; {remedy}")


def _read_tar(stream: _Metered, archive: str, budget: Budget) -> Members:
    members: Members = {}
    checked = CheckedTar(stream, archive, budget.expect_bytes)
    with tarfile.open(fileobj=cast(IO[bytes], checked), mode="r|", bufsize=1 << 20) as tar:
        for info in tar:
            budget.spend_member()
            name = _safe_name(info.name, archive)
            if info.issym() or info.islnk():
                raise PalletError(f"{archive} holds {name!r}, a link; put the file itself into the archive")
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                raise PalletError(f"{archive} holds {name!r}, which is not a plain file; it is not to be trusted")
            content = tar.extractfile(info)
            if content is None or _is_junk(name):
                continue
            head = content.read(_HEAD)
            if _wanted(name, head):
                _add(members, name, head + content.read(), archive)
            else:
                budget.skipped[name] = head
    return members


def _add(members: Members, name: str, content: bytes, archive: str) -> None:
    """Add a member; raises `PalletError` for a second one of that name with another content: which counts is not evident."""
    if members.setdefault(name, content) != content:
        raise PalletError(f"{archive} holds {name!r} twice, with different contents; unpack it and give the folder")


def _read_zip(handle: IO[bytes], archive: str, budget: Budget) -> Members:
    members: Members = {}
    with zipfile.ZipFile(handle) as packed:
        for info in packed.infolist():
            budget.spend_member()
            name = _safe_name(info.filename, archive)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise PalletError(f"{archive} holds {name!r}, a link or device; put the file itself into the archive")
            if info.is_dir() or _is_junk(name):
                continue
            if info.flag_bits & 1:
                raise PalletError(f"{archive} is encrypted; unpack it and give the folder")
            with packed.open(info) as content:
                head = content.read(_HEAD)
                if not _wanted(name, head):
                    budget.skipped[name] = head
                    continue
                budget.spend_bytes(info.file_size)
                _add(members, name, head + content.read(), archive)
    return members
