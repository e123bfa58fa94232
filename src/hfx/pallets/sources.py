"""Sources of pallets: a path, an https URL or a HEPData resource DOI, resolved to a file on this machine."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hfx.errors import PalletError
from hfx.pallets import cache
from hfx.pallets.addresses import Progress, is_loopback, parse_doi
from hfx.pallets.archives import unpacked_stem
from hfx.user_paths import expanded, is_there

__all__ = ["Fetched", "Located", "fetch", "locate"]

_URL = re.compile(r"(?i)[a-z][a-z0-9+.\-]*://")
_RESOLVER = "https://doi.org"


@dataclass(frozen=True)
class Located:
    """A source as a file or folder of this machine.

    Args:
        path: the path of the file or folder.
        file: the file's name for display (in the cache it is named by its digest).
        name: the pallet's name.
        doi: the DOI by which it was fetched, or None.
        shown: the source as errors name it.
    """

    path: Path
    file: str
    name: str
    doi: str | None
    shown: str


@dataclass(frozen=True)
class Fetched:
    """A pallet from the network, in the cache.

    Args:
        source: the URL or DOI as the user typed it.
        url: the address that answered, after redirects.
        doi: the DOI, where the source is one.
        name: the file's name.
        path: the file's path in the cache.
        digest: sha256 of the file.
        size: bytes.
        cached: True where the cache held it before.
    """

    source: str
    url: str
    doi: str | None
    name: str
    path: Path
    digest: str
    size: int
    cached: bool


def locate(source: str, *, progress: Progress | None = None) -> Located:
    """Find a source on this machine; a URL or DOI that is not in the cache is downloaded first.

    Raises:
        PalletError: no such file, no such DOI, no network, or the answer is no pallet.
    """
    path = expanded(source)
    if source and is_there(path):
        return _local(source, path)
    if _remote_key(source) is None:
        raise PalletError(_missing(source))
    fetched = fetch(source, progress=progress)
    return Located(fetched.path, fetched.name, _pallet_name(fetched.name), fetched.doi, source)


def forget(source: str, located: Located) -> bool:
    """Remove a download that cannot be used from the cache; whether it was one."""
    key = _remote_key(source)
    if key is None or located.path.parent != cache.blob_folder():
        return False
    cache.clean([key])
    return True


def _local(source: str, path: Path) -> Located:
    name = path.resolve().name or "pallet"
    return Located(path, path.name, name if path.is_dir() else _pallet_name(name), None, source)


def _pallet_name(file: str) -> str:
    stem = unpacked_stem(file)
    return (stem[:-5] if stem.lower().endswith(".json") else stem) or file


def _missing(source: str) -> str:
    if not source.strip():
        return "no pallet given; give a file, a folder, an https URL or a HEPData resource DOI"
    if _URL.match(source):
        return f"{source} is not an address that hfx downloads from; give an https URL or a HEPData resource DOI"
    return f"{source}: no such file or folder; give a file, a folder, an https URL or a HEPData resource DOI"


def fetch(source: str, *, refresh: bool = False, progress: Progress | None = None, resolver: str | None = None) -> Fetched:
    """Get a pallet from the cache, or from the network into the cache.

    Args:
        source: https URL or HEPData resource DOI; http is allowed for loopback addresses only.
        refresh: download even if the cache holds it.
        progress: called with (bytes so far, bytes in all or None).
        resolver: base of the DOI resolver; default ``HFX_DOI_RESOLVER`` (loopback only), else https://doi.org.

    Raises:
        PalletError: not a URL or DOI; no such DOI; refused, no network, TLS; or the answer is no pallet.
    """
    key = _remote_key(source)
    if key is None:
        raise PalletError(f"{source} is neither an https URL nor a DOI; there is nothing to fetch")
    doi = parse_doi(source)
    entry = None if refresh else cache.find(key)
    found = entry is not None
    if entry is None:
        from hfx.pallets.download import download  # imports httpx, which takes longer than opening a local pallet

        entry = download(key, _address(source, doi, resolver), source, doi, progress)
    return Fetched(source, entry.url, doi, entry.name, entry.path, entry.digest, entry.size, found)


def _remote_key(source: str) -> str | None:
    """The key of a remote source in the cache; None for a source that is neither URL nor DOI."""
    doi = parse_doi(source)
    if doi is not None:
        return f"doi:{doi.lower()}"
    return source.strip() if re.match(r"(?i)https?://", source.strip()) else None


def _address(source: str, doi: str | None, resolver: str | None) -> str:
    if doi is None:
        return source.strip()
    chosen = resolver or os.environ.get("HFX_DOI_RESOLVER") or _RESOLVER
    if chosen != _RESOLVER and not is_loopback(chosen):
        raise PalletError(f"HFX_DOI_RESOLVER is {chosen!r}; only an address of this machine may stand in for {_RESOLVER}")
    return f"{chosen.rstrip('/')}/{quote(doi, safe='/.-_;()')}"
