"""Bounds on what is read, and archives that lie about themselves."""

import bz2
import gc
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hfx.errors import PalletError
from hfx.json_types import memory_of
from hfx.pallets import Pallet, json_text, open_pallet
from hfx.pallets.archives import Budget, Limits, read_container, unpacked_stem
from hfx.pallets.contents import read_contents
from hfx.pallets.inspection import inspect
from tests.pallets.builders import dump, flat, operations, tar_bytes, write, write_folder, zip_bytes


def _read(path: Path, **limits: int) -> dict[str, bytes]:
    return read_container(path, Budget(str(path), Limits(**limits)))


def test_total_size_is_bounded(tmp_path: Path) -> None:
    files = {"a.json": b"[" + b" " * 3_000_000 + b"]"}
    for name, raw in {
        "a.tgz": tar_bytes(files),
        "a.zip": zip_bytes(files),
        "a.tar": tar_bytes(files, "w"),
    }.items():
        with pytest.raises(PalletError, match=rf"{name} unpacks to more than 2 MiB"):
            _read(write(tmp_path / name, raw), total_bytes=2 * 1024**2)
    with pytest.raises(PalletError, match="more than 2 MiB"):
        _read(write_folder(tmp_path / "folder", files), total_bytes=2 * 1024**2)


def test_a_bomb_stops_early(tmp_path: Path) -> None:
    bomb = write(tmp_path / "bomb.json.gz", gzip.compress(b"[" + bytes(60_000_000), 9))
    tracemalloc.start()
    with pytest.raises(PalletError, match="unpacks to more than 8 MiB"):
        _read(bomb, total_bytes=8 * 1024**2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_other_members_count_too_but_are_not_held(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tgz", tar_bytes(flat() | {"figure.root": bytes(1_000_000)}))
    assert set(_read(path)) == set(flat())
    with pytest.raises(PalletError, match="unpacks to more than"):
        _read(path, total_bytes=500_000)


def test_sparse_members_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("BkgOnly.json")
    info.type = tarfile.GNUTYPE_SPARSE
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(PalletError, match="not a plain file"):
        _read(write(tmp_path / "a.tar", buffer.getvalue()))


def _extended(kind: bytes, content: bytes, times: int = 1) -> bytes:
    """A tar whose member has extended headers of this kind before it."""
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, len(content)
    header = info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    return header * times + tar_bytes({"a.json": b"{}"}, "w")


@pytest.mark.parametrize(
    ("kind", "content", "times"),
    [
        (tarfile.XHDTYPE, b"9" * 50_000, 1),
        (tarfile.XGLTYPE, b"50010 comment=" + b"1" * 49_995 + b"\n", 1),
        (tarfile.XHDTYPE, b"12 path=abc\n" + b"1" * 90 + b" hdr", 1),
        (tarfile.XHDTYPE, b"99999999999 path=abc\n", 1),
        (tarfile.XHDTYPE, b"3 path=abc\n", 1),
        (tarfile.XHDTYPE, b"20 size=99999999999\n", 1),
        (tarfile.GNUTYPE_LONGNAME, b"n" * 100_000, 1),
        (tarfile.XHDTYPE, b"12 path=abc\n", 2_000),
        (tarfile.GNUTYPE_LONGLINK, b"n" * 200, 2_000),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_extended_headers_are_checked_before_they_cost_time(
    kind: bytes, content: bytes, times: int, packed: bool, tmp_path: Path
) -> None:
    raw = _extended(kind, content, times)
    with pytest.raises(PalletError, match=r"p\.tar holds .*extended header.*; it is not to be trusted"):
        _read(write(tmp_path / "p.tar", gzip.compress(raw) if packed else raw))


def test_members_behind_a_checked_tar_s_are_not_taken_for_headers(tmp_path: Path) -> None:
    """The content of a member may be a tar with what is refused in a header."""
    inner = _extended(tarfile.XHDTYPE, b"9" * 50_000)
    path = write(tmp_path / "p.tar", tar_bytes({"a.json": inner, "b.json": b"{}"}, "w"))
    assert _read(path) == {"a.json": inner, "b.json": b"{}"}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_honest_extended_headers_are_read(form: int, tmp_path: Path) -> None:
    names = ["b/Müller-χ.json", "a/" + "long/" * 12 + "BkgOnly.json"] + [f"{i}.json" for i in range(300)]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for i, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 700 * (i % 3), 1.5 if form == tarfile.PAX_FORMAT else 1
            tar.addfile(info, io.BytesIO(b"1" * info.size))
    found = _read(write(tmp_path / "p.tar", buffer.getvalue()))
    assert {name: len(raw) for name, raw in found.items()} == {name: 700 * (i % 3) for i, name in enumerate(names)}


@pytest.mark.parametrize("name", ["a\x1b[2J.json", "a\nb.json", "\u202eb.json"])
def test_names_with_control_characters_are_refused(name: str, tmp_path: Path) -> None:
    for raw in (tar_bytes({name: b"{}"}), zip_bytes({name: b"{}"})):
        with pytest.raises(PalletError, match="a name with control characters") as caught:
            _read(write(tmp_path / "p", raw))
        assert str(caught.value).isprintable()
    write_folder(tmp_path / "folder", {name: b"{}"})
    with pytest.raises(PalletError, match="a name with control characters"):
        _read(tmp_path / "folder")


def _twice(kind: str, first: bytes, second: bytes) -> bytes:
    """An archive with two members of one name."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as packed, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for raw in (first, second):
                packed.writestr("./BkgOnly.json", raw)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for raw, name in ((first, "BkgOnly.json"), (second, "./BkgOnly.json")):
                info = tarfile.TarInfo(name)
                info.size = len(raw)
                tar.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_two_members_of_one_name_are_refused_unless_they_are_equal(kind: str, tmp_path: Path) -> None:
    with pytest.raises(PalletError, match=r"p holds 'BkgOnly\.json' twice, with different contents; unpack it"):
        _read(write(tmp_path / "p", _twice(kind, b"{}", b"[]")))
    assert _read(write(tmp_path / "p", _twice(kind, b"{}", b"{}"))) == {"BkgOnly.json": b"{}"}


def test_what_is_packed_twice_is_read(tmp_path: Path) -> None:
    for name, raw in {
        "a.tar.gz.gz": gzip.compress(tar_bytes(flat())),
        "b.json.gz.gz": gzip.compress(gzip.compress(flat()["BkgOnly.json"])),
        "c.zip.xz": lzma.compress(zip_bytes(flat())),
    }.items():
        contents = read_contents(str(write(tmp_path / name, raw)))
        assert len(contents.regions) == 1, name


def test_number_of_members_is_bounded(tmp_path: Path) -> None:
    files = {f"{i}.json": b"{}" for i in range(12)}
    for path in (
        write(tmp_path / "a.tgz", tar_bytes(files)),
        write(tmp_path / "a.zip", zip_bytes(files)),
        write_folder(tmp_path / "folder", files),
    ):
        with pytest.raises(PalletError, match="holds more than 10 files"):
            _read(path, members=10)


def test_nesting_is_bounded(tmp_path: Path) -> None:
    raw = tar_bytes(flat())
    for _ in range(3):
        raw = tar_bytes({"inner.tar.gz": raw})
    path = write(tmp_path / "a.tar.gz", raw)
    assert read_contents(str(path)).regions
    with pytest.raises(PalletError, match="too deep"):
        read_contents(str(path), limits=Limits(nesting=2))


def test_encrypted_zip(tmp_path: Path) -> None:
    raw = bytearray(zip_bytes(flat()))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := raw.find(magic, at + 1)) >= 0:
            raw[at + offset] |= 1
    with pytest.raises(PalletError, match="encrypted"):
        _read(write(tmp_path / "a.zip", bytes(raw)))


def test_zip_with_a_method_that_is_not_known(tmp_path: Path) -> None:
    raw = zip_bytes(flat()).replace(b"PK\x01\x02" + bytes(0), b"PK\x01\x02")
    patched = bytearray(raw)
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = -1
        while (at := patched.find(magic, at + 1)) >= 0:
            patched[at + offset] = 97
    with pytest.raises(PalletError, match="cannot be unpacked"):
        _read(write(tmp_path / "a.zip", bytes(patched)))


def test_zip_that_states_a_wrong_size(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b"[" + b" " * 100_000 + b"]")
    raw = bytearray(buffer.getvalue())
    at = raw.find(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (100).to_bytes(4, "little")
    with pytest.raises(PalletError, match="truncated or damaged"):
        _read(write(tmp_path / "a.zip", bytes(raw)))


@pytest.mark.parametrize("magic", [b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"])
def test_packers_that_are_not_read(magic: bytes, tmp_path: Path) -> None:
    with pytest.raises(PalletError, match="packed in a way hfx does not read; unpack it"):
        _read(write(tmp_path / "a.tar.zst", magic + bytes(600)))


def test_unpacked_stem() -> None:
    assert unpacked_stem("a/1Lbb.tar.gz") == "a/1Lbb"
    assert unpacked_stem("v1.2.TGZ") == "v1.2"
    assert unpacked_stem("plain") == "plain"


@pytest.mark.parametrize("place", [42, 20, 24])
def test_a_zip_whose_directory_lies_is_damaged(place: int, tmp_path: Path) -> None:
    """The place of a member before the file's beginning, and sizes that it has not; also within another archive."""
    raw = bytearray(zip_bytes(flat()))
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + place, 0xFFFFFFFE)
    end = raw.index(b"PK\x05\x06")
    struct.pack_into("<I", raw, end + 16, struct.unpack_from("<I", raw, end + 16)[0] + 512)  # shifts all places by 512
    for name, content in (("p.zip", bytes(raw)), ("q.tar", tar_bytes({"p.zip": bytes(raw)}, "w"))):
        with pytest.raises(PalletError, match=r"^p\.zip (is truncated or damaged|unpacks to more)"):
            _contents(write(tmp_path / name, content))


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, lzma.compress])
def test_a_damaged_archive_within_an_archive_is_named(pack: object, tmp_path: Path) -> None:
    raw = bytearray(pack(tar_bytes(flat(), "w")))  # type: ignore[operator]
    raw[len(raw) // 2 : len(raw) // 2 + 40] = bytes(40)
    raw[6:10] = b"\xff" * 4
    with pytest.raises(PalletError, match=r"^inner\.tar\.x is truncated or damaged"):
        _contents(write(tmp_path / "p.zip", zip_bytes({"inner.tar.x": bytes(raw)})))


def _contents(path: Path) -> None:
    read_contents(str(path))


def test_what_the_files_of_a_region_take_together_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file alone is small enough; of several regions one at a time counts."""
    files = flat(folder="A/") | flat(2.0, "B/")
    one = sum(memory_of(raw) for name, raw in files.items() if name.startswith("A/"))
    monkeypatch.setattr(json_text, "MOST_MEMORY", one + 10)
    path = write(tmp_path / "p.zip", zip_bytes(files))
    assert len(inspect(str(path)).regions) == 2
    monkeypatch.setattr(json_text, "MOST_MEMORY", one - 10)
    with pytest.raises(PalletError, match=r"^p/A/patchset\.json with the files that belong to it would take about"):
        open_pallet(path, "A")


def test_loose_patches_beyond_the_memory_are_defects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch = dump(operations())
    files = {"BkgOnly.json": flat()["BkgOnly.json"], **{f"patch.s_{i}.json": patch for i in range(4)}}
    monkeypatch.setattr(json_text, "MOST_MEMORY", memory_of(files["BkgOnly.json"]) + 2 * memory_of(patch) + 10)
    defects = [one.defect for one in open_pallet(write(tmp_path / "p.zip", zip_bytes(files))).hypotheses]
    assert defects[:2] == [None, None]
    assert all("p/patch.s_2.json" in text or "p/patch.s_3.json" in text for text in map(str, defects[2:]))
    assert all("with the files that belong to it would take about" in str(text) for text in defects[2:])


def test_inspection_holds_one_region_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hfx.pallets import inspection

    kept, opened = [], inspection._open

    def watched(*arguments: Any) -> Any:
        gc.collect()
        kept.append(sum(type(one) is Pallet and bool(one.hypotheses) for one in gc.get_objects()))
        return opened(*arguments)

    monkeypatch.setattr(inspection, "_open", watched)
    files = flat(folder="A/") | flat(2.0, "B/") | flat(3.0, "C/")
    assert len(inspect(str(write_folder(tmp_path / "p", files))).regions) == 3
    assert kept == [kept[0]] * 3


@pytest.mark.parametrize("kind", [b"0", b"7", b"A"])
@pytest.mark.parametrize("size", [2**31 + 1, 2**40, 2**63 - 1, 2**80, -1])
def test_a_member_that_states_more_than_any_source_may_hold_is_refused_at_once(kind: bytes, size: int, tmp_path: Path) -> None:
    """The standard library would go on reading towards its end, block by block, behind the end of the file."""
    info = tarfile.TarInfo("figure.root")
    info.size, info.type = abs(size), kind
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        header[124:136] = b"\xff" * 12
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
    raw = tar_bytes(flat(), "w")[: -20 * 512] + bytes(header)
    for name, content in (("p.tar", raw), ("p.tar.gz", gzip.compress(raw))):
        with pytest.raises(PalletError, match="unpacks to more than 2048 MiB" if size > 0 else "a member of negative size"):
            _read(write(tmp_path / name, content))
