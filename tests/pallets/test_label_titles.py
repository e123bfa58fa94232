"""Names of labels in pictures: from a file in the pallet or beside it, and broken files refused with the line."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from hfx.errors import PalletError
from hfx.pallets import open_pallet
from hfx.pallets.formats.label_titles import read
from tests.driver import fakes

STAU = {"m1": {"latex": r"m(\tilde{\tau})", "unit": "GeV"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fakes.write_pallet(tmp_path / "toy", fakes.grid(2, 2))


@pytest.mark.parametrize("name", ["labels.yaml", "labels.yml", "labels.json"])
def test_a_file_in_the_folder(folder: Path, name: str) -> None:
    (folder / name).write_text(json.dumps(STAU, indent="\t" if name.endswith("json") else 1))
    pallet = open_pallet(folder)
    assert pallet.label_titles == STAU
    assert len(pallet.hypotheses) == 4
    assert pallet.warnings == ()


def test_a_file_in_an_archive_or_beside_it(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "stau.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "stau")
    assert open_pallet(archive).label_titles == {}
    (tmp_path / "stau.labels.yaml").write_text("m2: {unit: TeV}")
    assert open_pallet(archive).label_titles == {"m2": {"unit": "TeV"}}
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "stau")
        raw = json.dumps(STAU).encode()
        entry = tarfile.TarInfo("stau/labels.json")
        entry.size = len(raw)
        packed.addfile(entry, io.BytesIO(raw))
    assert open_pallet(archive).label_titles == STAU


def test_yaml_and_dollar_signs() -> None:
    text = "mst:\n  latex: $m(\\tilde{\\tau})$\n  unit: GeV\ntanb: {latex: '\\tan\\beta'}\n"
    assert read(text, "f") == {"mst": {"latex": r"m(\tilde{\tau})", "unit": "GeV"}, "tanb": {"latex": r"\tan\beta"}}
    assert read("", "f") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("m1: {latex: a\nm2: {latex: b}}", "labels.yaml, line 2: "),
        ("- m1\n", "labels.yaml, line 1: there is no mapping of labels; write for example mst: {latex:"),
        ("m1: {latex: a}\nm2: b\n", "labels.yaml, line 2: there is no mapping of 'latex' and 'unit' of m2"),
        ("m1:\n  latex: a\n  units: GeV\n", "labels.yaml, line 3: m1 has an entry 'units'; its entries are latex and unit"),
        ("m1:\n  latex: [a]\n", "labels.yaml, line 2: latex of m1 is not a text"),
        ("m1: " + "[" * 90_000, "labels.yaml: it is nested too deeply"),
        ("m1: " + "{latex: [" * 10_000, "labels.yaml: it is nested too deeply"),
        ("- " * 5000, "labels.yaml: it is nested too deeply"),
        ("m1: {latex: a}\n" + "#" * 100_000, "labels.yaml: it is longer than 100,000 characters"),
        ("? [a]\n: {latex: b}\n", "labels.yaml, line 1: a name is not a text"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(folder: Path, text: str, words: str) -> None:
    (folder / "labels.yaml").write_text(text)
    with pytest.raises(PalletError) as refused:
        open_pallet(folder)
    assert words in str(refused.value)
    assert str(refused.value).startswith("toy/labels.yaml")


def test_a_file_of_other_bytes(folder: Path) -> None:
    (folder / "labels.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(PalletError, match=r"toy/labels\.yaml is not UTF-8 text"):
        open_pallet(folder)
