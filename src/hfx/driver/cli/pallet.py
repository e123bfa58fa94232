"""The commands ``hfx pallet inspect|verify|fetch|demo`` and ``hfx cache list|clean``: the command line of hfx.pallets."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from hfx.driver.cli.pallet_texts import render_inspection, render_verification
from hfx.driver.cli.standard_streams import console
from hfx.errors import PalletError
from hfx.json_types import JsonObject
from hfx.pallets import cache
from hfx.pallets.inspection import inspect, verify
from hfx.pallets.pallet import Pallet
from hfx.pallets.sources import Fetched, fetch
from hfx.pallets.workspaces.model_choice import ModelChoice

__all__ = ["cache_app", "pallet_app"]

pallet_app = typer.Typer(
    help="Inspect, verify or download a pallet, or write the demo pallet.",
    no_args_is_help=True,
)
cache_app = typer.Typer(help="List or remove downloaded pallets.", no_args_is_help=True)

PalletArgument = Annotated[
    str,
    typer.Argument(
        metavar="PALLET",
        help="The pallet: a file (archive or JSON), a folder, an https URL, or the DOI of a HEPData resource.",
        show_default=False,
    ),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Name of one analysis region of the pallet. Default: all regions.")
]
DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop-channel", metavar="NAME", help="Name of a channel to leave out, as in 'hfx scan'. Default: none."),
]
PoiOption = Annotated[
    str | None,
    typer.Option("--poi", metavar="NAME", help="Another parameter of interest, as in 'hfx scan'. Default: the measurement's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, for scripts.")]


@pallet_app.command("inspect")
def inspect_command(
    pallet: PalletArgument,
    region: RegionOption = None,
    drop_channel: DropOption = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="List every hypothesis. Default: the first 12.")] = False,
) -> None:
    """Show the content of a pallet.

    The command prints the channels, samples, modifiers and signal hypotheses, whether the patches belong to the background, and
    what to cite.
    """
    from hfx.driver.scan.open_source import no_run

    choice = ModelChoice(without=tuple(drop_channel or ()))
    with _download_bar() as progress, no_run(pallet):
        found = inspect(pallet, region, choice=choice, check=_check_of(choice), progress=progress)
    if as_json:
        _print_json(asdict(found))
        return
    render_inspection(_console(), found, everything)


@pallet_app.command("verify")
def verify_command(
    pallet: PalletArgument,
    region: RegionOption = None,
    drop_channel: DropOption = None,
    poi: PoiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the patches fit the background.

    The command compares the digest (checksum) that the patch set states with that of the background, applies every patch, and
    checks that the result is a valid workspace. Exit codes: 0, all is well; 1, some hypotheses cannot be used, or a region has no
    background that can be used; 2, the patch set was made for another background, or the background cannot be used.
    """
    from hfx.driver.scan.open_source import no_run
    from hfx.functions.jobs.cls_options import ClsOptions
    from hfx.functions.model_check import all_faults

    options = ClsOptions(drop_channel=tuple(drop_channel or ()), poi=poi)
    choice = options.model_choice
    with _download_bar() as progress, no_run(pallet):
        faults = partial(all_faults, options=options)
        found = verify(pallet, region, choice=choice, check=_check_of(choice), progress=progress, faults=faults)
    fatal = [one for one in found.regions if one.problem and one.digest]
    # The error's text on stderr is all that is to be said of a background that cannot be used.
    told = fatal[0] if fatal and fatal[0].digest_result != "mismatch" else None
    if as_json:
        _print_json(asdict(found) | {"verified": found.verified, "applies": found.applies})
    else:
        render_verification(_console(), replace(found, regions=tuple(one for one in found.regions if one is not told)))
    if fatal:
        raise PalletError(str(fatal[0].problem))
    if not found.applies or any(region.problem for region in found.regions):
        raise typer.Exit(1)


def _check_of(choice: ModelChoice) -> Callable[[Mapping[str, Pallet]], None] | None:
    """The check of a choice of the model, which loads numpy; None where there is nothing to check."""
    if choice == ModelChoice():
        return None
    from hfx.functions.choice_check import check_choice

    return partial(check_choice, choice=choice)


@pallet_app.command("fetch")
def fetch_command(
    pallet: Annotated[str, typer.Argument(metavar="URL|DOI", help="An https URL, or the DOI of a HEPData resource.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Copy the pallet to this file, or into this folder."),
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Download the pallet even if the cache contains it.")] = False,
) -> None:
    """Download a pallet into the cache, and print its path."""
    with _download_bar() as progress:
        found = fetch(pallet, refresh=refresh, progress=progress)
    path = _copy(found, output) if output is not None else found.path
    where = "found in the cache:" if found.cached else "downloaded:"
    _console(stderr=True).print(f"{where} {found.name}, {found.size / 1e6:.1f} MB, sha256 {found.digest}")
    typer.echo(path)


@pallet_app.command("demo")
def demo_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder to write into. Default: the current folder.", show_default=False)
    ] = Path(),
) -> None:
    """Write the demo pallet, a made-up search, and print its path."""
    from hfx.pallets.demo import write_demo

    try:
        typer.echo(write_demo(folder))
    except OSError as error:
        raise PalletError(f"{folder}: the demo cannot be written there ({error.strerror}); choose another folder") from None


@cache_app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the downloaded pallets.

    The columns are: the source (URL or DOI), the name of the file, its size in MB, the day of the download, and the first digits
    of the file's sha256.
    """
    found = cache.entries()
    if as_json:
        _print_json([asdict(entry) for entry in found])
        return
    console = _console()
    table = Table("source", "file", "MB", "fetched", "sha256", box=None)
    for entry in found:
        day = time.strftime("%Y-%m-%d", time.localtime(entry.fetched))
        row = (entry.source, entry.name, f"{entry.size / 1e6:.1f}", day, entry.digest[:12])
        table.add_row(*map(Text, row))
    if found:
        console.print(table)
    size = sum(entry.size for entry in found) / 1e6
    console.print(f"{len(found)} file{'' if len(found) == 1 else 's'}, {size:.1f} MB in {cache.cache_folder()}")


@cache_app.command("clean")
def clean_command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="URLs or DOIs, as 'hfx cache list' shows them. Default: all."),
    ] = None,
) -> None:
    """Remove downloaded pallets from the cache."""
    count, freed = cache.clean(tuple(sources or ()))
    typer.echo(f"removed {count} file{'' if count == 1 else 's'}, {freed / 1e6:.1f} MB, from {cache.cache_folder()}")


# --- output


def _console(*, stderr: bool = False) -> Console:
    return console(stderr=stderr, soft_wrap=True)


def _print_json(content: JsonObject | list[JsonObject]) -> None:
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


@contextmanager
def _download_bar() -> Iterator[Callable[[int, int | None], None]]:
    """A callback that draws a progress bar on standard error, from the first bytes on; without a terminal it draws nothing."""
    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("fetching", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _copy(found: Fetched, output: Path) -> Path:
    target = output / found.name if output.is_dir() else output
    try:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(found.path, target)
    except OSError as error:
        raise PalletError(f"{target} cannot be written ({error.strerror}); choose another file or folder with -o") from None
    return target
