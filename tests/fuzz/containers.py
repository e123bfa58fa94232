"""Archives that nobody's archiver writes: headers that lie, overlap, nest and repeat."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence

from tests.fuzz.mutation import NASTY_TEXTS, damage

__all__ = ["packed", "tar_of_lies", "zip_of_lies"]

Files = dict[str, bytes]
_BLOCK = tarfile.BLOCKSIZE
_TYPES = b"01234567\0xgLKSVMDNAXZ"
_PACKERS: Sequence[Callable[[bytes], bytes]] = (gzip.compress, bz2.compress, lzma.compress)


def packed(raw: bytes, draw: random.Random) -> bytes:
    """Compressed, or not; sometimes in parts, with more behind the end, or cut."""
    pack = draw.choice((*_PACKERS, bytes))
    at = draw.randrange(len(raw) + 1)
    done = pack(raw[:at]) + pack(raw[at:]) if draw.randrange(6) == 0 else pack(raw)
    match draw.randrange(12):
        case 0:
            return done[: draw.randrange(len(done) + 1)]
        case 1:
            return done + draw.choice((b"\0" * 5000, draw.randbytes(50), raw[:1000], done))
        case 2 | 3:
            return damage(done, draw, draw.randrange(1, 4))
        case _:
            return done


def tar_of_lies(files: Files, draw: random.Random) -> bytes:
    """A tar whose headers are written by hand, some of them with lies; checksums are right unless that is the lie."""
    parts = []
    for name, raw in files.items():
        for _ in range(draw.choice((0, 0, 0, 1, 1, 3))):
            parts.append(_odd_member(draw, files))
        honest = draw.randrange(4)
        parts.append(
            _member(name, raw, size=len(raw) if honest else _lie(len(raw), draw), kind=_kind(draw) if honest == 1 else b"0")
        )
        if draw.randrange(8) == 0:
            parts.append(_member(name, draw.choice((raw, raw[:-1], b"{}"))))
    ends = (bytes(2 * _BLOCK), bytes(_BLOCK), b"", b"\xff" * _BLOCK, bytes(100 * _BLOCK))
    return b"".join(parts) + draw.choice(ends)


def _kind(draw: random.Random) -> bytes:
    return bytes([draw.choice(_TYPES)])


def _lie(size: int, draw: random.Random) -> int:
    return draw.choice((0, 1, size - 1, size + 1, size + 512, 2 * size, -1, -512, 8**11 - 1, 2**40, 2**63 - 1, 2**63, 2**64))


def _odd_member(draw: random.Random, files: Files) -> bytes:
    """A link, a device, an extended header, a sparse file, a long name."""
    name = draw.choice((*NASTY_TEXTS, *files, "a/" * 200 + "b.json", "../x.json", "/x.json", "C:\\x.json", ".json", "a//b.json"))
    kind = _kind(draw)
    if kind in b"xgX":
        return _member("pax", _pax(draw, files), kind=kind)
    if kind in b"LK":
        return _member("././@LongLink", name.encode("utf-8", "surrogatepass") + b"\0" * draw.randrange(600), kind=kind)
    raw = draw.choice((b"", b"{}", b"[" * 2000, draw.randbytes(100), *files.values()))
    return _member(name, raw, kind=kind, link=draw.choice((*files, "/etc/passwd", "../..", name)))


_PAX_KEYS = (
    "path",
    "linkpath",
    "size",
    "mtime",
    "uid",
    "GNU.sparse.major",
    "GNU.sparse.map",
    "GNU.sparse.size",
    "GNU.sparse.realsize",
)
_PAX_VALUES = ("0", "-1", "1", "1e9", "99999999999999999999", "9" * 90, "9" * 5000, "nan", "BINARY", "0,1,2", "1,2,3,4", "../x")


def _pax(draw: random.Random, files: Files) -> bytes:
    """Records of an extended header; their lengths may lie."""
    records = []
    for _ in range(draw.choice((0, 1, 1, 2, 3, 50))):
        key = draw.choice(
            (*_PAX_KEYS, "GNU.sparse.numblocks", "GNU.sparse.offset", "GNU.sparse.name", "hdrcharset", "comment", "")
        )
        text = f" {key}={draw.choice((*_PAX_VALUES, *NASTY_TEXTS, *files))}\n".encode("utf-8", "surrogatepass")
        length = len(text) + 1
        while length != len(text) + len(str(length)):
            length += 1
        length = draw.choice((length, length, length, length - 1, length + 7, 0, 10**9, 3))
        records.append(str(length).encode() + text)
    whole = b"".join(records)
    return damage(whole, draw, 1) if draw.randrange(4) == 0 else whole


def _member(name: str, raw: bytes, *, size: int | None = None, kind: bytes = b"0", link: str = "") -> bytes:
    header = bytearray(_BLOCK)
    header[0:100] = name.encode("utf-8", "surrogatepass")[:100].ljust(100, b"\0")
    header[100:124] = b"0000644\0" + b"0000000\0" * 2
    header[124:136] = _number(len(raw) if size is None else size)
    header[136:148] = b"00000000000\0"
    header[156:157] = kind
    header[157:257] = link.encode("utf-8", "surrogatepass")[:100].ljust(100, b"\0")
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + raw + bytes(-len(raw) % _BLOCK)


def _number(value: int) -> bytes:
    """A size as tar writes it: octal, or base 256 where it is negative or large."""
    if 0 <= value < 8**11:
        return f"{value:011o}\0".encode()
    return (b"\xff" if value < 0 else b"\x80") + (value % 2**88).to_bytes(11, "big")


_ZIP_NAMES = ("../x.json", "/x.json", "a/../b.json", "BkgOnly.json", "x.json\0.txt", "a\\b.json", "con", "C:x.json")


def zip_of_lies(files: Files, draw: random.Random) -> bytes:
    """A zip whose directory lies: of sizes, of places, of methods, of flags, of how many there are."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", draw.choice((0, 8, 8, 12, 14))) as archive:
        warnings.simplefilter("ignore")
        for name, raw in files.items():
            for _ in range(draw.choice((0, 0, 0, 1, 2))):
                odd = draw.choice((*_ZIP_NAMES, *(text for text in NASTY_TEXTS if text.isprintable() and text), *files))
                info = zipfile.ZipInfo(odd)
                info.external_attr = draw.choice((0, 0o120777, 0o060644, 0o040755, 0o010644, 0o177777)) << 16
                archive.writestr(info, draw.choice((b"{}", raw, raw[:-1], b"")))
            archive.writestr(name, raw)
    whole = bytearray(buffer.getvalue())
    entries = [at for at in range(len(whole) - 46) if whole[at : at + 4] == b"PK\x01\x02"]
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        _change_entry(whole, draw.choice(entries), draw.choice(entries), draw)
    if draw.randrange(5) == 0:
        end = whole.rindex(b"PK\x05\x06")
        struct.pack_into("<H", whole, end + draw.choice((4, 6, 8, 10)), draw.choice((0, 1, 0xFFFF)))
        struct.pack_into("<I", whole, end + draw.choice((12, 16)), draw.choice((0, 1, 0xFFFFFFFF, len(whole))))
    return bytes(whole)


def _change_entry(whole: bytearray, at: int, other: int, draw: random.Random) -> None:
    """One field of an entry of the directory: flags, method, checksum, sizes, lengths, attributes, or the place of another."""
    place, form = draw.choice(
        ((8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (38, "<I"), (42, "<I"))
    )
    (there,) = struct.unpack_from("<I", whole, other + 42)
    most = 0xFFFF if form == "<H" else 0xFFFFFFFF
    value = draw.choice((0, 1, 8, 99, most, most // 2 + 1, there, 0x41ED0000, 0xA1FF0000, len(whole)))
    struct.pack_into(form, whole, at + place, value & most)
