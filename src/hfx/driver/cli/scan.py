"""The commands that ask a question of a pallet, as ``hfx scan``, and their options for other commands."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hfx.driver.cli import option_parameters, standard_streams, watch
from hfx.driver.cli.option_parameters import OptionValue
from hfx.driver.questions.catalogue import DEFAULT, kind
from hfx.errors import OptionError
from hfx.json_types import JsonValue

if TYPE_CHECKING:
    from hfx.driver.process.signals import StopState
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.results import ScanResult

__all__ = ["OptionValue", "command", "continue_scan", "show", "with_options_of_scan"]

Option = typer.Option

_PAGE, _OUTPUT = "The page", "Output"  # sections of the help text

_PALLET = inspect.Parameter(
    "pallet",
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    annotation=Annotated[
        str,
        typer.Argument(
            metavar="PALLET",
            help="The pallet: a file (archive or JSON), a folder, an https URL, or the DOI of a HEPData resource.",
        ),
    ],
)


def command(question: str) -> Callable[..., int]:
    """The command that asks the question of this name: with its options, and those of every run."""

    def ask(
        pallet: str,
        given: Mapping[str, OptionValue],
        plan: Annotated[
            bool,
            Option(
                "--plan",
                rich_help_panel=_OUTPUT,
                help="Check the options, print what the scan would do (hypotheses, tasks, an estimate of the time), and stop.",
            ),
        ] = False,
        live: Annotated[
            bool,
            Option(
                "--live",
                rich_help_panel=_PAGE,
                help="Show the scan in a web browser while it runs and, on a terminal, until Ctrl-C after it.",
            ),
        ] = False,
        no_browser: Annotated[
            bool,
            Option(
                "--no-browser",
                rich_help_panel=_PAGE,
                help="With --live: print the address of the page, but do not open a browser.",
            ),
        ] = False,
        port: Annotated[
            int,
            Option(
                rich_help_panel=_PAGE,
                help="With --live: TCP port of the page on this machine, 1 to 65535. Default: 0, which means any free port.",
            ),
        ] = 0,
        as_json: Annotated[
            bool,
            Option(
                "--json",
                rich_help_panel=_OUTPUT,
                help="Print all results as JSON (the content of scan.json) instead of the table.",
            ),
        ] = False,
        quiet: Annotated[
            bool, Option("--quiet", rich_help_panel=_OUTPUT, help="Print no progress and no table at the end.")
        ] = False,
        verbose: Annotated[
            bool,
            Option(
                "-v",
                "--verbose",
                rich_help_panel=_OUTPUT,
                help="Print more progress, and longer lists and details in the table; on an internal error, print the traceback.",
            ),
        ] = False,
    ) -> int:
        _refuse_without_effect(plan=plan, live=live, no_browser=no_browser, port=port, as_json=as_json)
        chosen = _options(given, question)
        if plan:
            from hfx.driver.scan.preview import describe_source

            typer.echo(describe_source(pallet, chosen))
            return 0
        stays = not (as_json or quiet) and watch.attended()
        with _stoppable() as stop, watch.live(live, no_browser=no_browser, port=port, stderr=as_json, stays=stays) as page:
            result, drawn = _scan(pallet, chosen, page.began, stop, quiet=quiet, verbose=verbose)
            show(result, as_json=as_json, quiet=quiet, verbose=verbose)
            if stays:
                page.stay()
        return 0 if result.complete and drawn else 1

    ask.__doc__ = inspect.cleandoc(kind(question).help)
    return option_parameters.accepting(_PALLET, option_parameters.parameters(question))(ask)


def _refuse_without_effect(*, plan: bool, live: bool, no_browser: bool, port: int, as_json: bool) -> None:
    """Raise `OptionError` for an option that would change nothing beside the others."""
    for given, name in ((no_browser, "--no-browser"), (port != 0, f"--port {port}")):
        if given and not live:
            raise OptionError(f"{name} has no effect without --live; add --live, or leave {name.split()[0]} out")
    for given, name in ((as_json, "--json"), (live, "--live")):
        if given and plan:
            raise OptionError(f"{name} has no effect with --plan, which fits nothing and prints text; leave one of them out")


def with_options_of_scan(other: Callable[..., int]) -> Callable[..., int]:
    """A command with all options of ``hfx scan``, beside its own.

    `other` gets PALLET as the argument `pallet`, the values of the scan's options as the mapping `given`, and its own options by
    name.
    """
    return option_parameters.accepting(_PALLET, option_parameters.parameters(DEFAULT))(other)


def continue_scan(
    pallet: str, asked: Mapping[str, JsonValue], question: str, folder: Path, *, quiet: bool, verbose: bool
) -> "ScanResult":
    """Continue the run in `folder` in this process, with the options `asked` for in its run.json."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in asked.items()}
    with _stoppable() as stop:
        return _scan(pallet, _options({**given, "output": folder}, question), None, stop, quiet=quiet, verbose=verbose)[0]


