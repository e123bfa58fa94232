"""``hfx login``, ``logout`` and ``whoami``: the real command, beside a stand-in of Globus Auth."""

import io
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from hfx.driver.cli import main
from hfx.endpoints.globus import account
from tests.engines.globus_auth_service import ADA, COMPUTE, EMMY, AuthService, serving

HFX = [sys.executable, "-W", "error", "-m", "hfx"]
PROMPT = "Paste the code that the page shows: "
NOBODY = "hfx: not logged in to Globus: type 'hfx login'\n"

Told = tuple[int, str, str]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthService]:
    """A service, and an environment that leads to it alone; a browser would leave a mark."""
    with serving() as running:
        for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        browser = tmp_path / "browser"
        browser.write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\n")
        browser.chmod(0o755)
        for name, value in {**running.variables, "HFX_CONFIG": str(tmp_path / "hfx"), "BROWSER": str(browser)}.items():
            monkeypatch.setenv(name, value)
        yield running
    assert not (tmp_path / "opened").exists(), "a browser was opened"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """The file that keeps them."""
    return tmp_path / "hfx" / "globus" / "tokens.json"


class Person(io.StringIO):
    """Who types: what is given, or else the code of the address that was shown, from a browser elsewhere."""

    def __init__(self, shown: io.StringIO, service: AuthService | None, typed: str) -> None:
        super().__init__(typed)
        self.shown, self.service = shown, service

    def readline(self, *_: Any) -> str:
        if self.service is None:
            return super().readline()
        return self.service.browse(self.shown.getvalue().split("\n\n")[1]) + "\n"


def hfx(*arguments: str, typed: str = "", person: AuthService | None = None) -> Told:
    """Exit code, standard output and standard error of a command, here in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.stdin", Person(err, person, typed))
        code = main.run(arguments)
    return code, out.getvalue(), err.getvalue()


def log_in(service: AuthService, *options: str) -> Told:
    """`hfx login` by the person who is logged in at the service's page."""
    return hfx("login", *options, person=service)


def real(*arguments: str) -> Told:
    """A command in a process of its own, with nobody to type."""
    done = subprocess.run([*HFX, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def log_in_really(service: AuthService) -> Told:
    """`hfx login` in a process of its own: the address is read from it, and the code fed to it by a pipe."""
    command = subprocess.Popen([*HFX, "login"], stdin=-1, stdout=-1, stderr=-1, text=True)
    assert command.stdin is not None
    assert command.stdout is not None
    assert command.stderr is not None
    with command:
        before = ""
        while not before.endswith(PROMPT) and (more := command.stderr.read(1)):
            before += more
        command.stdin.write(service.browse(before.split("\n\n")[1]) + "\n")
        command.stdin.close()
        out, err = command.stdout.read(), command.stderr.read()
    return command.returncode, out, before + err


def held(tokens: Path) -> Mapping[str, Mapping[str, Any]]:
    """The tokens of the one account in the file, by server."""
    (part,) = json.loads(tokens.read_text())["data"].values()
    return dict(part)


def change(tokens: Path, **values: Any) -> None:
    """Put `values` into each of the tokens."""
    content = json.loads(tokens.read_text())
    for part in content["data"].values():
        for token in part.values():
            token.update(values)
    tokens.write_text(json.dumps(content))


def test_login_whoami_and_logout(service: AuthService, tokens: Path) -> None:
    assert real("whoami") == (2, "", NOBODY)
    assert hfx("logout") == (0, "you were not logged in\n", "")
    code, out, err = log_in_really(service)
    kept = f"the tokens are in {tokens}, which only you can read"
    assert (code, out) == (0, f"logged in as Ada Lovelace (ada@example.org); {kept}\n")
    assert re.fullmatch(rf"Open this address in a browser.*:\n\n{service.url}v2/oauth2/authorize\?\S+\n\n{PROMPT}\n", err)
    asked = service.visits[-1]
    assert (asked["access_type"], set(asked["scope"].split())) == ("offline", {"openid", "profile", COMPUTE})
    assert asked["prefill_named_grant"].startswith("hfx on ")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tokens.parent, tokens)]
    assert modes == [0o700, 0o600]
    assert [path.name for path in tokens.parent.iterdir()] == ["tokens.json"]

    code, out, err = real("whoami")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (lines["who"], lines["identity"]) == ("Ada Lovelace (ada@example.org)", ADA.sub)
    assert lines["login"].startswith("a user's login, application 4cf29807-")
    assert lines["scopes"] == f"auth.globus.org: openid profile; funcx_service: {COMPUTE}"
    assert lines["until"].endswith(", then renewed automatically")
    told = json.loads(hfx("whoami", "--json")[1])
    assert (told["username"], told["identity"], told["kind"], told["renewed"]) == (ADA.username, ADA.sub, "user", True)
    assert told["scopes"] == {"auth.globus.org": ["openid", "profile"], "funcx_service": [COMPUTE]}
    code, out, err = hfx("login")
    assert (code, err) == (0, "")
    assert "logged in already, as Ada Lovelace (ada@example.org)" in out
    assert log_in(service, "--force")[0] == 0

    given = [held(tokens)[server][kind] for server in held(tokens) for kind in ("access_token", "refresh_token")]
    assert real("logout") == (0, "logged out: tokens revoked and removed\n", "")
    assert set(given) <= service.revoked
    assert not tokens.exists()
    assert list(tokens.parent.iterdir()) == []
    assert hfx("whoami") == (2, "", NOBODY)


