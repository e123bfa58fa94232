"""The login that Globus Compute is used with: globus-sdk's own application, which never asks anybody in mid-scan.

``app()`` is for ``globus_compute_sdk.Client(app=...)``. What a person types is in `hfx.endpoints.globus.login`.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import globus_sdk
import jwt
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.login_flows import LoginFlowManager
from globus_sdk.scopes import AuthScopes, ComputeScopes, Scope
from globus_sdk.token_storage import TokenValidationError
from globus_sdk.token_storage.validating_token_storage import UnmetScopeRequirementsError

from hfx.endpoints.globus import account
from hfx.endpoints.globus.account import Account
from hfx.endpoints.globus.clients import UserClient, client_of, reason, strange
from hfx.endpoints.globus.tokens import Tokens
from hfx.errors import EndpointError, LoginError

__all__ = ["DEMANDS", "SCOPES", "app", "explained", "make", "userinfo"]

AUTH: str = AuthScopes.resource_server

# What is asked for: who the user is (`hfx whoami`), and Globus Compute, which asks Globus Groups itself whether a
# function is shared with the user. `globus_compute_sdk.Client` needs no others.
SCOPES: Mapping[str, list[Scope]] = {
    AUTH: [AuthScopes.openid, AuthScopes.profile],
    ComputeScopes.resource_server: [ComputeScopes.all],
}

# What the policy of an endpoint may demand of a login, and the options of `hfx login` that give it.
DEMANDS = {
    "session_required_identities": "--identity",
    "session_required_single_domain": "--domain",
    "session_required_policies": "--policy",
    "session_required_mfa": "--mfa",
    "required_scopes": "--scope",
}


def app(identity: str | None = None) -> globus_sdk.GlobusApp:
    """The application of the account that the environment chooses, with tokens that are good now.

    It renews them by itself and, where it cannot, raises `LoginError`: nobody is asked. The network is used only where
    a token has run out, or where `identity`, the id of an identity or a user's name, is wanted and another is logged in.

    Raises `EndpointError`: no login (`LoginError`), a service that cannot be reached; one line that says what to type.
    """
    chosen = account.account()
    client = client_of(chosen)
    made = make(chosen, client)
    with explained(client):
        _renew(made, client)
        if identity is not None:
            _require(identity, made)
    return made


def make(chosen: Account, client: Any, flow: LoginFlowManager | None = None) -> globus_sdk.GlobusApp:
    """The application of an account and its tokens; `flow`: what is done where a person must log in, else refused.

    Raises `EndpointError`: a file of tokens that cannot be used.
    """
    path = account.file()
    user = isinstance(client, UserClient)
    more: dict[str, Any] = {"login_flow_manager": flow or _Refusal(client), "token_validation_error_handler": _refuse}
    try:
        config = globus_sdk.GlobusAppConfig(
            token_storage=Tokens(path, chosen.part),
            request_refresh_tokens=user,
            environment=chosen.environment,
            **(more if user else {}),
        )
        kind = globus_sdk.UserApp if user else globus_sdk.ClientApp
        return kind("hfx", login_client=client, scope_requirements=SCOPES, config=config)
    except OSError as error:
        raise EndpointError(f"{path} cannot be read ({error.strerror}); mend it or set HFX_CONFIG to another folder") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LoginError(f"{path} is damaged: remove it and type 'hfx login'") from None


def _renew(made: globus_sdk.GlobusApp, client: globus_sdk.AuthLoginClient) -> None:
    """Have good tokens for all that is needed; without much patience, as somebody waits."""
    with client.retry_config.tune(max_retries=1):
        for server in SCOPES:
            authorizer: Any = made.get_authorizer(server)
            authorizer.ensure_valid_token()


def userinfo(made: globus_sdk.GlobusApp) -> Mapping[str, Any]:
    """What Globus says of who is logged in: ``sub``, ``preferred_username``, ``name``."""
    client = globus_sdk.AuthClient(app=made, app_scopes=[*SCOPES[AUTH]])
    with client.retry_config.tune(max_retries=1):
        found = client.userinfo().data
    if not isinstance(found, dict) or "sub" not in found:
        raise strange(client.base_url)
    return found


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
            f"Globus Auth at {client.base_url} cannot be reached ({why}); mend the network or the proxy and try again"
        ) from None


def _needed() -> list[str]:
    return [str(scope) for scopes in SCOPES.values() for scope in scopes]


def _refuse(made: globus_sdk.GlobusApp, error: TokenValidationError) -> NoReturn:
    """What the application does where its tokens cannot be used: no login in mid-scan."""
    stored = made.token_storage.token_storage.get_token_data_by_resource_server()
    held = [scope for tokens in stored.values() for scope in tokens.scope.split()]
    lacking = [scope for scope in _needed() if scope not in held]
    if stored and lacking:
        raise LoginError(f"the login to Globus lacks what hfx needs ({', '.join(lacking)}): type 'hfx login'") from None
    if stored:
        raise LoginError(f"the login to Globus cannot be used any more ({error}): type 'hfx login'") from None
    raise LoginError("not logged in to Globus: type 'hfx login'") from None


class _Refusal(LoginFlowManager):
    """The flow of an application that asks nobody: it says what to type."""

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> NoReturn:
        why = auth_parameters.session_message
        raise LoginError(
            f"Globus asks for another login than this one{f' ({why})' if why else ''}: type '{_command(auth_parameters)}'"
        )


def _command(wanted: GlobusAuthorizationParameters) -> str:
    """What to type to fulfil demands."""
    words = ["hfx", "login"]
    for name, option in DEMANDS.items():
        value = getattr(wanted, name)
        if value is True:
            words.append(option)
        elif value:
            words += [word for one in value if one not in _needed() for word in (option, one)]
    return shlex.join(words if len(words) > 2 else [*words, "--force"])


def _require(identity: str, made: globus_sdk.GlobusApp) -> None:
    """Raise `LoginError` where another identity than this is logged in; an account may have several, linked."""
    wanted = identity.lower()
    if made.token_storage.identity_id == wanted:
        return
    found = userinfo(made)
    linked = found.get("identity_set") or []
    known = {str(one.get(key)).lower() for one in (found, *linked) for key in ("sub", "preferred_username", "username")}
    if wanted not in known:
        who = found.get("preferred_username") or found.get("sub")
        robot = isinstance(made, globus_sdk.ClientApp)
        remedy = "set another GLOBUS_COMPUTE_CLIENT_ID" if robot else f"type 'hfx logout', then 'hfx login' as {identity}"
        raise LoginError(f"this endpoint wants {identity}, but {who} is logged in to Globus: {remedy}")
