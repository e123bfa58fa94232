"""References of a pallet, and the BibTeX of ``hfx --cite``."""

import re
from pathlib import Path

import yaml

from hfx.driver.export import citations
from hfx.version import __version__

ROOT = Path(__file__).resolve().parents[3]

_FIELD = re.compile(r"\s*([A-Za-z]+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\},?")
_ENTRY = re.compile(rf"@([a-z]+)\{{([^\s,{{}}%#\\~]+),((?:{_FIELD.pattern})*)\s*\}}")


def read(text: str) -> dict[str, dict[str, str]]:
    """The entries of a BibTeX file by key, with their fields; all that stands outside of entries must be comments."""
    found = {}
    for kind, key, content, *_ in _ENTRY.findall(text):
        assert key not in found
        found[key] = {"kind": kind} | dict(re.findall(_FIELD, content))
    between = _ENTRY.sub("", text)
    assert all(line.startswith("%") for line in between.splitlines() if line), between
    return found


def test_citations() -> None:
    assert citations.of_pallet({}) is None
    pallet = {
        "doi": "10.17182/hepdata.90607.v3/r3",
        "references": {"hepdata": "ins1755298", "arXiv": "1909.09226"},
    }
    assert citations.of_pallet(pallet) == (
        "https://doi.org/10.17182/hepdata.90607.v3/r3, https://www.hepdata.net/record/ins1755298, arXiv 1909.09226"
    )


def test_the_references_are_bibtex() -> None:
    text = citations.bibtex()
    found = read(text)
    assert text.count("{") == text.count("}")
    assert list(found) == [reference.key for reference in citations.REFERENCES]
    required = {"article": {"author", "title", "journal", "year"}, "techreport": {"author", "title", "institution", "year"}}
    for key, fields in found.items():
        assert required.get(fields["kind"], {"author", "title"}) <= set(fields), key
        assert all(fields.values()), key
        assert "doi" not in fields or re.fullmatch(r"10\.\d{4,}/\S+", fields["doi"]), key
    assert found["Cowan:2010js"]["eprint"] == "1007.1727"
    assert found["hfx"]["note"] == f"version {__version__}"
    assert "the likelihood that you scanned" in text.splitlines()[0]


def test_a_file_that_is_no_bibtex_is_seen() -> None:
    """The grammar above is not satisfied by anything."""
    assert read("@misc{a,\n title = {x {Y} z},\n}") == {"a": {"kind": "misc", "title": "x {Y} z"}}
    for text in ("@misc{a, title = {x}", "@misc{a title = {x}}", "@misc{a, title = {x}}}"):
        try:
            assert not read(text)
        except AssertionError:
            continue
        raise AssertionError(text)


def test_other_lists_of_references_agree() -> None:
    """CITATION.cff and the documentation name the same publications."""
    listed = {entry["doi"] for entry in yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"] if "doi" in entry}
    found = read(citations.bibtex())
    assert listed <= {fields.get("doi") for fields in found.values()}
    page = (ROOT / "docs" / "citing.md").read_text()
    for key, fields in found.items():
        known = [fields[name].split("--")[0] for name in ("eprint", "number", "pages") if name in fields]
        assert fields["kind"] == "misc" or any(number in page for number in known), key
