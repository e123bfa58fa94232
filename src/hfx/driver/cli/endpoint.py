"""The commands ``hfx endpoint list|add|check|init``."""

import json
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import typer

from hfx.errors import EndpointError

__all__ = ["endpoint_app"]

endpoint_app = typer.Typer(
    help="Describe where fits run: list, write, save or check endpoints.",
    no_args_is_help=True,
)

Option = typer.Option
Json = Annotated[bool, Option("--json", help="Print JSON on standard output, for scripts.")]


@endpoint_app.command("list")
def list_command(as_json: Json = False) -> int:
    """List the endpoints that can be used by name.

    The list contains the endpoints that hfx has without any file, and those that you saved with 'hfx endpoint add'.
    """
    from hfx import endpoints
    from hfx.endpoints import user_files

    rows = [_row(name) for name in (*endpoints.engine_names(), *user_files.named())]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return 0
    table = [("endpoint", "engine", "provider", "tasks at a time", "file"), *map(_cells, rows)]
    widths = [max(len(cells[i]) for cells in table if len(cells) > 2) for i in range(len(table[0]))]
    for cells in table:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip())
    typer.echo(f"'hfx endpoint add' saves endpoint files in {user_files.folder()}", err=True)
    return 0


def _cells(row: "_Row") -> tuple[str, ...]:
    """The cells of a line of the table: two for an endpoint that cannot be used, its name and the reason."""
    if not row["usable"]:
        return row["name"], row["what"]
    return row["name"], row["engine"], row["provider"], str(row["workers"]), row["file"] or ""


class _Row(TypedDict):
    """An endpoint in the output of ``hfx endpoint list --json``; one that cannot be used has a name and the reason only."""

    name: str
    usable: bool
    file: NotRequired[str | None]
    engine: NotRequired[str]
    provider: NotRequired[str]
    workers: NotRequired[int]
    what: str


def _row(name: str) -> _Row:
    from hfx import endpoints
    from hfx.driver.process.cores import usable_cores

    try:
        found = endpoints.resolve(name)
    except EndpointError as error:
        return {"name": name, "usable": False, "what": f"cannot be used: {error}"}
    label = found.spec.label
    engine = f"{found.engine}, {label}" if label else found.engine
    return {
        "name": name,
        "usable": True,
        "file": str(found.file) if found.file else None,
        "engine": found.engine,
        "provider": label,
        "workers": found.workers(usable_cores()),
        "what": f"{engine}, at most {found.workers(usable_cores())} at a time{f', {found.file}' if found.file else ''}",
    }


@endpoint_app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name, for --endpoint NAME.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The endpoint's TOML file.")],
    force: Annotated[bool, Option("--force", help="Replace the endpoint that already has this name.")] = False,
) -> int:
    """Save an endpoint file under a name, for --endpoint NAME.

    The command checks the file and copies it into hfx's configuration folder.
    """
    from hfx import endpoints
    from hfx.endpoints import user_files

    endpoints.resolve(str(file) if "/" in str(file) else f"./{file}")
    typer.echo(user_files.add(name, file.read_text(encoding="utf-8"), reserved=endpoints.engine_names(), replace=force))
    return 0


@endpoint_app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="The name of the endpoint, or its TOML file.")],
    wait: Annotated[float, Option(help="Seconds to wait for the workers to start and answer.", min=1)] = 300.0,
    as_json: Json = False,
) -> int:
    """Start the workers of an endpoint and check them.

    The command prints for each worker its versions of Python and of packages, its cores and devices, the round-trip time of an
    empty task, and the difference between its clock and that of this machine. It lists problems with their remedies; if there
    are any, the exit code is 2.
    """
    from hfx import endpoints
    from hfx.driver.process.cores import usable_cores
    from hfx.driver.process.signals import stop_signals
    from hfx.driver.setup import check_endpoint

    with stop_signals() as stop:
        try:
            found = check_endpoint.check(endpoints.resolve(name), usable_cores(), wait)
        except KeyboardInterrupt:
            typer.echo("hfx: stopped; the workers that were started are ended", err=True)
            raise typer.Exit(stop.code) from None
    typer.echo(json.dumps(found.document(), indent=1) if as_json else check_endpoint.report(found))
    if found.problems:
        count = len(found.problems)
        listed = "1 problem, listed with its remedy" if count == 1 else f"{count} problems, listed with their remedies"
        raise EndpointError(f"endpoint {found.endpoint} cannot be used: {listed}")
    return 0


def _stage(folder: Path, kind: str) -> None:
    from hfx.driver.setup import staging
    from hfx.endpoints import templates

    torch = bool(kind) and 'device = "cuda"' in templates.text(kind)
    for file in staging.stage(folder, torch=torch):
        typer.echo(file)
    typer.echo(
        f"next: run {folder}/fetch.sh on a machine with a network; copy {folder} to where the nodes can read it; run install.sh "
        f'in the copy; and set worker_init = ". {folder.resolve()}/activate.sh" in the endpoint file, with the path of the copy',
        err=True,
    )


@endpoint_app.command("init")
def init_command(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE", help="Name of a template, for example slurm-cpu. Without it the command lists the templates."
        ),
    ] = "",
    output: Annotated[
        Path | None,
        Option("-o", "--output", help="File or folder to write. Default: TEMPLATE.toml, or the folder TEMPLATE."),
    ] = None,
    stage: Annotated[
        Path | None,
        Option(
            "--stage",
            metavar="FOLDER",
            help="Write hfx, its compiled code and installation scripts into FOLDER, to copy it to nodes without a network.",
        ),
    ] = None,
) -> int:
    """Write a template of an endpoint file, to edit.

    The templates globus-slurm and globus-htcondor are folders: they contain the configuration files for the site that runs a
    Globus Compute endpoint.
    """
    from hfx.endpoints import templates

    if stage is not None:
        _stage(stage, kind)
    if not kind:
        if stage is not None:
            return 0
        width = max(map(len, templates.kinds()))
        for name in templates.kinds():
            typer.echo(f"{name:<{width}}  {templates.summary(name)}")
        return 0
    folder = templates.files(kind)
    base = output or Path(kind if folder else f"{kind}.toml")
    if not base.parent.is_dir():
        raise EndpointError(f"-o {base}: there is no folder {base.parent}; create it, or correct -o")
    if folder and base.exists() and not base.is_dir():
        raise EndpointError(f"-o {base} is a file; template {kind} is written into a folder")
    for name, text in (folder if folder else {"": templates.text(kind)}).items():
        typer.echo(_written(base / name if name else base, text))
    return 0


def _written(target: Path, text: str) -> Path:
    """Write a new file; raises `EndpointError` if it exists or cannot be written."""
    try:
        target.parent.mkdir(exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise EndpointError(f"{target} exists already; choose another file or folder with -o") from None
    except OSError as error:
        raise EndpointError(f"{target} cannot be written ({error.strerror}); choose another file or folder with -o") from None
    return target
