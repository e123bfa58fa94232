"""Downloads of pallets over https: redirects, size limits, retries, and errors that explain answers that are no pallet."""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

import httpx

from hfx.errors import PalletError
from hfx.json_types import JsonObject, JsonValue, objects
from hfx.pallets import cache
from hfx.pallets.addresses import Progress, is_loopback
from hfx.pallets.archives import is_archive
from hfx.pallets.formats.foreign import recognised

__all__ = ["download"]

# HEPData answers with the file itself, not its web page, when these content types are accepted. A type that the DOI
# resolver serves itself, such as JSON, must not be listed: the resolver would then answer with its metadata.
_ACCEPT = "application/x-tar, application/zip, application/gzip, application/octet-stream"
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS = 3
_PAUSE = 0.3  # seconds, doubled with every attempt
_HOPS = 10
_MAX_BYTES = 2 * 1024**3
_MAX_RECORD = 20 * 1024**2
_TRANSIENT = (429, 500, 502, 503, 504)


# Seconds: from when on a download must be faster than _SLOWEST bytes a second; the longest wait that a server may ask for.
_PATIENCE, _SLOWEST, _LONGEST_WAIT = 60.0, 1000.0, 60.0


class _RetryError(Exception):
    """A failure that may be temporary; its text becomes the error when the last attempt fails too. ``wait``: the seconds after
    which the server asks to try again."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


def download(key: str, url: str, source: str, doi: str | None, progress: Progress | None) -> cache.Entry:
    """Download the file at a URL into the cache.

    Args:
        key: name of the source in the cache.
        url: the first address; redirects are followed.
        source: the URL or DOI as the user typed it, for errors.
        doi: the DOI, where the URL is that of a DOI resolver.
        progress: called with (bytes so far, bytes in all or None).

    Raises:
        PalletError: one line that says what went wrong and what to do.
    """
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": "hfx"}
    with (
        httpx.Client(headers=headers, timeout=_TIMEOUT, trust_env=not is_loopback(url)) as client,
        cache.writing_blob() as blob,
    ):
        final, kind, name = _try(client, url, source, doi, blob, progress)
        if not is_archive(blob.head) and blob.head.lstrip()[:1] not in (b"{", b"["):
            raise _not_a_pallet(client, blob.head, kind, final, source)
        return cache.keep(key, final, _file_name(name, final, doi), blob.commit(), blob.size)


def _try(
    client: httpx.Client,
    url: str,
    source: str,
    doi: str | None,
    blob: cache.BlobWriter,
    progress: Progress | None,
) -> tuple[str, str, str]:
    for attempt in range(_ATTEMPTS):
        blob.restart()
        try:
            return _once(client, url, source, doi, blob, progress)
        except _RetryError as failure:
            if attempt == _ATTEMPTS - 1:
                raise PalletError(f"{failure} ({_ATTEMPTS} attempts); try again later") from None
            if failure.wait > _LONGEST_WAIT:
                raise PalletError(f"{failure}, and asks to wait {failure.wait:.0f} s; try again then") from None
            time.sleep(max(failure.wait, _PAUSE * 2**attempt))
    raise AssertionError("unreachable")


def _once(
    client: httpx.Client,
    url: str,
    source: str,
    doi: str | None,
    blob: cache.BlobWriter,
    progress: Progress | None,
) -> tuple[str, str, str]:
    """One attempt; gives final URL, content type and disposition as the server states them."""
    first = url
    try:
        for _ in range(_HOPS):
            _check_hop(url, first, source)
            with client.stream("GET", url) as response:
                if not response.has_redirect_location:
                    _check_status(response, source, doi)
                    _receive(response, source, blob, progress)
                    stated = response.headers
                    return url, stated.get("content-type", ""), stated.get("content-disposition", "")
                url = str(response.url.join(response.headers["location"]))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _explained(error, url, source) from None
    raise PalletError(f"{source} redirects more than {_HOPS} times; check the address")


def _explained(error: Exception, url: str, source: str) -> Exception:
    """The error for a failed request: `_RetryError` where the failure may be temporary."""
    if isinstance(error, httpx.TimeoutException):
        return _RetryError(f"{source}: {_host(url)} did not answer in time")
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return _connection_error(error, url, source)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return _RetryError(f"{source}: the connection to {_host(url)} broke off ({str(error)[:80]})")
    return PalletError(f"{source} cannot be fetched ({str(error)[:100]}); check the address")


def _check_hop(url: str, first: str, source: str) -> None:
    """Refuse an address that is not https; http is allowed from loopback to loopback, and no other host may redirect there."""
    try:
        scheme, host = urlsplit(url).scheme.lower(), urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if host is None or scheme not in ("http", "https"):
        raise PalletError(f"{source} leads to {url[:100]}, which is not an https address; check the address")
    if is_loopback(url) and is_loopback(first):
        return
    if is_loopback(url):
        raise PalletError(f"{source} redirects to this machine ({url[:100]}); it is not to be trusted")
    if scheme != "https":
        hint = f"leads to {url[:100]}, which is" if url != source else "is"
        raise PalletError(f"{source} {hint} not encrypted; use an https address")


def _check_status(response: httpx.Response, source: str, doi: str | None) -> None:
    status = response.status_code
    if status in _TRANSIENT:
        raise _RetryError(f"{source}: {response.url.host} answers {status} {response.reason_phrase}", _wait(response))
    if status in (404, 410):
        what = "no such DOI" if doi else "there is nothing at this address"
        raise PalletError(f"{source}: {what} ({status} from {response.url.host}); check for a misprint")
    if status in (401, 403):
        raise PalletError(f"{source}: {response.url.host} refuses access ({status}); fetch it in a browser, give the file")
    if status != 200:
        raise PalletError(f"{source}: {response.url.host} answers {status} {response.reason_phrase}; check the address")


def _wait(response: httpx.Response) -> float:
    """The seconds after which a server asks to try again (RFC 9110, 10.2.3); 0 where it does not say."""
    stated = response.headers.get("retry-after", "").strip()
    if stated.isdigit():
        return float(stated[:9])
    try:
        return max(0.0, (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _receive(response: httpx.Response, source: str, blob: cache.BlobWriter, progress: Progress | None) -> None:
    stated = response.headers.get("content-length", "")
    total = int(stated) if stated.isdigit() else None
    if (total or 0) > _MAX_BYTES:
        raise _too_large(source)
    begun = time.monotonic()
    for chunk in response.iter_bytes():
        blob.write(chunk)
        if (spent := time.monotonic() - begun) > _PATIENCE and blob.size < _SLOWEST * spent:
            raise PalletError(f"{source}: {response.url.host} sends {blob.size / spent:.0f} bytes a second; try again later")
        if blob.size > _MAX_BYTES:
            raise _too_large(source)
        if progress is not None:
            progress(blob.size, total)


def _too_large(source: str) -> PalletError:
    return PalletError(f"{source} is larger than {_MAX_BYTES / 1024**3:.1f} GiB; that is not a pallet")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _connection_error(error: Exception, url: str, source: str) -> PalletError:
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)
    host = _host(url)
    if any(isinstance(cause, ssl.SSLError) for cause in causes) or "CERTIFICATE" in text or "SSL" in text:
        return PalletError(f"{source}: no secure connection to {host} ({_short_tls(text)}); check the clock and the proxy")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return PalletError(f"{source}: {host} refused the connection; check the address, or try again later")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return PalletError(f"{source}: {host} cannot be found; check the address and that there is a network")
    return PalletError(f"{source}: no connection to {host} ({str(error)[:80]}); check that there is a network")


def _short_tls(text: str) -> str:
    match = re.search(r"certificate verify failed[^(\[]*|[A-Z]{3,}_[A-Z_]+", text)
    return (match.group(0) if match else text).strip()[:80]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# --- what came is no pallet


def _not_a_pallet(client: httpx.Client, head: bytes, kind: str, url: str, source: str) -> PalletError:
    if not head:
        return PalletError(f"{source}: {_host(url)} answered with an empty file; try again later")
    if "html" not in kind.lower() and (foreign := recognised(urlsplit(url).path, head)) is not None:
        return PalletError(foreign.explanation(source))
    if "html" not in kind.lower() and head.lstrip()[:1] != b"<":
        shown = kind.split(";")[0] or "unknown content"
        return PalletError(f"{source}: {_host(url)} answered with {shown}, neither an archive nor JSON; check the address")
    offered = _histfactory_resources(client, url)
    if offered:
        return PalletError(f"{source} is a web page, not an archive; its HistFactory resources are {', '.join(offered)}")
    return PalletError(
        f"{source} is a web page, not an archive, as a record's DOI is: give the DOI of the resource that "
        f"holds the likelihoods (it ends in /r1, /r2...; on HEPData under 'Resources', type HistFactory)"
    )


def _histfactory_resources(client: httpx.Client, url: str) -> list[str]:
    """DOIs or URLs of the HistFactory resources that a HEPData record's JSON lists."""
    address = str(httpx.URL(url).copy_merge_params({"format": "json"}))
    try:
        with client.stream("GET", address, headers={"Accept": "application/json"}) as response:
            if response.status_code != 200:
                return []
            raw = bytearray()
            for chunk in response.iter_bytes():
                raw += chunk
                if len(raw) > _MAX_RECORD:
                    return []
        return _offered(httpx.Response(200, content=bytes(raw)).json())
    except (httpx.HTTPError, ValueError, RecursionError):
        return []


