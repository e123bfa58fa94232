"""Inputs that are no pallet: one line that names the file and says what is wrong, never a traceback."""

import os
from pathlib import Path

import pytest

from hfx.errors import PalletError
from hfx.pallets import open_pallet
from tests.pallets.malformed import MALFORMED, Malformed, write_malformed


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_malformed(case: Malformed, tmp_path: Path) -> None:
    source = case.write(tmp_path)
    with pytest.raises(PalletError) as caught:
        open_pallet(source)
    text = str(caught.value)
    assert all(word in text for word in case.words), text
    assert "\n" not in text
    assert len(text) < 600
    assert "Traceback" not in text


def test_there_are_at_least_fifteen(tmp_path: Path) -> None:
    assert len(MALFORMED) >= 15
    assert len({case.name for case in MALFORMED}) == len(MALFORMED) == len(write_malformed(tmp_path))


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(b"{}")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PalletError, match=r"p\.json cannot be read: Permission denied"):
        open_pallet(path)


def test_the_unreadable_file_of_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "BkgOnly.json").write_bytes(b"{}")

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PalletError, match=r"BkgOnly\.json cannot be read: Permission denied"):
        open_pallet(tmp_path)


def test_fifo_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pallet.json"
    os.mkfifo(path)
    with pytest.raises(PalletError, match="neither a file nor a folder"):
        open_pallet(path)


@pytest.mark.parametrize("source", ["", "  "])
def test_nothing_given(source: str) -> None:
    with pytest.raises(PalletError, match=r"no pallet given|no such file"):
        open_pallet(source)