def test_in_a_terminal(service: AuthService) -> None:
    """Nothing is no answer, a code that is refused is asked for again, the page's address serves as well as its code."""
    here, there = pty.openpty()
    command = subprocess.Popen([*HFX, "login"], stdin=there, stdout=there, stderr=there)
    os.close(there)
    seen = ""
    while PROMPT not in seen:
        seen += os.read(here, 4096).decode()
    os.write(here, b"\n")
    while seen.count(PROMPT) < 2:
        seen += os.read(here, 4096).decode()
    os.write(here, b"mistyped\n")
    while seen.count(PROMPT) < 3:
        seen += os.read(here, 4096).decode()
    assert "hfx: Globus does not accept this code (400 invalid_grant)" in seen
    assert len(re.findall(r"^http", seen, re.MULTILINE)) == 1
    address = re.search(r"^http\S+", seen, re.MULTILINE)
    assert address is not None
    os.write(here, f"{service.url}v2/web/auth-code?code={service.browse(address[0])}&state=_default\n".encode())
    assert command.wait(timeout=60) == 0
    assert "logged in as Ada Lovelace" in os.read(here, 4096).decode().splitlines()[-1]
    os.close(here)


def test_ctrl_c_at_the_prompt(service: AuthService, tokens: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nfrom hfx.driver.cli.main import main\nmain()"
    command = subprocess.Popen([sys.executable, "-c", code, "login"], stdin=-1, stdout=-1, stderr=-1, text=True)
    assert command.stderr is not None
    while command.stderr.read(1) != "?":
        pass
    time.sleep(0.5)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=30)
    assert (command.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.endswith("\n")
    assert not tokens.exists()


def test_without_a_terminal(service: AuthService) -> None:
    code, out, err = real("login")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        "hfx: no code was given: type 'hfx login' in a terminal, or set GLOBUS_COMPUTE_CLIENT_ID and "
        "GLOBUS_COMPUTE_CLIENT_SECRET, with which no login is needed"
    )


def test_a_code_is_good_once_and_only_as_it_was_shown(service: AuthService, tokens: Path) -> None:
    code, out, err = hfx("login", typed="nonsense\n")
    assert (code, out) == (2, "")
    refused = "hfx: Globus does not accept this code (400 invalid_grant): mistyped, used already or too old"
    assert err.splitlines()[-1] == f"{refused}; 'hfx login' shows a new one"
    # Another login's code is of no use: the secret that belongs to it stays with the command that asked for it.
    other = service.browse(err.split("\n\n")[1])
    assert hfx("login", typed=f"{other}\n")[2].splitlines()[-1].startswith(refused)
    assert not tokens.exists()


