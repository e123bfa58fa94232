"""The environment of a worker: one thread for each library, this Python first on the path."""

import shlex
import sys
from pathlib import Path

from hfx.functions.worker_process import SINGLE

__all__ = ["exports", "path_of_this_python"]


def exports() -> tuple[str, ...]:
    """Lines of a shell script that set them."""
    return (f"export {' '.join(f'{name}={value}' for name, value in SINGLE.items())}",)


def path_of_this_python() -> tuple[str, ...]:
    """Lines that put the folder of this Python first: right where workers see the file system of the client."""
    return (f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",)
