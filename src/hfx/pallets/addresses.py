"""Addresses of pallets on the network: DOIs, and URLs that lead to this machine."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["Progress", "is_loopback", "parse_doi"]

# Called during a download with the bytes received so far, and the bytes in all where the server states them.
Progress = Callable[[int, int | None], None]

_DOI = re.compile(r"(?i)(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+)")


def parse_doi(source: str) -> str | None:
    """The DOI in ``10.17182/...``, ``doi:10.17182/...`` or ``https://doi.org/10.17182/...``; None for any other text."""
    match = _DOI.fullmatch(source.strip())
    return match.group(1) if match else None


def is_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine: ``localhost`` or a loopback address."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another host name, or not a URL
        return False
