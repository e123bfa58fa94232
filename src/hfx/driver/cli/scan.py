"""The command ``hfx scan``, and its options for other commands."""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hfx.driver.cli import watch
from hfx.json_types import JsonValue

if TYPE_CHECKING:
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.results import ScanResult

__all__ = ["OptionValue", "continue_scan", "scan", "show", "with_options_of_scan"]

Text = str | None
Option = typer.Option

# The value of an option on the command line.
OptionValue = None | bool | int | float | str | Path | list[str]


def scan(
    pallet: Annotated[
        str,
        typer.Argument(
            metavar="PALLET",
            help="The pallet: a file (archive or JSON), a folder, an https URL, or the DOI of a HEPData resource.",
        ),
    ],
    output: Annotated[
        Path | None,
        Option(
            "-o",
            "--output",
            help="Folder for the results. Default: hfx-runs/PALLET-REGION here, with a number added if that holds another scan.",
        ),
    ] = None,
    mu: Annotated[float, Option(help="Value of the parameter of interest (the signal strength) that is tested.")] = 1.0,
    signal_scale: Annotated[
        float, Option(help="Factor on the expected events of every signal, as 1.1 for a cross section larger by 10 %.")
    ] = 1.0,
    test_stat: Annotated[str, Option(help="Test statistic, q or qtilde: equations 14 and 16 of arXiv:1007.1727.")] = "qtilde",
    normsys: Annotated[
        int,
        Option(
            help="How normalisation systematics (normsys) interpolate: 1, exponential; 4, polynomial within one sigma and "
            "exponential beyond."
        ),
    ] = 4,
    histosys: Annotated[
        str,
        Option(
            help="How shape systematics (histosys) interpolate: 0, linear in two pieces; 2, quadratic; 4p, polynomial; 2 and 4p "
            "are linear beyond one sigma."
        ),
    ] = "4p",
    measurement: Annotated[
        Text, Option(help="Name of the measurement in the workspace that is used. Default: the first.")
    ] = None,
    region: Annotated[
        Text,
        Option(
            help="The analysis region, if the pallet has several: its name, or 'all' to scan each of them and take, at every "
            "point, the one with the smallest expected CLs. Default: the only one."
        ),
    ] = None,
    only: Annotated[
        Text, Option(help="Fit only hypotheses whose name matches this shell pattern, as 'C1N2_*_400_*'. Default: all.")
    ] = None,
    where: Annotated[
        Text,
        Option(
            help="Fit only hypotheses whose labels (their masses, for example) fulfil this condition, as 'mn2-mn1==130'. "
            "Default: all."
        ),
    ] = None,
    x: Annotated[
        Text,
        Option(
            help="Horizontal axis of the contour: a label, or arithmetic on labels, as mn2-mn1. Default: the first that varies."
        ),
    ] = None,
    y: Annotated[
        Text,
        Option(help="Vertical axis of the contour: a label, or arithmetic on labels. Default: the second that varies."),
    ] = None,
    interpolation: Annotated[
        str,
        Option(
            help="Interpolation between the fitted points, for the contour: gp (Gaussian process), rbf (radial basis functions) "
            "or linear."
        ),
    ] = "gp",
    minima: Annotated[
        str,
        Option(
            help="The minimum that CLs is computed from, if a fit has several: 'natural', the one that a fit from pyhf's initial "
            "values reaches; 'lowest', the lowest found; or 'admissible', the lowest that adds no negative "
            "expected yields (of a sample in a bin) to those of the natural one."
        ),
    ] = "admissible",
    starts: Annotated[
        int | None,
        Option(
            help="Number of starting points of each fit; with 1 a fit starts from pyhf's initial values only, and no lower "
            "minimum is searched for. Default: 5."
        ),
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        Option(
            help="Where the fits run: the name of an endpoint ('hfx endpoint list' shows them) or its TOML file. Given several "
            "times, the endpoints share the work. Default: embedded, which is this process."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        Option(help="Number of CPU threads for the fits on this machine. Default: all cores that this process may use."),
    ] = None,
    device: Annotated[
        str, Option(help="Device that computes the fits: cpu, cuda (a GPU), or cuda:N (the GPU number N).")
    ] = "cpu",
    xlabel: Annotated[
        Text, Option(help="Text at the picture's horizontal axis; LaTeX between $ signs. Default: made from --x.")
    ] = None,
    ylabel: Annotated[
        Text, Option(help="Text at the picture's vertical axis; LaTeX between $ signs. Default: made from --y.")
    ] = None,
    title: Annotated[Text, Option(help="Text above the picture. Default: the pallet's name and description.")] = None,
    forbidden: Annotated[
        Text,
        Option(
            help="Kinematically forbidden region of the picture, as a comparison of the axes x and y: 'y>x-125'. It is shaded, "
            "and contours end at it. Default: none."
        ),
    ] = None,
    theory_band: Annotated[
        Text,
        Option(
            help="Relative uncertainty of the signal cross section, as 0.1 for 10 %, or a CSV file with the columns name and "
            "uncertainty. The scan is repeated with the signals scaled up and down by it. Default: none."
        ),
    ] = None,
    labels: Annotated[
        Text,
        Option(
            help="Names of the numbers in the file names of loose patches, with commas between them: msb,mn2,mn1. "
            "Default: x1,x2,..."
        ),
    ] = None,
    verify: Annotated[
        bool,
        Option(
            "--verify/--no-verify",
            help="Whether to refuse a patch set whose digest says that it was made for another background workspace.",
        ),
    ] = True,
    plan: Annotated[
        bool,
        Option("--plan", help="Print what would be done (hypotheses, tasks, an estimate of the time), and do nothing."),
    ] = False,
    live: Annotated[bool, Option("--live", help="Show the scan in a web browser while it runs.")] = False,
    no_browser: Annotated[
        bool, Option("--no-browser", help="With --live: print the page's address, and open no browser.")
    ] = False,
    port: Annotated[int, Option(help="With --live: the page's TCP port on this machine; 0 takes any free one.")] = 0,
    as_json: Annotated[
        bool, Option("--json", help="Print all results as JSON (the content of scan.json) in place of the table.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print no progress and no table at the end.")] = False,
    verbose: Annotated[
        bool, Option("-v", "--verbose", help="Print more progress; after an error within hfx, print its traceback.")
    ] = False,
) -> int:
    """Fit all hypotheses of a pallet and draw the exclusion contour.

    A pallet is a published likelihood: a background-only HistFactory workspace and a patch for each signal hypothesis.

    Ctrl-C and SIGTERM stop a scan: it ends the jobs and processes that it started, keeps the results so far, and prints the
    command that continues it. If the terminal is closed (SIGHUP), the scan continues; 'hfx attach' shows it again.
    """
    given = {name: value for name, value in locals().items() if name not in _NO_OPTIONS_OF_THE_SCAN}
    options = _options(given)
    if plan:
        _print_plan(pallet, options)
        return 0
    with watch.live(live, no_browser=no_browser, port=port, stderr=as_json) as began:
        result = _scan(pallet, options, began, quiet=quiet, verbose=verbose)
    show(result, as_json=as_json, quiet=quiet)
    return 0 if result.complete else 1


# Parameters of the command that are not options of the scan itself.
_NO_OPTIONS_OF_THE_SCAN = ("pallet", "plan", "live", "no_browser", "port", "as_json", "quiet", "verbose")


def with_options_of_scan(command: Callable[..., int]) -> Callable[..., int]:
    """A command with all options of `scan`, beside its own.

    `command` gets PALLET as the argument `pallet`, the values of the scan's options as the dict `options`, and its own options
    by name. They are copied from the signature of `scan`, so that both commands have the same names, defaults and help texts.
    """
    of_scan = inspect.signature(scan).parameters
    copied = [p for name, p in of_scan.items() if name == "pallet" or name not in _NO_OPTIONS_OF_THE_SCAN]
    own = [p for name, p in inspect.signature(command).parameters.items() if name not in ("pallet", "options")]
    passed_on = ["pallet", *(p.name for p in own)]

    def run(**values: OptionValue) -> int:
        arguments = {name: values.pop(name) for name in passed_on}
        return command(options=values, **arguments)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature([*copied, *own], return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*copied, *own)}
    return run