def _offered(record: JsonValue) -> list[str]:
    """The resources of type HistFactory at any depth of a HEPData record, by DOI where they have one."""
    found: list[JsonObject] = []
    waiting = [record]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if any(str(item.get(key)).lower() == "histfactory" for key in ("type", "file_type")):
                found.append(item)
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
    shown = [_offer(item, record) for item in found]
    return list(dict.fromkeys(text for text in shown if text))[:8]


def _offer(item: JsonObject, record: JsonValue) -> str:
    """The address of a resource, with its file name or description in brackets; empty where it has no address."""
    address = next((str(item[key]) for key in ("doi", "resource_doi", "analysis", "url") if item.get(key)), "")
    for twin in objects(record.get("resources_with_doi")) if isinstance(record, dict) else ():
        same = item.get("filename") and twin.get("filename") == item.get("filename")
        if same and twin.get("doi"):
            address = str(twin["doi"])
    note = item.get("filename") or item.get("description") or ""
    return f"{address} ({str(note)[:60]})" if address and note else address


def _file_name(disposition: str, url: str, doi: str | None) -> str:
    """A safe name for the file: the one that the server states, else the end of the URL, else the DOI."""
    match = re.search(r"""(?i)filename\*=(?:UTF-8'[^']*')?([^;]+)|filename="?([^";]+)""", disposition)
    stated = unquote(next(group for group in match.groups() if group)) if match else ""
    end = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    name = stated or (end if "." in end else (doi or end))
    return re.sub(r"[^\w.\-+]+", "-", name.replace("\\", "/").strip().strip('"')).lstrip(".-")[:120] or "pallet"
