"""Specifications of endpoints: a TOML file, read and checked into the dataclass of its engine.

An engine is one module with ``KINDS``, its specifications (subclasses of `Specification`) by provider ("" where it has
none), and ``executor(endpoint, cores) -> Executor``; and one line in `ENGINES`. No engine's package is imported here.
"""

import dataclasses
import difflib
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar, TypedDict, TypeVar

from hfx.endpoints import templates, toml_fields, user_files
from hfx.endpoints.toml_fields import TomlValue
from hfx.errors import EndpointError
from hfx.user_paths import expanded, is_there

__all__ = ["ENGINES", "Endpoint", "Settings", "Specification", "names", "parse", "resolve"]

ENGINES = {
    "inline": "hfx.endpoints.local.inline",
    "process": "hfx.endpoints.local.process",
    "parsl": "hfx.endpoints.parsl.executor",
    "globus": "hfx.endpoints.globus.executor",
}

# The engines that cannot be used by their name alone, because their files have required keys.
_NEED_A_FILE = {"globus"}

# The name by which users know the engine that runs without an endpoint.
_ALIASES = {"embedded": "inline"}


class Settings(TypedDict, total=False):
    """The settings of a task that an endpoint replaces: the number of threads, and the device."""

    threads: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Specification(ABC):
    """The content of an endpoint file: a subclass for each engine, or for each provider of an engine.

    The class variables tell the driver what it must know of an engine; their defaults are those of a remote one.

    Attributes:
        label: the provider's name; "" for an engine without providers.
        in_this_process: the workers are threads of this process.
        workers_are_children: the workers are threads or child processes of this process; they use its devices and its
            compiled kernels.
        on_this_machine: the workers run on this machine.
        most_bytes: the largest task that can be sent, in bytes as sent; None: no limit.
        sent_per_packed: bytes sent for each byte of a packed task; 0 where tasks stay in this process.
    """

    label: ClassVar[str] = ""
    in_this_process: ClassVar[bool] = False
    workers_are_children: ClassVar[bool] = False
    on_this_machine: ClassVar[bool] = False
    most_bytes: ClassVar[int | None] = None
    sent_per_packed: ClassVar[float] = 1.0

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """The settings that replace those of each task."""

    @abstractmethod
    def most_workers(self, cores: int) -> int:
        """The largest number of tasks at a time; `cores`: those that this process may use."""

    def first_workers(self, cores: int) -> int:
        """The number of workers that start with the first task."""
        return self.most_workers(cores)

    @property
    def submit_as(self) -> str:
        """How ``hfx submit`` runs the driver: "driver-job" or "one-job" of a batch system, or "here" as a process."""
        return "here"

    @property
    def poll_interval(self) -> float:
        """Seconds between two requests for results or for the state of jobs."""
        return 1.0


_Kind = TypeVar("_Kind", bound=Specification)


@dataclass(frozen=True)
class Endpoint:
    """A place where tasks run.

    Args:
        name: the name by which the user gave it, or the stem of its file.
        engine: a key of `ENGINES`.
        spec: its checked specification.
        file: its TOML file; None for an engine that was given by its name.
    """

    name: str
    engine: str
    spec: Specification
    file: Path | None = None

    def __str__(self) -> str:
        return f"endpoint {self.name}" + (f" ({self.file})" if self.file else "")

    def spec_as(self, kind: type[_Kind]) -> _Kind:
        """The specification as the type that the endpoint's engine knows."""
        assert isinstance(self.spec, kind)
        return self.spec

    def workers(self, cores: int) -> int:
        """The largest number of tasks at a time; `cores`: those that this process may use."""
        return self.spec.most_workers(cores)

    @property
    def most_bytes(self) -> int | None:
        """The largest task that can be sent, in bytes as sent; None: no limit."""
        return self.spec.most_bytes

    def sent_bytes(self, packed: int) -> int:
        """The bytes sent for a task of `packed` bytes; 0 where tasks stay in this process."""
        return int(packed * self.spec.sent_per_packed)

    @property
    def settings(self) -> Settings:
        """The settings that replace those of each task."""
        return self.spec.settings


def names() -> tuple[str, ...]:
    """The names of the endpoints that need no file, sorted."""
    return tuple(sorted({*ENGINES, *_ALIASES} - _NEED_A_FILE))


def _kinds(engine: str) -> Mapping[str, type[Specification]]:
    """The specifications of an engine by provider."""
    kinds: Mapping[str, type[Specification]] = import_module(ENGINES[engine]).KINDS
    return kinds


