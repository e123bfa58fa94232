"""The words of other tools: sentences that name options and commands which hfx has, for words which it does not have."""

import re
from typing import Any

import pytest
import typer

from hfx.driver.cli.main import app
from hfx.driver.questions.foreign_words import COMMANDS, OPTIONS, of_command, of_option

ROOT: Any = typer.main.get_command(app)
SENTENCES = sorted({*OPTIONS.values(), *COMMANDS.values()})


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_no_word_is_one_of_hfx() -> None:
    """When hfx gets a command or an option of this name, its sentence goes."""
    assert not set(COMMANDS) & set(ROOT.commands)
    for command in ("scan", "submit"):
        assert not {f"--{word}" for word in OPTIONS} & options_of(ROOT.commands[command])


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_names_what_hfx_has(sentence: str) -> None:
    every = {name for command in ROOT.commands.values() for name in options_of(command)} | {"--cite", "--version", "--help"}
    text = sentence.replace("'pyhf --help'", "")
    assert set(re.findall(r"--[a-z][\w-]*", text)) <= every
    for words in re.findall(r"'hfx ([a-z]+)", sentence):
        assert words in ROOT.commands
    for group, word in re.findall(r"'hfx (pallet|endpoint) ([a-z]+)", sentence):
        assert word in ROOT.commands[group].commands
    assert not sentence.endswith(".")


@pytest.mark.parametrize(
    "word",
    [
        "cl",
        "confidence-level",
        "toys",
        "calctype",
        "limits",
        "observed",
        "expected",
        "blind",
        "poi-name",
        "mu-range",
        "backend",
        "optimizer",
        "output-file",
        "nproc",
        "j",
        "workers",
        "cores",
        "gpu",
        "seed",
        "signal",
        "background",
        "patch",
        "test-poi",
        "teststat",
        "batch",
        "resume",
    ],
)
def test_options_that_must_be_known(word: str) -> None:
    assert of_option(f"{'-' if len(word) == 1 else '--'}{word}")


@pytest.mark.parametrize(
    "word",
    [
        "combine",
        "limits",
        "limit",
        "AsymptoticLimits",
        "cls",
        "fit",
        "inspect",
        "verify",
        "patchset",
        "json2xml",
        "xml2json",
        "run",
        "resume",
    ],
)
def test_commands_that_must_be_known(word: str) -> None:
    assert of_command(word)


def test_another_word_is_not_known() -> None:
    assert (of_option("--minma"), of_option("-T"), of_command("scna")) == (None, None, None)
