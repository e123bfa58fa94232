"""The contents of a run's JSON files, as types: scan.json, run.json and contour.json."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NotRequired, TypedDict

from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.pallets.formats.label_titles import LabelTitle

if TYPE_CHECKING:
    from hfx.driver.run.packed_results import PackedResults

__all__ = [
    "Contours",
    "Curve",
    "Failure",
    "PalletBlock",
    "PanelContours",
    "RunContent",
    "ScanContent",
    "UncertaintyLines",
    "curves_of",
    "of_plane",
]

Line = list[list[float]]
"""Points [x, y] along a curve."""


class Failure(TypedDict):
    """A hypothesis without a result, and why."""

    name: str
    values: list[LabelValue]
    reason: str


class Curve(TypedDict):
    """One connected part of a contour: ``which`` names the curve ("observed", "expected", "expected-1", ..., "theory-up").

    ``where``: the condition of its plane, while curves of several planes are in one list.
    """

    which: str
    level: float
    points: Line
    where: NotRequired[str]


class UncertaintyLines(TypedDict):
    """The contour of the interpolated surface lowered and raised by its own standard deviation."""

    low: list[Line]
    high: list[Line]


class Contours(TypedDict, total=False):
    """The content of contour.json; empty where there are none yet. ``logx`` and ``logy`` where an axis is logarithmic."""

    x: str
    y: str
    choice: str
    logx: bool
    logy: bool
    interpolation: str
    coordinates: list[str]
    curves: list[Curve]
    uncertainty: dict[str, UncertaintyLines]
    notes: list[str]
    published: list[JsonObject]
    panels: list["PanelContours"]


class PanelContours(Contours, total=False):
    """The contours in one of several planes: the condition of its hypotheses, and that condition as a title."""

    where: str
    title: str


class PalletBlock(TypedDict, total=False):
    """The entry "pallet" of run.json and scan.json; ``regions`` where it is a combination of several."""

    name: str
    source: str
    region: str | None
    doi: str | None
    digest: str
    patchset_digest: str | None
    labels: list[str]
    description: str | None
    references: dict[str, str]
    hypotheses: int
    warnings: list[str]
    regions: list[str]
    label_titles: dict[str, LabelTitle]


class ScanContent(TypedDict):
    """The content of scan.json. ``question`` is missing in files that were written before there were several; ``conclusions``
    where the question has none."""

    hfx: str | None
    question: NotRequired[str]
    pallet: PalletBlock
    options: dict[str, JsonValue]
    results: "PackedResults"
    failures: Sequence[Failure]
    contours: Contours
    conclusions: NotRequired[JsonObject]


class RunContent(TypedDict, total=False):
    """The content of run.json; ``selected``: of a combination, how many hypotheses of each region are selected."""

    state: str
    reason: str
    question: str
    hfx: str | None
    pallet: PalletBlock
    location: str
    options: dict[str, JsonValue]
    selected: dict[str, int]
    endpoint: str | list[str]
    fits_here: bool
    threads: int
    host: str
    pid: int | None
    command: str
    started: str
    finished: str
    resumed: list[str]
    identity: dict[str, JsonValue]
    all_rounds: str
    exchanged: str
    job: str | None
    script: str | None


def curves_of(contours: Contours) -> list[Curve]:
    """The curves of a contour.json, those of all panels in one list, each with the condition of its panel."""
    panels = contours.get("panels", ())
    return [*contours.get("curves", ()), *({**curve, "where": one["where"]} for one in panels for curve in one["curves"])]


def of_plane(contours: Contours, where: str | None) -> Contours:
    """The part of a contour.json for the plane of a condition; all of it where there is no such panel."""
    return next((panel for panel in contours.get("panels", ()) if panel["where"] == where), contours)
