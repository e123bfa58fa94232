"""The runs that this user has submitted: one small file for each, so that no two processes write the same file."""

import hashlib
from contextlib import suppress
from pathlib import Path

from hfx.driver.run import durable_files
from hfx.errors import HfxError

__all__ = ["add", "folder", "runs"]


def folder() -> Path:
    """The folder of the files."""
    from platformdirs import user_state_path

    return user_state_path("hfx", appauthor=False) / "runs"


def add(run: Path) -> None:
    """Register a run's folder. No error if the file cannot be written: `hfx status RUN` still finds the run."""
    path = run.resolve()
    with suppress(OSError, HfxError):
        folder().mkdir(parents=True, exist_ok=True)
        durable_files.write_whole(folder() / hashlib.sha256(bytes(path)).hexdigest()[:16], f"{path}\n")


def runs() -> list[Path]:
    """The registered folders in the order of submission; those that no longer exist are removed from the registry."""
    with suppress(OSError):
        files = sorted(folder().iterdir(), key=lambda file: (file.stat().st_mtime, file.name))
        return [path for file in files if not file.name.startswith(".") and (path := _registered(file)) is not None]
    return []


def _registered(file: Path) -> Path | None:
    try:
        path = Path(file.read_text(encoding="utf-8").rstrip("\n"))
        (path / "run.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        with suppress(OSError):
            file.unlink()
        return None
    except (OSError, ValueError):
        return None  # the file system may be away only for now: keep the entry
    return path
