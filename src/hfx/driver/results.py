"""The result of a run: `ScanResult`, the results of hypotheses in it, and `load_run`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, cast, overload

from hfx.driver.plane import selection
from hfx.driver.questions import scan_content as contents
from hfx.driver.questions.base import AnyQuestion
from hfx.driver.questions.catalogue import of_run
from hfx.driver.questions.conditions import all_of
from hfx.driver.run.file_types import Contours, Failure, ScanContent
from hfx.driver.views import summary, verdict
from hfx.errors import HfxError, InputError
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.pallets.pallet import near_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame  # type: ignore[import-untyped,unused-ignore]
    from rich.console import RenderableType

__all__ = ["Result", "ScanResult", "load_run", "rows"]


class Result(Mapping[str, JsonValue]):
    """One hypothesis' result: a read-only mapping whose entries are attributes too.

    Of a scan: ``name``, ``values``, ``CLs_obs``, ``CLs_exp`` (five values, index 0 is -2 sigma), ``CLsb_obs``, ``CLb_obs``,
    ``muhat``, ``status`` ("converged" or the reason), ``edm``, ``fits``, ``natural``, ``admissible``, ``lowest``, ``seconds``,
    ``worker``; in a combination of regions ``region`` and ``missing_in`` too. Other questions have other entries.
    """

    __slots__ = ("_record",)

    if TYPE_CHECKING:  # the entries of a scan's result, for type checkers
        name: str
        CLs_obs: float
        CLs_exp: list[float]
        CLsb_obs: float
        CLb_obs: float
        muhat: float
        status: str
        edm: float | None
        fits: dict[str, JsonObject]
        natural: JsonObject
        admissible: JsonObject
        lowest: JsonObject
        seconds: float
        worker: str

    def __init__(self, record: Mapping[str, JsonValue]) -> None:
        self._record = dict(record)

    def __getitem__(self, key: str) -> JsonValue:
        return self._record[key]

    def __getattr__(self, name: str) -> JsonValue:
        # Private names are asked for by copy and pickle, before there is a record.
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._record:
            return self._record[name]
        raise AttributeError(f"a result has no '{name}'; it has {', '.join(self)}")

    @property
    def values(self) -> tuple[LabelValue, ...]:  # type: ignore[override]
        """The hypothesis' labels (masses), in the order of the pallet's labels; not the mapping's method of that name."""
        return tuple(cast(list[LabelValue], self._record["values"]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._record)

    def __len__(self) -> int:
        return len(self._record)

    def __hash__(self) -> int:
        return hash(self._record["name"])

    def __repr__(self) -> str:
        observed = f", CLs_obs={self.CLs_obs:.4g}" if isinstance(self._record.get("CLs_obs"), float) else ""
        return f"Result({self.name!r}{observed}, status={self._record.get('status')!r})"

    def _repr_html_(self) -> str:
        """A table of the entries that are texts, numbers or lists of numbers."""
        return _html((name, _shown(value)) for name, value in self._record.items())


@dataclass(frozen=True, repr=False)
class ScanResult(Sequence[Result]):
    """The results of a scan, in the pallet's order; a sequence of `Result`.

    `content` is the content of scan.json, its results a sequence of dicts that are made when they are asked for; `folder` is the
    run's folder.
    """

    content: ScanContent
    folder: Path

    @property
    def question(self) -> AnyQuestion:
        """The question that the results answer, with its options."""
        return of_run(self.content)

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all hypotheses that have one."""
        return tuple(map(Result, self.content["results"]))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The hypotheses that could not be fitted: {"name", "values", "reason"} each."""
        return tuple(failure.copy() for failure in self.content["failures"])

    @property
    def contours(self) -> Contours:
        """{"x", "y", "choice", "curves": [{"which", "level", "points": [[x, y], ...]}], "notes"}.

        Where the hypotheses lie in several planes, "curves" is empty, and "panels" has an entry like this for each of them, with
        "where", the condition of its hypotheses, and "title".
        """
        return self.content["contours"].copy()

    @property
    def conclusions(self) -> JsonObject:
        """A summary over all hypotheses, as scan.json has it: for CLs the size of the search for minima, and the estimated share
        of hypotheses for which a larger search would find others. Empty if there was no search."""
        return self.content.get("conclusions", {}).copy()

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the hypotheses' values."""
        return tuple(self.content["pallet"].get("labels", ()))

    @property
    def complete(self) -> bool:
        """Whether every hypothesis was fitted, and every fit converged."""
        return contents.complete(self.content)

    @overload
    def __getitem__(self, key: str | int) -> Result: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, key: str | int | slice) -> Result | tuple[Result, ...]:
        """The result of a name or of a position; a tuple of results for a slice."""
        results = self.content["results"]
        if isinstance(key, slice):
            return tuple(map(Result, results[key]))
        return Result(results[self._position(key) if isinstance(key, str) else key])

    def _position(self, name: str) -> int:
        names = [brief.name for brief in contents.briefs(self.content)]
        if name in names:
            return names.index(name)
        near = near_names(name, names)
        raise KeyError(f"no result of a hypothesis {name!r}{f'; did you mean {near[0]!r}?' if near else ''}")

    def __len__(self) -> int:
        return len(self.content["results"])

    def __iter__(self) -> Iterator[Result]:
        return map(Result, self.content["results"])

    def to_records(self) -> list[JsonObject]:
        """A list with one dict for each hypothesis: its result, and its values by label."""
        return [{**_labelled(self.labels, result), **result} for result in self.content["results"]]

    def to_rows(self) -> list[JsonObject]:
        """A list with one flat dict for each hypothesis, the row of a table."""
        return rows(self.content)

    def to_dataframe(self) -> "DataFrame":
        """A pandas DataFrame of `to_rows`, with the names of the hypotheses as its index, and as a column too.

        Numbers that are missing are NaN. Raises `InputError` when pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise InputError(
                "to_dataframe() needs pandas: pip install pandas, or pip install 'hfx[notebook]'; to_rows() does without"
            ) from None
        table = self.to_rows()
        columns = None if table else ["name", *self.labels, *(column.name for column in self.question.columns)]
        frame = pandas.DataFrame(table, columns=columns, index=[row["name"] for row in table])
        return frame.astype({name: float for name in frame if len(frame) and frame[name].isna().all()})

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        where: str | Sequence[str] | None = None,
        which: str | Sequence[str] | None = None,
        label: str | None = None,
        color: str | None = None,
        x: str | None = None,
        y: str | None = None,
        logx: bool | None = None,
        logy: bool | None = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
        title: str | None = None,
        forbidden: str | None = None,
        interpolation: str | None = None,
        regions: bool = False,
    ) -> "Axes":
        """Draw the contour into `ax`, or into a new figure if it is None, and return the axes.

        `where` selects the hypotheses to draw; of several conditions all must hold. A run whose hypotheses lie in a few planes
        has a panel for each: without `where`, all are drawn into a new figure, and the first of its axes is returned; `ax`, and
        single lines, take one of them.

        With `which`, `label` or `color` only lines are drawn, for a figure of your own: no points, titles, legend or limits of
        the axes. `which`: the name of a curve or of several ("observed", "expected", "expected-1", "expected+1", ...), by default
        the observed and the expected line. `label` is added to the legend of a picture that hfx drew into `ax`; elsewhere it is
        for a legend of your own, made by `ax.legend()`. `color` is that of all these lines.

        `regions`: the points of a combination of regions have the colours of the regions that answer.

        The other options are those of the scan where they are None; they belong to the whole picture, and of them only `x`, `y`,
        `logx`, `logy`, `forbidden` and `interpolation` change single lines, for axes of your own with the same scales.
        Raises `OptionError` for a curve or an option that cannot be used.
        """
        from hfx.driver.plot.scan_picture import draw_into, draw_lines_into

        where = all_of(where)
        texts = {"x": x, "y": y, "xlabel": xlabel, "ylabel": ylabel, "title": title, "forbidden": forbidden}
        given: dict[str, str | bool | None] = {**texts, "logx": logx, "logy": logy, "interpolation": interpolation}
        changed = {name: value for name, value in given.items() if value is not None}
        if (which, label, color) != (None, None, None):
            return draw_lines_into(self.content, ax, where, changed, which=which, label=label, color=color)
        return draw_into(self.content, ax, where, changed, regions=regions)

    def __repr__(self) -> str:
        name = self.content["pallet"].get("name")
        try:
            return f"<ScanResult of {name} in {self.folder}: {verdict.of_scan(self.content)}{self._others()}>"
        except HfxError:  # of a question that is not installed here
            return f"<ScanResult of {name} in {self.folder}>"

    def _others(self) -> str:
        """Says that there are results of earlier scans, which the last one did not select."""
        part = selection.of_scan(self.content)
        if part is None or not part.others:
            return ""
        words = "1 other in this folder is" if part.others == 1 else f"{part.others} others in this folder are"
        return f"; {words} included"

    def __rich__(self) -> "RenderableType":
        return summary.table(self.content, self.folder)

    def _repr_html_(self) -> str:
        return _html(summary.rows(self.content, self.folder))


def _html(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and texts; rows without text are left out."""
    left = "style='text-align:left'"
    lines = (f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(text)}</td></tr>" for name, text in rows if text)
    return f"<table>{''.join(lines)}</table>"


def _shown(value: JsonValue) -> str:
    """A value for readers; empty for one with parts of its own."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return "" if value is None or isinstance(value, dict) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _labelled(labels: Sequence[str], result: JsonObject) -> JsonObject:
    return dict(zip(labels, cast(list[LabelValue], result["values"]), strict=False))


def rows(content: ScanContent) -> list[JsonObject]:
    """The results as rows of a table: the name, the values by label, the columns of the question, and of a combination the
    region."""
    question, labels = of_run(content), tuple(content["pallet"].get("labels", ()))
    return [_row(question, labels, result) for result in content["results"]]


def _row(question: AnyQuestion, labels: Sequence[str], result: JsonObject) -> JsonObject:
    row: JsonObject = {"name": result["name"], **_labelled(labels, result), **question.row(question.read(result))}
    if "region" in result:
        missing = cast(list[str], result.get("missing_in") or [])
        row |= {"region": result["region"], "missing_in": " ".join(missing)}
    return row


def load_run(folder: str | Path) -> ScanResult:
    """The result in a run's folder; of a scan that has not finished, its results so far, without curves.

    Raises `RunFolderError` when the folder holds no run.
    """
    return ScanResult(contents.load(Path(folder)), Path(folder))
