"""Clients of Globus Auth from globus-sdk, whose errors for refused grants say what to type."""

from typing import Any

import globus_sdk

from hfx.endpoints.globus.account import Account
from hfx.errors import EndpointError, LoginError

__all__ = ["ApplicationClient", "CodeError", "UserClient", "client_of", "reason", "strange"]

# Error texts by the grant that Globus refuses. The first can occur during a scan, within calls of Globus Compute's SDK.
_REFUSED = {
    "refresh_token": "the login to Globus has ended or was revoked ({}): type 'hfx login'",
    "authorization_code": "Globus does not accept this code ({}): mistyped, used already or too old; 'hfx login' shows a new one",
    "client_credentials": "Globus refuses these client credentials ({}): "
    "check GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET, or unset both to log in",
}


class CodeError(LoginError):
    """Globus does not accept the code; the user may give another one."""


class _Explained(globus_sdk.AuthLoginClient):
    def oauth2_token(
        self,
        form_data: dict[str, Any],
        *,
        body_params: dict[str, Any] | None = None,
        response_class: type[Any] = globus_sdk.OAuthTokenResponse,
    ) -> Any:
        try:
            return super().oauth2_token(form_data, body_params=body_params, response_class=response_class)
        except globus_sdk.AuthAPIError as error:
            sentence = _REFUSED.get(form_data["grant_type"])
            if sentence is None or error.http_status not in (400, 401) or not _description(error):
                raise
            kind = CodeError if form_data["grant_type"] == "authorization_code" else LoginError
            raise kind(sentence.format(reason(error))) from None
        except (KeyError, TypeError, ValueError):
            raise strange(self.base_url) from None


class UserClient(_Explained, globus_sdk.NativeAppAuthClient):
    """The client for logins of persons: an application without a secret."""


class ApplicationClient(_Explained, globus_sdk.ConfidentialAppAuthClient):
    """The client for an application that acts for itself, with its secret."""


def client_of(chosen: Account) -> UserClient | ApplicationClient:
    """The client of an account; raises `EndpointError` where there is no such environment."""
    try:
        if chosen.secret:
            return ApplicationClient(chosen.client, chosen.secret, environment=chosen.environment, app_name="hfx")
        return UserClient(chosen.client, environment=chosen.environment, app_name="hfx")
    except ValueError:
        raise EndpointError(
            f"GLOBUS_SDK_ENVIRONMENT={chosen.environment} is not a Globus environment; unset it for the usual one"
        ) from None


def strange(url: str) -> EndpointError:
    """The error for an answer that is not from Globus Auth, but for instance from the login page of a network."""
    return EndpointError(f"what answers at {url} is not Globus Auth; check the network and the proxy, and try again")


def reason(error: globus_sdk.GlobusAPIError) -> str:
    """The status and, where it says one, the reason of a refusal."""
    return " ".join(f"{error.http_status} {_description(error) or error.message or ''}".split())


def _description(error: globus_sdk.GlobusAPIError) -> str:
    """The description of an OAuth error, else its name; empty for an answer of another kind, for instance from a proxy."""
    content = error.raw_json if isinstance(error.raw_json, dict) else {}
    return next((content[key] for key in ("error_description", "error") if isinstance(content.get(key), str)), "")
