"""The login to Globus Compute: globus-sdk's application, which never prompts anybody during a scan.

``app()`` is for ``globus_compute_sdk.Client(app=...)``. The commands of users are in `hfx.endpoints.globus.login`.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import globus_sdk
import jwt
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.login_flows import LoginFlowManager
from globus_sdk.scopes import AuthScopes, ComputeScopes, Scope
from globus_sdk.token_storage import TokenValidationError
from globus_sdk.token_storage.validating_token_storage import UnmetScopeRequirementsError

from hfx.endpoints.globus import account
from hfx.endpoints.globus.account import Account
from hfx.endpoints.globus.clients import ApplicationClient, UserClient, client_of, reason, strange
from hfx.endpoints.globus.tokens import Tokens
from hfx.errors import EndpointError, LoginError
from hfx.json_types import JsonObject

__all__ = ["DEMANDS", "SCOPES", "app", "explained", "make", "userinfo"]

AUTH: str = AuthScopes.resource_server

# The scopes that a login requests: the user's identity (`hfx whoami`), and Globus Compute, which itself queries Globus
# Groups whether a function is shared with the user. `globus_compute_sdk.Client` needs no others.
SCOPES: Mapping[str, list[Scope]] = {
    AUTH: [AuthScopes.openid, AuthScopes.profile],
    ComputeScopes.resource_server: [ComputeScopes.all],
}

# The demands that an endpoint's policy may make on a login, and the options of `hfx login` that satisfy them.
DEMANDS = {
    "session_required_identities": "--identity",
    "session_required_single_domain": "--domain",
    "session_required_policies": "--policy",
    "session_required_mfa": "--mfa",
    "required_scopes": "--scope",
}


def app(identity: str | None = None) -> globus_sdk.GlobusApp:
    """The application of the account that the environment chooses, with valid tokens.

    It renews the tokens itself, and raises `LoginError` where it cannot; it never prompts. The network is used only if a
    token has expired, or if `identity` (the id of an identity, or a user's name) is not the identity that is logged in.

    Raises `EndpointError`: no login (`LoginError`), or the service cannot be reached; one line that says what to type.
    """
    chosen = account.account()
    client = client_of(chosen)
    made = make(chosen, client)
    with explained(client):
        _renew(made, client)
        if identity is not None:
            _require(identity, made)
    return made


def make(chosen: Account, client: UserClient | ApplicationClient, flow: LoginFlowManager | None = None) -> globus_sdk.GlobusApp:
    """The application of an account and its tokens; `flow` is run where a person must log in, which without it is an error.

    Raises `EndpointError`: the file of tokens cannot be used.
    """
    path = account.file()
    try:
        storage = Tokens(path, chosen.part)
        if isinstance(client, ApplicationClient):
            config = globus_sdk.GlobusAppConfig(token_storage=storage, environment=chosen.environment)
            return globus_sdk.ClientApp("hfx", login_client=client, scope_requirements=SCOPES, config=config)
        config = globus_sdk.GlobusAppConfig(
            token_storage=storage,
            request_refresh_tokens=True,
            environment=chosen.environment,
            login_flow_manager=flow or _Refusal(client),
            token_validation_error_handler=_refuse,
        )
        return globus_sdk.UserApp("hfx", login_client=client, scope_requirements=SCOPES, config=config)
    except OSError as error:
        raise EndpointError(
            f"{path} cannot be read ({error.strerror}); correct this or set HFX_CONFIG to another folder"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LoginError(f"{path} is damaged: remove it and type 'hfx login'") from None


def _renew(made: globus_sdk.GlobusApp, client: globus_sdk.AuthLoginClient) -> None:
    """Make sure that the tokens of all scopes are valid; with one retry only, because the user waits."""
    with client.retry_config.tune(max_retries=1):
        for server in SCOPES:
            authorizer: Any = made.get_authorizer(server)
            authorizer.ensure_valid_token()


def userinfo(made: globus_sdk.GlobusApp) -> JsonObject:
    """The identity that is logged in, from Globus Auth: ``sub``, ``preferred_username``, ``name``."""
    client = globus_sdk.AuthClient(app=made, app_scopes=[*SCOPES[AUTH]])
    with client.retry_config.tune(max_retries=1):
        found = client.userinfo().data
    if not isinstance(found, dict) or "sub" not in found:
        raise strange(client.base_url)
    return cast(JsonObject, found)


@contextmanager
def explained(client: globus_sdk.AuthLoginClient) -> Iterator[None]:
    """Errors of globus-sdk leave the block as `EndpointError`, in one line that says what to type."""
    try:
        yield
    except UnmetScopeRequirementsError:
        needed = ", ".join(_needed())
        raise LoginError(f"Globus did not grant all that hfx needs ({needed}): type 'hfx login' and agree to all of it") from None
    except TokenValidationError as error:
        raise LoginError(f"the login to Globus cannot be used ({error}): type 'hfx login'") from None
    except globus_sdk.AuthAPIError as error:
        if error.http_status in (429, *range(500, 600)):
            raise EndpointError(f"Globus Auth ({client.base_url}) is out of order ({reason(error)}); try again later") from None
        raise LoginError(f"Globus Auth ({client.base_url}) refuses this login ({reason(error)}): type 'hfx login'") from None
    except jwt.PyJWTError as error:
        raise LoginError(f"the login that Globus signed is refused ({error}); is this machine's clock right?") from None
    except globus_sdk.NetworkError as error:
        slow = isinstance(error, globus_sdk.GlobusTimeoutError)
        why = "no answer in time" if slow else "no connection"
        raise EndpointError(
            f"Globus Auth at {client.base_url} cannot be reached ({why}); check the network and the proxy, and try again"
        ) from None


def _needed() -> list[str]:
    return [str(scope) for scopes in SCOPES.values() for scope in scopes]


def _refuse(app: globus_sdk.GlobusApp, error: TokenValidationError) -> NoReturn:
    """The application's handler for tokens that cannot be used: `LoginError` instead of a login during a scan."""
    stored = app.token_storage.token_storage.get_token_data_by_resource_server()
    granted = [scope for tokens in stored.values() for scope in tokens.scope.split()]
    lacking = [scope for scope in _needed() if scope not in granted]
    if stored and lacking:
        raise LoginError(f"the login to Globus lacks what hfx needs ({', '.join(lacking)}): type 'hfx login'") from None
    if stored:
        raise LoginError(f"the login to Globus cannot be used any more ({error}): type 'hfx login'") from None
    raise LoginError("not logged in to Globus: type 'hfx login'") from None


class _Refusal(LoginFlowManager):
    """The login flow of an application that never prompts: an error that says what to type."""

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> NoReturn:
        why = auth_parameters.session_message
        raise LoginError(
            f"Globus asks for another login than this one{f' ({why})' if why else ''}: type '{_command(auth_parameters)}'"
        )


def _command(wanted: GlobusAuthorizationParameters) -> str:
    """The command line of `hfx login` that satisfies demands."""
    words = ["hfx", "login"]
    for name, option in DEMANDS.items():
        value = getattr(wanted, name)
        if value is True:
            words.append(option)
        elif value:
            words += [word for one in value if one not in _needed() for word in (option, one)]
    return shlex.join(words if len(words) > 2 else [*words, "--force"])


def _require(identity: str, made: globus_sdk.GlobusApp) -> None:
    """Raise `LoginError` unless this identity, or one that is linked to it, is logged in."""
    wanted = identity.lower()
    if made.token_storage.identity_id == wanted:
        return
    found = userinfo(made)
    linked = found.get("identity_set")
    identities = [found, *(one for one in (linked if isinstance(linked, list) else ()) if isinstance(one, dict))]
    known = {str(one.get(key)).lower() for one in identities for key in ("sub", "preferred_username", "username")}
    if wanted not in known:
        who = found.get("preferred_username") or found.get("sub")
        robot = isinstance(made, globus_sdk.ClientApp)
        remedy = "set another GLOBUS_COMPUTE_CLIENT_ID" if robot else f"type 'hfx logout', then 'hfx login' as {identity}"
        raise LoginError(f"this endpoint requires {identity}, but {who} is logged in to Globus: {remedy}")
