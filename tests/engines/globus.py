"""A real RabbitMQ, a real globus-compute-endpoint, and a stand-in of the web service: on loopback, with folders of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hfx.endpoints import templates
from tests.engines import slurm

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# The mark of what the endpoint starts: it stays up as long as the endpoint does.
OWNED = "HFX_TEST_GLOBUS_ENDPOINT"

CONFIGURATION = """
display_name: hfx-test
email: nobody@example.org
local_compute_services: true
heartbeat_period: 2
"""

# The configuration of the pool of processes; that of Slurm is the one which users get.
POOL = """
{% if broken is defined %}
engine: {type: NoSuchEngine}
{% else %}
engine: {type: ProcessPoolEngine, max_workers: 2}
heartbeat_period: 2
{% endif %}
"""


def _of_users(site: str) -> str:
    """The template of ``configs/``, made to fit this machine: its Python, its loopback, quick to notice what is lost."""
    text = templates.files(f"globus-{site}")["user_config_template.yaml.j2"]
    for given, here in (
        ('source "$HOME/hfx/.venv/bin/activate"', f'export PATH="{BIN}:$PATH"'),
        ("  # address: {type: address_by_interface, ifname: ib0}", "  address: 127.0.0.1"),
        ("heartbeat_period: 30", "heartbeat_period: 2"),
        ("  heartbeat_period: 15", "  heartbeat_period: 1"),
        ("  heartbeat_threshold: 60", "  heartbeat_threshold: 6"),
        ("strategy_period: 1,", "strategy_period: 0.5,"),
    ):
        assert given in text, given
        text = text.replace(given, here)
    return text


def why_not() -> str | None:
    """Why there can be no endpoint here; None where there can."""
    if not RABBITMQ.exists() or shutil.which("epmd") is None:
        return "no RabbitMQ here (Debian, Ubuntu: apt-get install --no-install-recommends rabbitmq-server)"
    if not (BIN / "globus-compute-endpoint").exists():
        return "no globus-compute-endpoint in this Python (pip install globus-compute-endpoint)"
    return None


@dataclass
class Site:
    """What is up: the stand-in, the endpoint's id, and the environment that clients need (set in this process)."""

    service: Any
    endpoint: str
    folder: Path
    broker: "Broker"

    def mark(self, **environment: str) -> None:
        """The environment of what the endpoint starts from now on."""
        needed = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GLOBUS_COMPUTE_USER_DIR": str(self.folder / "compute"),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'plugin'}",
            "SLURM_CONF": os.environ.get("SLURM_CONF", ""),
            OWNED: str(self.folder),
            **{name: os.environ[name] for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME") if name in os.environ},
            **environment,
        }
        (self._conf / "user_environment.yaml").write_text(yaml.safe_dump(needed))

    @property
    def _conf(self) -> Path:
        return self.folder / "compute" / "hfx-test"

    def children(self) -> list[int]:
        """The processes that the endpoint has started, other than the daemon."""
        return _marked(f"{OWNED}={self.folder}")

    def end_children(self) -> None:
        """End the endpoint's own endpoints, and the workers of those."""
        for number, seconds in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 8.0)):
            for pid in self.children():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.children() and time.monotonic() < deadline:
                time.sleep(0.05)


def _marked(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0") and (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Broker:
    """RabbitMQ, which tests stop and start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._distribution, self._epmd = slurm.free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self._running: list[subprocess.Popen[bytes]] = []  # Erlang's port mapper, and the server
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\nlog.console = false\nlog.file.level = info\n"
        )
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd),
            "RABBITMQ_NODENAME": f"hfx{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def start(self) -> None:
        # The server would start a port mapper of its own, which nobody would end.
        for command in (["epmd", "-port", str(self._epmd)], [str(RABBITMQ)]):
            with (self.folder / "console").open("ab") as log:
                started = subprocess.Popen(
                    command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
                )
            self._running.append(started)
        deadline = time.monotonic() + 60
        while not self._answers():
            if started.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"RabbitMQ does not start: {(self.folder / 'console').read_text()[-2000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        """Whether it greets: a server that is still starting closes the connection."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked:
                asked.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(asked.recv(1))
        except OSError:
            return False

    def stop(self) -> None:
        """End it, and its port mapper."""
        while self._running:
            _end(self._running.pop())

    def queues(self) -> list[str]:
        """The names of its queues."""
        return self._control("list_queues", "name", "--no-table-headers").split()

    def cut(self) -> None:
        """Close all connections."""
        self._control("close_all_connections", "a test")

    def _control(self, *arguments: str) -> str:
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=True).stdout


def _surroundings(service: Any, folder: Path) -> dict[str, str]:
    return {
        "GLOBUS_SDK_ENVIRONMENT": "local",
        "GLOBUS_SDK_SERVICE_URL_AUTH": service.url,
        "GLOBUS_SDK_SERVICE_URL_COMPUTE": service.url,
        "GLOBUS_COMPUTE_CLIENT_ID": str(uuid.uuid5(uuid.NAMESPACE_DNS, "hfx-test-client")),
        "GLOBUS_COMPUTE_CLIENT_SECRET": "no secret",
        "GLOBUS_COMPUTE_USER_DIR": str(folder / "compute"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


@contextmanager
def running(site: str | None = None) -> Iterator[Site]:
    """All of it, with the environment of clients set. Everything has ended afterwards.

    `site`: the batch system of the endpoint, "slurm"; None: a pool of processes.
    """
    from tests.engines.globus_standin import Standin

    folder = Path(tempfile.mkdtemp(prefix="hfx-globus-"))
    broker = Broker(folder / "rabbitmq")
    before = dict(os.environ)
    try:
        broker.start()
        service = Standin(broker.url)
        service.start()
        try:
            os.environ.update(_surroundings(service, folder))
            made = Site(service, str(uuid.uuid4()), folder, broker)
            with _endpoint(made, _of_users(site) if site else POOL):
                yield made
        finally:
            service.stop()
    finally:
        broker.stop()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _endpoint(site: Site, template: str) -> Iterator[None]:
    command = [str(BIN / "globus-compute-endpoint")]
    environment = {**os.environ, "HOME": str(site.folder), "PATH": f"{BIN}:{os.environ['PATH']}", "HTTP_PROXY": site.service.url}
    configure = [*command, "configure", "hfx-test", "--contact-email", "nobody@example.org"]
    configured = subprocess.run(configure, env=environment, capture_output=True, text=True, timeout=60)
    assert configured.returncode == 0, configured.stderr
    (site._conf / "config.yaml").write_text(CONFIGURATION)
    (site._conf / "user_config_template.yaml.j2").write_text(template)
    site.mark()
    with (site.folder / "endpoint.log").open("ab") as log:
        daemon = subprocess.Popen(
            [*command, "start", "hfx-test", "--endpoint-uuid", site.endpoint],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        deadline = time.monotonic() + 60
        while site.endpoint not in site.service.state.seen:
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"the endpoint does not start: {(site.folder / 'endpoint.log').read_text()[-3000:]}")
            time.sleep(0.05)
        yield
    finally:
        _end(daemon)
        site.end_children()
