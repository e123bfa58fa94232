"""``hfx login``, ``hfx logout`` and ``hfx whoami``: the login of Globus Compute endpoints."""

import json
import sys
from types import ModuleType
from typing import Annotated

import typer

from hfx.errors import EndpointError, LoginError

__all__ = ["login", "logout", "whoami"]

Option = typer.Option


def _globus() -> ModuleType:
    """What does it; loaded here alone, as it loads Globus' packages."""
    try:
        from hfx.endpoints.globus import login as globus_login
    except ImportError as error:
        raise EndpointError(f"the package {error.name} is not installed; type 'pip install globus-sdk'") from None
    return globus_login


def login(
    force: Annotated[bool, Option("--force", help="Log in again, though you are logged in.")] = False,
    identity: Annotated[
        list[str] | None, Option(metavar="ID", help="Log in with this identity, as an endpoint demands it.")
    ] = None,
    domain: Annotated[
        list[str] | None, Option(metavar="DOMAIN", help="Log in with an identity of this domain, as example.org.")
    ] = None,
    policy: Annotated[list[str] | None, Option(metavar="ID", help="Fulfil this policy of Globus, given by its id.")] = None,
    mfa: Annotated[bool, Option("--mfa", help="Log in with a second factor.")] = False,
    scope: Annotated[list[str] | None, Option(metavar="SCOPE", help="Ask for this scope too.")] = None,
) -> int:
    """Log in to Globus, for endpoints of Globus Compute.

    Open the address that is shown in a browser on any machine, and paste the code that its page shows. Where nobody can,
    set GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET, the credentials of an application, and do not log in.
    """
    demands = {
        "session_required_identities": identity,
        "session_required_single_domain": domain,
        "session_required_policies": policy,
        "session_required_mfa": mfa or None,
        "required_scopes": scope,
    }
    who, new = _globus().login(_show, _ask, force=force, demands=demands)
    if who.kind == "client":
        typer.echo(f"client credentials from the environment are good: {who}; nobody needs to log in")
    elif new:
        typer.echo(f"logged in as {who}; tokens are kept in {who.file}, for you alone")
    else:
        typer.echo(f"logged in already, as {who}; 'hfx login --force' logs in again, 'hfx logout' ends it")
    return 0


def _show(address: str) -> None:
    """The address stands on a line of its own, whatever its length: it is copied whole."""
    typer.echo(f"Open this address in a browser, on any machine, and log in:\n\n{address}\n", err=True)


def _ask(refused: LoginError | None) -> str:
    """The code, from the terminal or from whatever feeds us; in a terminal again where one was refused."""
    terminal = bool(sys.stdin) and sys.stdin.isatty()
    if refused and not terminal:
        raise refused
    if refused:
        typer.echo(f"hfx: {refused}", err=True)
    while True:
        typer.echo("Paste the code that it shows: ", err=True, nl=False)
        line = _line()
        if not (line and terminal):
            typer.echo(err=True)  # nothing was echoed: end the line of the prompt
        if not line:
            raise LoginError(
                "no code was given: type 'hfx login' in a terminal, or set GLOBUS_COMPUTE_CLIENT_ID and "
                "GLOBUS_COMPUTE_CLIENT_SECRET, with which nobody needs to log in"
            )
        if line.strip():
            return line.strip()


def _line() -> str:
    try:
        return sys.stdin.readline() if sys.stdin else ""
    except KeyboardInterrupt:
        typer.echo(err=True)
        raise


def logout() -> int:
    """Revoke the login to Globus, and remove its tokens."""
    from hfx.endpoints.globus.account import account

    done = "logged out: tokens revoked and removed" if _globus().logout() else "nobody was logged in"
    typer.echo(f"{done}; client credentials are in the environment still" if account().secret else done)
    return 0


def whoami(as_json: Annotated[bool, Option("--json", help="JSON on stdout, for scripts.")] = False) -> int:
    """Who is logged in to Globus, with which scopes, and until when."""
    from hfx.endpoints.globus.account import moment

    who = _globus().whoami()
    if as_json:
        typer.echo(json.dumps(who.public(), indent=1))
        return 0
    kind = "client credentials, from the environment" if who.kind == "client" else "a user's login"
    more = ", then renewed by itself" if who.renewed else ""
    scopes = "; ".join(f"{server}: {' '.join(names)}" for server, names in who.scopes.items())
    for name, text in (
        ("who", f"{who}"),
        ("identity", who.identity),
        ("login", f"{kind}, application {who.client}, {who.environment}"),
        ("scopes", scopes),
        ("until", f"{moment(who.until)}{more}"),
        ("file", who.file),
    ):
        typer.echo(f"{name:<9} {text}")
    return 0
