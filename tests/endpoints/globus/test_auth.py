"""The application that Globus Compute's own client is given: it renews what it can, and asks nobody."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import globus_sdk
import pytest
from globus_compute_sdk import Client
from globus_compute_sdk.sdk.auth import globus_app
from globus_sdk.token_storage import TokenStorageData

from hfx.endpoints.globus import account, login
from hfx.endpoints.globus import auth as globus_auth
from hfx.endpoints.globus.tokens import Tokens
from hfx.errors import EndpointError, LoginError
from tests.engines import globus_auth_service, globus_compute_beside
from tests.engines.globus_auth_service import ADA, COMPUTE, EMMY, AuthService
from tests.engines.globus_compute_beside import GROUP, ComputeService

SOURCE = "def one():\n    return 1\n"


@pytest.fixture
def auth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthService]:
    with globus_auth_service.serving() as running:
        for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {**running.variables, "HFX_CONFIG": str(tmp_path / "hfx")}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path / "compute"))
        yield running


@pytest.fixture
def compute(auth: AuthService, monkeypatch: pytest.MonkeyPatch) -> Iterator[ComputeService]:
    with globus_compute_beside.serving(auth) as running:
        # The SDK's own `local` environment is one fixed port.
        monkeypatch.setattr("globus_compute_sdk.sdk.client.get_web_service_url", lambda _: running.url)
        yield running


@pytest.fixture(autouse=True)
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> str:
        raise AssertionError("somebody was asked for a code")

    monkeypatch.setattr("builtins.input", asked)


def log_in(auth: AuthService, **options: Any) -> login.Who:
    shown: list[str] = []
    who, new = login.login(shown.append, lambda _: auth.browse(shown[-1]), **options)
    assert new
    return who


def client() -> Client:
    return Client(app=globus_auth.app(), do_version_check=False)


def register(one: Client, group: str | None = None) -> str:
    return str(one.register_source_code(SOURCE, "one", group=group))


def scopes(app: globus_sdk.GlobusApp) -> Mapping[str, set[str]]:
    return {server: {str(scope) for scope in some} for server, some in app.scope_requirements.items()}


def test_it_carries_the_scopes_that_globus_compute_requires(auth: AuthService, compute: ComputeService) -> None:
    log_in(auth)
    app = globus_auth.app()
    before = scopes(app)
    Client(app=app, do_version_check=False)
    assert scopes(app) == before
    assert before["funcx_service"] == {COMPUTE}


def test_the_account_is_chosen_as_the_sdk_chooses_it(auth: AuthService, monkeypatch: pytest.MonkeyPatch) -> None:
    def same() -> tuple[type, str]:
        ours, theirs = account.account(), globus_app.get_globus_app()
        assert (ours.client, ours.environment) == (str(theirs.client_id), theirs.config.environment)
        theirs.close()
        return type(theirs), ours.kind

    assert same() == (globus_sdk.UserApp, "user")
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", ADA.sub)
    assert same() == (globus_sdk.UserApp, "user")
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_SECRET", "hush")
    assert same() == (globus_sdk.ClientApp, "client")
    monkeypatch.delenv("GLOBUS_COMPUTE_CLIENT_ID")
    with pytest.raises(ValueError, match="Both GLOBUS_COMPUTE_CLIENT_ID and"):
        globus_app.get_globus_app()
    with pytest.raises(LoginError, match="set without GLOBUS_COMPUTE_CLIENT_ID"):
        globus_auth.app()


def test_nobody_is_logged_in(auth: AuthService) -> None:
    with pytest.raises(LoginError, match=r"^not logged in to Globus: type 'hfx login'$"):
        globus_auth.app()
    assert auth.asked == []


def test_a_function_is_shared_with_a_group(auth: AuthService, compute: ComputeService) -> None:
    """The scopes that are asked for suffice: for who registers it, and for the members who use it."""
    compute.members = {ADA, EMMY}
    log_in(auth)
    name = register(client(), GROUP)
    owner, content = compute.functions[name]
    assert (owner, content["group"]) == (ADA, GROUP)
    login.logout()
    auth.identity = EMMY
    log_in(auth)
    assert client().get_function(name)["function_name"] == "one"
    compute.members = {ADA}
    with pytest.raises(globus_sdk.GlobusAPIError, match="not shared with you"):
        client().get_function(name)


@pytest.mark.parametrize("secret", [None, "hush"])
def test_what_ends_in_mid_scan_is_renewed(
    auth: AuthService, compute: ComputeService, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret:
        monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", "robot")
        monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_SECRET", secret)
        auth.clients["robot"] = secret
    else:
        log_in(auth)
    one = client()
    register(one)
    auth.run_out()
    auth.asked.clear()
    register(one)
    assert auth.asked == [f"POST /v2/oauth2/token {'client_credentials' if secret else 'refresh_token'}"]
    assert len(compute.functions) == 2
    auth.asked.clear()
    register(client())  # what was renewed was kept
    assert auth.asked == []


def test_what_is_revoked_in_mid_scan_is_one_sentence(auth: AuthService, compute: ComputeService) -> None:
    log_in(auth)
    one = client()
    register(one)
    for text in [*auth.access, *auth.refresh]:
        auth.revoke(text)
    with pytest.raises(
        LoginError, match=r"^the login to Globus has ended or was revoked \(400 invalid_grant\): type 'hfx login'$"
    ):
        register(one)


@pytest.mark.parametrize(
    ("demand", "command"),
    [
        ({"session_required_single_domain": ["example.org", "example.net"]}, "--domain example.org --domain example.net"),
        ({"session_required_identities": [EMMY.sub], "session_required_mfa": True}, f"--identity {EMMY.sub} --mfa"),
        ({"session_required_policies": [ADA.sub]}, f"--policy {ADA.sub}"),
        ({"required_scopes": [COMPUTE, "email"]}, "--scope email"),
        ({"session_message": "too long ago", "prompt": "login"}, "--force"),
    ],
)
def test_what_an_endpoint_demands_is_said_and_nobody_is_asked(
    auth: AuthService, compute: ComputeService, demand: dict[str, Any], command: str
) -> None:
    log_in(auth)
    one = client()
    compute.demand = demand
    with pytest.raises(LoginError, match=r"^Globus asks for another login than this one") as raised:
        register(one)
    assert str(raised.value).endswith(f": type 'hfx login {command}'")
    assert ("too long ago" in str(raised.value)) == ("session_message" in demand)


def test_the_identity_that_is_wanted(auth: AuthService) -> None:
    log_in(auth)
    auth.asked.clear()
    globus_auth.app(ADA.sub.upper())
    assert auth.asked == []  # known without asking
    globus_auth.app("Ada@example.org")
    for other in (EMMY.sub, EMMY.username):
        with pytest.raises(LoginError) as raised:
            globus_auth.app(other)
        remedy = f"type 'hfx logout', then 'hfx login' as {other}"
        assert str(raised.value) == f"this endpoint requires {other}, but ada@example.org is logged in to Globus: {remedy}"


def test_a_client_of_another_identity_than_is_wanted(auth: AuthService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", "robot")
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_SECRET", "hush")
    auth.clients["robot"] = "hush"
    globus_auth.app("robot@clients.auth.globus.org")
    with pytest.raises(LoginError, match="set another GLOBUS_COMPUTE_CLIENT_ID"):
        globus_auth.app(ADA.sub)


def test_a_token_signed_at_another_time(auth: AuthService, monkeypatch: pytest.MonkeyPatch) -> None:
    now = globus_auth_service.time.time
    monkeypatch.setattr(globus_auth_service, "time", _Clock(lambda: now() + 10_000))
    with pytest.raises(LoginError, match="is this machine's clock right"):
        log_in(auth)


class _Clock:
    def __init__(self, time: Callable[[], float]) -> None:
        self.time = time


def test_a_service_that_is_away_when_a_token_must_be_renewed(auth: AuthService) -> None:
    log_in(auth)
    content = json.loads(account.file().read_text())
    for part in content["data"].values():
        for token in part.values():
            token["expires_at_seconds"] = 1
    account.file().write_text(json.dumps(content))
    auth.failing = 503
    with pytest.raises(EndpointError, match=r"is out of order \(503 out of order\); try again later") as raised:
        globus_auth.app()
    assert not isinstance(raised.value, LoginError)  # nothing that a login would mend
    auth.failing = None
    globus_auth.app()


def test_the_process_umask_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads have one: two that change it at once, for a moment each, may leave it changed."""
    changed: list[int] = []
    monkeypatch.setattr("os.umask", lambda mask: changed.append(mask) or 0o022)
    path = tmp_path / "globus" / "tokens.json"
    made = TokenStorageData("server", "id", "scope", "token", "refresh", 1, "Bearer")
    Tokens(path, "user/one/two").store_token_data_by_resource_server({"server": made})
    Tokens(path, "user/one/two").remove_token_data("server")
    assert changed == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_whole_at_any_moment(tmp_path: Path) -> None:
    """Many write and read at once, as the processes of a user do."""
    path = tmp_path / "globus" / "tokens.json"

    def data(server: str) -> TokenStorageData:
        return TokenStorageData(server, ADA.sub, "x" * 5000, "access", "refresh", 1, "Bearer")

    def write(i: int) -> None:
        server = f"server{i % 3}"
        Tokens(path, "user/one/two").store_token_data_by_resource_server({server: data(server)})

    def read(_: int) -> int:
        return len(Tokens(path, "user/one/two").get_token_data_by_resource_server())

    write(0)
    with ThreadPoolExecutor(8) as pool:
        counts = [pool.submit(read if i % 2 else write, i) for i in range(200)]
        found = [count.result() for count in counts]
    assert min(count for count in found if count is not None) >= 1
    assert [one.name for one in path.parent.iterdir()] == ["tokens.json"]
    assert Tokens(path, "user/one/three").get_token_data_by_resource_server() == {}


def test_the_state_of_the_login_needs_no_package_of_globus(auth: AuthService) -> None:
    log_in(auth)
    code = "import sys\nfrom hfx.endpoints.globus import account\nprint(account.state())\nassert 'globus_sdk' not in sys.modules"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Globus (local): logged in, refreshed by itself; the token at hand is good until 2")
    assert "ada" not in done.stdout.lower()
    assert ADA.sub not in done.stdout
