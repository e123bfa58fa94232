"""The server: who may see it, what it gives, how its stream goes on; and the commands that start it."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from hfx.driver.cli import main
from hfx.driver.run.events import Failed
from hfx.driver.views.page import address
from hfx.driver.views.page.app import FILES
from hfx.driver.views.page.hub import Hub
from hfx.driver.views.page.process import beside
from hfx.driver.views.page.server import PageServer
from hfx.errors import OptionError
from tests.conftest import ROOT
from tests.driver import fakes
from tests.driver.views.page.made import MadeRun

TOKEN = "right-token"


@contextmanager
def served(hub: Hub) -> Iterator[httpx.Client]:
    with address.bound(0) as listening:
        server = PageServer(listening, TOKEN, hub)
        server.start()
        hub.start()
        host = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=host, timeout=20, trust_env=False) as client:
                yield client
        finally:
            hub.end("over")
            server.finish(5)


def test_the_end_waits_for_a_browser_that_is_just_coming(run: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the page, and will ask for its stream; that another one's stream ends meanwhile changes nothing."""
    monkeypatch.setattr("hfx.driver.views.page.server._COMING", 20.0)
    hub = Hub(run.folder)
    with address.bound(0) as listening:
        server = PageServer(listening, TOKEN, hub)
        server.start()
        hub.start()
        host = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=host, timeout=20, trust_env=False) as client:
            assert client.get("/", params={"token": TOKEN}).status_code == 200
            with messages(client) as told:
                next(told)
            hub.end("over")
            closing = threading.Thread(target=server.finish, args=(20.0,))
            closing.start()
            closing.join(0.5)
            assert closing.is_alive()
            with messages(client) as told:  # the one that was coming
                assert [message["event"] for message in told][-1] == "end"
            monkeypatch.setattr("hfx.driver.views.page.server._COMING", 0.0)
            closing.join(10)
            assert not closing.is_alive()


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return MadeRun(tmp_path / "run", fakes.grid(6, 5))