@pytest.mark.parametrize("how", ["by the clock", "by the service"])
def test_an_access_token_that_has_ended_is_renewed_silently(service: AuthService, tokens: Path, how: str) -> None:
    log_in(service)
    before = held(tokens)
    if how == "by the clock":
        change(tokens, expires_at_seconds=int(time.time()) + 20)  # too near to begin with
    else:
        service.run_out()
    service.asked.clear()
    code, out, err = hfx("whoami")
    assert (code, err) == (0, "")
    assert "Ada Lovelace" in out
    assert "POST /v2/oauth2/token refresh_token" in service.asked
    after = held(tokens)
    assert after["auth.globus.org"]["access_token"] != before["auth.globus.org"]["access_token"]
    assert after["auth.globus.org"]["refresh_token"] == before["auth.globus.org"]["refresh_token"]
    assert after["auth.globus.org"]["identity_id"] == ADA.sub
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600


def test_a_login_that_was_revoked_elsewhere(service: AuthService, tokens: Path) -> None:
    log_in(service)
    for token in held(tokens).values():
        service.revoke(token["access_token"])
        service.revoke(token["refresh_token"])
    sentence = "hfx: the login to Globus has ended or was revoked (400 invalid_grant): type 'hfx login'\n"
    assert hfx("whoami") == (2, "", sentence)
    assert log_in(service)[0] == 0  # as it says, without --force
    assert hfx("whoami")[0] == 0


def test_a_login_that_lacks_a_scope(service: AuthService, tokens: Path) -> None:
    log_in(service)
    content = json.loads(tokens.read_text())
    (part,) = content["data"].values()
    part["auth.globus.org"]["scope"] = "openid"  # as an older hfx may have asked for
    tokens.write_text(json.dumps(content))
    assert hfx("whoami") == (2, "", "hfx: the login to Globus lacks what hfx needs (profile): type 'hfx login'\n")
    del part["funcx_service"]
    tokens.write_text(json.dumps(content))
    assert f"lacks what hfx needs (profile, {COMPUTE}): type 'hfx login'" in hfx("whoami")[2]
    assert log_in(service)[0] == 0
    assert hfx("whoami")[0] == 0


def test_scopes_that_were_not_granted_are_not_kept(service: AuthService, tokens: Path) -> None:
    service.withheld = {"profile"}
    code, out, err = log_in(service)
    assert (code, out) == (2, "")
    assert f"Globus did not grant all that hfx needs (openid, profile, {COMPUTE})" in err.splitlines()[-1]
    assert not tokens.exists()
    assert service.access == service.refresh == {}  # what was given is given back


def test_another_identity_does_not_slip_in(service: AuthService, tokens: Path) -> None:
    log_in(service)
    before = tokens.read_text()
    service.identity = EMMY
    code, out, err = log_in(service, "--force")
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"hfx: this is another identity ({EMMY.sub}) than the one logged in here ({ADA.sub})")
    assert last.endswith("type 'hfx logout', then 'hfx login'")
    assert tokens.read_text() == before
    assert {token.identity for token in (*service.access.values(), *service.refresh.values())} == {ADA}
    hfx("logout")
    assert "logged in as Emmy Noether" in log_in(service)[1]


def test_what_an_endpoint_demands_is_asked_for(service: AuthService) -> None:
    log_in(service)
    options = ["--domain", "example.org", "--identity", EMMY.sub, "--policy", ADA.sub, "--mfa", "--scope", "email"]
    assert log_in(service, *options)[0] == 0
    asked = service.visits[-1]
    assert asked["session_required_single_domain"] == "example.org"
    assert asked["session_required_identities"] == EMMY.sub
    assert asked["session_required_policies"] == ADA.sub
    assert asked["session_required_mfa"] == "True"
    assert set(asked["scope"].split()) == {"openid", "profile", "email", COMPUTE}