@contextmanager
def _stoppable() -> "Iterator[StopState]":
    """Handles the signals that stop a scan; one that was stopped says on standard error what it leaves, as `typer.Exit`."""
    from hfx.driver.process.signals import stop_signals
    from hfx.driver.run.journal import ScanInterrupted

    with stop_signals() as stop:
        stop.last_words = "stopped before the scan began; nothing was written"
        try:
            yield stop
        except KeyboardInterrupt as stopped:
            words = str(stopped) if isinstance(stopped, ScanInterrupted) else stop.last_words
            print(f"hfx: {words}", file=sys.stderr, flush=True)
            raise typer.Exit(stop.code) from None


def _options(given: Mapping[str, object], question: str) -> "ScanOptions":
    from hfx.driver.questions.options import ScanOptions

    return ScanOptions.of(given, question)


def _scan(
    pallet: str,
    chosen: "ScanOptions",
    began: Callable[[Path], None] | None,
    stop: "StopState",
    *,
    quiet: bool,
    verbose: bool,
) -> "tuple[ScanResult, bool]":
    """The result of a scan, and whether its picture could be drawn; that it could not is said also where nothing else is."""
    from hfx.driver.api import scan_source
    from hfx.driver.run.events import Contour, Event
    from hfx.driver.scan.run_context import RunContext
    from hfx.driver.views.progress import display

    written: list[tuple[str, ...]] = []
    folders: list[Path] = []

    def begin(folder: Path) -> None:
        folders.append(folder)
        stop.last_words = f"stopped at once; what is fitted is kept in {folders[0]}: the same command continues"
        if began is not None:
            began(folder)

    of_map = display(quiet=quiet, verbose=verbose, x=chosen.x, y=chosen.y, logx=chosen.logx, logy=chosen.logy)
    with of_map as shown:

        def listen(event: Event) -> None:
            shown.listen(event)
            if isinstance(event, Contour):
                written[:] = [event.files]

        context = RunContext(say=shown.say, listener=listen, progress=shown.fetched, began=begin)
        result = scan_source(pallet, chosen, context)
    stop.last_words = f"stopped; the results are in {result.folder}"
    drawn = all(any(not name.endswith(".json") for name in files) for files in written)
    if quiet and not drawn:
        print(f"hfx: the picture could not be drawn; 'hfx plot {result.folder}' says why", file=sys.stderr, flush=True)
    return result, drawn


def show(result: "ScanResult", *, as_json: bool, quiet: bool, verbose: bool = False) -> None:
    """Print a scan's results: as JSON, or as a table, which is laid out for the terminal if there is one; nothing if `quiet`."""
    if as_json:
        from hfx.driver.run import scan_file

        for part in scan_file.text({**result.content, "folder": str(result.folder)}):
            typer.echo(part, nl=False)
        typer.echo()
    elif not quiet:
        from hfx.driver.views import summary

        if sys.stdout.isatty():
            standard_streams.console().print(summary.table(result.content, result.folder, verbose))
        else:
            typer.echo(summary.text(result.content, result.folder, verbose))
