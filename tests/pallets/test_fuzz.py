"""Whatever is in the file: a pallet or a PalletError of one line, never anything else."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfx.errors import PalletError
from hfx.pallets import open_pallet
from hfx.pallets.inspection import inspect
from tests.pallets.builders import dump, flat, patch_set, tar_bytes, workspace, write, write_folder, zip_bytes

CONTAINERS = {
    "p.tar": tar_bytes(flat(), "w"),
    "p.tgz": tar_bytes(flat()),
    "p.tar.xz": tar_bytes(flat(), "w:xz"),
    "p.tar.bz2": tar_bytes(flat(), "w:bz2"),
    "p.zip": zip_bytes(flat()),
}


def _opens_or_refuses(source: Path) -> None:
    said = ""
    try:
        pallet = open_pallet(source, verify=False)
        for hypothesis in pallet.hypotheses:
            pallet.workspace(hypothesis.name)
        inspect(str(source))
    except PalletError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize("name", CONTAINERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_archives(name: str, data: st.DataObject) -> None:
    raw = bytearray(CONTAINERS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw)) | st.just(len(raw))) :]
    with tempfile.TemporaryDirectory() as folder:
        _opens_or_refuses(write(Path(folder) / name, bytes(raw)))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _replace_one(document: Any, data: st.DataObject) -> Any:
    """The document with one of its values replaced by anything."""
    if isinstance(document, dict) and document and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(document)))
        return {**document, key: _replace_one(document[key], data)}
    if isinstance(document, list) and document and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(document) - 1))
        return [*document[:at], _replace_one(document[at], data), *document[at + 1 :]]
    return data.draw(ANYTHING)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_json_of_another_shape(data: st.DataObject) -> None:
    files = flat()
    if data.draw(st.booleans()):
        files["patchset.json"] = dump(_replace_one(patch_set(workspace()), data))
    else:
        files["BkgOnly.json"] = dump(_replace_one(workspace(), data))
        if data.draw(st.booleans()):
            del files["patchset.json"]
    with tempfile.TemporaryDirectory() as folder:
        _opens_or_refuses(write_folder(Path(folder), files))


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_file(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _opens_or_refuses(write(Path(folder) / "p.json", raw))
        _opens_or_refuses(write(Path(folder) / "p", raw))
