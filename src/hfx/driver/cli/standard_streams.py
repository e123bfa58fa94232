"""The command's standard streams, which may be closed, full, cut off, narrow, or lack characters."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from hfx.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["abandon", "console", "finish", "prepare"]

# Columns of tables in narrower terminals, which wrap the lines: cells of two letters say nothing.
_NARROWEST = 60


def prepare() -> None:
    """Make the streams such that they can be written to: see `_Messages` and `_Output`; characters that their encoding lacks are
    escapes. Streams that are closed are opened on the null device, or the first files that are opened would take their places,
    and get what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = _remade(sys.stdout or os.fdopen(1, "w", encoding="utf-8"), _Output)
    sys.stderr = _remade(sys.stderr or os.fdopen(2, "w", encoding="utf-8"), _Messages)


def finish() -> int:
    """Write what is still held back; the exit code, which is not 0 if that is not possible."""
    try:
        sys.stdout.flush()
    except OutputError as error:
        print(f"hfx: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        abandon(sys.stdout)
    return 0


def abandon(stream: TextIO) -> None:
    """Write no more there: what is held back goes to the null device, or the interpreter would complain at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def console(*, stderr: bool = False, soft_wrap: bool = False) -> "Console":
    """A console whose tables can be read on the narrowest terminal; what is printed is text, not markup."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, soft_wrap=soft_wrap)
    made.width = max(made.width, _NARROWEST)
    return made


class _Output(io.TextIOWrapper):
    """Standard output: where it cannot be written, an `OutputError` says so; a pipe that nobody reads is a `BrokenPipeError`."""

    def write(self, text: str, /) -> int:
        with _explained(self):
            return super().write(text)

    def flush(self) -> None:
        with _explained(self):
            super().flush()


class _Messages(io.TextIOWrapper):
    """Standard error: where it cannot be written, nobody can be told, and nothing ends for that reason."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            abandon(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            abandon(self)


@contextmanager
def _explained(stream: TextIO) -> Iterator[None]:
    """Turn what an output refuses into an `OutputError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon(stream)
        why = f"standard output cannot be written ({error.strerror}); make room there, or send it elsewhere"
        raise OutputError(why) from None


def _remade(stream: TextIO, kind: type[io.TextIOWrapper]) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # not ours
    encoding, buffered = stream.encoding, stream.line_buffering
    return kind(stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=buffered)
