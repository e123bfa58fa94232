"""A background workspace that many tasks share: it is decoded once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hfx.json_types import JsonObject, JsonValue

if TYPE_CHECKING:
    from hfx.hf_core.decoding import Decoder

__all__ = ["Background"]


class Background(JsonObject):
    """A workspace (HistFactory JSON) that is never changed.

    ``preparing`` is a lock for the task that decodes and compiles its hypotheses. That is Python code, which one thread at a time
    can run: tasks take turns, so that one decodes while the compiled fits of the one before run.
    """

    def __init__(self, document: Mapping[str, JsonValue]) -> None:
        super().__init__(document)
        self._guard = threading.Lock()
        self.preparing = threading.Lock()
        self._decoder: Decoder | None = None

    def decoder(self) -> Decoder:
        """A decoder for workspaces that share its JSON objects; these are decoded when it is first asked for."""
        from hfx.hf_core.decoding import Decoder

        with self._guard:
            if self._decoder is None:
                self._decoder = Decoder()
                self._decoder.learn(self)
            return self._decoder.fork()
