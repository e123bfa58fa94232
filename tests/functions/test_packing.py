"""The wire: bytes in, bytes out; numbers keep all their bits; errors come back as what they were."""

import io
import json
import math
import os
import struct
import tracemalloc
import zlib

import pytest

from hfx import errors
from hfx.errors import EndpointError, InputError, SpecificationError
from hfx.functions import task as worker
from hfx.functions import wire, wire_text
from tests.endpoints import jobs
from tests.functions import tasks
from tests.functions.tasks import without_place


def test_numbers_keep_all_their_bits() -> None:
    numbers = [0.1, 1e-300, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, math.pi, 2**53 + 1, 10**400, float("inf")]
    back = wire.unpack(wire.pack(numbers))
    assert [repr(number) for number in back] == [repr(number) for number in numbers]
    assert math.isnan(wire.unpack(wire.pack(float("nan"))))
    assert wire.unpack(wire.pack({"name": "\udc80 µ"})) == {"name": "\udc80 µ"}


def test_a_fit_over_the_wire_is_the_same_to_the_last_bit() -> None:
    given = tasks.task(tasks.hypotheses(4))
    here = worker.run(given)
    there = wire.answer(wire.perform(wire.Packer().request(worker.run, given)))
    assert without_place(there) == without_place(here)


def test_settings_stand_in_the_place_of_the_task_s() -> None:
    task = {"threads": 4, "device": "cpu", "background": [1], "x": 2}
    request = wire.Packer().request(jobs.echo, task, threads=1)
    assert wire.answer(wire.perform(request)) == {**task, "threads": 1}
    assert task["threads"] == 4


def test_a_background_is_packed_once_and_decoded_once() -> None:
    packer = wire.Packer()
    background = {"channels": ["x" * 1000] * 50}
    wire._decoded.clear()
    requests = [packer.request(jobs.echo, {"background": background, "i": i}) for i in range(3)]
    assert len(packer._backgrounds) == 1
    assert all(len(request) < 1000 for request in requests)
    answers = [wire.answer(wire.perform(request)) for request in requests]
    assert [answer["i"] for answer in answers] == [0, 1, 2]
    assert all(answer["background"] == background for answer in answers)
    assert len(wire._decoded) == 1
    # A worker keeps few of them, the last ones used.
    for i in range(5):
        wire.perform(packer.request(jobs.echo, {"background": [i]}))
    assert list(wire._decoded.values()) == [[3], [4]]
    assert len(packer._backgrounds) == 2


def test_a_damaged_request_is_an_error_that_says_so() -> None:
    request = bytearray(wire.Packer().request(jobs.echo, {"background": list(range(100))}))
    wire._decoded.clear()
    request[-3] ^= 255
    with pytest.raises(InputError, match="damaged"):
        wire.answer(wire.perform(bytes(request)))
    for wrong in (b"", b"GET / HTTP/1.1", b"hfx1" + struct.pack(">I", 7) + os.urandom(7)):
        with pytest.raises(InputError, match=r"same hfx|damaged"):
            wire.answer(wire.perform(wrong))


