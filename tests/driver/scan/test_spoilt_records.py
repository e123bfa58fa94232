"""Scans that are resumed over records that somebody edited: these are kept, named, and their hypotheses fitted again."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.api import scan
from hfx.driver.plot import scan_picture
from hfx.driver.results import load_run
from hfx.driver.scan.run_context import RunContext
from hfx.errors import RunFolderError
from tests.driver import fakes

POINTS = fakes.grid(4, 2)


class Fits:
    """A worker's function that notes the hypotheses of the first round."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, task: Mapping[str, Any]) -> dict[str, Any]:
        if "inputs" not in task:
            self.names += [h["name"] for h in task["hypotheses"]]
        return fakes.run(task)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run."""
    monkeypatch.setattr(scan_picture, "_picture", fakes.picture)
    fakes.write_pallet(tmp_path / "toy", POINTS)
    again(tmp_path / "run")
    return tmp_path / "run"


def again(run: Path) -> tuple[list[str], list[str]]:
    """Run the scan (again); the hypotheses that were fitted, and the sentences."""
    fits, said = Fits(), list[str]()
    scan(run.parent / "toy", output=run, context=RunContext(function=fits, say=said.append))
    return fits.names, said


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(line: bytes) -> bytes:
        record = json.loads(line)
        change(record)
        return json.dumps(record).encode()

    return edit


EDITS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut short": (lambda line: line[:200], "truncated"),
    "zeros": (lambda line: b"\0" * len(line), "malformed"),
    "binary": (lambda line: b"\xff\xfe\x80", "malformed"),
    "a list": (lambda line: b"[" + line + b"]", "Expected `object`, got `array`"),
    "without CLs": (_edited(lambda record: record["natural"].pop("CLs_obs")), "its natural minima have no CLs"),
    "without minima": (_edited(lambda record: record.pop("admissible")), "missing required field `admissible`"),
    "CLs as text": (_edited(lambda record: record["lowest"].update(CLs_obs="0.5")), r"Expected `float \| null`, got `str`"),
    "values as text": (_edited(lambda record: record.update(values="300")), "Expected `array`, got `str`"),
    "NaN": (lambda line: line.replace(b'"CLs_obs": 0.', b'"CLs_obs": NaN, "x": 0.', 1), "malformed"),
    "a key is missing": (_edited(lambda record: record["solutions"].pop("poi")), "missing required field `poi`"),
    "no free fit": (_edited(lambda record: record["solutions"]["minima"].pop("free")), "no minima of the fit free"),
    "too few parameters": (
        _edited(lambda record: record["solutions"]["minima"]["bkg"]["theta"][1].pop()),
        "its minima of the fit bkg do not fit together",
    ),
    "another minimum": (
        _edited(lambda record: record["solutions"]["minima"]["fixed"]["choice"].update(lowest=7)),
        "its minima of the fit fixed do not fit together",
    ),
    "an escape": (_edited(lambda record: record.update(worker="\x1b[2J")), "control characters"),
    "deep": (lambda line: b'{"name":' * 5000, "nested too deep|malformed|Expected"),
}

# Readers use the last record of each hypothesis, which is another one; a line that is none they do not pass over.
NO_LINES = {"cut short", "zeros", "binary", "a list", "NaN", "an escape", "deep"}


@pytest.mark.parametrize("kind", EDITS)
def test_a_record_that_cannot_be_used_is_fitted_again(run: Path, kind: str) -> None:
    edit, reason = EDITS[kind]
    path = run / "results.jsonl"
    before, lines = json.loads((run / "scan.json").read_text())["results"], path.read_bytes().splitlines()
    name = json.loads(lines[2])["name"]
    bad = edit(lines[2])
    path.write_bytes(b"\n".join([*lines[:2], bad, *lines[3:]]) + b"\n")
    (run / "scan.json").unlink()
    if kind in NO_LINES:
        with pytest.raises(RunFolderError, match=r"results\.jsonl.*line 3 .*fits again what is missing"):
            load_run(run)
    fitted, said = again(run)
    assert fitted == [name]
    (sentence,) = [one for one in said if "results.jsonl" in one]
    assert "has 1 line that cannot be used: line 3 (" in sentence
    assert sentence.endswith("); moved to results.jsonl.unreadable, and its hypothesis is fitted again")
    assert re.search(reason, sentence)
    assert json.loads((run / "scan.json").read_text())["results"] == before
    assert (run / "results.jsonl.unreadable").read_bytes() == bad + b"\n"
    kept = path.read_bytes().splitlines()
    assert bad not in kept
    assert kept[: len(lines) - 1] == [*lines[:2], *lines[3:]]
    assert again(run) == ([], [])


def test_a_last_record_that_cannot_be_used_is_no_reason_to_take_the_one_before(run: Path) -> None:
    path = run / "results.jsonl"
    before, lines = json.loads((run / "scan.json").read_text())["results"], path.read_bytes().splitlines()
    name = json.loads(lines[-1])["name"]
    assert json.loads(lines[-1])["step"].startswith("exchange")
    path.write_bytes(b"\n".join([*lines[:-1], lines[-1][:-9]]) + b"\n")
    fitted, said = again(run)
    assert fitted == []  # the first round is complete
    assert any(f"line {len(lines)} (" in sentence for sentence in said), said
    results = json.loads((run / "scan.json").read_text())["results"]
    assert results == before
    assert name in {json.loads(line)["name"] for line in path.read_bytes().splitlines()[len(lines) - 1 :]}


def test_batches_that_cannot_be_read_are_made_anew(run: Path) -> None:
    before = json.loads((run / "scan.json").read_text())["results"]
    lines = (run / "results.jsonl").read_bytes().splitlines(keepends=True)
    (run / "results.jsonl").write_bytes(b"".join(lines[:3]))
    (run / "batches.jsonl").write_bytes(b'[["sig_300_0"]]\n{"a": 1}\n\xff\n[1]\nnull\n["sig_300_0"')
    fitted, _ = again(run)
    assert sorted(fitted) == sorted(json.loads(line)["name"] for line in lines[3 : len(POINTS)])
    assert json.loads((run / "scan.json").read_text())["results"] == before


def test_a_record_of_an_unfinished_run_is_named_with_its_line(run: Path) -> None:
    path = run / "results.jsonl"
    lines = path.read_bytes().splitlines()[:4]
    path.write_bytes(b"\n".join([*lines, _edited(lambda record: record.pop("values"))(lines[1])]) + b"\n")
    (run / "scan.json").unlink()
    name = json.loads(lines[1])["name"]
    with pytest.raises(RunFolderError, match=rf"results\.jsonl, line 5 is not a record that hfx wrote \({name}: .*`values`"):
        load_run(run)


def test_a_results_file_that_is_a_folder(run: Path) -> None:
    (run / "results.jsonl").unlink()
    (run / "results.jsonl").mkdir()
    with pytest.raises(RunFolderError, match=r"results\.jsonl cannot be read \(it is a folder, not a file\)"):
        again(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda scan: scan["results"][3].update(CLs_exp="none"), r"is not a file that hfx wrote \(result 4: Expected `array`"),
        (lambda scan: scan["options"].update(mu="one"), r"cannot be read \(mu='one': the option mu \(--mu\) takes a number"),
        (lambda scan: scan["contours"].pop("notes"), r"cannot be read \(its contours are not complete\)"),
        (lambda scan: scan["failures"].append({"name": "x"}), "is not a file that hfx wrote"),
    ],
)
def test_a_scan_json_that_was_edited(run: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    content = json.loads((run / "scan.json").read_text())
    change(content)
    (run / "scan.json").write_text(json.dumps(content))
    with pytest.raises(RunFolderError, match=rf"scan\.json {words}.*; repeat the scan"):
        load_run(run)
