"""The environment of a worker: one thread for each library, this Python first on the path.

Libraries read these variables when they are loaded, so they must stand before the worker's Python starts. The
threads of a fit are the task's own; those of BLAS, OpenMP, torch and numba would only take its cores away.
"""

import shlex
import sys
from pathlib import Path

__all__ = ["SINGLE", "exports", "path_of_this_python"]

SINGLE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def exports() -> tuple[str, ...]:
    """Lines of a shell script that set them."""
    return (f"export {' '.join(f'{name}={value}' for name, value in SINGLE.items())}",)


def path_of_this_python() -> tuple[str, ...]:
    """Lines that put the folder of this Python first: right where workers see the file system of the client."""
    return (f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",)
