"""URLs and DOIs against a loopback server: redirects, retries, bounds, web pages, the cache."""

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from hfx.errors import PalletError
from hfx.pallets import cache, download, open_pallet, region_names
from hfx.pallets.sources import fetch
from tests.pallets.server import ARCHIVE, RECORD_DOI, RESOURCE_DOI, TABLES_DOI, Server

DIGEST = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0.001)


def _error(source: str) -> str:
    with pytest.raises(PalletError) as caught:
        open_pallet(source)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(source)
    return text


# --- what works


@pytest.mark.parametrize("form", ["{}", "https://doi.org/{}", "doi:{}", "http://dx.doi.org/{}"])
def test_resource_doi(form: str, server: Server) -> None:
    source = form.format(RESOURCE_DOI)
    pallet = open_pallet(source)
    assert (pallet.name, pallet.doi, pallet.source) == ("1Lbb", RESOURCE_DOI, source)
    assert len(pallet.hypotheses) == 2
    assert [path for path, _ in server.asked] == [
        f"/doi/{RESOURCE_DOI}",
        "/record/resource/1408476?landing_page=true",
    ]
    assert server.asked[0][1]["Accept"].startswith("application/x-tar, application/zip")


def test_url_with_progress(server: Server) -> None:
    seen: list[tuple[int, int | None]] = []
    fetched = fetch(f"{server.url}/good.tar.gz", progress=lambda done, total: seen.append((done, total)))
    assert (fetched.digest, fetched.size, fetched.cached) == (DIGEST, len(ARCHIVE), False)
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert (fetched.name, fetched.path.read_bytes()) == ("good.tar.gz", ARCHIVE)


def test_works_from_the_cache_without_a_network(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_pallet(RESOURCE_DOI)
    server.asked.clear()
    monkeypatch.setattr(httpx.Client, "stream", None)
    second = open_pallet(f"https://doi.org/{RESOURCE_DOI.upper()}")
    assert (second.digest, second.name, server.asked) == (first.digest, first.name, [])
    assert region_names(RESOURCE_DOI) == ()
    assert fetch(RESOURCE_DOI).cached


def test_refresh_asks_again(server: Server) -> None:
    fetch(RESOURCE_DOI)
    server.asked.clear()
    assert not fetch(RESOURCE_DOI, refresh=True).cached
    assert len(server.asked) == 2


def test_a_damaged_cache_is_fetched_again(server: Server) -> None:
    fetch(RESOURCE_DOI).path.write_bytes(b"rot")
    assert fetch(RESOURCE_DOI).path.read_bytes() == ARCHIVE
    index = next((cache.cache_folder() / "pallets" / "sources").iterdir())
    index.write_text("{")
    assert not fetch(RESOURCE_DOI).cached


def test_passing_failures_are_tried_again(server: Server) -> None:
    assert len(open_pallet(f"{server.url}/broken.tar.gz").hypotheses) == 2
    assert len(server.asked) == 3


def test_a_server_says_when_to_try_again(server: Server) -> None:
    begun = time.monotonic()
    assert len(open_pallet(f"{server.url}/later.tar.gz").hypotheses) == 2
    assert time.monotonic() - begun >= 1.0
    assert "answers 503 Service Unavailable, and asks to wait 86400 s; try again then" in _error(f"{server.url}/tomorrow")
    assert [path for path, _ in server.asked] == ["/later.tar.gz", "/later.tar.gz", "/tomorrow"]


def test_a_download_that_never_ends_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PATIENCE", 0.3)
    assert "bytes a second; try again later" in _error(f"{server.url}/drip")


@pytest.mark.parametrize("path", ["torn.tar.gz", "apology.tar.gz"])
def test_what_cannot_be_used_is_not_kept(path: str, server: Server) -> None:
    with pytest.raises(PalletError, match="it is no longer in the cache: the next attempt downloads it again"):
        open_pallet(f"{server.url}/{path}")
    assert not cache.entries()
    assert not list((cache.cache_folder() / "pallets" / "blobs").glob("*"))
    assert len(open_pallet(f"{server.url}/{path}").hypotheses) == 2
    assert len(server.asked) == 2


def test_what_killed_downloads_left_goes_after_a_day(server: Server) -> None:
    folder = cache.blob_folder()
    folder.mkdir(parents=True)
    for name, age in ((".part-old", 90_000), (".part-new", 60)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    open_pallet(f"{server.url}/good.tar.gz")
    assert {path.name for path in folder.glob(".part-*")} == {".part-new"}


def test_a_path_goes_before_a_doi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "10.17182").mkdir()
    (tmp_path / "10.17182" / "hepdata.1").write_bytes(ARCHIVE)
    assert open_pallet("10.17182/hepdata.1").doi is None


# --- pages instead of pallets


def test_record_doi_lists_its_resources(server: Server) -> None:
    text = _error(RECORD_DOI)
    assert f"is a web page, not an archive; its HistFactory resources are {RESOURCE_DOI} (1Lbb.tar.gz)" in text
    assert server.asked[-1][0] == "/record/ins1755298?version=3&format=json"


def test_record_doi_without_resources_explains(server: Server) -> None:
    text = _error(TABLES_DOI)
    assert "give the DOI of the resource that holds the likelihoods (it ends in /r1, /r2" in text
    assert not cache.entries()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/text", "answered with text/plain, neither an archive nor JSON"),
        ("/empty", "answered with an empty file"),
        ("/nothing", "there is nothing at this address (404"),
        ("/secret", "refuses access (403)"),
        ("/teapot", "answers 418"),
        ("/busy", "answers 503 Service Unavailable (3 attempts); try again later"),
        ("/cut", "broke off"),
        ("/loop", "redirects more than 10 times"),
        ("/away", "leads to http://example.org/pallet.tar.gz, which is not encrypted"),
        ("/file", "/etc/passwd, which is not an https address"),
        ("/huge", "is larger than 2.0 GiB"),
    ],
)
def test_bad_answers(path: str, words: str, server: Server) -> None:
    assert words in _error(server.url + path)
    assert not cache.entries()
    assert not list((cache.cache_folder() / "pallets" / "blobs").glob("*"))


