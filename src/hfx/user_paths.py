"""Paths as users write them, of which the file system may know nothing."""

import os
from pathlib import Path

__all__ = ["expanded", "is_there"]


def expanded(text: str | Path) -> Path:
    """The path with ``~`` and ``~user`` replaced, as a shell does; where no such user is known, it stays as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; none has a name that the file system refuses (too long, for example)."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for such a name
