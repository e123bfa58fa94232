"""The plane that a browser requests."""

from dataclasses import dataclass

__all__ = ["PlaneRequest"]


@dataclass(frozen=True)
class PlaneRequest:
    """Axis expressions and a selection, each as an option of ``hfx scan``; None: those of the run."""

    x: str | None = None
    y: str | None = None
    where: str | None = None
