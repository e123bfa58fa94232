"""CLs: the quantity that is drawn, its level, and the scale on which it is interpolated."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from hfx.driver.questions.base import Brief, Column, Context, Question, Records, Round, Surface
from hfx.driver.run.contents import RunContent
from hfx.functions.options import JobOptions
from hfx.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LEVEL", "SURFACE", "ClsQuestion", "ClsResult", "significance"]

LEVEL = 0.05
"""A hypothesis with a smaller CLs is excluded."""

# The ends of the line, where Phi^-1 is infinite: z stays within -8.2 and 37.
_SMALLEST, _LARGEST = 1e-300, 1.0 - 1e-16


def significance(cls: ArrayLike) -> NDArray[np.float64]:
    """Phi^-1(1 - CLs), elementwise; finite for CLs of 0 and 1, NaN for NaN."""
    import numpy as np
    from scipy.special import ndtri

    return np.asarray(-ndtri(np.clip(cls, _SMALLEST, _LARGEST)), dtype=np.float64)


SURFACE = Surface(
    name="CLs",
    curves=("observed", "expected-2", "expected-1", "expected", "expected+1", "expected+2"),
    level=LEVEL,
    median="expected",
    bands=(("expected-1", "expected+1"), ("expected-2", "expected+2")),
    transform=significance,
    statement="All limits at 95% CL",
)

_CHOSEN = ("CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status")
_DIFFER = 1e-3


@dataclass(frozen=True, kw_only=True)
class ClsResult:
    name: str
    values: list[float]
    status: str = ""
    CLs_obs: float | None = None
    CLs_exp: list[float | None] = field(default_factory=list)
    muhat: float | None = None
    natural: JsonObject | None = None
    admissible: JsonObject | None = None
    lowest: JsonObject | None = None
    seconds: float | None = None
    worker: str | None = None
    region: str | None = None
    missing_in: list[str] = field(default_factory=list)


def _numbers(part: JsonObject) -> tuple[float | None, ...]:
    expected = part.get("CLs_exp")
    five = expected if isinstance(expected, list) and len(expected) == 5 else [None] * 5
    return (part.get("CLs_obs"), *five)  # type: ignore[return-value]


def _expected(i: int) -> "Column[ClsResult]":
    names = ("m2", "m1", "0", "p1", "p2")
    titles = ("exp. −2σ", "exp. −1σ", "exp. median", "exp. +1σ", "exp. +2σ")  # noqa: RUF001
    return Column(f"CLs_exp_{names[i]}", titles[i], lambda result: result.CLs_exp[i] if len(result.CLs_exp) == 5 else None)


class ClsQuestion(Question[JobOptions, ClsResult]):
    name = "cls"
    job = "cls"
    title = "CLs"
    result: ClassVar = ClsResult
    columns = (
        Column("CLs_obs", "CLs obs.", lambda result: result.CLs_obs),
        *(_expected(i) for i in range(5)),
        Column("muhat", "μ̂", lambda result: result.muhat),
    )
    surface = SURFACE

    def __init__(self, minima: str = "admissible") -> None:
        self.minima = minima

    @classmethod
    def of_run(cls, run: RunContent) -> "ClsQuestion":
        return cls(str((run.get("options") or {}).get("minima", "admissible")))

    def rounds(self, context: Context) -> Generator[Round, Records, None]:
        raise NotImplementedError
        yield

    def answer(self, records: Sequence[JsonObject]) -> JsonObject:
        (record,) = records
        part = record.get(self.minima)
        chosen = {key: part[key] for key in _CHOSEN if key in part} if isinstance(part, dict) else {}
        return {key: value for key, value in {**record, **chosen}.items() if key not in ("solutions", "step")}

    def brief(self, result: ClsResult) -> Brief:
        five = tuple(result.CLs_exp) if len(result.CLs_exp) == 5 else (None,) * 5
        return Brief(
            name=result.name,
            values=tuple(result.values),
            status=result.status,
            numbers=(result.CLs_obs, *five),
            worker=result.worker or "",
            seconds=result.seconds,
            region=result.region,
            missing_in=tuple(result.missing_in),
            remarks=tuple(_remarks(result)),
        )


def _remarks(result: ClsResult) -> list[str]:
    found = []
    if result.region:
        found.append(f"From region {result.region}, the best expected one here.")
    if result.missing_in:
        found.append(f"No result in {', '.join(result.missing_in)}.")
    if result.natural and result.lowest:
        one, two = _numbers(result.natural), _numbers(result.lowest)
        if any(a is not None and b is not None and abs(a - b) > _DIFFER for a, b in zip(one, two, strict=True)):
            found.append(f"Minima differ: CLs observed {one[0]:.3g} (natural), {two[0]:.3g} (lowest).")
    return found