@contextmanager
def messages(client: httpx.Client, *, headers: dict[str, str] | None = None, **query: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The stream's messages: {"id", "event", "data"}."""
    with client.stream("GET", "/events", params={"token": TOKEN, **query}, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        def parsed() -> Iterator[dict[str, Any]]:
            found: dict[str, Any] = {"event": "message"}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name in ("id", "event"):
                    found[name] = value
                elif name == "data":
                    found["data"] = json.loads(value)
                elif not line:
                    if "data" in found:
                        yield found
                    found = {"event": "message"}

        yield parsed()


@pytest.mark.parametrize("path", ["/", "/events", "/static/app.js", "/static/", "/../pyproject.toml", "/nothing"])
@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=wrong-token", f"?token={TOKEN}x", "?nekot=right-token", "?token=%00%ff"]
)
def test_without_the_token_there_is_nothing(run: MadeRun, path: str, query: str) -> None:
    with served(Hub(run.folder)) as client:
        answer = client.get(path + query)
        assert answer.status_code == 403
        assert TOKEN not in answer.text
        assert "toy" not in answer.text


def test_what_comes_by_way_of_another_page_is_refused(run: MadeRun) -> None:
    hosts = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example", "127.0.0.2", "", "localhost:"]
    origins = ["http://evil.example", "null", "https://127.0.0.1", "http://localhost:1"]
    with served(Hub(run.folder)) as client:
        for headers in [*({"Host": host} for host in hosts), *({"Origin": origin} for origin in origins)]:
            for path in ("/", "/events", "/plane", "/static/app.js"):
                answer = client.get(path, params={"token": TOKEN}, headers=headers)
                assert answer.status_code == 421, (headers, path)
                assert "this machine alone" in answer.text


def test_a_tunnel_has_a_port_of_its_own(run: MadeRun) -> None:
    with served(Hub(run.folder)) as client:
        for host in ("127.0.0.1", "localhost", "LocalHost:9000", "[::1]:8765"):
            headers = {"Host": host, "Origin": f"http://{host}"}
            assert client.get("/", params={"token": TOKEN}, headers=headers).status_code == 200


def test_the_page_and_its_files(run: MadeRun) -> None:
    with served(Hub(run.folder)) as client:
        page = client.get("/", params={"token": TOKEN})
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        nonces = set(re.findall(r'nonce="([^"]+)"', page.text))
        assert len(nonces) == 1
        assert f"'nonce-{nonces.pop()}'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        for link in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert client.get(link).status_code == 200, link
        modules = json.loads(re.findall(r'importmap"[^>]*>(.*?)</script>', page.text)[0])["imports"]
        assert set(modules) == {f"hfx/{name}" for name in FILES if name.endswith(".js")}
        for name, link in modules.items():
            text = client.get(link).text
            # Every module imports only what the map has, and nothing names another host.
            assert set(re.findall(r'from "([^"]+)"', text)) <= set(modules), name
            assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name


@pytest.mark.parametrize(
    "path", ["/static/", "/static/../server.py", "/static/%2e%2e/server.py", "/run.json", "/static/nothing.js"]
)
def test_with_the_token_there_is_nothing_else(run: MadeRun, path: str) -> None:
    with served(Hub(run.folder)) as client:
        answer = client.send(httpx.Request("GET", f"{client.base_url}{path}?token={TOKEN}"))
        assert answer.status_code == 404


def test_nothing_can_be_written(run: MadeRun) -> None:
    with served(Hub(run.folder)) as client:
        assert client.post("/", params={"token": TOKEN}).status_code == 405
        assert client.head("/", params={"token": TOKEN}).status_code == 200


def test_the_stream_sends_what_changes_and_goes_on_where_it_broke(run: MadeRun) -> None:
    with served(Hub(run.folder)) as client:
        with messages(client) as stream:
            first = next(stream)
            assert first["data"]["all_rows"]
            assert len(first["data"]["rows"]) == 30
            assert first["data"]["plane"]["x"] == "m1"
            assert first["data"]["head"]["name"] == "toy"
            run.fit(run.names[:12])
            changed: list[Any] = []
            curves = {"made_of": 0}  # the first contour may be drawn before there is a result
            for message in stream:
                assert "all_rows" not in message["data"]
                assert "plane" not in message["data"]
                changed += message["data"].get("rows", [])
                curves = message["data"].get("contour") or curves
                if curves["made_of"] == 12 and len({row[0] for row in changed}) == 12:
                    break
            assert {row[3] for row in changed[-12:]} <= {"excluded", "allowed"}
        run.fit(run.names[12:14])
        time.sleep(0.5)
        with messages(client, headers={"Last-Event-ID": message["id"]}) as stream:
            rows = next(stream)["data"]["rows"]
            assert sorted(row[0] for row in rows) == [12, 13]
        with messages(client, since="another server's:1:2:00") as stream:
            assert len(next(stream)["data"]["rows"]) == 30


def test_failures_are_sent_when_they_change_and_are_short(run: MadeRun) -> None:
    """Of ten thousand hypotheses all may fail, each with a long reason: that does not go with every result."""
    run.tell(*(Failed(time.time(), "local-0", name, "x" * 5000) for name in run.names[:20]))
    with served(Hub(run.folder)) as client, messages(client) as stream:
        told = next(stream)["data"]["trouble"]
        assert len(told["failures"]) == len(told["notices"]) == 20
        assert all(len(one["text"]) < 500 for one in [*told["failures"], *told["notices"]])
        run.fit(run.names[20:25])
        later = next(message["data"] for message in stream if message["data"].get("rows"))
        assert "trouble" not in later
        run.tell(Failed(time.time(), "local-0", run.names[25], "y"))
        changed = next(message["data"]["trouble"] for message in stream if "trouble" in message["data"])
        assert changed["failures"][-1]["text"].endswith("failed: y")


def test_the_end_is_told_with_the_last_state(run: MadeRun) -> None:
    hub = Hub(run.folder)
    with served(hub) as client, messages(client) as stream:
        next(stream)
        run.fit(run.names)
        run.state("finished")
        threading.Thread(target=hub.end, args=("over",)).start()
        told = list(stream)
    assert told[-1] == {"event": "end", "data": {"why": "over"}}
    assert told[-2]["data"]["status"]["state"] == "finished"
    assert [m["data"]["contour"]["made_of"] for m in told[:-1] if "contour" in m["data"]][-1] == 30


def test_axes_are_the_browsers_choice_and_a_wrong_one_is_a_sentence(run: MadeRun) -> None:
    with served(Hub(run.folder)) as client:
        with messages(client, x="m1", y="m1-m2", where="m2>=40") as stream:
            plane = next(stream)["data"]["plane"]
            assert plane["y"] == "m1-m2"
            assert sum(at is not None for at in plane["at"]) == 24
        with messages(client, x="m3") as stream:
            assert "m3" in next(stream)["data"]["error"]


@pytest.mark.parametrize(
    ("query", "field", "why"),
    [
        ({"x": "m3"}, "x", "no label is called 'm3'"),
        ({"x": "m1", "y": "m2-"}, "y", "cannot be read"),
        ({"x": "m1", "y": "m1"}, "y", "two different axes"),
        ({"x": "m1", "y": "m2", "where": "m2=40"}, "where", "cannot be read"),
        ({"where": "m2==41"}, "where", "no hypothesis fulfils this"),
    ],
)
def test_a_plane_that_cannot_be_drawn_is_refused_with_the_field_that_is_wrong(
    run: MadeRun, query: dict[str, str], field: str, why: str
) -> None:
    with served(Hub(run.folder)) as client:
        answer = client.get("/plane", params={"token": TOKEN, **query})
        assert answer.status_code == 422
        assert answer.json()["field"] == field
        assert why in answer.json()["error"]


def test_a_plane_that_can_be_drawn_is_not_refused(run: MadeRun) -> None:
    hub = Hub()
    with served(hub) as client:
        assert client.get("/plane", params={"token": TOKEN, "x": "anything"}).status_code == 204  # no labels are known yet
        hub.open(run.folder)
        for query in ({}, {"x": "m1-m2"}, {"y": "m1", "where": "m2==40"}):
            assert client.get("/plane", params={"token": TOKEN, **query}).status_code == 204


def test_the_first_picture_of_a_finished_run_is_the_last(run: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a run that is too large to be read at once."""
    monkeypatch.setattr("hfx.driver.run.follow._MOST", 10_000)
    run.fit(run.names)
    run.state("finished")
    assert (run.folder / "results.jsonl").stat().st_size > 30_000
    with served(Hub(run.folder)) as client, messages(client) as stream:
        first = next(m["data"] for m in stream if m["data"].get("contour"))
    assert first["contour"]["made_of"] == 30
    assert first["svg"]
    assert "observed" in {curve["which"] for curve in first["contour"]["curves"]}


def test_regions_are_views_of_their_own(tmp_path: Path) -> None:
    whole = MadeRun(tmp_path / "run", [])
    block = {"name": "toy", "labels": ["m1", "m2"], "regions": ["A", "B"]}
    whole.state("running", pallet=block)
    one = MadeRun(tmp_path / "run" / "A", fakes.grid(3, 2))
    one.fit(one.names[:2])
    hub = Hub(whole.folder)
    with served(hub) as client:
        with messages(client) as stream:
            first = next(m for m in stream if m["data"].get("rows"))["data"]
            assert (first["view"], first["current"]) == ("A", "A")
            assert [view["name"] for view in first["views"]] == ["", "A"]
            MadeRun(tmp_path / "run" / "B", fakes.grid(2, 2))
            later = next(m for m in stream if m["data"]["view"] == "B")["data"]  # what is under way is shown
            assert len(later["rows"]) == 4
        with messages(client, view="A") as stream:
            assert len(next(stream)["data"]["rows"]) == 6
        results = [json.loads(line) for line in (one.folder / "results.jsonl").read_text().splitlines()]
        combined = {
            "hfx": "0",
            "pallet": block,
            "options": {},
            "results": [{**r, "region": "A", "missing_in": ["B"]} for r in results],
        }
        (whole.folder / "scan.json").write_text(json.dumps({**combined, "failures": [], "contours": {}}))
        with messages(client) as stream:
            last = next(m for m in stream if m["data"]["view"] == "" and m["data"].get("rows"))["data"]
            assert [row[1] for row in last["rows"]] == one.names[:2]
            assert "From region A" in " ".join(last["rows"][0][7])


def test_the_end_of_all_regions_is_their_combination(tmp_path: Path) -> None:
    """A browser that has chosen no region gets the combination, even where it comes with the end."""
    whole = MadeRun(tmp_path / "run", [])
    block = {"name": "toy", "labels": ["m1", "m2"], "regions": ["A"]}
    whole.state("running", pallet=block)
    one = MadeRun(whole.folder / "A", fakes.grid(3, 2))
    one.fit(one.names)
    hub = Hub(whole.folder)
    with served(hub) as client, messages(client) as stream:
        next(m for m in stream if m["data"].get("rows"))
        results = [json.loads(line) for line in (one.folder / "results.jsonl").read_text().splitlines()]
        scan = {"hfx": "0", "pallet": block, "options": {}, "results": results, "failures": [], "contours": {}}
        (whole.folder / "scan.json").write_text(json.dumps(scan))
        one.state("finished")
        whole.state("finished", pallet=block)
        threading.Thread(target=hub.end, args=("over",)).start()
        told = list(stream)
    assert (told[-2]["data"]["view"], told[-2]["data"]["status"]["state"]) == ("", "finished")
    assert told[-1]["event"] == "end"


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OptionError, match=f"--port {port} is in use; give another"):
            address.bound(port)
    with pytest.raises(OptionError, match="70000"):
        address.bound(70000)


def test_what_is_printed() -> None:
    with address.bound(0) as listening:
        port, where = listening.getsockname()[1], address.url(listening, "abc")
    assert where == f"http://127.0.0.1:{port}/?token=abc"
    assert address.lines(where, {}) == [where]
    first, second = address.lines(where, {"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"})
    assert first == where
    assert f"ssh -N -L {port}:127.0.0.1:{port} " in second
    assert len({address.new_token() for _ in range(50)}) == 50
    assert len(address.new_token()) >= 30


def test_a_browser_is_opened_only_where_there_is_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    address.open_browser("a", {})
    address.open_browser("b", {"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"})
    address.open_browser("c", {"DISPLAY": ":0"})
    end = time.monotonic() + 5
    while not opened and time.monotonic() < end:
        time.sleep(0.01)
    assert opened == ["c"]


def test_watch_refuses_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, why in ((tmp_path, "contains no run of hfx"), (tmp_path / "nothing", "is not a folder")):
        assert main.run(["watch", str(folder)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert why in err
        assert err.count("\n") == 1


def started(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "hfx", *arguments, "--no-browser"]
    environment = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_watch_stays_until_it_is_interrupted(run: MadeRun) -> None:
    run.fit(run.names)
    run.state("finished")
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    watching = started("watch", str(run.folder))
    try:
        assert watching.stdout is not None
        where = watching.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S{30,}", where)
        assert httpx.get(where, timeout=30, trust_env=False).status_code == 200
        assert httpx.get(where[:-1], timeout=30, trust_env=False).status_code == 403
        assert watching.poll() is None
    finally:
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert errors == ""
    assert {path: path.stat().st_mtime_ns for path in run.folder.iterdir()} == before  # it reads, and writes nothing


def test_the_server_beside_a_scan_ends_with_it(run: MadeRun) -> None:
    listening = address.bound(0)
    where = address.url(listening, TOKEN)
    with (
        beside(listening, TOKEN) as page,
        httpx.Client(base_url=where[: where.index("/?")], timeout=30, trust_env=False) as client,
    ):
        assert client.get(where).status_code == 200  # before the run's folder is known
        page.began(run.folder)
        page.began(run.folder / "a region beneath")
        with messages(client) as stream:
            assert len(next(m for m in stream if m["data"].get("rows"))["data"]["rows"]) == 30
    with pytest.raises(httpx.ConnectError):
        httpx.get(where, trust_env=False)


def test_the_server_ends_when_the_scan_is_killed(run: MadeRun) -> None:
    script = (
        "import time\nfrom pathlib import Path\nfrom hfx.driver.views.page import address\n"
        "from hfx.driver.views.page.process import beside\n"
        f"listening = address.bound(0)\nprint(address.url(listening, {TOKEN!r}), flush=True)\n"
        f"with beside(listening, {TOKEN!r}) as page:\n    page.began(Path({str(run.folder)!r}))\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as scan:
        assert scan.stdout is not None
        where = scan.stdout.readline().strip()
        with httpx.Client(base_url=where[: where.index("/?")], timeout=30, trust_env=False) as client, messages(client) as stream:
            next(m for m in stream if m["data"].get("rows"))
            # The run's driver is that process.
            run.lock(scan.pid)
            scan.kill()
            *_, last, ended = list(stream)
        assert last["data"]["status"]["state"] == "stopped"
        assert ended["event"] == "end"
    end = time.monotonic() + 20
    while _answers(where) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _answers(where)


def _answers(where: str) -> bool:
    try:
        httpx.get(where, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def test_scan_live_prints_the_address_and_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hfx.driver.plot.scan_picture._picture", fakes.picture)
    monkeypatch.setattr("hfx.driver.scan.scan._worker_function", lambda: fakes.run)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.chdir(tmp_path)
    fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    assert main.run(["scan", "toy", "--live", "--no-browser", "--threads", "1"]) == 0
    out, err = capfd.readouterr()
    assert "to open it again: hfx watch hfx-runs/toy" in err
    assert err.splitlines()[0] == "hfx: the page ends with the scan; hfx watch shows the run again"  # nobody is at a terminal
    assert "stays" not in err
    where = out.splitlines()[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S{30,}", where)
    assert not _answers(where)
    assert main.run(["scan", "toy", "--live", "--no-browser", "--threads", "1", "--json", "--quiet"]) == 0
    out, err = capfd.readouterr()
    assert len(json.loads(out)["results"]) == 6
    assert re.search(r"^http://127\.0\.0\.1:\d+/\?token=", err, re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main.run(["scan", "toy", "--live", "--port", str(port)]) == 2
    assert capfd.readouterr().err == f"hfx: --port {port} is in use; give another, or leave it out for a free one\n"


_SCAN = (
    "import sys\nfrom hfx.driver.cli import main\nfrom hfx.driver.plot import scan_picture\nfrom hfx.driver.scan import scan\n"
    "from tests.driver import fakes\nscan_picture._picture = fakes.picture\nscan._worker_function = lambda: fakes.run\n"
    "sys.exit(main.run(sys.argv[1:]))"
)


class Terminal:
    """``hfx scan toy --live`` at a terminal of its own, as its foreground process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.master, terminal = pty.openpty()
        self.said = ""
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        environment.pop("SSH_CONNECTION", None)
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
        given = ["scan", "toy", "--live", "--no-browser", "--threads", "1", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{_SCAN}", *given],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(terminal)

    def until(self, text: str, seconds: float = 60.0) -> str:
        """All that was said until a text appears."""
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said
            self.read(0.1)
        return self.said

    def read(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            with suppress(OSError):  # its other end is closed
                self.said += os.read(self.master, 65536).decode(errors="replace")

    def ended(self, seconds: float = 30.0) -> int:
        """The exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.2)
        code = self.process.poll()
        assert code is not None, self.said
        return code

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            os.close(self.master)


def staying(terminal: Terminal) -> str:
    """The address of a page that stays after its scan."""
    found = re.search(r"hfx: the page stays at (http\S+) until Ctrl-C", terminal.until("until Ctrl-C"))
    assert found is not None
    assert _answers(found[1])
    return found[1]


def gone(where: str) -> bool:
    end = time.monotonic() + 20
    while _answers(where) and time.monotonic() < end:
        time.sleep(0.05)
    return not _answers(where)


@pytest.mark.parametrize(("broken", "code"), [((), 0), (("sig_300_40",), 1)])
def test_at_a_terminal_the_page_stays_until_ctrl_c_which_is_a_normal_end(
    tmp_path: Path, broken: tuple[str, ...], code: int
) -> None:
    fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2), broken=broken)
    with Terminal(tmp_path) as terminal:
        where = staying(terminal)
        with httpx.stream("GET", where.replace("/?", "/events?"), timeout=30, trust_env=False) as answer:
            told = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
            last = next(message for message in told if message["status"]["state"] == "finished")
            assert last["ends_with_scan"] is False
        assert "the page ends with the scan" not in terminal.said
        os.write(terminal.master, b"\x03")
        assert terminal.ended() == code
        assert "the page is closed; to open it again: hfx watch hfx-runs/toy" in terminal.said
        assert "Traceback" not in terminal.said
    assert gone(where)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_page_that_stays(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    with Terminal(tmp_path) as terminal:
        where = staying(terminal)
        terminal.process.send_signal(sent)
        assert terminal.ended(10.0) == code
        assert "Traceback" not in terminal.said
    assert gone(where)


def test_with_quiet_the_page_ends_with_the_scan_and_says_so(tmp_path: Path) -> None:
    fakes.write_pallet(tmp_path / "toy", fakes.grid(3, 2))
    with Terminal(tmp_path, "--quiet") as terminal:
        assert terminal.ended(60.0) == 0
        assert "the page ends with the scan; hfx watch shows the run again" in terminal.said
        assert "stays" not in terminal.said


def test_the_page_says_that_it_ends_with_the_scan(run: MadeRun) -> None:
    for ends in (True, False):
        hub = Hub(run.folder, ends_with_scan=ends)
        with served(hub) as client, messages(client) as stream:
            assert next(stream)["data"]["ends_with_scan"] is ends
