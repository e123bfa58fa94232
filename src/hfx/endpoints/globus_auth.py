"""Who the user is for Globus: the app that gets tokens."""

import os
from typing import TYPE_CHECKING

from hfx.errors import EndpointError

if TYPE_CHECKING:
    from globus_sdk import GlobusApp

__all__ = ["app"]


def app() -> "GlobusApp":
    """The app of the client credentials in the environment; raises `EndpointError` where there are none."""
    from globus_sdk import ClientApp

    known, secret = os.environ.get("GLOBUS_COMPUTE_CLIENT_ID"), os.environ.get("GLOBUS_COMPUTE_CLIENT_SECRET")
    if not known or not secret:
        raise EndpointError("no login to Globus: set GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET")
    return ClientApp("hfx", client_id=known, client_secret=secret)
