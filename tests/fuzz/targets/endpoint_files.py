"""Endpoint files: keys and values that a shell, a batch system or a terminal would act on, and bytes that are no TOML.

A file that is accepted must do as it says: no value but those that are shell begins a line of a script, and the driver's own
endpoint file can be read again.
"""

import dataclasses
import json
import math
import os
import random
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hfx.endpoints import templates
from hfx.endpoints.batch import htcondor, slurm
from hfx.endpoints.batch.base import Driver
from hfx.endpoints.batch.driver_endpoint_file import endpoint_file
from hfx.endpoints.parsl.providers.base import BatchProvider, Provider
from hfx.endpoints.parsl.providers.htcondor import HTCondor
from hfx.endpoints.parsl.providers.slurm import Slurm
from hfx.endpoints.specification import Endpoint, Specification, parse, resolve
from hfx.errors import EndpointError
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import NASTY_TEXTS, damage, mutate, nasty

QUICK, OUTCOMES = 600, {"clean error", "accepted", "accepted, with scripts"}

_FILES = [templates.text(kind) for kind in templates.kinds() if not templates.files(kind)]
_KEYS = (
    *("workers", "threads", "device", "gpus", "min_blocks", "init_blocks", "max_blocks", "idle_seconds", "worker_init", "prefix"),
    *("address", "interface", "ports", "run_dir", "lost_after", "poll_seconds", "encrypted", "walltime", "cores", "memory_gb"),
    *("warning_seconds", "submit", "submit_walltime", "submit_directives", "nodes", "account", "partition", "qos", "constraint"),
    *("reservation", "gres", "exclusive", "directives", "launcher", "project", "requirements", "transfer", "image", "namespace"),
    *(
        "secret",
        "service_account",
        "endpoint_id",
        "user_endpoint_config",
        "identity",
        "group",
        "function_id",
        "retries",
        "patience",
    ),
    *("engine", "provider", "python"),
)
_TEXTS = ("worker_init", "prefix", "run_dir", "address", "account", "partition", "gres", "project", "requirements", "directives")
_DRIVER = Driver("hfx-toy", Path("/data/run_1/job"), ["hfx", "scan", "/data/a b"], {"HFX_CONFIG": "/data/c"})


def attempt(seed: int) -> str:
    """Read a mutant of an endpoint file, and write the scripts of the one that is accepted."""
    draw = random.Random(seed)
    text = draw.choice(_FILES)
    content = _mutant(tomllib.loads(text), draw)
    try:
        if draw.randrange(2):
            endpoint = _read(damage(text.encode(), draw, draw.randrange(1, 4)) if draw.randrange(3) == 0 else _toml(content))
        else:
            endpoint = parse(content, "river", Path("river.toml"))
    except EndpointError as error:
        check_error(error)
        return "clean error"
    return _check(endpoint)


def _mutant(content: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Mostly one key with another value: two faults hide one another."""
    for _ in range(draw.choice((0, 0, 1, 1, 2))):
        value = draw.choice(
            (nasty(draw), draw.choice(NASTY_TEXTS), draw.randrange(5), "01:00:00", True, ["a", "b"], "cuda", "cpu")
        )
        content[draw.choice(_KEYS)] = value
    return mutate(content, draw, 1) if draw.randrange(4) == 0 else content


def _toml(content: Any) -> bytes:
    if not isinstance(content, dict):
        return str(content).encode("utf-8", "surrogatepass")
    try:
        lines = [f"{_key(key)} = {_value(value)}\n" for key, value in content.items()]
    except RecursionError:
        lines = ["workers = " + "[" * 900 + "]" * 900]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _key(key: str) -> str:
    return str(key) if str(key).isidentifier() and str(key).isascii() else json.dumps(str(key), ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > 10**4000:
        return "9" * 5000
    return "1979-05-27" if value is None else json.dumps(value, ensure_ascii=False)


def _read(raw: bytes) -> Endpoint:
    number, path = tempfile.mkstemp(suffix=".toml")
    with os.fdopen(number, "wb") as file:
        file.write(raw)
    try:
        return resolve(path)
    finally:
        Path(path).unlink()


def _check(endpoint: Endpoint) -> str:
    spec = endpoint.spec
    assert endpoint.workers(4) >= 1
    json.dumps(endpoint.settings)
    if isinstance(spec, Provider):
        json.dumps(spec.arguments())
    if not isinstance(spec, BatchProvider):
        return "accepted"
    written = endpoint_file(endpoint, Path("/data/run_1/job"))
    assert written is not None
    parse(tomllib.loads(written), "again", None)
    assert _lines(spec) == _lines(_plain(spec)), f"a value begins a line: {spec}"
    return "accepted, with scripts"


def _plain(spec: Specification) -> Specification:
    """The specification with a harmless word in the place of each text that is not shell, and no shell."""
    fields = dataclasses.fields(spec)
    texts = {one.name: "x" for one in fields if one.type in ("str", "str | None") or one.type in (str, str | None)}
    own = {name: "x" for name in texts if getattr(spec, name) and name not in _OF_A_KIND}
    return dataclasses.replace(spec, **own)


_OF_A_KIND = {"device", "submit", "walltime", "submit_walltime", "launcher"}


def _lines(spec: Specification) -> int:
    """The lines that a shell or a batch system reads, which may end lines at any of these characters."""
    if isinstance(spec, Slurm):
        text = slurm.script(spec, _DRIVER)
    else:
        assert isinstance(spec, HTCondor)
        text = htcondor.script(spec, _DRIVER) + htcondor.description(spec, _DRIVER, Path("/data/run 1/job/driver.sh"))
    return len(text.splitlines())
