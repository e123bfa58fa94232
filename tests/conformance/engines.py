"""The engines that the battery runs over: how an endpoint of each is written, and what is left of it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hfx.functions.wire import OTHER_MODULES
from tests.engines import globus, htcondor, slurm

ROOT = Path(__file__).resolve().parents[2]


def _parsl(provider: str, *lines: str) -> Callable[[Path], str]:
    def text(folder: Path) -> str:
        # HTCondor's jobs have an environment of their own.
        paths = f"PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}/src:{ROOT}:{ROOT / 'tests' / 'plugin'}"
        exported = f"{paths} HFX_TEST_MARKER={folder}/marker {OTHER_MODULES}={os.environ[OTHER_MODULES]}"
        return "\n".join(
            (
                'engine = "parsl"',
                f'provider = "{provider}"',
                f'run_dir = "{folder}/parsl"',
                f'worker_init = "export {exported}"',
                "poll_seconds = 0.5",
                "lost_after = 6",
                *lines,
            )
        )

    return text


def _need(name: str, reason: str | None) -> None:
    """Skip, or fail where CI=true, what cannot be started here."""
    if reason is None:
        return
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(f"{name}: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


def _up(system: Any) -> "Callable[[], AbstractContextManager[None]]":
    """A batch system's module as what an engine needs: skipped by name where there can be none, a failure in CI."""

    @contextmanager
    def up() -> Iterator[None]:
        _need(system.__name__.rpartition(".")[2], system.why_not())
        with system.running():
            yield

    return up


# The Globus site that is up: its endpoint files are written when its endpoint has an id.
_site: list[globus.Site] = []


def _site_marker(_: Path) -> Path:
    return _site[0].folder / "marker"


@contextmanager
def _globus(batch: str | None = None) -> Iterator[None]:
    _need("globus", globus.why_not())
    with globus.running(batch) as site:
        _site.append(site)
        site.mark(HFX_TEST_MARKER=str(_site_marker(Path())), **{OTHER_MODULES: os.environ[OTHER_MODULES]})
        try:
            yield
        finally:
            _site.clear()


@contextmanager
def _globus_slurm() -> Iterator[None]:
    with _up(slurm)(), _globus("slurm"):
        yield


def _globus_text(configuration: str = "") -> Callable[[Path], str]:
    def text(folder: Path) -> str:
        return "\n".join(
            (
                'engine = "globus"',
                f'endpoint_id = "{_site[0].endpoint}"',
                f"user_endpoint_config = {{{configuration}}}",
                "workers = 2",
                "poll_seconds = 1.0",
            )
        )

    return text


@dataclass(frozen=True)
class Engine:
    """How to write an endpoint file into a folder; whether its workers are processes of their own; what it needs up; the
    numbers of its jobs.

    `cancel`: the command that takes jobs from its batch system. `marker`: the file in whose name its processes are marked, given
    the test's folder, and which jobs write.
    `lives`: the variable that marks processes of an endpoint that outlives its clients; `gone_after`: seconds after which
    nothing else is left of a client that was stopped.
    """

    text: Callable[[Path], str]
    separate: bool = True
    marker: Callable[[Path], Path] = lambda folder: folder / "marker"
    lives: str | None = None
    gone_after: float = 5.0
    needs: "Callable[[], AbstractContextManager[None]]" = nullcontext
    jobs: Callable[[], list[str]] = list
    cancel: str = ""

    def written(self, folder: Path) -> str:
        path = folder / "endpoint.toml"
        path.write_text(self.text(folder))
        return str(path)


# A new engine is one line here.
ENGINES = {
    "inline": Engine(lambda folder: 'engine = "inline"\nworkers = 2', separate=False),
    "process": Engine(lambda folder: 'engine = "process"\nworkers = 2'),
    "parsl-local": Engine(_parsl("local", "workers = 2")),
    "slurm": Engine(
        _parsl("slurm", 'partition = "debug"', "init_blocks = 2", "max_blocks = 2", 'address = "127.0.0.1"'),
        needs=_up(slurm),
        jobs=slurm.jobs,
        cancel="scancel",
    ),
    "htcondor": Engine(
        _parsl("htcondor", "init_blocks = 2", "max_blocks = 2", "memory_gb = 1", 'address = "127.0.0.1"'),
        needs=_up(htcondor),
        jobs=htcondor.jobs,
        cancel="condor_rm",
    ),
    "globus": Engine(_globus_text(), needs=_globus, marker=_site_marker, lives=globus.OWNED),
    "globus-slurm": Engine(
        _globus_text('partition = "debug", workers_per_node = 1, init_blocks = 2, max_blocks = 2, idle_seconds = 4'),
        needs=_globus_slurm,
        jobs=slurm.jobs,
        cancel="scancel",
        marker=_site_marker,
        lives=globus.OWNED,
        gone_after=20.0,  # the endpoint gives idle jobs back
    ),
}


def marked(mark: str, lives: str | None = None) -> dict[int, str]:
    """All processes, but this one, with `mark` in their environment, and without the variable `lives`: their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            if folder.name != str(os.getpid()) and mark.encode() in environment and f"{lives}=".encode() not in environment:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {number: command for number, command in found.items() if command}


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait for `done`; whether it came to be, if only for a moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return done()
