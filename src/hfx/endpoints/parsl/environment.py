"""Lines of job scripts that set the environment of workers: one thread for each library, this Python first in PATH."""

import shlex
import sys
from pathlib import Path

from hfx.functions.worker_process import ONE_THREAD

__all__ = ["exports", "path_of_this_python"]


def exports() -> tuple[str, ...]:
    """The lines that limit each library to one thread."""
    return (f"export {' '.join(f'{name}={value}' for name, value in ONE_THREAD.items())}",)


def path_of_this_python() -> tuple[str, ...]:
    """The lines that put the folder of this Python first in PATH, for workers that share the client's file system."""
    return (f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",)