def test_endless_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_MAX_BYTES", 1 << 20)
    assert "is larger than" in _error(f"{server.url}/endless")


def test_silence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", httpx.Timeout(0.1))
    assert "did not answer in time (3 attempts)" in _error(f"{server.url}/silent")


# --- no way there


def test_no_such_doi(server: Server) -> None:
    assert "no such DOI (404 from 127.0.0.1)" in _error("10.17182/hepdata.0.v0/r0")


def test_refused_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert "127.0.0.1 refused the connection" in _error(f"{url}/x.tar.gz")
        monkeypatch.setenv("HFX_DOI_RESOLVER", url)
        assert "refused the connection" in _error(RESOURCE_DOI)


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    assert "doi.org cannot be found; check the address and that there is a network" in _error(RESOURCE_DOI)


def test_tls(server: Server) -> None:
    text = _error(f"https://127.0.0.1:{server.server_port}/x.tar.gz")
    assert "no secure connection to 127.0.0.1" in text


def test_certificate_that_is_not_trusted() -> None:
    error = httpx.ConnectError("certificate")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate (_ssl.c:1006)")
    text = str(download._connection_error(error, "https://x.org/a", "src"))
    assert text == (
        "src: no secure connection to x.org (certificate verify failed: self-signed certificate); check the clock and the proxy"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("http://example.org/pallet.tar.gz", "not encrypted; use an https address"),
        ("ftp://example.org/pallet.tar.gz", "not an address that hfx downloads from"),
        ("https://", "not an https address"),
        ("https://exa mple.org:x/", "check the address"),
        ("https://[::1", "check the address"),
    ],
)
def test_addresses_that_are_refused(source: str, words: str) -> None:
    assert words in _error(source)


def test_a_stranger_may_not_send_us_to_this_machine() -> None:
    with pytest.raises(PalletError, match="redirects to this machine"):
        download._check_hop("http://127.0.0.1:80/x", "https://example.org/x", "https://example.org/x")


def test_resolver_must_be_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFX_DOI_RESOLVER", "https://example.org")
    with pytest.raises(PalletError, match="only an address of this machine may stand in"):
        fetch(RESOURCE_DOI)


def test_nothing_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(PalletError, match="neither an https URL nor a DOI"):
        fetch(str(tmp_path))


# --- the cache


def test_list_and_clean(server: Server) -> None:
    fetch(RESOURCE_DOI)
    fetch(f"{server.url}/good.tar.gz")
    assert {entry.source for entry in cache.entries()} == {f"doi:{RESOURCE_DOI}", f"{server.url}/good.tar.gz"}
    assert cache.clean([f"doi:{RESOURCE_DOI}"]) == (0, 0)  # the other source has the same file
    with pytest.raises(PalletError, match=r"foo is not in the cache .*'hfx cache list'"):
        cache.clean(["foo"])
    assert cache.clean() == (1, len(ARCHIVE))
    assert cache.entries() == ()
    assert cache.clean() == (0, 0)


def test_cache_that_cannot_be_written(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HFX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(PalletError, match=r"the cache .*file/cache cannot be written \(Not a directory\); set HFX_CACHE"):
        fetch(RESOURCE_DOI)


def test_full_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.BlobWriter, "write", full)
    with pytest.raises(PalletError, match="No space left on device"):
        fetch(RESOURCE_DOI)
    assert not list((cache.cache_folder() / "pallets" / "blobs").iterdir())


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HFX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder().name == "hfx"


def test_two_threads_fetch_the_same(server: Server) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(fetch(RESOURCE_DOI).digest)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [DIGEST] * 6
    assert len(list((cache.cache_folder() / "pallets" / "blobs").iterdir())) == 1


def test_two_processes_fetch_the_same(server: Server) -> None:
    code = f"from hfx.pallets import open_pallet; print(len(open_pallet({RESOURCE_DOI!r}).hypotheses))"
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}) for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0] for process in running] == [b"2\n"] * 3
    entry = cache.entries()[0]
    assert json.loads(json.dumps(entry.digest)) == DIGEST
