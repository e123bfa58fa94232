"""The command ``hfx``: its sub-commands, and its exit codes and error messages.

Exit codes: 0 success; 1 some hypotheses failed or did not converge, or the picture could not be drawn; 2 input, option, folder
or standard output that cannot be used, with one line on standard error; 130 after Ctrl-C, 143 after SIGTERM.
"""

import gc
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import typer

from hfx.driver.cli import login, runs, scan, standard_streams, submit, watch
from hfx.driver.cli.endpoint import endpoint_app
from hfx.driver.cli.help_sections import COMMANDS
from hfx.driver.cli.pallet import cache_app, pallet_app
from hfx.driver.cli.strict_commands import make_strict
from hfx.driver.cli.usage_errors import UsageError, one_line
from hfx.driver.questions.catalogue import QUESTIONS, command_of, kind
from hfx.errors import HfxError
from hfx.functions.worker_process import ONE_THREAD
from hfx.printable import printable
from hfx.version import __version__

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="hfx",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hfx {__version__}")
        raise typer.Exit


def _cite(wanted: bool) -> None:
    if wanted:
        from hfx.driver.export.citations import bibtex

        typer.echo(bibtex())
        raise typer.Exit


@app.callback()
def _hfx(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version of hfx and exit.")
    ] = False,
    cite: Annotated[
        bool, typer.Option("--cite", callback=_cite, is_eager=True, help="Print what to cite, as BibTeX, and exit.")
    ] = False,
) -> None:
    """Fit the signal hypotheses of a published likelihood, and draw the exclusion contour.

    hfx reads published likelihoods as pallets: a background-only HistFactory workspace, and one patch for each signal hypothesis.
    'hfx scan PALLET' fits all hypotheses of a pallet.
    """


_SCAN, _AWAY, _PALLETS, _PLACES, _SET_UP = COMMANDS

for _name in QUESTIONS:
    app.command(kind(_name).command(), rich_help_panel=_SCAN)(scan.command(_name))

_COMMANDS: tuple[tuple[str, Callable[..., int]], ...] = (
    (_SCAN, watch.watch),
    (_SCAN, runs.plot),
    (_SCAN, runs.export),
    (_AWAY, submit.status),
    (_AWAY, submit.attach),
    (_AWAY, submit.cancel),
    (_PLACES, login.login),
    (_PLACES, login.logout),
    (_PLACES, login.whoami),
    (_SET_UP, runs.doctor),
)
app.command("submit", rich_help_panel=_AWAY)(scan.with_options_of_scan(submit.submit))
for _section, _command in _COMMANDS:
    app.command(rich_help_panel=_section)(_command)
for _section, _group, _name in (
    (_PALLETS, pallet_app, "pallet"),
    (_PALLETS, cache_app, "cache"),
    (_PLACES, endpoint_app, "endpoint"),
):
    app.add_typer(_group, name=_name, rich_help_panel=_section)


def _add_question(arguments: Sequence[str]) -> None:
    """Add the command of a question that an installed package brings, where the command line names it."""
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    word = next(iter(arguments), "-")
    if word.startswith("-") or word in known:
        return
    question = command_of(word)
    if question is not None:
        app.command(word, rich_help_panel=_SCAN)(scan.command(question))


def run(arguments: Sequence[str]) -> int:
    """Run a command line, given without the program's name; returns the exit code. An error is one line on standard error."""
    try:
        _add_question(arguments)
        make_strict(app)
        command = typer.main.get_command(app)
        code = command.main(args=list(arguments), prog_name="hfx", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        print("hfx: stopped", file=sys.stderr, flush=True)
        return 130
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error, file=sys.stderr)
            return 2
        return _print_error(one_line(error))
    except HfxError as error:
        return _print_error(str(error))
    except BrokenPipeError:
        # The program that reads the output has ended, as in `hfx ... | head`: this is not an error.
        standard_streams.abandon(sys.stdout)
        return 0
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich's answer to the same
            return 0
        raise
    except Exception as error:
        if "-v" in arguments:
            traceback.print_exc()
        return _print_error(_unexpected(error))


def _unexpected(error: Exception) -> str:
    """The words for an error that hfx did not raise: of the memory, of the system, or of hfx itself."""
    if _lacks_memory(error):
        return _NO_MEMORY
    if isinstance(error, OSError):  # files, the network, processes: what the system refuses
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}; correct this, then run the same command again"
    return f"a bug in hfx, sorry ({type(error).__name__}: {error}); please report it with 'hfx doctor' and -v"


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that there is no memory: for data, for a library or for a thread."""
    while error is not None:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _LACK):
            return True
        error = error.__cause__ or error.__context__
    return False


_LACK = ("failed to map segment", "annot allocate memory", "can't start new thread")
_NO_MEMORY = (
    "there is not enough memory for this; what is on the disk is kept. Run the same command again where there is more "
    "(ulimit -v and batch jobs set limits), with fewer --threads, or with another endpoint"
)


def _print_error(text: str) -> int:
    print(f"hfx: {printable(' '.join(text.split()))}", file=sys.stderr, flush=True)
    return 2


def main() -> NoReturn:
    """The entry point of the command ``hfx``."""
    # The fits use their own threads, or run on other machines; threads of BLAS and OpenMP would only load a login node. These
    # variables are read when numpy is imported, which is later.
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    # A pallet is a million objects without reference cycles. With Python's default thresholds the garbage collector goes over
    # them several times in a scan, a third of a second each time.
    gc.set_threshold(20_000, 20, 100)
    standard_streams.prepare()
    if "-v" not in sys.argv and not sys.warnoptions:
        # Warnings of libraries, such as overflows for absurd data, name lines of code; what matters of them is in the results.
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of workers on this machine
    code = run(sys.argv[1:])
    code = standard_streams.finish() or code
    gc.freeze()  # saves a second: the interpreter collects all objects before it exits
    if code > 128 or any(thread.name.startswith("hfx-inline") for thread in threading.enumerate()):
        # A running fit cannot be interrupted, and may crash when the interpreter shuts down, which would also wait for threads
        # of libraries that a signal cut off from their helpers.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
