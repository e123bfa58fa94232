"""The commands ``hfx login``, ``hfx logout`` and ``hfx whoami``, for the login to Globus that Globus Compute endpoints need."""

import json
import sys
from types import ModuleType
from typing import Annotated

import typer

from hfx.errors import EndpointError, LoginError

__all__ = ["login", "logout", "whoami"]

Option = typer.Option


def _globus() -> ModuleType:
    """The module that logs in; imported only here, because it imports Globus' packages."""
    try:
        from hfx.endpoints.globus import login as globus_login
    except ImportError as error:
        raise EndpointError(f"the package {error.name} is not installed; type 'pip install globus-sdk'") from None
    return globus_login


def login(
    force: Annotated[bool, Option("--force", help="Log in again even if you are logged in.")] = False,
    identity: Annotated[
        list[str] | None,
        Option(
            metavar="ID",
            help="Log in with the Globus identity that has this id, if an endpoint requires it; may be given several times.",
        ),
    ] = None,
    domain: Annotated[
        list[str] | None,
        Option(
            metavar="DOMAIN", help="Log in with an identity of this domain, for example example.org, if an endpoint requires it."
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        Option(metavar="ID", help="Fulfil the Globus authentication policy that has this id, if an endpoint requires it."),
    ] = None,
    mfa: Annotated[bool, Option("--mfa", help="Log in with multi-factor authentication.")] = False,
    scope: Annotated[list[str] | None, Option(metavar="SCOPE", help="Also ask for this OAuth scope (a permission).")] = None,
) -> int:
    """Log in to Globus, for endpoints of Globus Compute.

    The command prints an address. Open it in a browser on any machine, log in, and paste the code that the page shows. For
    scripts no login is needed: set GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET to the credentials of an
    application.
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
        typer.echo(f"client credentials from the environment are valid: {who}; no login is needed")
    elif new:
        typer.echo(f"logged in as {who}; the tokens are in {who.file}, which only you can read")
    else:
        typer.echo(f"logged in already, as {who}; 'hfx login --force' logs in again, 'hfx logout' logs out")
    return 0


def _show(address: str) -> None:
    """Print the address on a line of its own, whatever its length, so that it can be copied as a whole."""
    typer.echo(f"Open this address in a browser, on any machine, and log in:\n\n{address}\n", err=True)


def _ask(refused: LoginError | None) -> str:
    """The code from standard input. After a refusal it is asked for again in a terminal; otherwise `refused` is raised."""
    terminal = bool(sys.stdin) and sys.stdin.isatty()
    if refused and not terminal:
        raise refused
    if refused:
        typer.echo(f"hfx: {refused}", err=True)
    while True:
        typer.echo("Paste the code that the page shows: ", err=True, nl=False)
        line = _line()
        if not (line and terminal):
            typer.echo(err=True)  # nothing was echoed: end the line of the prompt
        if not line:
            raise LoginError(
                "no code was given: type 'hfx login' in a terminal, or set GLOBUS_COMPUTE_CLIENT_ID and "
                "GLOBUS_COMPUTE_CLIENT_SECRET, with which no login is needed"
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
    """Log out of Globus.

    The command revokes the login, and removes its tokens from this machine.
    """
    from hfx.endpoints.globus.account import account

    done = "logged out: tokens revoked and removed" if _globus().logout() else "you were not logged in"
    typer.echo(f"{done}; client credentials are still set in the environment" if account().secret else done)
    return 0


def whoami(as_json: Annotated[bool, Option("--json", help="Print JSON on standard output, for scripts.")] = False) -> int:
    """Show who is logged in to Globus.

    The command prints the identity, its scopes (permissions), and the time at which the login expires.
    """
    from hfx.endpoints.globus.account import moment

    who = _globus().whoami()
    if as_json:
        typer.echo(json.dumps(who.public(), indent=1))
        return 0
    kind = "client credentials, from the environment" if who.kind == "client" else "a user's login"
    more = ", then renewed automatically" if who.renewed else ""
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
