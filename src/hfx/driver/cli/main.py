"""The command ``hfx``: its commands, and how errors leave it.

Exit codes: 0 all well; 1 some hypotheses failed; 2 input, option or folder that cannot be used, one line on
standard error; 130 after Ctrl-C.
"""

import gc
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from hfx.driver.cli import login, runs, scan, submit, watch
from hfx.driver.cli.usage_errors import UsageError, one_line
from hfx.errors import HfxError
from hfx.functions.worker_process import SINGLE
from hfx.version import __version__

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="hfx",
    help="From a published HistFactory pallet to an exclusion contour.",
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
        from hfx.driver.export.citations import cite

        typer.echo(cite())
        raise typer.Exit


@app.callback()
def _hfx(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
    cite: Annotated[bool, typer.Option("--cite", callback=_cite, is_eager=True, help="What to cite.")] = False,
) -> None:
    """From a published HistFactory pallet to an exclusion contour."""


def _mount_pallets() -> None:
    from hfx.driver.cli.endpoint import endpoint_app
    from hfx.driver.cli.pallet import cache_app, pallet_app

    app.add_typer(pallet_app, name="pallet")
    app.add_typer(cache_app, name="cache")
    app.add_typer(endpoint_app, name="endpoint")


app.command("scan")(scan.scan)
app.command("submit")(scan.with_options_of_scan(submit.submit))
app.command("status")(submit.status)
app.command("attach")(submit.attach)
app.command("cancel")(submit.cancel)
app.command("watch")(watch.watch)
app.command("plot")(runs.plot)
app.command("export")(runs.export)
app.command("doctor")(runs.doctor)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("whoami")(login.whoami)
_mount_pallets()


def run(arguments: Sequence[str]) -> int:
    """Run a command line (without the program's name); the exit code. Errors are a line on standard error."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments), prog_name="hfx", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error, file=sys.stderr)
            return 2
        return _complain(one_line(error))
    except HfxError as error:
        return _complain(str(error))
    except BrokenPipeError:
        # The reader of our output, as in `hfx ... | head`, has left: nothing is wrong, and nobody listens.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "-v" in arguments:
            traceback.print_exc()
        kind = type(error).__name__
        return _complain(f"a bug in hfx, sorry ({kind}: {error}); please report it with 'hfx doctor' and -v")


def _complain(text: str) -> int:
    line = " ".join(text.split())
    print(f"hfx: {line}", file=sys.stderr, flush=True)
    return 2


def main() -> NoReturn:
    """The entry point of the command."""
    # Fits have threads of their own, or run elsewhere: those of BLAS and OpenMP would only crowd a login node. They are read
    # when numpy is loaded, which is later.
    for name, value in SINGLE.items():
        os.environ.setdefault(name, value)
    # A pallet is a million objects without cycles: to go over them takes a third of a second, several times a scan by default.
    gc.set_threshold(20_000, 20, 100)
    code = run(sys.argv[1:])
    gc.freeze()  # the interpreter goes over everything before it leaves: a second, for nothing
    if any(thread.name.startswith("hfx-inline") for thread in threading.enumerate()):
        # A batch in flight cannot be interrupted, and an interpreter that winds up beneath it may crash.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
