"""Several conditions on labels as one: what ``--where`` means if it is given more than once."""

from collections.abc import Sequence

from hfx.errors import OptionError

__all__ = ["all_of"]


def all_of(where: str | Sequence[str] | None) -> str | None:
    """The condition that holds where every one of these holds; one condition as it is, and None for none.

    Raises `OptionError` where one is no text.
    """
    given = () if where is None else where
    several = tuple(dict.fromkeys(given)) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    for condition in several:
        if not isinstance(condition, str):
            raise OptionError(f"where={condition!r} is not a text; give a condition, or a list of conditions, such as 'm1>300'")
    if len(several) < 2:
        return next(iter(several), None)
    return " and ".join(f"({condition})" for condition in several)
