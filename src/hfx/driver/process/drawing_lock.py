"""The lock under which this process draws: matplotlib's parser of formulas, and its settings, are shared by all threads.

A scan that is watched in a notebook draws its files in one thread and the cell in another.
"""

from threading import RLock

__all__ = ["DRAWING"]

DRAWING = RLock()
"""Held while something is drawn; a thread that holds it may take it again."""
