"""Paths that the file system refuses are no paths, and no traceback."""

from pathlib import Path

import pytest

from hfx.driver.cli.main import run
from hfx.endpoints.specification import parse, resolve
from hfx.errors import EndpointError, PalletError
from hfx.pallets import open_pallet
from hfx.user_paths import expanded, is_there


def test_the_home_of_an_unknown_user_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded("~/a") == Path("/home/me/a")
    assert expanded("~no-such-user/a") == Path("~no-such-user/a")


def test_no_file_has_a_name_that_is_refused(tmp_path: Path) -> None:
    assert is_there(tmp_path)
    for name in ("x" * 5000, "a\0b", "absent", "\udfff"):
        assert not is_there(tmp_path / name)


@pytest.mark.parametrize("source", ["x" * 5000, "~no-such-user/p.tar.gz"])
def test_sources_and_endpoints_of_such_names_are_not_there(source: str) -> None:
    with pytest.raises(PalletError, match="no such file or folder"):
        open_pallet(source)
    with pytest.raises(EndpointError):
        resolve(source)
    with pytest.raises(EndpointError, match="no such file"):
        resolve(f"./{source[:200]}.toml")


def test_files_to_transfer_may_have_any_name() -> None:
    spec = parse({"engine": "parsl", "provider": "htcondor", "transfer": ["~no-such-user"]}, "x", None).spec
    assert spec.arguments()["transfer_input_files"] == ["~no-such-user"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [["plot"], ["status"], ["export"], ["watch"], ["endpoint", "check"], ["pallet", "verify"]])
def test_a_command_says_what_the_file_system_says(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "x" * 5000]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "bug in hfx" not in said
