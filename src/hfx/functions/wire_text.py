"""Requests and answers as text, for services that move JSON: what a Globus Compute worker calls.

A request is base85 of the wire's bytes. An answer is the request's digest, a space, and base85 of the
answer's bytes: an answer says itself what it answers, also where the client has lost the task's number.
"""

import base64
import hashlib

from hfx.functions import handshake, wire, worker_process

__all__ = ["LIMIT", "decoded", "digest", "encoded", "hello", "perform"]

# Globus Compute takes 10 MB a request and 10 MB a result; what it wraps around ours fits in the rest.
LIMIT = 9_900_000


def encoded(request: bytes) -> str:
    """A request as text."""
    return base64.b85encode(request).decode("ascii")


def hello() -> str:
    """A request for a handshake, which starts a worker; its answer is not needed."""
    return encoded(wire.Packer().request(handshake.run, {"seconds": 0.0}))


def digest(request: str) -> str:
    """A digest of a request, which identifies its answer."""
    return hashlib.sha256(request.encode("ascii")).hexdigest()[:32]


def perform(request: str) -> str:
    """Run a request in the worker's child process; the answer. An answer that is too large for the service is an error."""
    answer = worker_process.perform(_bytes(request))
    text = encoded(answer)
    if len(text) > LIMIT:
        problem = f"its answer is {len(text) / 1e6:.1f} MB, and the service takes {LIMIT / 1e6:.1f}"
        text = encoded(wire.pack({"error": {"type": "TooLargeError", "text": problem, "trace": ""}}))
    return f"{digest(request)} {text}"


def decoded(answer: str) -> tuple[str, bytes]:
    """The digest of an answer's request, and the bytes of the answer: none where the text is no answer, which `wire` refuses."""
    name, _, text = answer.partition(" ")
    return name, _bytes(text)


def _bytes(text: str) -> bytes:
    try:
        return base64.b85decode(text)
    except ValueError:
        return b""
