"""Small pallets in every layout, written by the tests that open them."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Files = dict[str, bytes]


def workspace(scale: float = 1.0) -> Json:
    """A background of two channels; its numbers have spellings on which writers of JSON differ."""
    return {
        "channels": [
            {
                "name": "SR",
                "samples": [
                    {
                        "name": "bkg",
                        "data": [50.0 * scale, 1e-07],
                        "modifiers": [
                            {"name": "alpha", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                            {"name": "stat_SR", "type": "staterror", "data": [5.0, 1.0]},
                        ],
                    }
                ],
            },
            {
                "name": "VR",
                "samples": [{"name": "bkg", "data": [100], "modifiers": []}],
            },
        ],
        "measurements": [{"name": "naïve", "config": {"poi": "mu", "parameters": []}}],
        "observations": [{"name": "SR", "data": [52, 1]}, {"name": "VR", "data": [99]}],
        "version": "1.0.0",
    }


def signal(yields: float = 4.0) -> Json:
    modifiers = [{"name": "mu", "type": "normfactor", "data": None}]
    return {"name": "signal", "data": [yields, 1.0], "modifiers": modifiers}


def operations(yields: float = 4.0) -> list[Json]:
    """Adds the signal and takes out the validation region, whose observation stays behind."""
    return [
        {"op": "add", "path": "/channels/0/samples/-", "value": signal(yields)},
        {"op": "remove", "path": "/channels/1"},
    ]


def patch_entry(name: str, *values: Any, patch: Any = None) -> Json:
    return {"metadata": {"name": name, "values": list(values)}, "patch": patch or operations()}


def digest(background: Json, algorithm: str = "sha256") -> str:
    """The digest of the HistFactory convention, written down a second time."""
    text = json.dumps(background, sort_keys=True, ensure_ascii=False).encode("utf-8")
    return hashlib.new(algorithm, text).hexdigest()


def patch_set(background: Json, entries: list[Any] | None = None, **metadata: Any) -> Json:
    return {
        "metadata": {
            "description": "signals",
            "digests": {"sha256": digest(background)},
            "labels": ["m1", "m2"],
            "references": {"hepdata": "ins1234567"},
            **metadata,
        },
        "patches": [patch_entry("s_100_20", 100, 20), patch_entry("s_200_20", 200, 20.5)] if entries is None else entries,
        "version": "1.0.0",
    }


def dump(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode()


def flat(scale: float = 1.0, folder: str = "", prefix: str = "") -> Files:
    """A background and its patch set."""
    background = workspace(scale)
    return {
        f"{folder}{prefix}BkgOnly.json": dump(background),
        f"{folder}{prefix}patchset.json": dump(patch_set(background)),
    }


def write_folder(folder: Path, files: Files) -> Path:
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def tar_bytes(files: Files, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def tar_of(*infos: tarfile.TarInfo) -> bytes:
    """A tar of members without content: links, devices and the like."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info in infos:
            tar.addfile(info)
    return buffer.getvalue()


def zip_bytes(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def write(path: Path, raw: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path
