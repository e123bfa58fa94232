"""What a browser asks to see."""

from dataclasses import dataclass

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """What a browser asked to see: axis expressions and a selection, each as of ``hfx scan``; None: the run's own."""

    x: str | None = None
    y: str | None = None
    where: str | None = None
