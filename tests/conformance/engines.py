"""The engines that the battery runs over: how an endpoint of each is written, and what is left of it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines import slurm

ROOT = Path(__file__).resolve().parents[2]


def _parsl(provider: str, *lines: str) -> Callable[[Path], str]:
    def text(folder: Path) -> str:
        return "\n".join(
            (
                'engine = "parsl"',
                f'provider = "{provider}"',
                f'run_dir = "{folder}/parsl"',
                f'worker_init = "export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}"',
                "poll_seconds = 0.5",
                "lost_after = 6",
                *lines,
            )
        )

    return text


@contextmanager
def _slurm() -> Iterator[None]:
    reason = slurm.why_not()
    if reason is not None:
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(f"slurm: {reason}", pytrace=False)
        pytest.skip(f"slurm: {reason}")
    with slurm.running():
        yield


@dataclass(frozen=True)
class Engine:
    """How to write an endpoint file into a folder; whether its workers are processes of their own; what it needs up."""

    text: Callable[[Path], str]
    separate: bool = True
    needs: Callable[[], "contextmanager[None] | nullcontext[None]"] = nullcontext  # type: ignore[type-arg]

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
        needs=_slurm,  # type: ignore[arg-type]
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
