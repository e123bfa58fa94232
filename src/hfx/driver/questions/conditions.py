"""Several conditions on labels as one: what ``--where`` means if it is given more than once."""

from collections.abc import Sequence

__all__ = ["all_of"]


def all_of(where: str | Sequence[str] | None) -> str | None:
    """The condition that holds where every one of these holds; one condition as it is, and None for none."""
    several = (where,) if isinstance(where, str) else tuple(dict.fromkeys(where or ()))
    if len(several) < 2:
        return next(iter(several), None)
    return " and ".join(f"({condition})" for condition in several)