def continue_scan(pallet: str, options: Mapping[str, JsonValue], folder: Path, *, quiet: bool, verbose: bool) -> "ScanResult":
    """Continue the scan in `folder` in this process, with the `options` of its run.json."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    return _scan(pallet, _options({**given, "output": folder}), None, quiet=quiet, verbose=verbose)


def _options(given: Mapping[str, OptionValue | JsonValue | tuple[JsonValue, ...]]) -> "ScanOptions":
    from hfx.driver.questions.options import ScanOptions

    return ScanOptions.of(given)


def _print_plan(pallet: str, options: "ScanOptions") -> None:
    from hfx.driver.scan.regions import open_regions
    from hfx.driver.scan.scan import Setting, describe, open_source

    setting = Setting()
    if options.region == "all":
        opened = list(open_regions(pallet, options, setting).values())
    else:
        opened = [open_source(pallet, options, options.region, setting)]
    typer.echo("\n\n".join(describe(one, options) for one in opened))


def _scan(
    pallet: str, options: "ScanOptions", began: Callable[[Path], None] | None, *, quiet: bool, verbose: bool
) -> "ScanResult":
    from hfx.driver.process.signals import stop_signals
    from hfx.driver.run.journal import ScanInterrupted
    from hfx.driver.scan.scan import Setting, scan_source
    from hfx.driver.views.progress import display

    with stop_signals() as stop:
        try:
            with display(quiet=quiet, verbose=verbose, x=options.x, y=options.y) as shown:
                setting = Setting(say=shown.say, listener=shown.listen, progress=shown.fetched, began=began)
                return scan_source(pallet, options, setting)
        except ScanInterrupted as stopped:
            print(f"hfx: {stopped}", file=sys.stderr, flush=True)
            raise typer.Exit(stop.code) from None
        except KeyboardInterrupt:
            print("hfx: stopped before the scan began; nothing was written", file=sys.stderr, flush=True)
            raise typer.Exit(stop.code) from None


def show(result: "ScanResult", *, as_json: bool, quiet: bool) -> None:
    """Print a scan's results: as JSON, or as a table, coloured on a terminal; nothing if `quiet`."""
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
