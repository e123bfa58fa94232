"""Templates of endpoint files: those of the folder ``configs/``, which a wheel contains too.

Most are one TOML file of hfx. ``globus-SITE`` is a folder with files of Globus Compute, for the site that runs the workers.
"""

import difflib
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

from hfx.errors import EndpointError

__all__ = ["files", "kinds", "summary", "text"]

_HERE = Path(__file__).resolve().parent
_SITES = "globus"
_SYSTEMS = {"slurm": "Slurm", "htcondor": "HTCondor"}


def _folder() -> Path:
    installed = _HERE / "configs"
    return installed if installed.is_dir() else _HERE.parents[2] / "configs"


def _sites() -> dict[str, Path]:
    return {f"{_SITES}-{path.name}": path for path in (_folder() / _SITES).glob("*") if path.is_dir()}


def kinds() -> tuple[str, ...]:
    """The names of all templates, sorted."""
    return tuple(sorted([*(path.stem for path in _folder().glob("*.toml")), *_sites()]))


def summary(kind: str) -> str:
    """The purpose of a template: the first sentence of its file."""
    if site := _sites().get(kind):
        return f"the files of a Globus Compute endpoint at a site with {_SYSTEMS.get(site.name, site.name)}"
    lines = (_folder() / f"{kind}.toml").read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("# "), lines))
    return comment.partition(". ")[0].rstrip(".")


def files(kind: str) -> Mapping[str, str]:
    """The contents of a folder's files by name; empty for a template of one file. Raises `EndpointError` as `text` does."""
    _check(kind)
    site = _sites().get(kind)
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(site.iterdir())} if site else {}


def text(kind: str) -> str:
    """The content of a template of one file; raises `EndpointError` for an unknown name."""
    _check(kind)
    return (_folder() / f"{kind}.toml").read_text(encoding="utf-8")


def _check(kind: str) -> None:
    if kind not in kinds():
        near = [name for name in kinds() if kind and name.startswith(kind)] or difflib.get_close_matches(kind, kinds(), n=1)
        hint = "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?" if near else ""
        raise EndpointError(f"there is no template called '{kind}'; templates: {', '.join(kinds())}{hint}")
