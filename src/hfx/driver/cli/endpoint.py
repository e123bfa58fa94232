"""``hfx endpoint list|add|check|init``."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hfx.errors import EndpointError

__all__ = ["endpoint_app"]

endpoint_app = typer.Typer(help="Where scans run: this machine, clusters.", no_args_is_help=True)

Option = typer.Option
Json = Annotated[bool, Option("--json", help="JSON on stdout, for scripts.")]


@endpoint_app.command("list")
def list_command(as_json: Json = False) -> int:
    """The endpoints that there are: hfx's own, and those that you added."""
    from hfx import endpoints
    from hfx.endpoints import user_files

    rows = [_line(name) for name in (*endpoints.engine_names(), *user_files.named())]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {row['what']}")
    typer.echo(f"your own: {user_files.folder()}", err=True)
    return 0


def _line(name: str) -> dict[str, Any]:
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
    name: Annotated[str, typer.Argument(metavar="NAME", help="How you will call it.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its TOML file.")],
    force: Annotated[bool, Option("--force", help="Replace one of that name.")] = False,
) -> int:
    """Keep an endpoint's file under a name, so that --endpoint NAME finds it."""
    from hfx import endpoints
    from hfx.endpoints import user_files

    endpoints.resolve(str(file) if "/" in str(file) else f"./{file}")
    typer.echo(user_files.add(name, file.read_text(encoding="utf-8"), reserved=endpoints.engine_names(), replace=force))
    return 0


@endpoint_app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="An endpoint, or its TOML file.")],
    wait: Annotated[float, Option(help="Seconds to wait for workers.", min=1)] = 300.0,
    as_json: Json = False,
) -> int:
    """Start the workers, ask each what it has, and say what will not work and what to do (exit code 2)."""
    from hfx import endpoints
    from hfx.driver.process.cores import usable_cores
    from hfx.driver.process.signals import stoppable
    from hfx.driver.setup import check_endpoint

    with stoppable():
        found = check_endpoint.check(endpoints.resolve(name), usable_cores(), wait)
    typer.echo(json.dumps(found.public(), indent=1) if as_json else check_endpoint.report(found))
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
        f"next: {folder}/fetch.sh where there is a network, copy {folder} to where nodes see it, install.sh there; "
        f'then worker_init = ". {folder.resolve()}/activate.sh"',
        err=True,
    )


@endpoint_app.command("init")
def init_command(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="Without it: what there is.")] = "",
    output: Annotated[
        Path | None, Option("-o", "--output", help="The file, or folder. Default: KIND.toml, or KIND, here.")
    ] = None,
    stage: Annotated[
        Path | None,
        Option("--stage", metavar="FOLDER", help="Write into FOLDER what nodes without a network need."),
    ] = None,
) -> int:
    """Write a commented endpoint file to start from, or the files of a Globus Compute site."""
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
    """A new file; raises `EndpointError` where it is there, or cannot be."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise EndpointError(f"{target} is there already; choose another place with -o") from None
    except OSError as error:
        raise EndpointError(f"{target} cannot be written ({error.strerror}); choose another place with -o") from None
    return target
