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

from tests.engines import htcondor, slurm

ROOT = Path(__file__).resolve().parents[2]


def _parsl(provider: str, *lines: str) -> Callable[[Path], str]:
    def text(folder: Path) -> str:
        # HTCondor's jobs have an environment of their own.
        exported = f"PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT} HFX_TEST_MARKER={folder}/marker"
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


def _up(system: Any) -> "Callable[[], AbstractContextManager[None]]":
    """A batch system's module as what an engine needs: skipped by name where there can be none, a failure in CI."""

    @contextmanager
    def up() -> Iterator[None]:
        name, reason = system.__name__.rpartition(".")[2], system.why_not()
        if reason is not None:
            if os.environ.get("CI", "").lower() in {"true", "1"}:
                pytest.fail(f"{name}: {reason}", pytrace=False)
            pytest.skip(f"{name}: {reason}")
        with system.running():
            yield

    return up


@dataclass(frozen=True)
class Engine:
    """How to write an endpoint file into a folder; whether its workers are processes of their own; what it needs up; the
    numbers of its jobs."""

    text: Callable[[Path], str]
    separate: bool = True
    needs: "Callable[[], AbstractContextManager[None]]" = nullcontext
    jobs: Callable[[], list[str]] = list

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
    ),
    "htcondor": Engine(
        _parsl("htcondor", "init_blocks = 2", "max_blocks = 2", "memory_gb = 1", 'address = "127.0.0.1"'),
        needs=_up(htcondor),
        jobs=htcondor.jobs,
    ),
}


def marked(mark: str) -> list[str]:
    """The commands of all processes, but this one, with `mark` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != str(os.getpid()) and mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [command for command in found if command]


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait for `done`; whether it came to be."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    return done()
