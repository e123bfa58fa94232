"""The user's endpoint files: ``NAME.toml`` in the folder ``endpoints`` of the user's configuration of hfx."""

import os
import re
from pathlib import Path

from hfx.errors import EndpointError
from hfx.user_paths import expanded

__all__ = ["add", "configuration", "folder", "named", "path_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def configuration() -> Path:
    """The user's configuration of hfx: ``HFX_CONFIG``, else the platform's folder for it."""
    chosen = os.environ.get("HFX_CONFIG")
    if chosen:
        return expanded(chosen)
    from platformdirs import user_config_path

    return user_config_path("hfx", appauthor=False)


def folder() -> Path:
    """The folder of the endpoint files."""
    return configuration() / "endpoints"


def named() -> dict[str, Path]:
    """The user's endpoint files by name, sorted."""
    try:
        files = sorted(path for path in folder().glob("*.toml") if path.is_file())
    except OSError as error:
        raise EndpointError(f"{folder()} cannot be read ({error.strerror}); correct this or set HFX_CONFIG") from None
    return {path.stem: path for path in files}


def path_of(name: str) -> Path | None:
    """The user's file for the endpoint `name`; None if there is none."""
    return named().get(name)


def add(name: str, text: str, *, reserved: tuple[str, ...], replace: bool = False) -> Path:
    """Write the endpoint file `text` for `name`, and return its path.

    Raises `EndpointError`: the name cannot be used or is taken, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name) or name.endswith(".toml"):
        raise EndpointError(
            f"'{name}' cannot be the name of an endpoint: use letters, digits, dots and dashes, for example 'river'"
        )
    if name in reserved:
        raise EndpointError(f"'{name}' is an engine of hfx's own; choose another name for the endpoint")
    target = folder() / f"{name}.toml"
    if target.exists() and not replace:
        raise EndpointError(f"endpoint '{name}' is there already: {target}; edit it, or replace it with --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".toml.part")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise EndpointError(f"{target} cannot be written ({error.strerror}); set HFX_CONFIG to another folder") from None
    return target
