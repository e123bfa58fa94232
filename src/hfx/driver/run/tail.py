"""The lines that are appended to a file, as they come."""

import os
from pathlib import Path

__all__ = ["Tail"]

# The most that is read at a time: a large run shows its progress while it is being read.
_MOST = 4_000_000


class Tail:
    """Follows a file that lines are appended to; a torn last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0

    def lines(self) -> list[bytes]:
        """The whole lines that have come since the last call, as far as they fit; none if there is no file."""
        try:
            with self.path.open("rb", buffering=0) as file:
                self._from_start_if_replaced(os.fstat(file.fileno()).st_size)
                file.seek(self.offset)
                text = file.read(_MOST)
                while b"\n" not in text and (more := file.read(_MOST)):
                    text += more
        except OSError:
            return []  # not there yet, or its disk is away for a moment: the next look tells
        whole = text[: text.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole.splitlines()

    def _from_start_if_replaced(self, size: int) -> None:
        if size < self.offset:
            self.offset = 0
