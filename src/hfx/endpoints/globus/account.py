"""The Globus account that the environment chooses, and the private file of its tokens.

::

    <configuration>/globus/tokens.json    mode 0600 in a folder of mode 0700; its parts are named by `Account.part`

No package of Globus is imported here, so that ``hfx doctor`` can read the state of the login.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from hfx.endpoints import user_files
from hfx.errors import EndpointError, LoginError

__all__ = ["Account", "account", "clean", "file", "make_private", "moment", "state"]

# hfx is not registered with Globus as an application: it logs in as the Globus Compute SDK does, under that SDK's
# registered native application (`globus_compute_sdk.sdk.auth.globus_app.DEFAULT_CLIENT_ID`).
_COMPUTE_SDK = "4cf29807-cf21-49ec-9443-ff9a3fb9f81c"


@dataclass(frozen=True)
class Account:
    """An account: the application and, for automation, its secret; the environment of Globus."""

    client: str
    secret: str | None = field(repr=False)
    environment: str

    @property
    def kind(self) -> str:
        """``client`` for an application that acts for itself, with a secret; ``user`` for the login of a person."""
        return "client" if self.secret else "user"

    @property
    def part(self) -> str:
        """The part of the file with its tokens; the application is in the name, because no other one can renew them."""
        return f"{self.kind}/{self.environment}/{self.client}"


def account() -> Account:
    """The account that the environment chooses, by the variables that Globus' packages use.

    Raises `LoginError`: a secret without its client.
    """
    client, secret = os.environ.get("GLOBUS_COMPUTE_CLIENT_ID"), os.environ.get("GLOBUS_COMPUTE_CLIENT_SECRET")
    if secret and not client:
        raise LoginError("GLOBUS_COMPUTE_CLIENT_SECRET is set without GLOBUS_COMPUTE_CLIENT_ID; set both, or unset it to log in")
    return Account(client or _COMPUTE_SDK, secret or None, os.environ.get("GLOBUS_SDK_ENVIRONMENT") or "production")


def file() -> Path:
    """The file of the tokens."""
    return user_files.configuration() / "globus" / "tokens.json"


def make_private(path: Path) -> None:
    """Make the folder of `path`, and make folder and file readable for the user only; raises `EndpointError`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one, mode in ((path.parent, 0o700), (path, 0o600)):
            if one.exists() and one.stat().st_mode & 0o077:
                one.chmod(mode)
    except OSError as error:
        raise EndpointError(f"{path} cannot be kept private ({error.strerror}); set HFX_CONFIG to a folder of your own") from None


def clean(path: Path) -> None:
    """Remove the file if it contains no tokens any more."""
    if not any(_parts(path).values()):
        path.unlink(missing_ok=True)


def state() -> str:
    """The state of the login as one line without a name, read from the file: no network, no package of Globus."""
    try:
        chosen = account()
        tokens = _parts(file()).get(chosen.part, {})
        ends = [float(token["expires_at_seconds"]) for token in tokens.values()]
        refreshed = all(token.get("refresh_token") for token in tokens.values())
    except LoginError as error:
        return str(error)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{file()} cannot be read; remove it and type 'hfx login'"
    where = "Globus" if chosen.environment == "production" else f"Globus ({chosen.environment})"
    if chosen.secret:
        return f"{where}: client credentials from GLOBUS_COMPUTE_CLIENT_ID"
    if not ends:
        return f"{where}: not logged in ('hfx login' does it)"
    if refreshed:
        return f"{where}: logged in, refreshed by itself; the token at hand is good until {moment(min(ends))}"
    over = min(ends) < time.time()
    return f"{where}: {'ended; type hfx login' if over else 'logged in'}, until {moment(min(ends))}"


def moment(seconds: float) -> str:
    """A local date and time to the minute; `seconds` since 1970."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


class _Token(TypedDict):
    expires_at_seconds: float
    refresh_token: str | None


def _parts(path: Path) -> dict[str, dict[str, _Token]]:
    """The tokens by part of the file and by server, as globus-sdk's storage writes them."""
    try:
        parts: dict[str, dict[str, _Token]] = json.loads(path.read_text(encoding="utf-8"))["data"]
    except FileNotFoundError:
        return {}
    return parts
