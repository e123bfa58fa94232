"""Which Globus login is meant, and the file that keeps its tokens: for the user alone.

::

    <configuration>/globus/tokens.json    mode 0600 in a folder of mode 0700; its parts are named by `Account.part`

No package of Globus is loaded here, so that ``hfx doctor`` may look.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hfx.endpoints import user_files
from hfx.errors import EndpointError, LoginError

__all__ = ["Account", "account", "clean", "file", "make_private", "moment", "state"]

# hfx is not registered with Globus as an application of its own: it logs in as the Globus Compute SDK does, under
# that SDK's registered native application (`globus_compute_sdk.sdk.auth.globus_app.DEFAULT_CLIENT_ID`).
_COMPUTE_SDK = "4cf29807-cf21-49ec-9443-ff9a3fb9f81c"


@dataclass(frozen=True)
class Account:
    """Who logs in, and where: the application and, for automation, its secret; the environment of Globus."""

    client: str
    secret: str | None = field(repr=False)
    environment: str

    @property
    def kind(self) -> str:
        """``client`` where the application acts for itself, with a secret; ``user`` where a person logs in."""
        return "client" if self.secret else "user"

    @property
    def part(self) -> str:
        """The part of the file with its tokens; another application cannot refresh them, so it is in the name."""
        return f"{self.kind}/{self.environment}/{self.client}"


def account() -> Account:
    """The account that the environment chooses, by the variables of Globus' own packages.

    Raises `LoginError`: a secret without the client that it belongs to.
    """
    client, secret = os.environ.get("GLOBUS_COMPUTE_CLIENT_ID"), os.environ.get("GLOBUS_COMPUTE_CLIENT_SECRET")
    if secret and not client:
        raise LoginError("GLOBUS_COMPUTE_CLIENT_SECRET is set without GLOBUS_COMPUTE_CLIENT_ID; set both, or unset it to log in")
    return Account(client or _COMPUTE_SDK, secret or None, os.environ.get("GLOBUS_SDK_ENVIRONMENT") or "production")


def file() -> Path:
    """The file of the tokens."""
    return user_files.configuration() / "globus" / "tokens.json"


def make_private(path: Path) -> None:
    """Make the folder of `path`, and see to it that nobody else may read either; raises `EndpointError`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one, mode in ((path.parent, 0o700), (path, 0o600)):
            if one.exists() and one.stat().st_mode & 0o077:
                one.chmod(mode)
    except OSError as error:
        raise EndpointError(f"{path} cannot be kept private ({error.strerror}); set HFX_CONFIG to a folder of your own") from None


def clean(path: Path) -> None:
    """Remove the file where no tokens are left in it."""
    if not any(_parts(path).values()):
        path.unlink(missing_ok=True)


def state() -> str:
    """The login in a line that names nobody, from the file alone: no network, no package of Globus."""
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
    """A time of day where the user is, to the minute; `seconds` since 1970."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _parts(path: Path) -> dict[str, Any]:
    """Tokens by the server that they are for, by part, as globus-sdk's storage writes them."""
    try:
        parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data"]
    except FileNotFoundError:
        return {}
    return parts
