"""The cache of downloaded pallets, by digest; a cached pallet opens without a network.

::

    <cache>/pallets/blobs/<sha256>           the downloaded file
    <cache>/pallets/sources/<sha256>.json    its source; the name is the digest of the source

Files are written under a temporary name and then renamed, so two processes may download the same pallet at once.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from hfx.errors import PalletError
from hfx.user_paths import expanded

__all__ = ["Entry", "blob_folder", "cache_folder", "clean", "entries", "find", "keep", "writing_blob"]


@dataclass(frozen=True)
class Entry:
    """A downloaded pallet.

    Args:
        source: URL, or ``doi:`` and the DOI in lower case.
        url: the address that answered, after redirects.
        name: the file's name, with its suffix.
        digest: sha256 of the file.
        size: bytes.
        fetched: time of the download, in seconds since 1970.
    """

    source: str
    url: str
    name: str
    digest: str
    size: int
    fetched: float

    @property
    def path(self) -> Path:
        return blob_folder() / self.digest


def cache_folder() -> Path:
    """The folder of hfx's cache: ``HFX_CACHE``, else the platform's folder for a user's caches."""
    chosen = os.environ.get("HFX_CACHE")
    if chosen:
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("hfx", appauthor=False)


def find(source: str) -> Entry | None:
    """The entry of a source, if its file still has the digest; None otherwise."""
    entry = _read(_index(source))
    if entry is None or entry.source != source:
        return None
    try:
        with entry.path.open("rb") as handle:
            intact = hashlib.file_digest(handle, "sha256").hexdigest() == entry.digest
    except OSError:
        return None
    return entry if intact else None


def keep(source: str, url: str, name: str, digest: str, size: int) -> Entry:
    """Write the entry of a blob: its source, name, digest and size.

    Raises:
        PalletError: the cache cannot be written.
    """
    entry = Entry(source, url, name, digest, size, time.time())
    with _writing(_index(source).parent) as (handle, path):
        handle.write(json.dumps(asdict(entry), indent=1).encode())
        handle.close()
        path.replace(_index(source))
    return entry


@contextmanager
def writing_blob() -> Iterator["BlobWriter"]:
    """A writer for a file that is kept under its digest if ``commit`` is called, and removed otherwise."""
    with _writing(blob_folder()) as (handle, path):
        yield BlobWriter(handle, path)


class BlobWriter:
    """Writes a file and computes its digest at the same time."""

    def __init__(self, handle: IO[bytes], path: Path) -> None:
        self._handle, self._path = handle, path
        self._hash = hashlib.sha256()
        self.size = 0
        self.head = b""

    def write(self, chunk: bytes) -> None:
        self.head += chunk[: 512 - len(self.head)]
        self._hash.update(chunk)
        self.size += len(chunk)
        self._handle.write(chunk)

    def restart(self) -> None:
        """Discard the written bytes, before a download is tried again."""
        self._handle.seek(0)
        self._handle.truncate()
        self._hash, self.size, self.head = hashlib.sha256(), 0, b""

    def commit(self) -> str:
        """Move the file to its final path and return its digest."""
        digest = self._hash.hexdigest()
        self._handle.close()
        self._path.replace(blob_folder() / digest)
        return digest


def entries() -> tuple[Entry, ...]:
    """All entries, the latest download first."""
    folder = _sources()
    found = [_read(path) for path in folder.glob("*.json")] if folder.is_dir() else []
    return tuple(sorted((entry for entry in found if entry), key=lambda entry: -entry.fetched))


def clean(sources: Sequence[str] = ()) -> tuple[int, int]:
    """Remove the entries of these sources, or all entries, and return (files removed, bytes freed).

    Raises:
        PalletError: the cache does not contain one of them (nothing is removed then), or cannot be changed.
    """
    known = [entry.source for entry in entries()]
    for source in sources:
        if source not in known:
            raise PalletError(f"{source} is not in the cache {cache_folder()}; 'hfx cache list' lists the sources in it")
    try:
        gone = [entry for entry in entries() if not sources or entry.source in sources]
        for entry in gone:
            _index(entry.source).unlink(missing_ok=True)
        used = {entry.digest for entry in entries()} if sources else set()
        blobs = [path for path in blob_folder().iterdir() if _unused(path, used)] if blob_folder().is_dir() else []
        freed = sum(path.stat().st_size for path in blobs)
        for path in blobs:
            path.unlink(missing_ok=True)
        return len(blobs), freed
    except OSError as error:
        raise _unwritable(error) from None


def _unused(path: Path, used: set[str]) -> bool:
    """Whether no entry needs a file; an unfinished file, which another process may be writing, is kept for a day."""
    if path.name.startswith(".part-"):
        return time.time() - path.stat().st_mtime > 86_400
    return path.name not in used


def blob_folder() -> Path:
    """The folder of the downloaded files."""
    return cache_folder() / "pallets" / "blobs"


def _sources() -> Path:
    return cache_folder() / "pallets" / "sources"


def _index(source: str) -> Path:
    return _sources() / f"{hashlib.sha256(source.encode()).hexdigest()}.json"


def _read(path: Path) -> Entry | None:
    """The entry in a file; None where the file is missing, damaged or of another version."""
    try:
        content = json.loads(path.read_bytes())
        entry = Entry(**content)
        int(entry.digest, 16), float(entry.fetched), int(entry.size)
    except (OSError, ValueError, TypeError):
        return None
    return entry if len(entry.digest) == 64 else None


@contextmanager
def _writing(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A temporary file in the folder, removed at the end unless the block has renamed it."""
    path: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as handle:
            path = Path(handle.name)
            yield handle, path
    except OSError as error:
        raise _unwritable(error) from None
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what downloads that were killed have left, a day and more ago."""
    for path in folder.glob(".part-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > 86_400:
                path.unlink()


def _unwritable(error: OSError) -> PalletError:
    return PalletError(
        f"the cache {cache_folder()} cannot be written ({error.strerror or error}); set HFX_CACHE to a folder that can"
    )
