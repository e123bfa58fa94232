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
    """A request that costs nothing, and whose answer nobody needs."""
    return encoded(wire.Packer().request(handshake.run, {"seconds": 0.0}))


def digest(request: str) -> str:
    """What names a request: equal ones have the same."""
    return hashlib.sha256(request.encode("ascii")).hexdigest()[:32]


def perform(request: str) -> str:
    """What a worker does: run what the request says, in a process apart; the answer. One too large says so instead."""
    answer = worker_process.perform(base64.b85decode(request))
    text = encoded(answer)
    if len(text) > LIMIT:
        told = f"its answer is {len(text) / 1e6:.1f} MB, and the service takes {LIMIT / 1e6:.1f}"
        text = encoded(wire.pack({"error": {"type": "TooLargeError", "text": told, "trace": ""}}))
    return f"{digest(request)} {text}"


def decoded(answer: str) -> tuple[str, bytes]:
    """The digest of the request that an answer answers, and the wire's bytes of the answer."""
    name, _, text = answer.partition(" ")
    return name, base64.b85decode(text)
