"""Inputs that are no pallet, and words that their errors must have, for the tests of the room and of the CLI.

Each writer puts one malformed input into a folder and gives the source to open.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.pallets.builders import (
    Files,
    dump,
    flat,
    patch_entry,
    patch_set,
    tar_bytes,
    tar_of,
    workspace,
    write,
    write_folder,
    zip_bytes,
)

__all__ = ["MALFORMED", "Malformed", "write_malformed"]


@dataclass(frozen=True)
class Malformed:
    """One input: its name, who writes it into a folder, and words that its error must have."""

    name: str
    write: Callable[[Path], Path]
    words: tuple[str, ...]


def write_malformed(folder: Path) -> list[tuple[Malformed, Path]]:
    """All of them, each in a folder of its own, with the sources to open."""
    written = []
    for case in MALFORMED:
        place = folder / case.name.replace(" ", "_")
        place.mkdir()
        written.append((case, case.write(place)))
    return written


def _folder(files: Files) -> Callable[[Path], Path]:
    return lambda place: write_folder(place / "pallet", files)


def _archive(raw: bytes, name: str = "pallet.tar.gz") -> Callable[[Path], Path]:
    return lambda place: write(place / name, raw)


def _changed(**content: object) -> Files:
    """A pallet with parts of its patch set replaced."""
    return flat() | {"patchset.json": dump(patch_set(workspace()) | content)}


def _metadata(**metadata: object) -> Files:
    return flat() | {"patchset.json": dump(patch_set(workspace(), **metadata))}


def _entries(*entries: object) -> Files:
    return flat() | {"patchset.json": dump(patch_set(workspace(), list(entries)))}


def _background(**content: object) -> Files:
    return flat() | {"BkgOnly.json": dump(workspace() | content)}


def _without(key: str) -> Files:
    return flat() | {"BkgOnly.json": dump({k: v for k, v in workspace().items() if k != key})}


def _link(kind: bytes, target: str) -> bytes:
    info = tarfile.TarInfo("BkgOnly.json")
    info.type, info.linkname = kind, target
    return tar_of(info)


def _zip_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("BkgOnly.json")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def _deep(levels: int) -> bytes:
    """A background that is sound but for something very deep in a measurement."""
    return dump(workspace()).replace(b'"parameters": []', b'"parameters": ' + b"[" * levels + b"]" * levels)


_CUT = tar_bytes(flat())
_CUT_TAR = tar_bytes(flat(), "w")
_CUT_ZIP = zip_bytes(flat())
_CUT_XZ = tar_bytes(flat(), "w:xz")
_NAN = dump(workspace()).replace(b"1e-07", b"NaN")
_LATIN = dump(workspace()).replace(b"\\u00ef", b"\xef")
_TWO_WRONG = flat() | {
    "patchset.json": dump(patch_set(workspace(2.0))),
    "patchset_old.json": dump(patch_set(workspace(3.0))),
}
_TWO_RIGHT = flat() | {"patchset_other.json": dump(patch_set(workspace(), [patch_entry("other", 1, 2)]))}

MALFORMED: tuple[Malformed, ...] = (
    Malformed("no such file", lambda place: place / "absent.tar.gz", ("absent.tar.gz", "no such file")),
    Malformed("empty file", _archive(b""), ("pallet.tar.gz", "empty")),
    Malformed("empty folder", lambda place: write_folder(place, {}), ("contains no JSON file", "give the file, folder")),
    Malformed("only another json", _folder({"a.json": b"[1]"}), ("no HistFactory workspace", "observations and version")),
    Malformed("empty object", _folder({"BkgOnly.json": b"{}"}), ("BkgOnly.json", "lacks 'channels'", "give the file, folder")),
    Malformed("endpoint file", lambda place: write(place / "a.toml", b"engine = 1"), ("a.toml", "given with --endpoint")),
    Malformed("empty background", _folder(flat() | {"BkgOnly.json": b""}), ("BkgOnly.json", "empty")),
    Malformed("not json", _folder(flat() | {"BkgOnly.json": b"channels: []"}), ("BkgOnly.json", "not JSON")),
    Malformed("cut json", _folder(flat() | {"patchset.json": b'{"patches": ['}), ("patchset.json", "not JSON")),
    Malformed("not utf-8", _folder(flat() | {"BkgOnly.json": _LATIN}), ("BkgOnly.json", "not UTF-8")),
    Malformed(
        "nan in background",
        _folder(flat() | {"BkgOnly.json": _NAN}),
        ("finite", "/channels/0/samples/0/data/1"),
    ),
    Malformed(
        "integer beyond doubles",
        _folder(flat() | {"BkgOnly.json": _NAN.replace(b"NaN", b"9" * 400)}),
        ("finite", "/channels/0/samples/0/data/1"),
    ),
    Malformed("deep json", _folder(flat() | {"BkgOnly.json": _deep(100_000)}), ("BkgOnly.json", "deeper than")),
    Malformed("rather deep json", _folder(flat() | {"BkgOnly.json": _deep(300)}), ("BkgOnly.json", "deeper than")),
    Malformed("truncated tar.gz", _archive(_CUT[: len(_CUT) // 2]), ("pallet.tar.gz", "truncated or damaged")),
    Malformed("tar.gz cut at its end", _archive(_CUT[:-6]), ("pallet.tar.gz", "truncated or damaged")),
    Malformed("damaged tar.gz", _archive(_CUT[:60] + bytes(40) + _CUT[100:]), ("truncated or damaged",)),
    Malformed("truncated tar", _archive(_CUT_TAR[:1800], "pallet.tar"), ("pallet.tar", "truncated or damaged")),
    Malformed("truncated tar.xz", _archive(_CUT_XZ[:-60], "pallet.tar.xz"), ("truncated or damaged",)),
    Malformed("truncated zip", _archive(_CUT_ZIP[:-40], "pallet.zip"), ("pallet.zip", "truncated or damaged")),
    Malformed("path traversal", _archive(tar_bytes({"../BkgOnly.json": b"{}"})), ("../BkgOnly.json", "leads out")),
    Malformed("absolute path", _archive(tar_bytes({"/tmp/BkgOnly.json": b"{}"})), ("leads out",)),
    Malformed("traversal in zip", _archive(zip_bytes({"a/../../b.json": b"{}"}), "p.zip"), ("leads out",)),
    Malformed("symbolic link", _archive(_link(tarfile.SYMTYPE, "/etc/passwd")), ("BkgOnly.json", "link")),
    Malformed("hard link", _archive(_link(tarfile.LNKTYPE, "/etc/passwd")), ("BkgOnly.json", "link")),
    Malformed("link in zip", _archive(_zip_link(), "pallet.zip"), ("BkgOnly.json", "link")),
    Malformed("device", _archive(_link(tarfile.CHRTYPE, "")), ("BkgOnly.json", "not a plain file")),
    Malformed("fifo", _archive(_link(tarfile.FIFOTYPE, "")), ("BkgOnly.json", "not a plain file")),
    Malformed("web page", _archive(b"<!doctype html><html>HEPData</html>"), ("web page",)),
    Malformed("some other file", _archive(b"\x89PNG\r\n\x1a\n" + bytes(600), "pallet.png"), ("neither an archive",)),
    Malformed("empty zip", _archive(zip_bytes({}), "p.zip"), ("p.zip is an empty archive",)),
    Malformed("no background", _folder({"patchset.json": flat()["patchset.json"]}), ("no background workspace",)),
    Malformed("patch set alone", _archive(flat()["patchset.json"], "patchset.json"), ("is a patch set",)),
    Malformed("background alone", _archive(flat()["BkgOnly.json"], "BkgOnly.json"), ("no signal in it",)),
    Malformed("missing observations", _folder(_without("observations")), ("BkgOnly.json", "'observations'")),
    Malformed("missing version", _folder(_without("version")), ("BkgOnly.json", "'version'")),
    Malformed("other version", _folder(_background(version="2.0.0")), ("BkgOnly.json", "'2.0.0'")),
    Malformed("channels no list", _folder(_background(channels={})), ("BkgOnly.json", "'channels'")),
    Malformed("wrong digest", _folder(_metadata(digests={"sha256": "0" * 64})), ("made for another background", "--no-verify")),
    Malformed("no digest", _folder(_metadata(digests={})), ("patchset.json", "no sha256", "--no-verify")),
    Malformed("digest no text", _folder(_metadata(digests={"md5": 5})), ("metadata.digests.md5",)),
    Malformed("two wrong patch sets", _folder(_TWO_WRONG), ("patchset.json", "patchset_old.json", "--region")),
    Malformed("two right patch sets", _folder(_TWO_RIGHT), ("patchset_other.json", "2 have its digest")),
    Malformed("no metadata", _folder(_changed(metadata=None)), ("patchset.json", "'metadata'")),
    Malformed("no patches", _folder(_changed(patches=[])), ("patchset.json", "no patches")),
    Malformed("patches no list", _folder(_changed(patches={})), ("patchset.json", "'patches'")),
    Malformed("no labels", _folder(_metadata(labels=[])), ("patchset.json", "metadata.labels")),
    Malformed("too many labels", _folder(_metadata(labels=["a", "b", "c"])), ("3 values", "have 2")),
    Malformed("twice one name", _folder(_entries(*[patch_entry("s", 1, 2)] * 2)), ("'s'", "2 times")),
    Malformed("patch without name", _folder(_entries({"patch": []})), ("patch number 1", "metadata.name")),
    Malformed("choice of region missing", _folder(flat(folder="A/") | flat(2.0, "B/")), ("A, B", "--region")),
    Malformed(
        "json of something else",
        _archive(json.dumps([1, 2]).encode(), "x.json"),
        ("x.json", "it is a list; a workspace is an object"),
    ),
)
