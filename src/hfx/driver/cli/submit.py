"""``hfx submit``, ``hfx status``, ``hfx attach`` and ``hfx cancel``: scans that others drive."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hfx.driver.submission.status import Queues, Standing
    from hfx.driver.views.progress import Display

__all__ = ["attach", "cancel", "status", "submit"]

Option = typer.Option
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]
Json = Annotated[bool, Option("--json", help="JSON on stdout, for scripts.")]


def _say(sentence: str) -> None:
    print(f"hfx: {sentence}", file=sys.stderr, flush=True)


def submit(
    pallet: str,
    given: dict[str, Any],
    dry_run: Annotated[bool, Option("--dry-run", help="Print what would be submitted, and touch nothing.")] = False,
    as_json: Json = False,
) -> int:
    """Hand a whole scan to the endpoint and return: a batch job drives it, or a process that outlives the terminal."""
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.scan.context import RunContext
    from hfx.driver.submission import prepare
    from hfx.driver.submission.submit import hand_over

    scan = prepare.planned(pallet, ScanOptions.of(given), RunContext(say=_say))
    for note in prepare.notes(scan):
        _say(note)
    if dry_run:
        typer.echo(scan.text(), nl=False)
        return 0
    told = prepare.told(scan, hand_over(scan, _say))
    typer.echo(json.dumps(told, indent=1) if as_json else prepare.text(told))
    return 0


def status(
    runs: Annotated[list[Path] | None, typer.Argument(metavar="[RUN...]", help="Runs' folders. Default: all known.")] = None,
    as_json: Json = False,
) -> int:
    """How runs stand: those given, else those that you submitted and those in hfx-runs here."""
    from hfx.driver.submission import status_table

    found = status_table.of_runs(runs) if runs else status_table.of_known()
    if as_json:
        typer.echo(json.dumps([one.public() for one in found], indent=1))
        return 0
    for line in status_table.lines(found):
        typer.echo(line)
    return 0


def attach(
    run: Folder,
    as_json: Annotated[bool, Option("--json", help="Print the outcome as JSON.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress, no table.")] = False,
    verbose: Annotated[bool, Option("-v", "--verbose", help="More progress.")] = False,
) -> int:
    """Show a run that another process or job drives, until it ends; one that nobody drives goes on.

    The exit code is the scan's. Ctrl-C detaches, and leaves the run alone.
    """
    from hfx.driver.submission.status import Queues
    from hfx.driver.views.progress import display

    try:
        with display(quiet=quiet, verbose=verbose) as shown:
            end = _followed(run, shown, Queues(_pause(run)))
    except KeyboardInterrupt:
        _say(f"detached; the run goes on, and 'hfx attach {run}' shows it again")
        return 130
    return _closed(end, as_json=as_json, quiet=quiet, verbose=verbose)


def _followed(run: Path, shown: "Display", queues: "Queues") -> "Standing":
    from hfx.driver.submission.attach import follow

    return follow(run.absolute(), shown.say, shown.listen, queues)


def _pause(run: Path) -> float:
    """Seconds between looks at the queue, as the run's endpoint has them."""
    from hfx.driver.submission import record

    submitted = record.read(run)
    return submitted.poll_seconds if submitted else 10.0


def _closed(end: "Standing", *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """What is printed at the end of a run, and its exit code."""
    from hfx.driver.cli import scan as cli_scan
    from hfx.driver.results import load_run
    from hfx.driver.submission.attach import orphaned
    from hfx.errors import RunFolderError

    if end.state == "finished":
        result = load_run(end.folder)
    elif orphaned(end):
        _say(f"nobody drives {end.folder} any more: the scan goes on here")
        result = cli_scan.go_on(end.run["location"], end.run["options"], end.folder, quiet=quiet, verbose=verbose)
    elif end.state == "stopped":
        _say(f"{end.folder} was stopped; 'hfx attach {end.folder}' goes on with it")
        return 130
    else:
        raise RunFolderError(f"{end.folder} failed: {end.run.get('reason')}")
    cli_scan.show(result, as_json=as_json, quiet=quiet)
    return 0 if result.complete else 1


def cancel(
    run: Folder,
    wait: Annotated[float, Option(help="Seconds for the driver to end by itself.", min=0)] = 60.0,
) -> int:
    """Stop a run, its jobs and processes; what is fitted is kept."""
    from hfx.driver.submission.cancel import cancel

    typer.echo(cancel(run.absolute(), wait, _say))
    return 0