def resolve(spec: str | None) -> Endpoint:
    """The endpoint of a name or of a TOML file; None: the threads of this process.

    Raises:
        EndpointError: no such endpoint, or a file that cannot be used; names file, key and the nearest known name.
    """
    given = str(spec or "embedded")
    if "/" in given or given.endswith(".toml"):
        return _read(Path(given).stem, expanded(given))
    if given in names():
        return parse({"engine": _ALIASES.get(given, given)}, given, None)
    path = user_files.path_of(given)
    if path is not None:
        return _read(given, path)
    known = [*names(), *user_files.named()]
    if given in _NEED_A_FILE:
        raise EndpointError(f"engine {given} needs an endpoint file: 'hfx endpoint init {given}' writes a template of it")
    raise EndpointError(
        f"no endpoint is called '{given}'; known here: {', '.join(known)}{_nearest(given, known)}; {_how_to_make(given)}"
    )


def _how_to_make(name: str) -> str:
    """How to get an endpoint of a name that is not known: from a file, or from the templates whose names are like it."""
    if is_there(Path(name)):
        return f"to use the file of this name, write ./{name}"
    like = [kind for kind in templates.kinds() if name in kind or kind in name]
    like = like or difflib.get_close_matches(name, templates.kinds(), n=1)
    written = " or ".join(f"'hfx endpoint init {kind}'" for kind in like if not templates.files(kind))
    template = (
        f"{written} writes an endpoint file to edit" if written else "'hfx endpoint init' lists templates of endpoint files"
    )
    return f"{template}, and 'hfx endpoint add {name} FILE' saves a file under this name"


def _read(name: str, path: Path) -> Endpoint:
    try:
        content: dict[str, TomlValue] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EndpointError(f"{path}: no such file; 'hfx endpoint init' lists templates of endpoint files") from None
    except IsADirectoryError:
        raise EndpointError(f"{path} is a folder and cannot be read as an endpoint; give the endpoint's TOML file") from None
    except OSError as error:
        raise EndpointError(f"{path} cannot be read ({error.strerror}); give a file that can be read") from None
    except UnicodeDecodeError:
        raise EndpointError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, integers of thousands of digits, deep nesting
        raise EndpointError(
            f'{path} is not TOML: {error}; write one key in each line, with texts in quotes, for example engine = "process"'
        ) from None
    return parse(content, name, path)


def parse(content: Mapping[str, TomlValue], name: str, file: Path | None) -> Endpoint:
    """The endpoint with the content of a TOML file; raises `EndpointError` naming file and key."""
    where = f"endpoint {name}" + (f" ({file})" if file else "")
    engine = _chosen(content, "engine", ENGINES, where)
    kinds = _kinds(engine)
    provider = "" if "" in kinds else _chosen(content, "provider", kinds, where, default=next(iter(kinds)))
    kind = kinds[provider]
    given = {key: value for key, value in content.items() if key not in ("engine", "provider")}
    if not provider and "provider" in content:
        raise EndpointError(f"{where}: provider is a key of the parsl engine, and this is {engine}; leave it out")
    for key in given:
        if key not in _keys(kind):
            raise EndpointError(f"{where}: {_unknown(key, kind, provider or engine)}")
    try:
        return Endpoint(name, engine, toml_fields.build(kind, given), file)
    except ValueError as error:
        raise EndpointError(f"{where}: {error}") from None


def _chosen(content: Mapping[str, TomlValue], key: str, known: Iterable[str], where: str, default: str | None = None) -> str:
    """The value of `key`; raises `EndpointError` where it is none of the `known`."""
    value = content.get(key, default)
    if value is None:
        near = difflib.get_close_matches(key, content, n=1)
        hint = f"; did you mean {key} instead of '{near[0]}'?" if near else ""
        raise EndpointError(f"{where}: the key {key} is missing; it is one of {', '.join(known)}{hint}")
    if not isinstance(value, str) or value not in known:
        hint = _nearest(str(value), known) or (_as_provider(str(value)) if key == "engine" else "")
        raise EndpointError(f"{where}: {key} = {value!r} is none of {', '.join(known)}{hint}")
    return value


def _as_provider(value: str) -> str:
    """The two keys to write, where the engine's value is the name of a provider."""
    for engine in ENGINES:
        if value and value in _kinds(engine):
            return f"; {value} is a provider of {engine}: write engine = '{engine}' and provider = '{value}'"
    return ""


def _keys(kind: type[Specification]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _unknown(key: str, kind: type[Specification], owner: str) -> str:
    """The error text for an unknown key: the engines and providers that have it, or the nearest key."""
    others = [provider or engine for engine in ENGINES for provider, other in _kinds(engine).items() if key in _keys(other)]
    if others:
        return f"{owner} takes no '{key}', a key of {', '.join(others)}; leave it out"
    return f"no key is called '{key}'{_nearest(key, _keys(kind)) or '; keys: engine, ' + ', '.join(_keys(kind))}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
