"""Files of other formats, alone, packed, or in a folder or archive: the error says what they are and how to convert them."""

import gzip
import json
from pathlib import Path

import pytest

from hfx.errors import PalletError
from hfx.pallets import open_pallet
from hfx.pallets.formats.foreign import FORMATS, recognised
from tests.pallets.builders import flat, tar_bytes, zip_bytes

DATACARD = b"""\
# a counting experiment
imax 1  number of channels
jmax *  number of backgrounds
kmax 2
------------
bin 1
observation 0
"""
ROOT = b"root\x00\x00\xf3\xd0" + bytes(600)
COMBINATION = b"""\
<?xml version="1.0"?>
<!DOCTYPE Combination SYSTEM 'HistFactorySchema.dtd'>
<Combination OutputFilePrefix="./results/example"><Input>./config/channel.xml</Input></Combination>
"""
CABINETRY = b"General:\n  Measurement: minimal\n  POI: mu\n  InputPath: ntuples/{SamplePath}\nRegions:\n  - Name: SR\n"
TREX = b'% a comment\nJob: "ttH"\n  CmeLabel: "13 TeV"\n  POI: "mu"\nFit: "fit"\n'
HISTFITTER = b"from configManager import configMgr\nconfigMgr.analysisName = 'my'\n"
HS3 = json.dumps({"distributions": [], "domains": [], "metadata": {"hs3_version": "0.2"}}).encode()
TABLE = b"dependent_variables:\n- header: {name: CLs}\n"
WORKSPACE = b"channels:\n- name: SR\n  samples: []\nobservations: []\n"

FILES = {
    "card.txt": (DATACARD, "a datacard of CMS' combine", "no program translates every card"),
    "shapes.root": (ROOT, "a ROOT file", "if it is a HistFactory model, convert its XML with pyhf: pip install"),
    "combination.xml": (
        COMBINATION,
        "a HistFactory XML file",
        "'pyhf xml2json FILE.xml --basedir FOLDER --output-file workspace.json'",
    ),
    "config.yml": (CABINETRY, "a configuration of cabinetry", "'cabinetry workspace FILE workspace.json'"),
    "ttH.config": (TREX, "a configuration of TRExFitter", "'trex-fitter w FILE'"),
    "my.py": (HISTFITTER, "a configuration of HistFitter", "'HistFitter.py -wx -F excl FILE'"),
    "model.json": (HS3, "a likelihood in HS3", "HS3 cannot be read yet"),
    "model.yaml": (b"metadata:\n  hs3_version: 0.2\n", "a likelihood in HS3", "HS3 cannot be read yet"),
    "table1.yaml": (TABLE, "a table of HEPData in YAML", "another file of the record"),
    "workspace.yaml": (WORKSPACE, "a workspace in YAML", "write its content as JSON"),
    "other.yaml": (b"a: 1\n", "a YAML file", "give the file, folder or archive of a pallet"),
    "model.h5": (b"\x89HDF\r\n\x1a\n" + bytes(600), "an HDF5 file", "give the file"),
    "yields.csv": (b"region,signal\nSR,3.2\n", "a table in CSV", "yields alone are no likelihood"),
    "yields.npy": (b"\x93NUMPY\x01\x00", "an array of NumPy", "yields alone are no likelihood"),
    "paper.pdf": (b"%PDF-1.7\n", "a PDF document", "give the file"),
}


def refusal(source: Path) -> str:
    with pytest.raises(PalletError) as caught:
        open_pallet(source)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_format(name: str, tmp_path: Path) -> None:
    content, what, remedy = FILES[name]
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path / name)
    assert text.startswith(f"{name} is {what}; hfx reads HistFactory likelihoods in JSON, the format of pyhf: ")
    assert remedy in text


@pytest.mark.parametrize("name", FILES)
def test_the_same_in_a_folder_and_in_archives(name: str, tmp_path: Path) -> None:
    content, what, remedy = FILES[name]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(content)
    (tmp_path / "packed.tar.gz").write_bytes(tar_bytes({name: content}))
    (tmp_path / "packed.zip").write_bytes(zip_bytes({f"below/{name}": content}))
    for source in ("folder", "packed.tar.gz", "packed.zip"):
        text = refusal(tmp_path / source)
        assert f"{source} contains no HistFactory workspace; " in text or name == "model.json"
        assert f"{name} is {what}; " in text
        assert remedy in text


def test_a_compressed_file(tmp_path: Path) -> None:
    (tmp_path / "card.txt.gz").write_bytes(gzip.compress(DATACARD))
    assert "is a datacard of CMS' combine" in refusal(tmp_path / "card.txt.gz")


def test_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "yields.xlsx").write_bytes(zip_bytes({"[Content_Types].xml": b"<?xml?>", "xl/workbook.xml": b"<?xml?>"}))
    assert "xl/workbook.xml is a spreadsheet; " in refusal(tmp_path / "yields.xlsx")


def test_the_most_telling_file_is_named(tmp_path: Path) -> None:
    for name in ("shapes.root", "yields.csv", "card.txt"):
        (tmp_path / name).write_bytes(FILES[name][0])
    assert "card.txt is a datacard" in refusal(tmp_path)


def test_beside_a_pallet_they_do_not_matter(tmp_path: Path) -> None:
    for name, content in flat().items():
        (tmp_path / name).write_bytes(content)
    for name, (content, *_) in FILES.items():
        (tmp_path / name).write_bytes(content)
    assert open_pallet(tmp_path).hypotheses


def test_every_format_is_tried_and_others_are_not_recognised() -> None:
    tried = {what for _, what, _ in FILES.values()} | {"a spreadsheet"}
    assert tried == {form.name for form in FORMATS}
    for name, raw in [("a.png", b"\x89PNG\r\n\x1a\n"), ("a.json", flat()["BkgOnly.json"]), ("README", b"A job: see General\n")]:
        assert recognised(name, raw) is None
