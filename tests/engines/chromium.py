"""A real, headless Chromium, driven through chromedriver's HTTP interface (W3C WebDriver, and DevTools through it)."""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Browser", "running", "until", "why_not"]

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever is not this machine does not resolve: nothing can leave it unseen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def why_not() -> str | None:
    """Why there is no browser here; None where there is."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and '.join(missing)} (apt-get install chromium chromium-driver)" if missing else None


def until(true: Callable[[], Any], seconds: float) -> Any:
    """What `true` gives as soon as that is something; its last answer after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


class Browser:
    """One window. Its methods raise `RuntimeError` with what chromedriver says."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client, self._session = client, session

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        answer = self._client.request(method, f"/session/{self._session}{path}", json=content if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise RuntimeError(f"{path}: {value['message']}")
        return value

    def open(self, address: str) -> None:
        self._ask("POST", "/url", url=address)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that a script, the body of a function, returns."""
        return self._ask("POST", "/execute/sync", script=script, args=list(arguments))

    def wait(self, script: str, *arguments: Any) -> Any:
        """The value that a script gives to its last argument, a function."""
        return self._ask("POST", "/execute/async", script=script, args=list(arguments))

    def until(self, expression: str, seconds: float = 20) -> Any:
        """The value of an expression once it is something; fails where it never is."""
        value = until(lambda: self.run(f"return {expression}"), seconds)
        assert value, f"{expression} is {value!r} after {seconds} s"
        return value

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def click(self, selector: str) -> None:
        found = self._ask("POST", "/element", using="css selector", value=selector)
        self._ask("POST", f"/element/{found[_ELEMENT]}/click")

    def type(self, selector: str, keys: str) -> None:
        found = self._ask("POST", "/element", using="css selector", value=selector)
        self._ask("POST", f"/element/{found[_ELEMENT]}/value", text=keys)

    def keys(self, *names: str) -> None:
        """Press and release keys, where the focus is: the code points of WebDriver, as "\\ue014" for the right arrow."""
        strokes = [{"type": kind, "value": name} for name in names for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", actions=[{"type": "key", "id": "keys", "actions": strokes}])

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}
        self._ask("POST", "/actions", actions=[{"type": "pointer", "id": "mouse", "actions": [move]}])

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """The page's size; as a phone has it: touched, with two pixels for one."""
        scale = 2 if phone else 1
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def dark(self, wanted: bool) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Of the window, or of the whole page, as PNG."""
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole, **(self._clip() if whole else {}))
        path.write_bytes(base64.b64decode(picture["data"]))

    def _clip(self) -> dict[str, Any]:
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "scale": 1}}

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What came into a log, "browser" or "performance" (DevTools' network events), since it was asked for last."""
        return list(self._ask("POST", "/se/log", type=kind))

    def addresses(self) -> list[str]:
        """Every address that was asked for, of whatever host, since this or the log was asked for last."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@contextmanager
def running(folder: Path) -> Iterator[Browser]:
    """A browser with a profile in `folder`, where downloads go too; it has ended, with all its processes, after the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=150, trust_env=False) as client:
            assert until(lambda: _ready(client), 30), "chromedriver does not answer"
            session = client.post("/session", json={"capabilities": {"alwaysMatch": _wanted(folder)}}).json()["value"]
            assert "sessionId" in session, session
            browser = Browser(client, session["sessionId"])
            try:
                yield browser
            finally:
                client.delete(f"/session/{session['sessionId']}")
    finally:
        driver.terminate()
        driver.wait(20)


def _ready(client: httpx.Client) -> bool:
    try:
        return bool(client.get("/status").json()["value"]["ready"])
    except httpx.TransportError:
        return False


def _wanted(folder: Path) -> dict[str, Any]:
    downloads = {"download.default_directory": str(folder / "downloads"), "download.prompt_for_download": False}
    return {
        "browserName": "chrome",
        "timeouts": {"script": 120_000},
        "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
        "goog:chromeOptions": {
            "binary": shutil.which("chromium"),
            "args": [*_SWITCHES, f"--user-data-dir={folder / 'profile'}"],
            "prefs": downloads,
        },
    }
