"""RFC 6902 against its own appendix, and against jsonpatch on generated patches."""

import copy
import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfx.errors import PatchError
from hfx.pallets.json_patch import apply_patch

RFC_APPENDIX: list[tuple[Any, list[dict[str, Any]], Any]] = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    (
        {"foo": ["bar", "baz"]},
        [{"op": "add", "path": "/foo/1", "value": "qux"}],
        {"foo": ["bar", "qux", "baz"]},
    ),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        {"foo": "bar"},
        [{"op": "add", "path": "/child", "value": {"g": {}}}],
        {"foo": "bar", "child": {"g": {}}},
    ),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": 1, "xyz": 123}], {"foo": "bar", "baz": 1}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
    ({"a/b": {"~": 1}}, [{"op": "copy", "from": "/a~1b/~0", "path": "/c"}], {"a/b": {"~": 1}, "c": 1}),
    ({"": {"": 0}}, [{"op": "replace", "path": "//", "value": 5}], {"": {"": 5}}),
    ({"a": 1}, [{"op": "add", "path": "", "value": [2]}], [2]),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": 1.0}], {"a": 1}),
]


@pytest.mark.parametrize(("document", "patch", "expected"), RFC_APPENDIX)
def test_rfc(document: Any, patch: list[dict[str, Any]], expected: Any) -> None:
    before = copy.deepcopy(document)
    assert apply_patch(document, patch) == expected
    assert document == before


def test_operations_apply_in_sequence() -> None:
    patch = [
        {"op": "remove", "path": "/1"},
        {"op": "remove", "path": "/1"},
        {"op": "add", "path": "/1", "value": 9},
    ]
    assert apply_patch([0, 1, 2, 3], patch) == [0, 9, 3]


def test_structure_is_shared() -> None:
    document = {"a": [{"big": 1}, {"big": 2}], "b": {"c": []}}
    patched = apply_patch(document, [{"op": "add", "path": "/a/0/new", "value": 1}])
    assert patched["b"] is document["b"]
    assert patched["a"][1] is document["a"][1]
    assert document == {"a": [{"big": 1}, {"big": 2}], "b": {"c": []}}


REFUSED: list[tuple[dict[str, Any] | Any, str]] = [
    ({"op": "remove", "path": "/channels/3"}, r"operation 2 \(remove /channels/3\) .*index 3 of a list of 1"),
    ({"op": "remove", "path": "/nothing"}, "not there"),
    ({"op": "remove", "path": "/channels/-"}, "needs an index"),
    ({"op": "remove", "path": "/channels/01"}, "needs an index"),
    ({"op": "remove", "path": "/channels/-1"}, "needs an index"),
    ({"op": "remove", "path": "/channels/1e0"}, "needs an index"),
    ({"op": "remove", "path": "/channels/" + "9" * 5000}, "needs an index"),
    ({"op": "remove", "path": ""}, "whole document"),
    ({"op": "remove", "path": "/version/0"}, "neither object nor list"),
    ({"op": "add", "path": "/channels/2", "value": 1}, "index 2 of a list of 1"),
    ({"op": "add", "path": "/version/0", "value": 1}, "neither object nor list"),
    ({"op": "add", "path": "/a/b", "value": 1}, "'a', which is not there"),
    ({"op": "add", "path": "channels", "value": 1}, "does not begin with"),
    ({"op": "add", "path": "/a~2", "value": 1}, "neither ~0 nor ~1"),
    ({"op": "add", "path": "/a"}, "lacks a 'value'"),
    ({"op": "add", "value": 1}, "lacks a text 'path'"),
    ({"op": "replace", "path": "/nothing", "value": 1}, "not there"),
    ({"op": "move", "path": "/a"}, "lacks a text 'from'"),
    ({"op": "move", "from": "/channels", "path": "/channels/0"}, "into itself"),
    ({"op": "copy", "from": "/nothing", "path": "/a"}, "not there"),
    ({"op": "test", "path": "/version", "value": "2"}, "the value there is another"),
    ({"op": "test", "path": "/one", "value": True}, "the value there is another"),
    ({"op": "merge", "path": "/a", "value": 1}, "none of add, remove"),
    ({"path": "/a", "value": 1}, "none of add, remove"),
    ({"op": ["add"], "path": "/a", "value": 1}, "none of add, remove"),
    ("add", "not an object"),
]


@pytest.mark.parametrize(("operation", "words"), REFUSED)
def test_refused_with_number_and_path(operation: Any, words: str) -> None:
    document = {"channels": [{}], "version": "1", "one": 1}
    with pytest.raises(PatchError, match=words) as caught:
        apply_patch(document, [{"op": "test", "path": "/version", "value": "1"}, operation])
    assert str(caught.value).startswith("operation 2 (")
    assert "\n" not in str(caught.value)


def test_copies_cannot_explode() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60
    with pytest.raises(PatchError, match="copies more than"):
        apply_patch({"a": [1]}, doubling)


KEYS = st.sampled_from(["a", "b", "a/b", "~", "~1", "0", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def _paths(document: Any, path: str = "") -> list[str]:
    found = [path]
    if isinstance(document, dict):
        for key, value in document.items():
            found += _paths(value, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(document, list):
        for index, value in enumerate(document):
            found += _paths(value, f"{path}/{index}")
        found.append(f"{path}/{len(document)}")
        found.append(f"{path}/-")
    return found


@st.composite
def documents_and_patches(draw: st.DrawFn) -> tuple[Any, list[dict[str, Any]]]:
    """A document and operations that mostly fit it, each drawn for the document as it then is."""
    document = current = draw(st.dictionaries(KEYS, JSON, max_size=4) | st.lists(JSON, max_size=4))
    patch = []
    for _ in range(draw(st.integers(1, 5))):
        operation = {
            "op": draw(st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])),
            "path": draw(st.sampled_from(_paths(current))) + draw(st.sampled_from(["", "", "", "/new"])),
            "from": draw(st.sampled_from(_paths(current))),
            "value": draw(JSON),
        }
        patch.append(operation)
        try:
            current = apply_patch(current, [operation])
        except PatchError:
            break
    return document, patch


# Where the RFC refuses and jsonpatch does not: true is not 1, and the root has no parent to be removed from.
STRICTER = ("the value there is another", "whole document")


def _theirs(document: Any, patch: list[dict[str, Any]]) -> Any:
    return jsonpatch.JsonPatch(copy.deepcopy(patch)).apply(copy.deepcopy(document))


@settings(max_examples=400, deadline=None)
@given(documents_and_patches())
def test_agrees_with_jsonpatch(case: tuple[Any, list[dict[str, Any]]]) -> None:
    document, patch = case
    before = json.dumps(document)
    try:
        ours, refusal = apply_patch(document, patch), None
    except PatchError as error:
        ours, refusal = None, str(error)
    assert json.dumps(document) == before
    try:
        theirs, complaint = _theirs(document, patch), None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, AttributeError) as error:
        theirs, complaint = None, str(error)
    if refusal is None:
        assert complaint is None
        assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)
    elif complaint is None:
        assert any(word in refusal for word in STRICTER), refusal
