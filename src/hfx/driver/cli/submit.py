"""The commands ``hfx submit``, ``hfx status``, ``hfx attach`` and ``hfx cancel``, for scans driven by other processes or jobs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hfx.driver.cli.scan import OptionValue

if TYPE_CHECKING:
    from hfx.driver.submission.status import BatchQueues, RunStatus
    from hfx.driver.views.progress import Display

__all__ = ["attach", "cancel", "status", "submit"]

Option = typer.Option
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run: the one given with -o, or hfx-runs/PALLET.")]
Json = Annotated[bool, Option("--json", help="Print JSON on standard output, for scripts.")]


def _say(sentence: str) -> None:
    print(f"hfx: {sentence}", file=sys.stderr, flush=True)


def submit(
    pallet: str,
    given: dict[str, OptionValue],
    dry_run: Annotated[
        bool,
        Option(
            "--dry-run",
            rich_help_panel="Output",
            help="Print the job script or the command line that would be submitted, and stop.",
        ),
    ] = False,
    as_json: Annotated[
        bool, Option("--json", rich_help_panel="Output", help="Print JSON on standard output, for scripts.")
    ] = False,
) -> int:
    """Start a scan that runs without this terminal.

    The command starts the scan and returns at once. With an endpoint for Slurm or HTCondor a batch job runs the scan, otherwise a
    background process on this machine. 'hfx status' shows how far it is, 'hfx attach' shows it until it ends, and 'hfx cancel'
    stops it.
    """
    from hfx.driver.questions.options import ScanOptions
    from hfx.driver.scan.run_context import RunContext
    from hfx.driver.submission import prepare
    from hfx.driver.submission.submit import check, submit

    prepared = prepare.prepare_scan(pallet, ScanOptions.of(given), RunContext(say=_say))
    if dry_run:
        from hfx.driver.scan.preview import faults_of_source

        check(prepared)
        for sentence in faults_of_source(pallet, prepared.options):
            _say(sentence)
    submission = None if dry_run else submit(prepared, _say)
    for note in prepare.notes(prepared):
        _say(note)
    if submission is None:
        typer.echo(prepared.text(), nl=False)
        return 0
    report = prepare.report(prepared, submission)
    typer.echo(json.dumps(report, indent=1) if as_json else prepare.report_text(report))
    return 0


def status(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Folders of runs. Default: the runs that you submitted, and those in ./hfx-runs."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the status of runs.

    The table shows for each run its state, its driver (the process or job that runs the scan), the numbers of fitted and failed
    hypotheses, the time of its start and that of its last event.

    States: submitted, queued (the job waits), planned, running, finished, stopped, failed, and lost (the driver ended without
    recording why). Lines below the table say how to continue lost runs, and why runs failed.
    """
    from hfx.driver.submission import status_table

    found = status_table.status_of_runs(runs) if runs else status_table.status_of_known_runs(_say)
    if as_json:
        typer.echo(json.dumps([one.document() for one in found], indent=1))
        return 0
    for line in status_table.table_lines(found):
        typer.echo(line)
    return 0


def attach(
    run: Folder,
    as_json: Annotated[
        bool, Option("--json", help="At the end print all results as JSON (the content of scan.json) instead of the table.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print no progress and no table at the end.")] = False,
    verbose: Annotated[
        bool, Option("-v", "--verbose", help="Print more progress, and longer lists in the table at the end.")
    ] = False,
) -> int:
    """Show a scan until it ends.

    The scan may run in another process, in a batch job or on another machine. The command shows the progress and then the
    results, and returns the exit code of the scan. Ctrl-C ends this command only; the scan continues.

    If the process or job of the run ended before the scan did, the scan is continued: a run that was submitted is submitted
    again, any other continues in this terminal.
    """
    from hfx.driver.submission.status import BatchQueues
    from hfx.driver.views.progress import display

    try:
        with display(quiet=quiet, verbose=verbose) as shown:
            end = _follow(run, shown, BatchQueues(_poll_seconds(run)))
    except KeyboardInterrupt:
        _say(f"detached; the run continues, and 'hfx attach {run}' shows it again")
        return 130
    return _show_end(end, as_json=as_json, quiet=quiet, verbose=verbose)


def _follow(run: Path, shown: "Display", queues: "BatchQueues") -> "RunStatus":
    from hfx.driver.submission.attach import follow

    return follow(run.absolute(), shown.say, shown.listen, queues)


def _poll_seconds(run: Path) -> float:
    """Seconds between two queries of the batch queue, from the run's endpoint."""
    from hfx.driver.submission import record

    submitted = record.read(run)
    return submitted.poll_seconds if submitted else 10.0


def _show_end(end: "RunStatus", *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Print the end of a run, after continuing it here if it has no driver and was not submitted; its exit code."""
    from hfx.driver.cli import scan as cli_scan
    from hfx.driver.questions.catalogue import DEFAULT
    from hfx.driver.results import load_run
    from hfx.driver.submission.attach import orphaned
    from hfx.errors import RunFolderError

    if end.state == "finished":
        result = load_run(end.folder)
    elif orphaned(end):
        pallet, options = end.run.get("location"), end.run.get("options", {})
        if not pallet:
            raise RunFolderError(f"{end.folder}/run.json does not say where the pallet is; to continue it: {end.continuation}")
        _say(f"the process that ran the scan in {end.folder} has ended: the scan continues in this terminal")
        question = end.run.get("question", DEFAULT)
        result = cli_scan.continue_scan(pallet, options, question, end.folder, quiet=quiet, verbose=verbose)
    elif end.state == "stopped":
        _say(f"{end.folder} was stopped; 'hfx attach {end.folder}' continues it")
        return 130
    else:
        raise RunFolderError(f"{end.folder} failed: {end.run.get('reason')}")
    cli_scan.show(result, as_json=as_json, quiet=quiet, verbose=verbose)
    return 0 if result.complete else 1


def cancel(
    run: Folder,
    wait: Annotated[
        float, Option(help="Seconds to wait until the process or job of the scan stops; after that it is killed.", min=0)
    ] = 60.0,
) -> int:
    """Stop a scan, its processes and its batch jobs.

    The results so far are kept. 'hfx attach' continues the scan.
    """
    from hfx.driver.submission.cancel import cancel

    typer.echo(cancel(run.absolute(), wait, _say))
    return 0
