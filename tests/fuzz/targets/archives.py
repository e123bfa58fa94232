"""Archives: bytes changed at any level, headers that lie, links and devices, nesting; and files of labels' names in them."""

import random
import tempfile
from pathlib import Path

from hfx.errors import HfxError
from hfx.pallets import open_pallet
from hfx.pallets.inspection import inspect
from tests.fuzz.containers import packed, tar_of_lies, zip_of_lies
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import NASTY_TEXTS, damage, nasty
from tests.pallets.builders import flat, tar_bytes, zip_bytes

QUICK, OUTCOMES = 300, {"opened", "clean error"}

_NAMES = ("p.tar.gz", "p.tgz", "p.zip", "p.tar", "p", "p.json", "p.json.gz", "p.tar.xz", "p.gz.gz", "p.bin", "p.toml", "p.xml")


def attempt(seed: int) -> str:
    """Open and inspect an archive, and apply its patches."""
    draw = random.Random(seed)
    raw = _archive(draw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / draw.choice(_NAMES)
        path.write_bytes(raw)
        before = sorted(Path(folder).rglob("*"))
        try:
            inspect(str(path))
            pallet = open_pallet(path, verify=draw.randrange(2) == 0)
            for hypothesis in pallet.hypotheses:
                pallet.workspace(hypothesis.name)
        except HfxError as error:
            check_error(error)
            return "clean error"
        finally:
            assert sorted(Path(folder).rglob("*")) == before, "something was unpacked onto the disk"
    return "opened"


def _archive(draw: random.Random) -> bytes:
    files = flat(folder=draw.choice(("", "a/", "a/b/")))
    if draw.randrange(4) == 0:
        files["labels.yaml"] = _labels(draw)
    if draw.randrange(8) == 0:
        files |= _others(draw)
    match draw.randrange(8):
        case 0 | 1:
            return packed(tar_of_lies(files, draw), draw)
        case 2 | 3:
            return zip_of_lies(files, draw)
        case 4:
            return packed(damage(tar_bytes(files, "w"), draw, draw.randrange(1, 5)), draw)
        case 5:
            return damage(zip_bytes(files), draw, draw.randrange(1, 5))
        case 6:
            return _nested(files, draw)
        case _:
            return packed(tar_bytes(files, "w"), draw)


def _nested(files: dict[str, bytes], draw: random.Random) -> bytes:
    """Archives within archives, up to six levels; or one file packed again and again."""
    raw = draw.choice((tar_bytes(files, "w"), zip_bytes(files), files[next(iter(files))]))
    for level in range(draw.randrange(7)):
        raw = draw.choice((packed(raw, draw), zip_bytes({f"{level}.zip": raw}), tar_bytes({f"{level}/p.tar.gz": raw}), raw))
    return raw


def _labels(draw: random.Random) -> bytes:
    """Names of labels, which are YAML: also with anchors that multiply, tags that construct, and deep nesting."""
    odd = draw.choice(
        (
            f"m1: {nasty(draw)!r:.300}",
            f"m1: {{latex: '{draw.choice(NASTY_TEXTS)}', unit: GeV}}",
            "m1: !!python/object/apply:os.system ['touch hfx-was-here']",
            "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nm1: *c",
            "m1: " + "[" * draw.choice((10, 3000)),
            "m1: " + "{a: " * draw.choice((10, 3000)),
            "m1: &a {latex: *a}",
            "? [m1]\n: x",
            "- m1",
            "m1: {latex: m, latex: n}",
            "%YAML 9.9\n---\nm1: x",
            "m1: x\n---\nm2: y",
        )
    )
    raw = odd.encode("utf-8", "surrogatepass")
    return damage(raw, draw, 1) if draw.randrange(4) == 0 else raw


def _others(draw: random.Random) -> dict[str, bytes]:
    """Files that are none of a pallet's, or want to be."""
    name = draw.choice(
        ("x.json", "patchset.json", "BkgOnly.json", "patch.a_1.json", "x.txt", "__MACOSX/x.json", "b/BkgOnly.json")
    )
    return {name: draw.choice((b"", b"[]", b"{}", b"[" * 300, b'{"patches": []}', b"\xff\xfe{", b"<html>", draw.randbytes(300)))}
