"""``hfx scan``."""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hfx.driver.cli import watch

if TYPE_CHECKING:
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.results import ScanResult

__all__ = ["go_on", "scan", "show", "with_options_of_scan"]

Text = str | None
Option = typer.Option


def scan(
    pallet: Annotated[
        str,
        typer.Argument(metavar="PALLET", help="A file, a folder, an https URL or a HEPData resource DOI."),
    ],
    output: Annotated[Path | None, Option("-o", "--output", help="The run's folder. Default: hfx-runs/PALLET-REGION.")] = None,
    mu: Annotated[float, Option(help="Tested value of the parameter of interest.")] = 1.0,
    signal_scale: Annotated[float, Option(help="Scales every signal's yields.")] = 1.0,
    test_stat: Annotated[str, Option(help="q or qtilde.")] = "qtilde",
    normsys: Annotated[int, Option(help="Interpolation code: 1 or 4.")] = 4,
    histosys: Annotated[str, Option(help="Interpolation code: 0, 2 or 4p.")] = "4p",
    measurement: Annotated[Text, Option(help="Default: the first.")] = None,
    region: Annotated[Text, Option(help="One region of several, or 'all' with their combination.")] = None,
    only: Annotated[Text, Option(help="Shell pattern on names.")] = None,
    where: Annotated[Text, Option(help="Comparison on labels, as mn2-mn1==130.")] = None,
    x: Annotated[Text, Option(help="Horizontal axis: arithmetic on labels.")] = None,
    y: Annotated[Text, Option(help="Vertical axis: arithmetic on labels.")] = None,
    interpolation: Annotated[str, Option(help="Between the points: gp, rbf or linear.")] = "gp",
    minima: Annotated[str, Option(help="Which minimum answers: admissible, natural or lowest.")] = "admissible",
    starts: Annotated[int | None, Option(help="Starts of each fit; 1: the natural one, no search.")] = None,
    endpoint: Annotated[
        list[str] | None, Option(help="Where to run: a name or a TOML file; several share the work. Default: embedded, here.")
    ] = None,
    threads: Annotated[int | None, Option(help="Default: the cores that this process may use.")] = None,
    device: Annotated[str, Option(help="cpu, cuda or cuda:N.")] = "cpu",
    xlabel: Annotated[Text, Option(help="The picture's; LaTeX allowed.")] = None,
    ylabel: Annotated[Text, Option(help="The picture's; LaTeX allowed.")] = None,
    title: Annotated[Text, Option(help="The picture's.")] = None,
    forbidden: Annotated[Text, Option(help="Region that cannot be, as 'y>x-125'.")] = None,
    theory_band: Annotated[
        Text,
        Option(
            help="Relative uncertainty of the cross section, or a table of them (CSV: name,uncertainty): the signal up and down."
        ),
    ] = None,
    labels: Annotated[Text, Option(help="Names for the numbers in loose patches, as msb,mn2,mn1.")] = None,
    verify: Annotated[bool, Option("--verify/--no-verify", help="Refuse patches made for another background.")] = True,
    plan: Annotated[bool, Option("--plan", help="Print the plan and stop.")] = False,
    live: Annotated[bool, Option("--live", help="Show the scan in the browser while it runs.")] = False,
    no_browser: Annotated[bool, Option("--no-browser", help="With --live: print the address; open no browser.")] = False,
    port: Annotated[int, Option(help="With --live: the page's port on this machine. Default: a free one.")] = 0,
    as_json: Annotated[bool, Option("--json", help="Print the outcome as JSON.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress, no table.")] = False,
    verbose: Annotated[bool, Option("-v", "--verbose", help="More progress.")] = False,
) -> int:
    """Fit every hypothesis of a pallet and draw what is excluded.

    A scan that is stopped, by Ctrl-C or SIGTERM, ends the jobs and processes that it started, keeps what it has, and says how to
    go on. One whose terminal is lost (SIGHUP) goes on without it: its folder tells how far it is.
    """
    given = {name: value for name, value in locals().items() if name not in _SHOW}
    options = _options(given)
    if plan:
        _print_plan(pallet, options)
        return 0
    with watch.live(live, no_browser=no_browser, port=port, stderr=as_json) as began:
        result = _scan(pallet, options, began, quiet=quiet, verbose=verbose)
    show(result, as_json=as_json, quiet=quiet)
    return 0 if result.complete else 1


# Parameters of the command that are no options of a scan.
_SHOW = ("pallet", "plan", "live", "no_browser", "port", "as_json", "quiet", "verbose")


def with_options_of_scan(command: Callable[..., int]) -> Callable[..., int]:
    """A command with all options of `scan`, beside its own: it gets them as `given`, a dict, and PALLET as `pallet`."""
    own = inspect.signature(command).parameters
    shared = [p for name, p in inspect.signature(scan).parameters.items() if name == "pallet" or name not in _SHOW]
    mine = [p for name, p in own.items() if name not in ("pallet", "given")]

    def run(**values: Any) -> int:
        kept = {name: values.pop(name) for name in [p.name for p in mine] + ["pallet"]}
        return command(given=values, **kept)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature([*shared, *mine], return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*shared, *mine)}
    return run


def go_on(pallet: str, options: Mapping[str, Any], folder: Path, *, quiet: bool, verbose: bool) -> "ScanResult":
    """The scan of `options`, as run.json has them, in `folder`: as its command line would go on with it here."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    return _scan(pallet, _options({**given, "output": folder}), None, quiet=quiet, verbose=verbose)


def _options(given: dict[str, Any]) -> "ScanOptions":
    from hfx.driver.questions.options import ScanOptions

    return ScanOptions.of(given)


def _print_plan(pallet: str, options: "ScanOptions") -> None:
    from hfx.driver.scan.context import RunContext
    from hfx.driver.scan.opening import open_regions, open_source
    from hfx.driver.scan.preview import describe

    context = RunContext()
    if options.region == "all":
        opened = list(open_regions(pallet, options, context).values())
    else:
        opened = [open_source(pallet, options, context)]
    typer.echo("\n\n".join(describe(one, options) for one in opened))


def _scan(
    pallet: str, options: "ScanOptions", began: Callable[[Path], None] | None, *, quiet: bool, verbose: bool
) -> "ScanResult":
    from hfx.driver.api import scan_source
    from hfx.driver.process.signals import stoppable
    from hfx.driver.run.journal import ScanInterrupted
    from hfx.driver.scan.context import RunContext
    from hfx.driver.views.progress import display

    with stoppable() as stop:
        try:
            with display(quiet=quiet, verbose=verbose, x=options.x, y=options.y) as shown:
                context = RunContext(say=shown.say, listener=shown.listen, progress=shown.fetched, began=began)
                return scan_source(pallet, options, context)
        except ScanInterrupted as stopped:
            print(f"hfx: {stopped}", file=sys.stderr, flush=True)
            raise typer.Exit(stop.code) from None
        except KeyboardInterrupt:
            print("hfx: stopped; nothing was begun", file=sys.stderr, flush=True)
            raise typer.Exit(stop.code) from None


def show(result: "ScanResult", *, as_json: bool, quiet: bool) -> None:
    """Print a scan's outcome: a table, plain or for a terminal, or JSON."""
    if as_json:
        from hfx.driver.run import scan_file

        for part in scan_file.text({**result.content, "folder": str(result.folder)}):
            typer.echo(part, nl=False)
        typer.echo()
    elif not quiet and sys.stdout.isatty():
        from rich.console import Console

        Console().print(result)
    elif not quiet:
        from hfx.driver.views import summary

        typer.echo(summary.text(result.content, result.folder))
