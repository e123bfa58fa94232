"""Every test of the room has a cache of its own and no way out to the network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pallets.server import Server, serving


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HFX_CACHE", str(folder))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A loopback server that stands in for the DOI resolver and for HEPData."""
    with serving() as running:
        monkeypatch.setenv("HFX_DOI_RESOLVER", f"{running.url}/doi")
        yield running
