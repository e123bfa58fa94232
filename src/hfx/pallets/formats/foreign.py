"""Files of other formats that users give as pallets: what they are, and how to make HistFactory JSON of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["FORMATS", "ForeignFormat", "in_container", "recognised"]


@dataclass(frozen=True)
class ForeignFormat:
    """A format: its name, the remedy, and whether a file with this name and these first bytes is of it."""

    name: str
    remedy: str
    matches: Callable[[str, bytes], bool]

    def explanation(self, file: str) -> str:
        """The sentence for an error about `file`."""
        return f"{file} is {self.name}; hfx reads HistFactory likelihoods in JSON, the format of pyhf: {self.remedy}"


def _text(*patterns: str) -> Callable[[str, bytes], bool]:
    """Matches files that contain all of these patterns, in which ^ is the beginning of a line."""
    return lambda _, head: b"\0" not in head and all(re.search(pattern.encode(), head, re.MULTILINE) for pattern in patterns)


def _begins(*magic: bytes) -> Callable[[str, bytes], bool]:
    return lambda _, head: head.startswith(magic)


def _named(*endings: str) -> Callable[[str, bytes], bool]:
    return lambda name, _: name.lower().endswith(endings)


def _any(*ways: Callable[[str, bytes], bool]) -> Callable[[str, bytes], bool]:
    return lambda name, head: any(matches(name, head) for matches in ways)


_XML2JSON = (
    "pip install 'pyhf[xmlio]', then 'pyhf xml2json FILE.xml --basedir FOLDER --output-file workspace.json' (FOLDER: that of the "
    "paths in the XML)"
)
_TABLE = (
    "yields alone are no likelihood; the page 'Your own pallet' of the documentation shows how to write one, and "
    "'hfx plot --published' reads a table with a contour"
)

# A folder or archive may contain several: the first in this order is named.
FORMATS: tuple[ForeignFormat, ...] = (
    ForeignFormat(
        "a datacard of CMS' combine",
        "the package pyhf-combine-converter translates simple cards (compare the result with that of combine); no program "
        "translates every card",
        _text(r"^\s*[ijk]max\s+(\d+|\*)"),
    ),
    ForeignFormat(
        "a HistFactory XML file", f"convert it with pyhf: {_XML2JSON}", _text(r"<(!DOCTYPE\s+)?(Combination|Channel)\b")
    ),
    ForeignFormat(
        "a likelihood in HS3",
        "HS3 cannot be read yet, so give the likelihood as pyhf's JSON if it was published in that format too",
        _text(r"\bhs3_version\b"),
    ),
    ForeignFormat(
        "a configuration of cabinetry",
        "'cabinetry templates FILE', 'cabinetry postprocess FILE' and 'cabinetry workspace FILE workspace.json' make one",
        _text(r"^General:", r"^\s+(Measurement|POI|InputPath|HistogramFolder)\s*:"),
    ),
    ForeignFormat(
        "a configuration of TRExFitter",
        f"'trex-fitter w FILE' writes HistFactory XML into the folder RooStats of the job; {_XML2JSON}",
        _text(r"^Job:\s*\S", r"^\s*(Label|CmeLabel|LumiLabel|POI|ReadFrom|HistoPath|NtuplePaths?|InputFolder|Fit|Region)\s*:"),
    ),
    ForeignFormat(
        "a configuration of HistFitter",
        f"'HistFitter.py -wx -F excl FILE' writes HistFactory XML into the folder config; {_XML2JSON}",
        _text(r"\bconfig(Mgr|Manager)\b"),
    ),
    ForeignFormat(
        "a ROOT file",
        f"if it is a HistFactory model, convert its XML with pyhf: {_XML2JSON}; without the XML, the Measurement object in the "
        "ROOT file writes it with PrintXML()",
        _begins(b"root"),
    ),
    ForeignFormat(
        "a table of HEPData in YAML",
        "give the likelihood, which is another file of the record; 'hfx plot --published' reads a table with a contour",
        _text(r"^(in)?dependent_variables\s*:"),
    ),
    ForeignFormat(
        "a workspace in YAML",
        "write its content as JSON, for example with the Python packages yaml and json",
        _text(r"^channels\s*:", r"^\s*-\s+(name|samples)\s*:"),
    ),
    ForeignFormat(
        "a YAML file", "give the file, folder or archive of a pallet", _any(_named(".yaml", ".yml"), _begins(b"%YAML"))
    ),
    ForeignFormat("an HDF5 file", "give the file, folder or archive of a pallet", _begins(b"\x89HDF\r\n\x1a\n")),
    ForeignFormat("an array of NumPy", _TABLE, _begins(b"\x93NUMPY")),
    ForeignFormat(
        "a spreadsheet", _TABLE, _any(_named("xl/workbook.xml"), _begins(b"application/vnd.oasis.opendocument.spreadsheet"))
    ),
    ForeignFormat("a table in CSV", _TABLE, _any(_named(".csv", ".tsv"), _text(r"\A#: (table_doi|name): "))),
    ForeignFormat("a PDF document", "give the file, folder or archive of a pallet", _begins(b"%PDF-")),
)
"""The formats that are recognised."""


def recognised(name: str, head: bytes) -> ForeignFormat | None:
    """The format of a file with this name and these first bytes; None where it is not recognised."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    return next((one for one in FORMATS if one.matches(name, head)), None)


def in_container(heads: Mapping[str, bytes]) -> tuple[str, ForeignFormat] | None:
    """The file in a folder or archive that is most like a likelihood, and its format; None where none is recognised."""
    found = [(name, form) for name, head in heads.items() if (form := recognised(name, head)) is not None]
    return min(found, key=lambda pair: FORMATS.index(pair[1]), default=None)
