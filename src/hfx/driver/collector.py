"""Python's garbage collector beside an open pallet: half a million lists and dictionaries, in which there are no cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["set_aside"]


@contextmanager
def set_aside() -> Iterator[None]:
    """What there is now is not looked at by the collector meanwhile: going over 1Lbb once takes a quarter of a second."""
    if gc.get_freeze_count():  # somebody else has set something aside, and would lose it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
