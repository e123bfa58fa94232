"""Parsl's configuration for an endpoint: its executor, the provider of its blocks, the command that starts workers."""

import fcntl
import os
import re
import socket
import struct
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfx.endpoints.parsl import worker_pool
from hfx.endpoints.parsl.providers.base import Provider
from hfx.endpoints.specification import Endpoint
from hfx.errors import EndpointError
from hfx.printable import printable
from hfx.user_paths import expanded

if TYPE_CHECKING:
    from parsl.config import Config
    from parsl.jobs.states import JobStatus
    from parsl.providers.base import ExecutionProvider

__all__ = ["LABEL", "check_for_scripts", "config", "first_line", "run_folder"]

LABEL = "hfx"  # of Parsl's executor

# Parsl does not quote the paths of its scripts and logs, in shell commands and in options of batch systems.
_PLAIN_PATH = re.compile(r"[\w./+@=:,~-]+")

_LAUNCHERS = {"simple": "SimpleLauncher", "srun": "SrunLauncher", "single": "SingleNodeLauncher"}


def run_folder(endpoint: Endpoint) -> Path:
    """The folder for the job scripts and logs of an endpoint; the workers must see it."""
    given = endpoint.spec_as(Provider).run_dir
    if given:
        return expanded(os.path.expandvars(given))
    from platformdirs import user_state_path

    return user_state_path("hfx", appauthor=False) / "parsl" / re.sub(r"[^\w.+-]", "_", endpoint.name)


def check_for_scripts(folder: Path, where: str, remedy: str) -> None:
    """Raise `EndpointError` where a folder's path would be read by a shell, or is more than one word to it."""
    if not _PLAIN_PATH.fullmatch(str(folder)):
        raise EndpointError(
            f"{where}: its job scripts cannot lie in '{printable(str(folder))}': a shell would read the spaces or signs in this "
            f"path; {remedy}"
        )


def config(endpoint: Endpoint, folder: Path) -> "Config":
    """Parsl's configuration for an endpoint; raises `EndpointError` where a package is missing."""
    from parsl.config import Config

    from hfx.endpoints.parsl.high_throughput import Blocks

    spec = endpoint.spec_as(Provider)
    ports: dict[str, Any] = {} if spec.ports is None else {"worker_port_range": spec.ports}
    htex = Blocks(
        label=LABEL,
        provider=_provider(endpoint),
        launch_cmd=_launch_command(spec),
        interchange_launch_cmd=[sys.executable, "-P", "-m", "hfx.endpoints.parsl.interchange", str(os.getpid())],
        address=_address(endpoint),
        max_workers_per_node=spec.workers_per_node,
        cores_per_worker=min(1.0, float(spec.threads)) * 1e-3,  # the endpoint says how many workers, not the node
        heartbeat_threshold=spec.lost_after,
        heartbeat_period=max(1, spec.lost_after // 6),
        drain_period=spec.drain_period(),
        block_error_handler=_fail_where_no_block_starts,
        encrypted=spec.encrypted,
        **ports,
    )
    # Tasks are JSON, so workers may have another Python than the client, but not another Parsl (worker_pool checks that).
    htex._check_python_mismatch = False
    return Config(
        executors=[htex],
        run_dir=str(folder),
        # Not "htex_auto_scale": in Parsl 2026.10 it cancels blocks that have not connected yet, as if they were idle.
        strategy="simple",
        strategy_period=min(1.0, spec.poll_seconds),  # seconds between decisions to submit; the queue is queried less often
        max_idletime=spec.idle_seconds,
        initialize_logging=False,
        usage_tracking=0,
    )


def _launch_command(spec: Provider) -> str:
    """The template of the command that starts the workers of a node; Parsl fills it in."""
    from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
    from parsl.version import VERSION

    command = worker_pool.command(VERSION, spec.prefix or "")
    return command.replace("{", "{{{{").replace("}", "}}}}") + DEFAULT_LAUNCH_CMD.removeprefix("process_worker_pool.py")


def _fail_where_no_block_starts(htex: Any, status: "dict[str, JobStatus]") -> None:
    """Parsl's error handler: fail after three blocks in a row without a connected worker; blocks that end later are no error."""
    from parsl.jobs.error_handlers import windowed_error_handler
    from parsl.jobs.states import JobState, JobStatus

    connected = set(htex.connected_blocks())
    windowed_error_handler(htex, {b: JobStatus(JobState.COMPLETED) if b in connected else s for b, s in status.items()})


def _provider(endpoint: Endpoint) -> "ExecutionProvider":
    from parsl import launchers
    from parsl.errors import OptionalModuleMissing

    from hfx.endpoints.parsl import commands

    commands.adopt()
    spec = endpoint.spec_as(Provider)
    arguments = spec.arguments()
    launcher = arguments.pop("launcher", None)
    more = {"launcher": getattr(launchers, _LAUNCHERS[str(launcher)])()} if launcher else {}
    try:
        module, _, name = spec.parsl_class.partition(":")
        kind = getattr(import_module(module), name)
        # Parsl itself queries the queue once a minute only, and would notice the end of a job as late.
        polled = type(kind.__name__, (kind,), {"status_polling_interval": spec.poll_seconds})
        provider: ExecutionProvider = polled(**arguments, **more)
        return provider
    except OptionalModuleMissing as missing:
        names = " ".join(missing.module_names)
        raise EndpointError(f"{endpoint}: its provider needs a package that is not here: pip install {names}") from None
    except Exception as error:
        raise EndpointError(f"{endpoint}: its provider cannot be used ({first_line(error)}); correct the file") from error


def _address(endpoint: Endpoint) -> str | None:
    """The address to which workers connect; None: they try all addresses of this machine."""
    spec = endpoint.spec_as(Provider)
    if spec.interface is not None:
        try:
            return _address_of(spec.interface)
        except OSError:
            found = ", ".join(name for _, name in socket.if_nameindex())
            raise EndpointError(
                f"{endpoint}: interface = {spec.interface!r} has no address here; interfaces of this machine: {found}"
            ) from None
    return spec.address or ("127.0.0.1" if spec.label == "local" else None)


def _address_of(interface: str) -> str:
    """The IPv4 address of a network interface of this machine, as Linux tells it (netdevice(7), SIOCGIFADDR)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        answer = fcntl.ioctl(query.fileno(), 0x8915, struct.pack("256s", interface.encode()[:15]))
    return socket.inet_ntoa(answer[20:24])


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or the name of its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
