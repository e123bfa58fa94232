"""Extended headers of a tar, checked before the standard library reads them: it searches them with a regular expression whose
time grows with the square of a run of digits, and reads headers of headers by recursion.
"""

import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Protocol

from hfx.errors import PalletError

__all__ = ["CheckedTar"]

_BLOCK = tarfile.BLOCKSIZE
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENDED = (*_PAX, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_LARGEST, _MOST = 1 << 16, 1 << 22  # bytes of one extended header, and of all
_IN_A_ROW = 8  # extended headers of one member
_DIGITS = re.compile(rb"[0-9]{100}")
_RECORD = re.compile(rb"([0-9]{1,8}) ([^=\n]{1,200})=")
_CHUNK = 1 << 20


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class CheckedTar:
    """A tar to be read from front to back, as `tarfile` reads streams.

    `read` raises `PalletError` at an extended header that is too large, or is none, before its bytes are passed on.
    """

    def __init__(self, stream: _Readable, archive: str, expect: Callable[[int], None]) -> None:
        """``expect`` raises for a size that no member may have: `tarfile` goes on reading to a member's end behind the file's."""
        self._stream, self._archive, self._expect = stream, archive, expect
        self._parts = self._checked()
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """The next bytes; fewer than ``size`` only at the end."""
        parts = [self._waiting]
        length = len(self._waiting)
        while length < size and (part := next(self._parts, b"")):
            parts.append(part)
            length += len(part)
        whole = b"".join(parts)
        self._waiting = whole[size:]
        return whole[:size]

    def _checked(self) -> Iterator[bytes]:
        """The bytes of the tar, member by member; after its end all that follows."""
        in_a_row, total = 0, 0
        while len(header := self._exactly(_BLOCK)) == _BLOCK and header.strip(b"\0"):
            size = self._size(header)
            kind = header[156:157]
            if kind in _EXTENDED:
                in_a_row, total = in_a_row + 1, total + size
                if size > _LARGEST or total > _MOST or in_a_row > _IN_A_ROW:
                    raise self._refused("extended headers of a size that no honest archive has")
                content = self._exactly(-(-size // _BLOCK) * _BLOCK)
                if kind in _PAX:
                    self._check_records(content[:size])
                yield header + content
                continue
            in_a_row = 0
            yield header
            yield from self._content(header, size)
        yield header
        while rest := self._stream.read(_CHUNK):
            yield rest

    def _content(self, header: bytes, size: int) -> Iterator[bytes]:
        """The blocks of a member's content: `tarfile` expects some of regular files and of types that it does not know."""
        kind = header[156:157]
        folder = kind == tarfile.AREGTYPE and header[:100].rstrip(b"\0").endswith(b"/")
        if folder or (kind in tarfile.SUPPORTED_TYPES and kind not in tarfile.REGULAR_TYPES):
            return
        left = -(-size // _BLOCK) * _BLOCK
        while left and (part := self._stream.read(min(left, _CHUNK))):
            left -= len(part)
            yield part

    def _exactly(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        parts = []
        while size and (part := self._stream.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _size(self, header: bytes) -> int:
        try:
            size = int(tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").size)
        except tarfile.HeaderError:
            return 0  # tarfile says what is wrong with it
        if size < 0:
            raise self._refused("a member of negative size")
        self._expect(size)
        return size

    def _check_records(self, content: bytes) -> None:
        """Raise unless these are records "length key=value\\n", without a number of which the search would take long."""
        if _DIGITS.search(content):
            raise self._refused("an extended header with a number of a hundred digits")
        position = 0
        while position < len(content) and content[position : position + 1] != b"\0":
            found = _RECORD.match(content, position)
            if found is None or found[2] == b"size" or int(found[1]) < len(found[0]):
                raise self._refused("an extended header that is none")
            position += int(found[1])

    def _refused(self, what: str) -> PalletError:
        return PalletError(f"{self._archive} holds {what}; it is not to be trusted; unpack it yourself and give the folder")
