"""The page of all commands: every command and option of the help texts, as Markdown that shows them as they are."""

import re
from typing import Any

import typer

from hfx.driver.cli.command_reference import reference
from hfx.driver.cli.main import app


def every_command() -> dict[str, Any]:
    """The commands by the words that are typed."""
    root: Any = typer.main.get_command(app)
    found = {}
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        found |= {f"hfx {name} {word}": one for word, one in below.items()} if below else {f"hfx {name}": command}
    return found


def test_every_command_and_option_is_there() -> None:
    parts = re.split(r"^### (.*)\n", reference(), flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert set(texts) == set(every_command())
    for words, command in every_command().items():
        options = {name for p in command.params for name in p.opts if name.startswith("--") and name != "--help"}
        listed = {
            name for row in re.findall(r"^`(.*)`\n: ", texts[words], flags=re.MULTILINE) for name in re.findall(r"--[\w-]+", row)
        }
        assert options <= listed, words
    assert "`--cite`\n: Print" in parts[0]


def test_what_markdown_would_read_is_marked() -> None:
    text = reference()
    assert "for example `C1N2_*_400_*`. Points" in text
    assert "LaTeX between \\$ signs" in text
    assert "Default: made from `--x`." in text
    assert "copies it into hfx's configuration folder" in text
    assert "\\[default: 1.0\\]" in text
