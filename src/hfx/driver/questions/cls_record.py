"""The record of a hypothesis in results.jsonl, as this version of the job "cls" writes it: the check of what is read again."""

import msgspec

from hfx.driver.run.stored_json import decoded
from hfx.functions.jobs.cls import CHOICES, FIT_NAMES, ChoiceRecord, ClsResult, Solution, Solutions
from hfx.json_types import LabelValue

__all__ = ["check"]


class _Record(msgspec.Struct):
    """The entries of a record that a later round, or the answer, is made of."""

    name: str
    values: list[LabelValue]
    natural: ChoiceRecord
    admissible: ChoiceRecord
    lowest: ChoiceRecord
    solutions: Solutions | None = None


_DECODER = msgspec.json.Decoder(_Record)
_RESULT = msgspec.json.Decoder(ClsResult)


def check(line: bytes) -> None:
    """Raise `ValueError` unless a line is such a record."""
    record = decoded(line, _DECODER)
    decoded(line, _RESULT)
    for choice in CHOICES:
        part: ChoiceRecord = getattr(record, choice)
        if part.CLs_obs is None or len(part.CLs_exp) != 5:
            raise ValueError(f"its {choice} minima have no CLs")
    if record.solutions is not None:
        _check_solutions(record.solutions)


def _check_solutions(solutions: Solutions) -> None:
    """Raise `ValueError` for solutions that do not fit together."""
    if len(solutions["widths"]) != len(solutions["parameters"]) or solutions["poi"] not in solutions["parameters"]:
        raise ValueError("its parameters and widths do not fit together")
    for fit in FIT_NAMES:
        if fit not in solutions["minima"]:
            raise ValueError(f"it has no minima of the fit {fit}")
        if not _fits_together(solutions["minima"][fit], len(solutions["parameters"])):
            raise ValueError(f"its minima of the fit {fit} do not fit together")


def _fits_together(one: Solution, parameters: int) -> bool:
    """Whether every minimum has a value of each parameter and its counts, and each choice is one of them."""
    count = len(one["theta"])
    return (
        all(len(theta) == parameters for theta in one["theta"])
        and len(one["hits"]) == len(one["iterations"]) == count
        and all(0 <= one["choice"].get(choice, -1) < count for choice in CHOICES)
        and all(choice in one["deviance"] for choice in CHOICES)
        and all(_decided(one["decided"].get(choice), count) for choice in CHOICES)
    )


def _decided(minima: list[list[float]] | None, count: int) -> bool:
    """Whether these are minima from which one was chosen: index, deviance and negative yields each."""
    return bool(minima) and all(len(one) == 3 and 0 <= one[0] < count for one in minima or ())
