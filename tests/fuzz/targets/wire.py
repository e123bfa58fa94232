"""Messages between client and worker: requests and answers with other bytes, other functions, other shapes, other lengths."""

import base64
import functools
import hashlib
import io
import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

from hfx.errors import HfxError
from hfx.functions import handshake, task, wire, wire_text
from hfx.functions.catalogue import entry_of
from tests.functions import tasks
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import damage, mutate, nasty
from tests.fuzz.pallets import check_record, compile_kernels

QUICK, OUTCOMES = 200, {"clean error", "answered", "result", "error told"}

_FUNCTIONS = (
    *("os:system", "subprocess:run", "builtins:exec", "hfx.functions.task:os.system", "hfx.functions.wire:perform", "", ":", "a"),
    *(
        "hfx.functions.task:__builtins__",
        "hfx.functions.task: run",
        "hfx.functions.task:run\n",
        "tests.fuzz.frame:names",
        "posix:_exit",
    ),
    *("HFX.functions.task:run", "hfx.functions.handshake:time", "hfx.functions.jobs.cls:JOB", "pathlib:Path", "\x1b[31m:run"),
)


def warm_up() -> None:
    """Compile the fits."""
    compile_kernels()


def attempt(seed: int) -> str:
    """Send a mutant of a request, or read a mutant of an answer."""
    draw = random.Random(seed)
    return _request(draw) if draw.randrange(3) else _answer(draw)


def _task(draw: random.Random) -> dict[str, Any]:
    """A task of two hypotheses; sometimes one of the exchange, with what others have found."""
    version = entry_of("cls").version
    background, units = json.loads(json.dumps([tasks.BACKGROUND, tasks.hypotheses(2)]))
    content = {
        "job": "cls",
        "version": version,
        "background": background,
        "hypotheses": units,
        "options": {"starts": 1},
        "threads": 1,
    }
    return {**content, "inputs": json.loads(_known())} if draw.randrange(3) == 0 else content


@functools.cache
def _known() -> str:
    version = entry_of("cls").version
    content = {"job": "cls", "version": version, "background": tasks.BACKGROUND, "hypotheses": tasks.hypotheses(2), "options": {}}
    found: Any = task.run(content)  # type: ignore[arg-type]
    solutions = {record["key"]: record["solutions"] for record in found["results"]}
    return json.dumps({"known": solutions, "shifts": [{"jes": 1.0, "theory": -1.0}], "draws": [2, 1]})


def _request(draw: random.Random) -> str:
    content, times = _task(draw), draw.choice((1, 1, 2, 4))
    match draw.randrange(6):
        case 0:
            raw = wire.Packer().request(handshake.run, mutate({"seconds": 0.0, "device": "cpu", "threads": 1}, draw, 1))
            raw = damage(raw, draw, times) if draw.randrange(2) else raw
        case 1:
            raw = damage(wire.Packer().request(task.run, content), draw, times)
        case 2:
            raw = _framed(mutate(_body(content, "hfx.functions.task:run", draw), draw, times), content["background"], draw)
        case 3:
            raw = _framed(_body(content, draw.choice(_FUNCTIONS), draw), content["background"], draw)
        case _:
            part = draw.choice(("hypotheses", "options", "inputs", "background", "threads", "device", "version", "job"))
            content[part] = mutate(content[part], draw, times) if isinstance(content.get(part), dict | list) else nasty(draw)
            raw = _framed(_body(content, "hfx.functions.task:run", draw), content["background"], draw)
    wire._decoded.clear()
    before = set(Path().iterdir())
    given = wire.perform(raw)
    assert set(Path().iterdir()) == before
    return _check(given)


def _body(content: dict[str, Any], function: str, draw: random.Random) -> dict[str, Any]:
    inner = {key: value for key, value in content.items() if key != "background"}
    return {"function": function, "task": inner, "background": hashlib.sha256(_packed(content["background"])).hexdigest()}


def _packed(content: Any) -> bytes:
    try:
        return zlib.compress(json.dumps(content).encode("ascii"))
    except (ValueError, RecursionError):
        return zlib.compress(b"[" * 100_000)


def _framed(body: Any, background: Any, draw: random.Random) -> bytes:
    packed = _packed(body)
    length = len(packed) if draw.randrange(12) else draw.choice((0, 1, len(packed) - 1, len(packed) + 1, 2**32 - 1))
    magic = wire.MAGIC if draw.randrange(20) else draw.choice((b"hfx0", b"", b"HFX1"))
    return magic + struct.pack(">I", length) + packed + _packed(background)


def _check(given: bytes) -> str:
    told: Any = json.loads(zlib.decompress(given))
    assert set(told) in ({"result"}, {"error"}), told
    try:
        wire.answer(given)
    except HfxError as error:
        check_error(error)
        return "clean error"
    except Exception as error:
        raise AssertionError(f"a worker's {told['error']['trace']}") from error
    for record in told["result"].get("results", ()):
        check_record(record)
    return "answered"


def _answer(draw: random.Random) -> str:
    """An answer as a client reads it: from the stream, from text, and unpacked."""
    good: Any = {"result": {"results": [{"key": "a", "name": "a", "values": [1.0], "CLs_obs": 0.1}], "failures": []}}
    bad: Any = {
        "error": {"type": draw.choice(("InputError", "KeyError", "SystemExit", "OSError", "x")), "text": "t", "trace": "u"}
    }
    content = mutate(draw.choice((good, bad)), draw, draw.choice((0, 1, 1, 2)))
    raw = _packed(content) if draw.randrange(3) else damage(_packed(content), draw, 1)
    try:
        match draw.randrange(3):
            case 0:
                length = len(raw) if draw.randrange(2) else draw.choice((0, len(raw) + 1, 2**40, 2**63, 2**64 - 1))
                frame = wire.read_frame(io.BytesIO(struct.pack(">Q", length) + raw))
                raw = frame if frame is not None else raw
            case 1:
                text = f"{'0' * 32} {base64.b85encode(raw).decode()}"
                text = damage(text.encode(), draw, 1).decode("latin-1") if draw.randrange(2) else text
                _, raw = wire_text.decoded(text)
        wire.answer(raw)
    except HfxError as error:
        check_error(error)
        return "clean error"
    except (KeyError, OSError, SystemExit) as error:
        if (
            not isinstance(content, dict)
            or not isinstance(told := content.get("error"), dict)
            or told["type"] != type(error).__name__
        ):
            raise
        return "error told"
    return "result"
