"""The contents of the messages that browsers get, as types; a message holds the parts that changed."""

from typing import NotRequired, TypedDict

from hfx.driver.plane.axes import Slice
from hfx.driver.views.page.result_reader import Cell
from hfx.json_types import JsonValue, LabelValue

__all__ = [
    "ColumnTitle",
    "ContourContent",
    "CurveLine",
    "Failure",
    "Head",
    "Line",
    "Message",
    "Notice",
    "PlaneContent",
    "PlaneOfRun",
    "Refusal",
    "Row",
    "Status",
    "SurfaceContent",
    "SvgContent",
    "Trouble",
    "ViewTitle",
    "WorkerRow",
]

Line = list[list[float]]
"""Points [x, y] along a line."""

Row = list[int | float | str | list[LabelValue] | list[float | None] | list[Cell] | list[str] | None]
"""A hypothesis: position, name, values, status, numbers of the surface, cells of the columns, reason, remarks, seconds, worker,
time."""


class ColumnTitle(TypedDict):
    """A column of the table: its name in files, and its title."""

    name: str
    title: str


class SurfaceContent(TypedDict):
    """The quantity that is drawn: its name, curves and level."""

    name: str
    curves: list[str]
    median: str | None
    level: float | None
    statement: str


class Head(TypedDict):
    """The description of a run, which does not change while it goes on."""

    hfx: str | None
    name: str | None
    region: str | None
    description: str | None
    labels: list[str]
    digest: str | None
    references: dict[str, str]
    command: str | None
    endpoint: str | list[str] | None
    host: str | None
    folder: str
    options: dict[str, JsonValue]
    started: str | None
    finished: str | None
    columns: list[ColumnTitle]
    surface: SurfaceContent | None


class WorkerRow(TypedDict):
    """A worker: its results, the mean seconds for one, and the time of the last (since the epoch)."""

    name: str
    done: int
    seconds: float
    last: float | None


class Failure(TypedDict):
    """A hypothesis without a usable result: its status, and a sentence that names it and says why."""

    status: str
    text: str


class Notice(TypedDict):
    """A sentence about something that happened, with its time in seconds since the epoch."""

    time: float
    text: str


class Trouble(TypedDict):
    """Hypotheses without a usable result, and what happened; a part of its own, because it is large and changes seldom."""

    failures: list[Failure]
    notices: list[Notice]


class Status(TypedDict):
    """The counts, the rate, the workers. ``states`` counts hypotheses by status."""

    state: str
    reason: str
    step: str
    round: int
    done: int
    of: int
    rate: float
    left: float | None
    now: float
    states: dict[str, int]
    fitted: int
    total: int
    workers: list[WorkerRow]


class ViewTitle(TypedDict):
    """A view that can be chosen: the whole run, or a region."""

    name: str
    state: str
    rows: int


class PlaneOfRun(TypedDict):
    """One of the few planes in which hypotheses lie, as of `panels.Panel`."""

    where: str
    x: str
    y: str
    points: int


class PlaneContent(TypedDict):
    """Axes, selection, what else is offered, the planes in which hypotheses lie where there are several, and the place of each
    hypothesis; null: it is not in the selection."""

    x: str
    y: str | None
    where: str | None
    choice: str
    hidden: list[str]
    axes: list[str]
    slices: list[Slice]
    planes: list[PlaneOfRun]
    at: list[list[float] | None]


class Refusal(TypedDict):
    """Why a plane cannot be drawn, and which of the fields x, y and where is wrong."""

    field: str
    error: str


class SvgContent(TypedDict):
    """The picture without points and lines, and the transformation from data to its coordinates, see `SvgPicture`.

    ``names_below``: whether its legend names values below the axis.
    """

    text: str
    transform: list[float]
    logarithmic: bool
    logarithmic_x: bool
    names_below: bool
    width: float
    height: float


class CurveLine(TypedDict):
    """One connected part of a curve. ``open``: the segments near which results are still missing."""

    which: str
    points: Line
    open: list[int]


class ContourContent(TypedDict):
    """The curves and bands of the results so far, and how many results they are made of.

    ``notes`` call for attention, ``details`` are of interest to experts.
    """

    curves: list[CurveLine]
    bands: list[list[Line]]
    open_bands: list[list[Line]]
    notes: list[str]
    details: list[str]
    made_of: int
    of: int
    awaited: int


class Message(TypedDict):
    """One message. ``all_rows``: the rows replace all earlier ones. ``ends_with_scan``: as of `Hub`."""

    status: Status
    views: list[ViewTitle]
    current: str
    folder: str | None
    ends_with_scan: bool
    view: str
    head: NotRequired[Head]
    trouble: NotRequired[Trouble]
    rows: NotRequired[list[Row]]
    all_rows: NotRequired[bool]
    plane: NotRequired[PlaneContent | None]
    svg: NotRequired[SvgContent | None]
    contour: NotRequired[ContourContent | None]
    error: NotRequired[str]