def test_client_credentials(service: AuthService, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(service)
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_SECRET", "hush")
    only = "GLOBUS_COMPUTE_CLIENT_SECRET is set without GLOBUS_COMPUTE_CLIENT_ID; set both, or unset it to log in\n"
    assert hfx("whoami") == (2, "", f"hfx: {only}")
    assert only.strip() in account.state()
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", "robot")
    refused = hfx("whoami")
    assert refused[:2] == (2, "")
    assert "Globus refuses these client credentials (401 invalid_client): check GLOBUS_COMPUTE_CLIENT_ID" in refused[2]
    service.clients["robot"] = "hush"
    code, out, err = hfx("login")
    assert (code, err) == (0, "")
    assert "client credentials from the environment are valid: a robot" in out
    told = json.loads(hfx("whoami", "--json")[1])
    assert (told["kind"], told["client"], told["renewed"]) == ("client", "robot", True)
    assert "hush" not in tokens.read_text()
    service.run_out()
    assert hfx("whoami")[0] == 0
    assert "Globus (local): client credentials from GLOBUS_COMPUTE_CLIENT_ID" in account.state()
    assert "client credentials are still set in the environment" in hfx("logout")[1]
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_SECRET")
    assert hfx("whoami") == (2, "", NOBODY)  # of another application, nobody's
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_ID")
    assert "Ada Lovelace" in hfx("whoami")[1]  # whose login was left alone


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_no_way_to_the_service(service: AuthService, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(service)
    nowhere = f"http://127.0.0.1:{_free_port()}/"
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_AUTH", nowhere)
    line = f"hfx: Globus Auth at {nowhere} cannot be reached (no connection); check the network and the proxy, and try again\n"
    assert hfx("whoami") == (2, "", line)
    assert hfx("login") == (2, "", line)  # it does not ask somebody who is logged in to do it again
    begun = time.monotonic()
    assert hfx("login", "--force", typed="anything\n") == (2, "", line)  # before an address is shown
    assert time.monotonic() - begun < 20
    code, out, err = hfx("logout")
    assert (code, out) == (2, "")
    assert err.startswith("hfx: the tokens are removed from this disk, but Globus Auth at ")
    assert not tokens.exists()


def test_a_service_out_of_order(service: AuthService) -> None:
    log_in(service)
    service.failing = 503
    code, _, err = hfx("whoami")
    assert (code, err) == (2, f"hfx: Globus Auth ({service.url}) is out of order (503 out of order); try again later\n")
    service.failing = 200  # a page that is in the way, of a network that wants a login of its own
    assert f"what answers at {service.url} is not Globus Auth" in hfx("whoami")[2]
    service.run_out()
    service.failing = 404
    assert f"hfx: Globus Auth ({service.url}) refuses this login (404 " in hfx("whoami")[2]


def test_files_that_cannot_be_used(service: AuthService, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(service)
    for content in ("{", "[]", '{"data": 1}', '{"format_version": "9", "data": {}}'):
        tokens.write_text(content)
        assert hfx("whoami") == (2, "", f"hfx: {tokens} is damaged: remove it and type 'hfx login'\n")
    tokens.write_text("{")
    assert account.state() == f"{tokens} cannot be read; remove it and type 'hfx login'"
    tokens.unlink()
    tokens.parent.rmdir()
    tokens.parent.touch()
    code, _, err = hfx("login")
    assert (code, err.count("\n")) == (2, 1)
    assert "set HFX_CONFIG to a folder of your own" in err
    monkeypatch.setenv("GLOBUS_SDK_ENVIRONMENT", "nowhere")
    monkeypatch.delenv("GLOBUS_SDK_SERVICE_URL_AUTH")
    assert "GLOBUS_SDK_ENVIRONMENT=nowhere is not a Globus environment" in hfx("login")[2]


def test_files_that_others_may_read_are_closed(service: AuthService, tokens: Path) -> None:
    log_in(service)
    tokens.chmod(0o644)
    tokens.parent.chmod(0o755)
    assert hfx("whoami")[0] == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tokens.parent, tokens)] == [0o700, 0o600]


def test_each_environment_has_its_own_login(service: AuthService, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(service)
    assert "Globus (local): logged in, refreshed by itself" in account.state()
    monkeypatch.setenv("GLOBUS_SDK_ENVIRONMENT", "sandbox")
    assert hfx("whoami") == (2, "", NOBODY)
    assert "Globus (sandbox): not logged in ('hfx login' does it)" in account.state()
    service.identity = EMMY
    assert "logged in as Emmy Noether" in log_in(service)[1]
    monkeypatch.setenv("GLOBUS_SDK_ENVIRONMENT", "local")
    assert "Ada Lovelace" in hfx("whoami")[1]
