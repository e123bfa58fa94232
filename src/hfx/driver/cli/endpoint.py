"""The commands ``hfx endpoint list|add|check|init``."""

import json
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import typer

from hfx.errors import EndpointError

__all__ = ["endpoint_app"]

endpoint_app = typer.Typer(
    help="List, add, check or write endpoints: the places where fits run.",
    no_args_is_help=True,
)

Option = typer.Option
Json = Annotated[bool, Option("--json", help="Print JSON on standard output, for scripts.")]


@endpoint_app.command("list")
def list_command(as_json: Json = False) -> int:
    """List the endpoints that have a name.

    Those of hfx, and those that you added. --endpoint accepts their names.
    """
    from hfx import endpoints
    from hfx.endpoints import user_files

    rows = [_row(name) for name in (*endpoints.engine_names(), *user_files.named())]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {row['what']}")
    typer.echo(f"folder of the endpoints that you added: {user_files.folder()}", err=True)
    return 0


class _Row(TypedDict):
    """An endpoint in the output of ``hfx endpoint list --json``; one that cannot be used has a name and the reason only."""

    name: str
    usable: bool
    file: NotRequired[str | None]
    engine: NotRequired[str]
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
        "workers": found.workers(usable_cores()),
        "what": f"{engine}, at most {found.workers(usable_cores())} at a time{f', {found.file}' if found.file else ''}",
    }


@endpoint_app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that --endpoint will know it by.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The endpoint's TOML file.")],
    force: Annotated[bool, Option("--force", help="Replace an endpoint that has this name already.")] = False,
) -> int:
    """Give an endpoint file a name, for --endpoint NAME.

    The file is checked, and copied into hfx's configuration folder.
    """
    from hfx import endpoints
    from hfx.endpoints import user_files

    endpoints.resolve(str(file) if "/" in str(file) else f"./{file}")
    typer.echo(user_files.add(name, file.read_text(encoding="utf-8"), reserved=endpoints.engine_names(), replace=force))
    return 0


@endpoint_app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="The name of an endpoint, or its TOML file.")],
    wait: Annotated[float, Option(help="Seconds to wait for the workers to start and answer.", min=1)] = 300.0,
    as_json: Json = False,
) -> int:
    """Start the workers of an endpoint and check them.

    For each: Python, packages, cores, devices, time for a task without work, and the offset of its clock from this machine's.
    Problems are listed with their remedies; if there are any, the exit code is 2.
    """
    from hfx import endpoints
    from hfx.driver.process.cores import usable_cores
    from hfx.driver.process.signals import stop_signals
    from hfx.driver.setup import check_endpoint

    with stop_signals():
        found = check_endpoint.check(endpoints.resolve(name), usable_cores(), wait)
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
        f"next: run {folder}/fetch.sh on a machine with a network, copy {folder} to where the nodes can read it, run "
        f'install.sh there, and set worker_init = ". {folder.resolve()}/activate.sh" (the path of the copy) in the endpoint file',
        err=True,
    )


@endpoint_app.command("init")
def init_command(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="The kind of endpoint, as slurm-cpu. Without it the kinds are listed.")
    ] = "",
    output: Annotated[
        Path | None,
        Option("-o", "--output", help="File or folder to write. Default: KIND.toml, or the folder KIND, in the current folder."),
    ] = None,
    stage: Annotated[
        Path | None,
        Option(
            "--stage",
            metavar="FOLDER",
            help="Also write FOLDER, to copy to nodes without a network: hfx with its compiled kernels, and install scripts.",
        ),
    ] = None,
) -> int:
    """Write an endpoint file with comments, to be edited.

    For the kinds globus-slurm and globus-htcondor: the configuration files of the Globus Compute endpoint at the site.
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
    for name, text in (folder if folder else {"": templates.text(kind)}).items():
        typer.echo(_written(base / name if name else base, text))
    return 0


def _written(target: Path, text: str) -> Path:
    """Write a new file; raises `EndpointError` if it exists or cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise EndpointError(f"{target} exists already; choose another file or folder with -o") from None
    except OSError as error:
        raise EndpointError(f"{target} cannot be written ({error.strerror}); choose another file or folder with -o") from None
    return target
