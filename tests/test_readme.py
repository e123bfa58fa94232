"""The README: its first program runs, its commands exist, its links and its picture are those of this tree."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import typer
from matplotlib import pyplot
from PIL import Image

import hfx
from hfx.driver.cli.main import app, run
from hfx.driver.questions.options import ScanOptions
from hfx.pallets.demo import write_demo
from tests.documents import blocks, commands, console, parameters

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_the_first_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten lines, of which the last prints a number of the result."""
    program = blocks(TEXT, "python")[0][1]
    statements = ast.parse(program).body
    assert len([line for line in program.splitlines() if line]) == 10
    assert isinstance(statements[-1], ast.Expr)
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), names)
    assert all(point.status == "converged" for point in names["result"])
    assert max(names["excluded"]) == 850
    assert capsys.readouterr().out.endswith("largest excluded mass among the points: mstop = 850\n")
    assert (tmp_path / "hfx-runs" / "mlsp1.png").stat().st_size > 1000
    pyplot.close("all")


def test_names_in_the_programs() -> None:
    """What the other programs import and call is there; they need pallets of others, so they are not run."""
    for _, program in blocks(TEXT, "python"):
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.ImportFrom) and node.module == "hfx":
                assert {alias.name for alias in node.names} <= set(hfx.__all__)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "result":
                assert hasattr(hfx.ScanResult, node.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "scan":
                ScanOptions.of({keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg})


@pytest.mark.parametrize("arguments", commands(TEXT, "hfx"), ids=shlex.join)
def test_commands_of_hfx(arguments: list[str]) -> None:
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        assert arguments[0] in typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a name alone
        return
    if arguments[-1] in ("--help", "--cite"):
        return  # options that leave while they are parsed: tests/driver/cli/test_main.py runs them
    path, given = parameters(arguments)
    if path == "hfx scan":
        known = ScanOptions.__dataclass_fields__
        ScanOptions.of({name: value for name, value in given.items() if name in known and name != "endpoint"})


def test_the_commands_of_endpoints_work_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order; the scans on the demo, and not those of a cluster, which has tests of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HFX_CONFIG", str(tmp_path / "configuration"))
    write_demo(tmp_path).rename("1Lbb.tar.gz")
    section = TEXT[TEXT.index("## Other machines") :].split("\n## ")[0]
    typed = [line for block in re.findall(r"^```console\n(.*?)^```", section, flags=re.S | re.M) for line in block.splitlines()]
    assert len(typed) == 8
    for line in typed:
        program, *arguments = shlex.split(line)
        assert program == "hfx"
        if "slurm-cpu.toml" in arguments:
            arguments.append("--plan")
        elif arguments[0] == "scan":
            arguments += ["--where", "mlsp==1", "--starts", "1"]
        assert run(arguments) == 0, line
    assert json.loads(Path("hfx-runs/mine/run.json").read_text())["endpoint"] == "mine"


def test_commands_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target, *variables in commands(TEXT, "make"):
        assert re.search(rf"^([a-z]+ )*{target}( [a-z]+)*:", makefile, flags=re.MULTILINE)
        assert all(re.search(rf"^{variable.split('=')[0]} \?=", makefile, flags=re.MULTILINE) for variable in variables)


def test_every_shell_line_is_of_a_known_program() -> None:
    assert {shlex.split(line)[0] for line in console(TEXT)} == {"hfx", "make", "pip"}


def test_an_option_that_does_not_exist_is_seen() -> None:
    with pytest.raises(Exception, match=r"[Nn]o such option"):
        parameters(["scan", "x.tar.gz", "--minma", "natural"])
    with pytest.raises(Exception, match=r"[Nn]o such command"):
        parameters(["pallet", "look", "x.tar.gz"])


def test_links_and_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("http")]
    files = re.findall(r"`((?:benchmarks|examples|src|tests)/[\w./-]*)`|`python (\S+)`", TEXT)
    for path in [*links, *(one or other for one, other in files)]:
        assert (ROOT / path).exists(), path


def test_the_picture_is_the_demo_s(tmp_path: Path) -> None:
    """docs/contour.png was made by `make scan` from the demo pallet as it is today."""
    with Image.open(ROOT / "docs" / "contour.png") as picture:
        written = dict(picture.text)  # type: ignore[attr-defined]
    pallet = hfx.open_pallet(write_demo(tmp_path))
    assert written["digest"] == f"sha256:{pallet.digest}"
    assert written["command"].startswith("hfx scan hfx-runs/demo.tar.gz -o hfx-runs/demo")
