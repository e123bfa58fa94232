"""Log in to Globus, log out, and show the identity. The user opens a shown address and types the code of its page."""

import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import globus_sdk
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.login_flows import CommandLineLoginFlowManager
from globus_sdk.token_storage import TokenValidationError
from globus_sdk.token_storage.validating_token_storage import IdentityMismatchError

from hfx.endpoints.globus import account
from hfx.endpoints.globus.account import Account
from hfx.endpoints.globus.auth import app, explained, make, userinfo
from hfx.endpoints.globus.clients import ApplicationClient, CodeError, UserClient, client_of
from hfx.errors import EndpointError, LoginError
from hfx.json_types import JsonObject

__all__ = ["Who", "login", "logout", "whoami"]


@dataclass(frozen=True)
class Who:
    """The identity that is logged in, and its tokens.

    Args:
        name: the name of the person or application; may be empty, as may `username`.
        username: as Globus shows it, with its domain.
        identity: the identity's id.
        kind: ``user``, or ``client`` for client credentials.
        client: the id of the application.
        environment: the environment of Globus.
        scopes: the granted scopes by server.
        until: the time when the first of the access tokens expires, in seconds since 1970.
        renewed: whether the tokens are renewed automatically.
        file: the file of the tokens.
    """

    name: str
    username: str
    identity: str
    kind: str
    client: str
    environment: str
    scopes: Mapping[str, list[str]]
    until: float
    renewed: bool
    file: Path

    def public(self) -> JsonObject:
        """The fields for JSON; `until` as date and time in UTC."""
        return {**asdict(self), "until": datetime.fromtimestamp(self.until, UTC).isoformat(), "file": str(self.file)}

    def __str__(self) -> str:
        known = f"{self.name} ({self.username})" if self.name and self.username else self.name or self.username
        return known or f"identity {self.identity}"


Ask = Callable[[CodeError | None], str]


class _Asking(CommandLineLoginFlowManager):
    """globus-sdk's login flow for a terminal: `show` is called with the address to open, `ask` returns the code of its page."""

    def __init__(self, client: UserClient, show: Callable[[str], None], ask: Ask) -> None:
        grant = f"hfx on {platform.node()}" if platform.node() else "hfx"
        super().__init__(client, request_refresh_tokens=True, native_prefill_named_grant=grant)
        self._show, self._ask = show, ask
        self._refused: CodeError | None = None
        self.given: globus_sdk.OAuthTokenResponse | None = None

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> globus_sdk.OAuthTokenResponse:
        try:
            self.given = super().run_login_flow(auth_parameters)
        except CodeError as error:
            self._refused = error
        while self.given is None:  # the address remains valid for another code
            code = self.prompt_for_code()  # which raises where there is none
            try:
                self.given = self.login_client.oauth2_exchange_code_for_tokens(code)
            except CodeError as error:
                self._refused = error
        return self.given

    def print_authorize_url(self, authorize_url: str) -> None:
        self._show(authorize_url)

    def prompt_for_code(self) -> str:
        """The code; if the user gave the address of the page instead, the code in it."""
        given = self._ask(self._refused).strip()
        return parse_qs(urlsplit(given).query).get("code", [given])[0]


def login(
    show: Callable[[str], None],
    ask: Ask,
    *,
    force: bool = False,
    demands: Mapping[str, list[str] | bool | None] | None = None,
) -> tuple[Who, bool]:
    """Log in, unless somebody is logged in; returns the identity, and whether the login is new.

    Args:
        show: called with the address to open in a browser, on any machine.
        ask: returns the code that the page shows; called again, with the error, if Globus does not accept the code.
        force: log in again even if somebody is logged in.
        demands: demands on the login, by the names in `hfx.endpoints.globus.auth.DEMANDS`; implies `force`.

    Raises `EndpointError`: Globus does not accept the code, another identity than before, no network.
    """
    wanted: dict[str, Any] = {name: value for name, value in (demands or {}).items() if value}
    if not force and not wanted:
        with suppress(LoginError):
            return whoami(), False
    chosen = account.account()
    client = client_of(chosen)
    flow = _Asking(client, show, ask) if isinstance(client, UserClient) else None
    made = make(chosen, client, flow)
    with explained(client), client.retry_config.tune(max_retries=1):
        client.get_openid_configuration()  # fails without a network, before the user opens an address
        try:
            made.login(auth_params=GlobusAuthorizationParameters(**wanted), force=True)
        except TokenValidationError as error:
            _revoke(client, flow)
            if not isinstance(error, IdentityMismatchError):
                raise
            raise LoginError(
                f"this is another identity ({error.new_id}) than the one logged in here ({error.stored_id}), whose login is "
                "kept: to change, type 'hfx logout', then 'hfx login'"
            ) from None
        return _who(chosen, made), True


def _revoke(client: UserClient | ApplicationClient, flow: _Asking | None) -> None:
    """Revoke the new tokens, which are not kept."""
    given = flow.given.by_resource_server.values() if flow and flow.given else ()
    for token in given:
        for kind in ("access_token", "refresh_token"):
            if token.get(kind):
                client.oauth2_revoke_token(token[kind])


def whoami() -> Who:
    """The identity that is logged in, as Globus Auth reports it now.

    Raises `EndpointError`: nobody is logged in (`LoginError`), or no network.
    """
    chosen = account.account()
    client = client_of(chosen)
    made = app()
    with explained(client):
        return _who(chosen, made)


def _who(chosen: Account, made: globus_sdk.GlobusApp) -> Who:
    info = userinfo(made)
    tokens = made.token_storage.token_storage.get_token_data_by_resource_server()
    return Who(
        name=str(info.get("name") or ""),
        username=str(info.get("preferred_username") or ""),
        identity=str(info["sub"]),
        kind=chosen.kind,
        client=chosen.client,
        environment=chosen.environment,
        scopes={server: sorted(set(one.scope.split())) for server, one in sorted(tokens.items())},
        until=min(one.expires_at_seconds for one in tokens.values()),
        renewed=chosen.kind == "client" or all(one.refresh_token for one in tokens.values()),
        file=account.file(),
    )


def logout() -> bool:
    """Revoke the account's tokens and remove them from the disk; returns whether there were any.

    Raises `EndpointError`: they were removed from the disk, but could not be revoked.
    """
    chosen = account.account()
    client = client_of(chosen)
    made = make(chosen, client)
    storage = made.token_storage.token_storage
    stored = storage.get_token_data_by_resource_server()
    try:
        with explained(client), client.retry_config.tune(max_retries=1):
            made.logout(sweep=True)
    except EndpointError:
        for server in stored:
            storage.remove_token_data(server)
        raise EndpointError(
            f"the tokens are removed from this disk, but Globus Auth at {client.base_url} could not be asked to revoke them: "
            "end them at https://app.globus.org/settings/consents"
        ) from None
    finally:
        account.clean(account.file())
    return bool(stored)
