"""A JSON text read piece by piece, for files larger than what one wants in memory."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["JsonStream"]

_CHUNK = 1 << 20
_BLANK = " \t\n\r"
_ENDS = tuple(_BLANK + ",:]}")


class JsonStream:
    """The values of `file`, in order; its methods raise `ValueError` where the text is no JSON."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._text, self._at = file, "", 0
        self._decoder = json.JSONDecoder()

    def peek(self) -> str:
        """The next character that is no blank, without going past it; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            # A number goes on in what is not read yet where no blank, comma or bracket ends it.
            if self._text[end : end + 1] in _ENDS or not self._more():
                self._at = end
                return found

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; after each, its value must be taken."""
        for _ in self._parts("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise ValueError("an object's key is no text")
            self._pass(":")
            yield key

    def items(self) -> Iterator[Any]:
        """The values of the list that comes next."""
        for _ in self._parts("[", "]"):
            yield self.value()

    def end(self) -> None:
        """Nothing may come any more."""
        if self.peek():
            raise ValueError("there is more after its end")

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        """A step for each part between the brackets; each must be taken before the next."""
        self._pass(opening)
        if self.peek() != closing:
            yield
            while self.peek() == ",":
                self._pass(",")
                yield
        self._pass(closing)

    def _pass(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            raise ValueError(f"{found or 'its end'} where {wanted} should be")
        self._at += 1

    def _more(self) -> bool:
        """Read on, as much again as is left over of what was read; False at the file's end."""
        rest = self._text[self._at :]
        text = self._file.read(max(_CHUNK, len(rest)))
        self._text, self._at = rest + text, 0
        return bool(text)
