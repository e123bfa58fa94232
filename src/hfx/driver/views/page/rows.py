"""What the page knows of each hypothesis: a row, from the plan, the events and the results of a run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hfx.driver.run.packed_results import parted

__all__ = ["FAILED", "FITTED", "PLANNED", "RUNNING", "WAITING", "Row", "of_result"]

PLANNED, WAITING, RUNNING, FITTED, FAILED = "planned", "waiting", "running", "fitted", "failed"

# Where the natural and the lowest minimum differ by more than this in a CLs, the page says so (as the closing table does).
_APART = 1e-3


class Row(NamedTuple):
    """A hypothesis: its place, how far it is, and its numbers once it has them.

    `cls` holds six values: CLs_obs, then CLs_exp, -2 sigma first. `reason`: why it failed or has not converged;
    `note`: what else is to be known. `time`: when its task finished, in seconds since the epoch.
    """

    name: str
    values: tuple[float, ...]
    state: str = PLANNED
    cls: tuple[float | None, ...] | None = None
    muhat: float | None = None
    converged: bool = False
    reason: str = ""
    note: str = ""
    seconds: float | None = None
    worker: str = ""
    time: float | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more is awaited of it."""
        return self.state in (FITTED, FAILED)

    def brief(self) -> dict[str, Any]:
        """As a contour wants it: the brief of a result, or of a failure where there is no usable one."""
        brief: dict[str, Any] = {"name": self.name, "values": list(self.values)}
        if self.cls is None:
            return {**brief, "reason": self.reason}
        status = "converged" if self.converged else self.reason
        return {**brief, "status": status, "CLs_obs": self.cls[0], "CLs_exp": list(self.cls[1:])}

    def cells(self) -> list[Any]:
        """As it goes to the browser."""
        cls = self.cls and [*self.cls]
        return [
            self.name,
            [*self.values],
            self.state,
            cls,
            self.muhat,
            self.converged,
            self.reason,
            self.note,
            self.seconds,
            self.worker,
            self.time,
        ]


def of_result(result: Mapping[str, Any], before: Row | None) -> Row:
    """The row of a result as scan.json has it."""
    row = before or Row(str(result["name"]), tuple(result["values"]))
    status = str(result.get("status"))
    return row._replace(
        state=FITTED,
        cls=(result.get("CLs_obs"), *_five(result.get("CLs_exp"))),
        muhat=result.get("muhat"),
        converged=status == "converged",
        reason="" if status == "converged" else status,
        note=" ".join(_notes(result)),
        seconds=result.get("seconds"),
        worker=str(result.get("worker") or ""),
    )


def _five(expected: Sequence[float | None] | None) -> Sequence[float | None]:
    return expected if expected is not None and len(expected) == 5 else [None] * 5


def _notes(result: Mapping[str, Any]) -> list[str]:
    notes = []
    if "region" in result:
        notes.append(f"From region {result['region']}, the best expected one here.")
    if result.get("missing_in"):
        notes.append(f"No result in {', '.join(result['missing_in'])}.")
    if parted(result) > _APART:
        natural, lowest = ((result.get(part) or {}).get("CLs_obs") for part in ("natural", "lowest"))
        notes.append(f"Minima differ: CLs observed {_number(natural)} (natural), {_number(lowest)} (lowest).")
    return notes


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
