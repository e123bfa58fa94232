"""What a scan gives back: `ScanResult`, the results it iterates over, and `load_run`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hfx.driver.plot import scan_picture
from hfx.driver.run.contents import ScanContent
from hfx.driver.run.packed_results import briefs
from hfx.driver.views import summary
from hfx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType

__all__ = ["Result", "ScanResult", "load_run"]

_EXPECTED = ("CLs_exp_m2", "CLs_exp_m1", "CLs_exp_0", "CLs_exp_p1", "CLs_exp_p2")


class Result(Mapping[str, Any]):
    """One hypothesis' result: a read-only mapping whose entries are attributes too.

    ``name``, ``values``, ``CLs_obs``, ``CLs_exp`` (five values, index 0 is -2 sigma), ``CLsb_obs``,
    ``CLb_obs``, ``muhat``, ``status`` ("converged" or the reason), ``edm``, ``fits``, ``natural``,
    ``admissible``, ``lowest``, ``seconds``, ``worker``; in a combination of regions ``region`` and
    ``missing_in`` too.
    """

    __slots__ = ("_record",)

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = dict(record)

    def __getitem__(self, key: str) -> Any:
        return self._record[key]

    def __getattr__(self, name: str) -> Any:
        # Private names are asked for by copy and pickle, before there is a record.
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._record:
            return self._record[name]
        raise AttributeError(f"a result has no '{name}'; it has {', '.join(self)}")

    @property
    def values(self) -> tuple[float, ...]:  # type: ignore[override]
        """The hypothesis' labels (masses), in the order of the pallet's labels; not the mapping's method of that name."""
        return tuple(self._record["values"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._record)

    def __len__(self) -> int:
        return len(self._record)

    def __hash__(self) -> int:
        return hash(self._record["name"])

    def __repr__(self) -> str:
        return f"Result({self.name!r}, CLs_obs={self.CLs_obs:.4g}, status={self.status!r})"


@dataclass(frozen=True)
class ScanResult(Sequence[Result]):
    """The results of a scan, in the pallet's order; a sequence of `Result`.

    `content` is the content of scan.json, its results a sequence of dicts that are made when they are asked for;
    `folder` is the run's folder.
    """

    content: Mapping[str, Any] = field(repr=False)
    folder: Path

    @property
    def results(self) -> tuple[Result, ...]:
        """Every hypothesis that was fitted."""
        return tuple(Result(record) for record in self.content["results"])

    @property
    def failures(self) -> tuple[dict[str, Any], ...]:
        """The hypotheses that could not be fitted: {"name", "values", "reason"} each."""
        return tuple(dict(failure) for failure in self.content["failures"])

    @property
    def contours(self) -> dict[str, Any]:
        """{"x", "y", "choice", "curves": [{"which", "level", "points": [[x, y], ...]}], "notes"}."""
        return dict(self.content["contours"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the hypotheses' values."""
        return tuple(self.content["pallet"].get("labels", ()))

    @property
    def complete(self) -> bool:
        """Whether every hypothesis was fitted, and every fit converged."""
        return not self.content["failures"] and all(r["status"] == "converged" for r in briefs(self.content["results"]))

    def __getitem__(self, key: Any) -> Any:
        """The result of a name or of a position; a tuple of results for a slice."""
        if isinstance(key, str):
            for i, record in enumerate(briefs(self.content["results"])):
                if record["name"] == key:
                    return Result(self.content["results"][i])
            near = get_close_matches(key, [brief["name"] for brief in briefs(self.content["results"])], n=1)
            raise KeyError(f"no result of a hypothesis {key!r}{f'; did you mean {near[0]!r}?' if near else ''}")
        found = self.content["results"][key]
        return tuple(map(Result, found)) if isinstance(key, slice) else Result(found)

    def __len__(self) -> int:
        return len(self.content["results"])

    def __iter__(self) -> Iterator[Result]:
        return map(Result, self.content["results"])

    def to_records(self) -> list[dict[str, Any]]:
        """One plain dict a hypothesis: its result, and its values by label."""
        return [{**dict(zip(self.labels, record["values"], strict=False)), **record} for record in self.content["results"]]

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat dict a hypothesis, of numbers and short text: the columns of a table."""
        return [_row(self.labels, record) for record in self.content["results"]]

    def to_dataframe(self) -> Any:
        """A pandas DataFrame of `to_rows`; raises `InputError` when pandas is not installed."""
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise InputError("to_dataframe() needs pandas: pip install pandas; to_rows() does without") from None
        return pandas.DataFrame(self.to_rows())

    def plot(self, ax: "Axes | None" = None, **style: Any) -> "Axes":
        """Draw the contour into `ax` (a new figure without one); the axes.

        `style`: ``x``, ``y``, ``xlabel``, ``ylabel``, ``title``, ``forbidden``; else as in the scan.
        """
        from hfx.driver.plane.contour import theory_curves
        from hfx.driver.plot import figure
        from hfx.driver.plot.request import styled
        from hfx.driver.plot.run_data import plot_data

        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(figsize=(7.0, 5.6), layout="constrained")[1]
        options = styled(self.content.get("options", {}), style)
        plane = scan_picture.plane(plot_data(cast(ScanContent, self.content)), options)
        theory = theory_curves(self.content["contours"], plane.contours["x"], plane.contours["y"])
        figure.draw_axes(figure.Picture(plane, options, self.content["pallet"], theory), ax)
        return ax

    def __rich__(self) -> "RenderableType":
        return summary.table(self.content, self.folder)

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(text)}</td></tr>"
            for name, text in summary.rows(self.content, self.folder)
        )
        return f"<table>{rows}</table>"


def _row(labels: Sequence[str], record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": record["name"], **dict(zip(labels, record["values"], strict=False))}
    row["CLs_obs"] = record["CLs_obs"]
    row |= dict(zip(_EXPECTED, record["CLs_exp"], strict=True))
    for key in ("CLsb_obs", "CLb_obs", "muhat", "status", "edm"):
        row[key] = record.get(key)
    for part in ("natural", "lowest"):
        row[f"CLs_obs_{part}"] = (record.get(part) or {}).get("CLs_obs")
    if "region" in record:
        row |= {"region": record["region"], "missing_in": " ".join(record.get("missing_in", ()))}
    return row


def load_run(folder: str | Path) -> ScanResult:
    """The result in a run's folder; of a scan that has not finished, what is there so far, without curves.

    Raises `RunFolderError` when the folder holds no run.
    """
    return ScanResult(scan_picture.load(Path(folder)), Path(folder))
