"""The documentation site: it builds without a warning, its programs run, its commands exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib import pyplot

from hfx.driver.cli.main import run
from hfx.driver.questions.options import ScanOptions
from tests.documents import blocks, changed_by_a_shell, commands, console, parameters

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(page.stem for page in DOCS.glob("*.md"))
COMMANDS = [(page, arguments) for page in PAGES for arguments in commands((DOCS / f"{page}.md").read_text(), "hfx")]
# Walked as written, commands and all; on the other pages commands have pallets and clusters of others.
WALKED = ("first-scan", "results")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html", str(DOCS), str(tmp_path / "site")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    assert all((tmp_path / "site" / f"{page}.html").exists() for page in PAGES)
    assert "hfx.scan" in (tmp_path / "site" / "api.html").read_text()
    commands_page = (tmp_path / "site" / "commands.html").read_text()
    assert "<h3>hfx endpoint check" in commands_page
    assert ">--signal-scale</span> <span" in commands_page


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_programs_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In their order, sharing their names, in an empty folder; the tables that a page shows are among what they print."""
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, content in blocks((DOCS / f"{page}.md").read_text(), "python", "console"):
        if language == "python":
            exec(compile(content, f"{page}.md", "exec"), names)
            continue
        for line in content.splitlines() if page in WALKED else ():
            program, *arguments = shlex.split(line)
            assert program in ("make", "source", "hfx"), line
            assert program != "hfx" or run(arguments) == 0, line
    pyplot.close("all")
    printed = capsys.readouterr().out
    for _, table in blocks((DOCS / f"{page}.md").read_text(), "text") if page in WALKED else ():
        assert table in printed, table


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), *sorted(DOCS.parent.glob("*.md"))], ids=lambda page: str(page.name))
def test_commands_work_as_typed_in_a_shell(page: Path, tmp_path: Path) -> None:
    """In double quotes, for example, a shell reads $m as a variable."""
    assert changed_by_a_shell(console(page.read_text()), tmp_path) == []


def test_what_a_shell_changes_is_seen(tmp_path: Path) -> None:
    good = ["hfx plot run --xlabel '$m$'", 'hfx scan a.tar.gz --where "m1-m2>=200" --only "C1*"', "make scan"]
    bad = ['hfx plot run --xlabel "$m$"', 'hfx scan a --where "`m` > 1"', "hfx scan a --where m1>200", 'hfx scan a --only "a!b"']
    for line in bad:
        assert changed_by_a_shell([line], tmp_path) == [line]
    assert changed_by_a_shell(good, tmp_path) == []


def test_pages_with_programs() -> None:
    """The test above runs something."""
    assert {page for page in PAGES if blocks((DOCS / f"{page}.md").read_text(), "python")} >= {
        "first-scan",
        "notebooks",
        "pallets",
        "results",
    }


@pytest.mark.parametrize(
    ("page", "arguments"), COMMANDS, ids=lambda value: value if isinstance(value, str) else shlex.join(value)
)
def test_commands_exist(page: str, arguments: list[str]) -> None:
    if arguments[-1:] in (["--help"], ["--cite"], ["--version"]) or len(arguments) == 1:
        return  # a name, or options that leave while they are parsed
    path, given = parameters(arguments)
    if path == "hfx scan":
        known = ScanOptions.__dataclass_fields__
        ScanOptions.of({name: value for name, value in given.items() if name in known and name != "endpoint"})


def test_files_that_the_pages_name_are_there() -> None:
    for page in PAGES:
        for path in re.findall(r"`((?:examples|benchmarks|configs)/[\w./-]+)`", (DOCS / f"{page}.md").read_text()):
            assert (DOCS.parent / path).exists(), f"{page}: {path}"
