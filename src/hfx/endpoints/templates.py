"""Endpoint files to start from: those of the folder ``configs/``, which a wheel carries along."""

from pathlib import Path

from hfx.errors import EndpointError

__all__ = ["kinds", "text"]

_HERE = Path(__file__).resolve().parent


def _folder() -> Path:
    installed = _HERE / "configs"
    return installed if installed.is_dir() else _HERE.parents[2] / "configs"


def kinds() -> tuple[str, ...]:
    """The names of the files, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def text(kind: str) -> str:
    """The content of one; raises `EndpointError` for a name that there is not."""
    if kind not in kinds():
        import difflib

        near = difflib.get_close_matches(kind, kinds(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise EndpointError(f"there is no endpoint file '{kind}' to start from: {', '.join(kinds())}{hint}")
    return (_folder() / f"{kind}.toml").read_text(encoding="utf-8")
