"""DOIs in the forms that users type, and URLs that lead to this machine."""

from hfx.pallets.addresses import is_loopback, parse_doi


def test_loopback() -> None:
    assert all(map(is_loopback, ("http://127.0.0.1:8/x", "http://localhost", "http://[::1]:1/")))
    assert not any(map(is_loopback, ("http://127.0.0.1.example.org", "https://doi.org", "http://10.0.0.1")))


def test_doi_forms() -> None:
    assert parse_doi(" https://doi.org/10.17182/hepdata.1.v1/r2 ") == "10.17182/hepdata.1.v1/r2"
    assert parse_doi("10.17182") is parse_doi("https://example.org/10.17182/x") is parse_doi("a/b") is None
