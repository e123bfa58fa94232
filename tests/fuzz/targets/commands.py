"""The command line over mutants of pallets, and with arguments that nobody means: what is printed, and the exit code."""

import contextlib
import io
import os
import random
import tempfile
from pathlib import Path

from hfx.driver.cli.main import run
from hfx.printable import has_unprintable
from tests.fuzz.mutation import NASTY_NUMBERS, NASTY_TEXTS
from tests.fuzz.pallets import compile_kernels, folder_of
from tests.fuzz.targets.workspaces import files_of_a_mutant
from tests.pallets.builders import flat

QUICK, OUTCOMES = 60, {"exit code 0", "exit code 2"}

_COMMANDS = (
    *(["pallet", "inspect", "{}"], ["pallet", "inspect", "{}", "--json"], ["pallet", "inspect", "{}", "--all"]),
    *(
        ["pallet", "verify", "{}"],
        ["pallet", "verify", "{}", "--json"],
        ["scan", "{}", "--plan"],
        ["scan", "{}", "--plan", "--no-verify"],
    ),
)
_OPTIONS = (
    "--where",
    "--only",
    "--labels",
    "--region",
    "--x",
    "--y",
    "--mu",
    "--measurement",
    "--signal-scale",
    "--endpoint",
    "--starts",
)
_OTHERS = (
    "--title",
    "--level",
    "--interpolation",
    "--style",
    "--test-stat",
    "--normsys",
    "--minima",
    "-o",
    "--label-titles",
    "--published",
)
_VALUES = (
    "m1",
    "m1==1",
    "s_0_0",
    "all",
    "a,b",
    "log(m1)",
    "inline",
    "q",
    "none",
    ".",
    "/",
    "x.toml",
    "m1-m2",
    "{0.__class__}",
    "m1>0",
)


def warm_up() -> None:
    """Compile the fits, and import what commands print with."""
    compile_kernels()


def attempt(seed: int) -> str:
    """Run a command in an empty folder."""
    draw = random.Random(seed)
    with folder_of(files_of_a_mutant(draw) if draw.randrange(3) else flat()) as pallet, tempfile.TemporaryDirectory() as here:
        words = [word.format(pallet) for word in draw.choice(_COMMANDS)]
        if words[0] == "scan":
            words += [word for _ in range(draw.choice((0, 1, 1, 2))) for word in _option(draw)]
        os.environ["COLUMNS"] = draw.choice(("20", "80", "1", "300"))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(here), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(words)
        assert not list(Path(here).iterdir()), f"{words} has written {list(Path(here).iterdir())}"
    said = out.getvalue() + err.getvalue()
    assert code in (0, 1, 2), f"{words}: exit code {code}"
    assert "bug in hfx" not in said, f"{words}: {said[-1500:]}"
    assert not has_unprintable(said, lines=True), f"{words}: {said[-1500:]!r}"
    assert code == 0 or err.getvalue() or out.getvalue(), f"{words} says nothing"
    return f"exit code {code}"


def _option(draw: random.Random) -> tuple[str, str]:
    value = draw.choice((draw.choice(NASTY_TEXTS), draw.choice(_VALUES), draw.choice(NASTY_NUMBERS)))
    text = str(value) if not isinstance(value, int) or abs(value) < 10**300 else "9" * 400
    return draw.choice((*_OPTIONS, *_OTHERS)), text.replace("\0", "").encode("utf-8", "surrogatepass").decode(
        "utf-8", "surrogateescape"
    )