@pytest.mark.parametrize(
    "place",
    [
        "os:system",
        "builtins:eval",
        "hfx.functions.task:os.system",
        "hfx.functions.task:prepare",
        "hfx.functions.serve:main",
        "hfx.functions.task",
        "",
        "tests.endpoints.jobs.os:system",
        "\x1b[31m:run",
    ],
)
def test_a_worker_runs_what_hfx_sends_and_nothing_else(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = wire.pack({"function": place, "task": {}, "background": None})
    request = b"hfx1" + struct.pack(">I", len(packed)) + packed
    for others in (None, "", "tests.endpoints.jobs"):
        if others is None:
            monkeypatch.delenv(wire.OTHER_MODULES)
        else:
            monkeypatch.setenv(wire.OTHER_MODULES, others)
        with pytest.raises(EndpointError, match="a worker does not run ") as caught:
            wire.answer(wire.perform(request))
        assert str(caught.value).isprintable()
    monkeypatch.delenv(wire.OTHER_MODULES)
    with pytest.raises(EndpointError, match=r"does not run tests\.endpoints\.jobs:echo"):
        wire.answer(wire.perform(wire.Packer().request(jobs.echo, {})))


@pytest.mark.parametrize(
    "text", [b"[" * 200_000, b'{"a":' * 200_000, b'{"result": 1}' + b" " * 3_000_000, b"[" + b"[]," * 500_000 + b"0]"]
)
def test_a_message_is_bounded_by_what_it_costs(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_TEXT", 2_000_000)
    monkeypatch.setattr(wire, "MOST_MEMORY", 20_000_000)
    raw = zlib.compress(text)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"is damaged|unpacks to more than"):
        wire.unpack(raw)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_message_that_ends_early_is_damaged() -> None:
    for raw in (wire.pack({"a": list(range(1000))})[:-5], b""):
        with pytest.raises(InputError, match="damaged"):
            wire.unpack(raw)


def test_errors_come_back_as_what_they_were() -> None:
    for function, kind, text in (
        (jobs.fail, ZeroDivisionError, "oh\ndear"),
        (jobs.fail_oddly, wire.RemoteError, "OddError: odd"),
    ):
        with pytest.raises(kind) as caught:
            wire.answer(wire.perform(wire.Packer().request(function, {})))
        assert str(caught.value) == text
        assert function.__name__ in caught.value.__notes__[0]
    with pytest.raises(InputError, match="has no job 'other'"):
        wire.answer(wire.perform(wire.Packer().request(worker.run, {"job": "other"})))


def test_every_error_of_hfx_survives() -> None:
    for name in errors.__all__:
        told = json.loads(json.dumps({"error": {"type": name, "text": "why", "trace": "where"}}))
        with pytest.raises(getattr(errors, name), match="why"):
            wire.answer(wire.pack(told))
    assert issubclass(SpecificationError, InputError)


def test_a_function_that_no_worker_can_import_is_refused() -> None:
    with pytest.raises(EndpointError, match="imports it by name"):
        wire.name_of(lambda task: task)
    assert wire.name_of(worker.run) == "hfx.functions.task:run"


@pytest.mark.parametrize(
    "body",
    [[], {}, {"function": "hfx.functions.task:run"}, {"function": "hfx.functions.task:run", "task": [1], "background": None}, 5],
)
def test_a_request_of_another_shape_is_refused(body: object) -> None:
    packed = wire.pack(body)
    answer = wire.perform(b"hfx1" + struct.pack(">I", len(packed)) + packed)
    with pytest.raises(InputError, match="the request has no task"):
        wire.answer(answer)


@pytest.mark.parametrize(
    "content", [[], {}, {"error": None}, {"error": []}, {"error": {"type": "KeyError", "text": 3, "trace": ""}}]
)
def test_an_answer_of_another_shape_is_refused(content: object) -> None:
    with pytest.raises(InputError, match="the answer of a worker is not one of this hfx's"):
        wire.answer(wire.pack(content))


@pytest.mark.parametrize("kind", ["InputError", "NoSuchError"])
def test_an_error_without_words_has_some(kind: str) -> None:
    with pytest.raises(errors.HfxError, match="it says nothing more"):
        wire.answer(wire.pack({"error": {"type": kind, "text": " \u2028", "trace": ""}}))


def test_a_trace_of_a_worker_is_printable() -> None:
    raw = wire.pack({"error": {"type": "InputError", "text": "t", "trace": "one\n\x1b[31mtwo"}})
    with pytest.raises(InputError) as caught:
        wire.answer(raw)
    assert caught.value.__notes__ == ["on the worker:\none\n\\u001b[31mtwo"]


@pytest.mark.parametrize("length", [2**40, 2**63, 2**64 - 1])
def test_a_frame_that_no_message_fills_ends_the_stream(length: int) -> None:
    assert wire.read_frame(io.BytesIO(struct.pack(">Q", length) + b"x")) is None


def test_text_that_is_no_answer_is_refused() -> None:
    digest, raw = wire_text.decoded("a" * 32 + " \x7f\x7f")
    assert (digest, raw) == ("a" * 32, b"")
    with pytest.raises(InputError, match="damaged"):
        wire.answer(raw)
