"""What is written from a pallet whose texts were made by an attacker: in each format they are text and nothing else."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import hfx
from hfx.driver.cli import main
from tests.driver import fakes

TEXTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror="alert(1)">',
    "</title></style><style>*{background:url(http://evil.example)}",
    "javascript:alert(1)",
    "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>&x; --> <!-- <![CDATA[",
    r"$\frac{1}{$ \input{/etc/passwd} \write18{id}",
    "{{7*7}} ${7*7} <%= 7 %> #{7}",
    "!!python/object/apply:os.system ['id'] &a *a %TAG",
    "__proto__",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "x" * 10_000,
]
SAFE = {
    "a",
    "b",
    "br",
    "div",
    "em",
    "i",
    "img",
    "li",
    "p",
    "pre",
    "small",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of such a pallet."""
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: fakes.run)
    folder = fakes.write_pallet(tmp_path / "toy", fakes.grid(4, 3))
    patch_set = json.loads((folder / "patchset.json").read_text())
    patch_set["metadata"].update(
        name=TEXTS[0],
        description=" ".join(TEXTS[:8]),
        labels=[TEXTS[1], TEXTS[2]],
        references={TEXTS[0]: TEXTS[3], "hepdata": TEXTS[1]},
    )
    for patch, text in zip(patch_set["patches"], TEXTS, strict=True):
        patch["metadata"]["name"] = text
    (folder / "patchset.json").write_text(json.dumps(patch_set))
    assert main.run(["scan", str(folder), "-o", str(tmp_path / "run"), "--quiet", "--threads", "1"]) == 0
    return tmp_path / "run"


class Tags(HTMLParser):
    """The elements of a text, and the names and values of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes = set[str](), list[tuple[str, str]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attributes]


def test_the_cell_of_a_notebook(run: Path) -> None:
    found = Tags(hfx.load_run(run)._repr_html_())
    assert found.tags <= SAFE
    assert not [name for name, value in found.attributes if name.startswith("on") or "script" in value or "evil" in value]


def test_pictures(run: Path) -> None:
    assert main.run(["plot", str(run), "--format", "svg,png,pdf"]) == 0
    text = (run / "contour.svg").read_text()
    root = ElementTree.fromstring(text)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"script", "foreignObject", "image", "a", "iframe", "animate", "set", "handler"}
    attributes = [(name.rpartition("}")[2], value) for element in root.iter() for name, value in element.attrib.items()]
    assert not [name for name, _ in attributes if name.startswith("on")]
    links = [value for name, value in attributes if name in ("href", "src")]
    assert all(value.startswith("#") for value in links)
    assert "<!ENTITY" not in text
    assert b"/JavaScript" not in (run / "contour.pdf").read_bytes()


def test_a_submission_to_hepdata(run: Path) -> None:
    assert main.run(["export", str(run), "--hepdata"]) == 0
    files = sorted((run / "hepdata").iterdir())
    assert all(re.fullmatch(r"[a-z0-9_]+\.yaml", file.name) for file in files)
    for file in files:
        assert list(yaml.safe_load_all(file.read_text()))
    table = yaml.safe_load((run / "hepdata" / "cls.yaml").read_text())
    assert [one["header"]["name"] for one in table["independent_variables"]] == TEXTS[1:3]


def test_a_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main.run(["export", str(run), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == [f"'{text}" if text[0] in "=@" else text for text in TEXTS]


def test_json_holds_the_texts_as_they_are(run: Path) -> None:
    assert [result["name"] for result in json.loads((run / "scan.json").read_text())["results"]] == TEXTS
