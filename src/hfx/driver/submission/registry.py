"""The runs that this user has submitted: one small file for each, in the user's state folder, so that no two writers meet."""

import hashlib
from contextlib import suppress
from pathlib import Path

from hfx.driver.run import durable_files
from hfx.errors import HfxError

__all__ = ["add", "folder", "runs"]


def folder() -> Path:
    """Where the files are."""
    from platformdirs import user_state_path

    return user_state_path("hfx", appauthor=False) / "runs"


def add(run: Path) -> None:
    """Remember a run's folder; where that cannot be written the run goes on without: `hfx status RUN` finds it still."""
    path = run.resolve()
    with suppress(OSError, HfxError):
        folder().mkdir(parents=True, exist_ok=True)
        durable_files.write_whole(folder() / hashlib.sha256(bytes(path)).hexdigest()[:16], f"{path}\n")


def runs() -> list[Path]:
    """The folders, in the order in which they were submitted; those that have vanished are forgotten."""
    with suppress(OSError):
        files = sorted(folder().iterdir(), key=lambda file: (file.stat().st_mtime, file.name))
        return [path for file in files if not file.name.startswith(".") and (path := _kept(file)) is not None]
    return []


def _kept(file: Path) -> Path | None:
    try:
        path = Path(file.read_text(encoding="utf-8").rstrip("\n"))
        (path / "run.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        with suppress(OSError):
            file.unlink()
        return None
    except (OSError, ValueError):
        return None  # a file system that is away may come back
    return path
