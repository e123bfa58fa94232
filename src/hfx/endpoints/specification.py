"""An endpoint's specification: a TOML file read and checked into the dataclass of its engine.

An engine is one module with ``KINDS``, its specification's dataclasses by provider ("" where it has none), and
``executor(endpoint, cores) -> Executor``; and one line in `ENGINES`. No engine's package is imported here.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hfx.endpoints import toml_fields, user_files
from hfx.errors import EndpointError

__all__ = ["ENGINES", "Endpoint", "names", "parse", "resolve"]

ENGINES = {
    "inline": "hfx.endpoints.local.inline",
    "process": "hfx.endpoints.local.process",
    "parsl": "hfx.endpoints.parsl.executor",
    "globus": "hfx.endpoints.globus.executor",
}

# Those that a name alone does not tell enough about.
_NEED_A_FILE = {"globus"}

# The name by which users know the engine that they get without asking.
_ALIASES = {"embedded": "inline"}


@dataclass(frozen=True)
class Endpoint:
    """Where work runs: a name, the engine, its checked specification, and the file that says so (None: built in)."""

    name: str
    engine: str
    spec: Any
    file: Path | None = None

    def __str__(self) -> str:
        return f"endpoint {self.name}" + (f" ({self.file})" if self.file else "")

    def workers(self, cores: int) -> int:
        """The most tasks that it runs at a time; `cores`: what this process may use, for an engine of this machine."""
        return int(self.spec.most_workers(cores))

    @property
    def most_bytes(self) -> int | None:
        """What a task may measure, as sent; None: as much as it likes."""
        most: int | None = getattr(self.spec, "most_bytes", None)
        return most

    def sent_bytes(self, packed: int) -> int:
        """The bytes that travel for a task of so many packed ones; none where tasks stay in this process."""
        return int(packed * getattr(self.spec, "sent_of_packed", 1.0))

    @property
    def settings(self) -> dict[str, Any]:
        """What its workers put in the place of a task's own ``threads`` and ``device``."""
        return dict(self.spec.settings)


def names() -> tuple[str, ...]:
    """The names of hfx's own, sorted."""
    return tuple(sorted({*ENGINES, *_ALIASES} - _NEED_A_FILE))


def resolve(spec: str | None) -> Endpoint:
    """The endpoint of a name or of a TOML file; None: embedded, in this process.

    Raises `EndpointError`: no such endpoint, or a file that cannot be used; names file, key and the nearest right one.
    """
    given = str(spec or "embedded")
    if "/" in given or given.endswith(".toml"):
        return _read(Path(given).stem, Path(given).expanduser())
    if given in names():
        engine = _ALIASES.get(given, given)
        return parse({"engine": engine}, given, None)
    path = user_files.path_of(given)
    if path is not None:
        return _read(given, path)
    known = [*names(), *user_files.named()]
    if given in _NEED_A_FILE:
        raise EndpointError(f"engine {given} needs a file that says where: 'hfx endpoint init {given}' writes one to start from")
    raise EndpointError(
        f"no endpoint is called '{given}'; known here: {', '.join(known)}{_nearest(given, known)}; "
        f"a file is given by its path, and 'hfx endpoint add {given} FILE' keeps it under that name"
    )


def _read(name: str, path: Path) -> Endpoint:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EndpointError(f"{path}: no such file; 'hfx endpoint init' writes one to start from") from None
    except OSError as error:
        raise EndpointError(f"{path} cannot be read ({error.strerror}); mend it or choose another endpoint") from None
    except UnicodeDecodeError:
        raise EndpointError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise EndpointError(f'{path} is not TOML: {error}; texts stand in quotes, as partition = "cpu"') from None
    return parse(content, name, path)


def parse(content: Mapping[str, Any], name: str, file: Path | None) -> Endpoint:
    """The endpoint of a TOML file's content; raises `EndpointError` naming file and key."""
    where = f"endpoint {name}" + (f" ({file})" if file else "")
    engine = _chosen(content, "engine", ENGINES, where)
    kinds: Mapping[str, type] = import_module(ENGINES[engine]).KINDS
    provider = "" if "" in kinds else _chosen(content, "provider", kinds, where, default=next(iter(kinds)))
    kind = kinds[provider]
    given = {key: value for key, value in content.items() if key not in ("engine", "provider")}
    if not provider and "provider" in content:
        raise EndpointError(f"{where}: provider is a key of the parsl engine, and this is {engine}; leave it out")
    for key in given:
        if key not in _keys(kind):
            raise EndpointError(f"{where}: {_unknown(key, kind, provider or engine)}")
    try:
        return Endpoint(name, engine, kind(**toml_fields.values(kind, given)), file)
    except ValueError as error:
        raise EndpointError(f"{where}: {error}") from None


def _chosen(content: Mapping[str, Any], key: str, known: Iterable[str], where: str, default: str | None = None) -> str:
    """The value of `key`, one of the `known`."""
    value = content.get(key, default)
    if value is None:
        near = difflib.get_close_matches(key, [k for k in content if isinstance(k, str)], n=1)
        hint = f"; did you mean {key} where '{near[0]}' stands?" if near else ""
        raise EndpointError(f"{where}: it does not say its {key}, one of {', '.join(known)}{hint}")
    if not isinstance(value, str) or value not in known:
        raise EndpointError(f"{where}: {key} = {value!r} is none of {', '.join(known)}{_nearest(str(value), known)}")
    return value


def _keys(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _unknown(key: str, kind: type, owner: str) -> str:
    """What to say of a key that the specification does not have: whose it is, or which is nearest."""
    for engine, module in ENGINES.items():
        for provider, other in import_module(module).KINDS.items():
            if key in _keys(other):
                return f"'{key}' is a key of {provider or engine}, and this is {owner}; leave it out"
    return f"no key is called '{key}'{_nearest(key, _keys(kind)) or '; keys: engine, ' + ', '.join(_keys(kind))}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
