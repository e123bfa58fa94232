"""Published contours: mutants of tables as HEPData writes them, in CSV, YAML and JSON, and of hfx's own contour.json."""

import json
import math
import random
import tempfile
from pathlib import Path
from typing import Any

import yaml

from hfx.driver.plane.published import read
from hfx.errors import OptionError
from hfx.printable import has_unprintable
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import NASTY_TEXTS, damage, mutate
from tests.fuzz.pallets import dumped

QUICK, OUTCOMES = 200, {"read", "clean error"}

_PLACES = [(300.0, 0.0), (400.5, 100.0), (500.0, 50.0), (450.0, 0.0)]
_CSV = (
    "#: name: Observed limit\n#: data_file: x.yaml\nm1 [GeV],m2 [GeV]\n"
    + "".join(f"{x},{y}\n" for x, y in _PLACES)
    + "\n1,2\n3,4\n"
)
_TABLE = {
    "name": "Expected limit",
    "independent_variables": [{"header": {"name": "m1", "units": "GeV"}, "values": [{"value": x} for x, _ in _PLACES]}],
    "dependent_variables": [{"header": {"name": "m2"}, "values": [{"value": y} for _, y in _PLACES]}],
}
_ROWS = {
    "name": "Observed",
    "headers": [{"name": "m1"}, {"name": "m2"}],
    "values": [{"x": [{"value": str(x)}], "y": [{"value": y, "errors": []}]} for x, y in _PLACES],
}
_CONTOUR = {"x": "m1", "y": "m2", "curves": [{"which": "observed", "points": [list(place) for place in _PLACES]}], "panels": []}


def attempt(seed: int) -> str:
    """Read a mutant."""
    draw = random.Random(seed)
    raw, ending = _file(draw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"published{ending}"
        path.write_bytes(raw)
        try:
            found = read(path)
        except OptionError as error:
            check_error(error)
            return "clean error"
    assert not any(has_unprintable(text) for text in (found.name, *found.columns)), found
    content: Any = json.loads(json.dumps(found.content(), allow_nan=False))
    assert all(len(place) == 2 and all(map(math.isfinite, place)) for curve in content["curves"] for place in curve)
    return "read"


def _file(draw: random.Random) -> tuple[bytes, str]:
    times = draw.choice((0, 1, 1, 2, 3))
    match draw.randrange(6):
        case 0 | 1:
            text = _CSV.replace(
                draw.choice(("m1", "Observed", "300.0", ",", "\n", "#")), draw.choice(NASTY_TEXTS), draw.randrange(2)
            )
            raw = text.encode("utf-8", "surrogatepass")
            return (damage(raw, draw, times) if draw.randrange(2) else raw), ".csv"
        case 2:
            raw = _yaml(mutate(_TABLE, draw, times))
            return (damage(raw, draw, 1) if draw.randrange(4) == 0 else raw), ".yaml"
        case 3:
            return draw.choice(
                (
                    b"[" * 5000,
                    b"a: &a [*a]",
                    b"{a: " * 3000,
                    b"!!python/name:os.system",
                    b"a: 1\n---\nb: 2",
                    b"x: 0x" + b"f" * 400,
                )
            ), ".yaml"
        case _:
            raw = dumped(mutate(draw.choice((_TABLE, _ROWS, _CONTOUR)), draw, times))
            return (damage(raw, draw, 1) if draw.randrange(4) == 0 else raw), ".json"


def _yaml(content: Any) -> bytes:
    try:
        return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        return b"[" * 3000
