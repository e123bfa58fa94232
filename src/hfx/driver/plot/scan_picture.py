"""The picture of a scan in its run's folder, and the file of its curves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hfx.driver.questions.base import Brief
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.driver.run.contents import ScanContent
from hfx.driver.run.packed_results import Held
from hfx.errors import HfxError, RunFolderError
from hfx.version import __version__

if TYPE_CHECKING:
    from hfx.driver.plane.contour import Plane
    from hfx.driver.plane.points import PlotData
    from hfx.driver.plane.published import Published
    from hfx.driver.plot.request import PictureOptions

__all__ = ["brief", "check_axes", "choose", "content", "draw", "failures", "load", "metadata", "plane"]


def plane(data: "PlotData", options: "PictureOptions") -> "Plane":
    """The scan in the plane of its axes: its curves, and all else that its picture is drawn from."""
    from hfx.driver.plane import contour

    return contour.plane(data, x=options.x, y=options.y, forbidden=options.forbidden, interpolation=options.interpolation)


def draw(
    scan: ScanContent,
    stem: Path,
    options: "PictureOptions",
    command: str,
    say: Callable[[str], None],
    *,
    plane: "Plane",
    formats: Sequence[str] = ("pdf", "png"),
    style: str | None = None,
    uncertainty: bool = False,
    published: Sequence["Published"] = (),
) -> list[Path]:
    """Write ``stem``.pdf, ``stem``.png and, with the contours of ``scan``, ``stem``.json; the files written.

    ``plane``: that of the scan with these options. A picture that cannot be drawn is a sentence to ``say``: the numbers are on
    the disk by then.
    """
    folder, numbers = stem.parent, stem.with_name(f"{stem.name}.json")
    with durable_files.explained(folder, lambda: "the results are kept in its scan.json; "):
        durable_files.write_whole(numbers, durable_files.dump(scan["contours"], indent=1) + "\n")
        try:
            return [*_picture(scan, stem, options, command, formats, plane, style, uncertainty, published), numbers]
        except (HfxError, OSError, MemoryError):
            raise
        except Exception as error:
            first = next(iter(str(error).splitlines()), "")
            say(f"the picture could not be drawn ({type(error).__name__}: {first}); 'hfx plot {folder}' tries again")
            return [numbers]


def _picture(
    scan: ScanContent,
    stem: Path,
    options: "PictureOptions",
    command: str,
    formats: Sequence[str],
    plane: "Plane",
    style: str | None,
    uncertainty: bool,
    published: Sequence["Published"],
) -> list[Path]:
    from hfx.driver.plane.contour import theory_curves
    from hfx.driver.plot import figure

    theory = theory_curves(scan["contours"], plane.points.axes.x, plane.points.axes.y)
    picture = figure.Picture(plane, options, scan["pallet"], theory, published, style, uncertainty)
    return figure.draw(picture, stem, metadata=metadata(scan, command), formats=formats)


def metadata(scan: ScanContent, command: str) -> dict[str, str]:
    """The origin of a picture, as its file names it."""
    return {
        "hfx": str(scan["hfx"]),
        "pallet": str(scan["pallet"].get("name")),
        "digest": f"sha256:{scan['pallet'].get('digest')}",
        "command": command,
    }


# All below moves to driver/questions.

# What a choice of minimum decides, beside each fit's value; a record holds them for each choice.
_CHOSEN = ("CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status")
_PRIVATE = ("solutions", "step")

Record = Mapping[str, Any]


def brief(record: Record) -> Brief:
    """A result, as a dict of its entries, in the form that pictures take."""
    return Brief(
        name=str(record["name"]),
        values=tuple(record.get("values") or ()),
        status=str(record.get("status")),
        numbers=_numbers(record),
        region=record.get("region"),
        missing_in=tuple(record.get("missing_in") or ()),
        by_region={name: _numbers(part) for name, part in (record.get("by_region") or {}).items()},
    )


def _numbers(record: Record) -> tuple[float | None, ...]:
    return (record.get("CLs_obs"), *(record.get("CLs_exp") or ()))


def choose(record: Record, minima: str, *, fits: bool = True) -> dict[str, Any]:
    """A stored record as a result: the numbers of `minima` in front, no solutions. Without `fits` these may be another's."""
    part = record.get(minima) or {}
    chosen = {key: part[key] for key in _CHOSEN if key in part}
    if isinstance(part.get("edm"), dict):
        edms = list(part["edm"].values())
        chosen["edm"] = None if None in edms else max(edms)  # null: a fit that did not converge has none
        if fits:
            chosen["fits"] = {name: _fit(name, fit, record, part) for name, fit in record["fits"].items()}
    return {key: value for key, value in {**record, **chosen}.items() if key not in _PRIVATE}


def _fit(name: str, fit: Record, record: Record, part: Record) -> dict[str, Any]:
    """One fit of a result, at the minimum of `part`, the record's choice."""
    twice_nll = part["twice_nll"][name]
    # The Asimov data are those of the choice's own background fit: values of two choices do not compare.
    above = None if name == "asimov_fixed" else max(0.0, record["natural"]["twice_nll"][name] - twice_nll)
    own = {key: part[key][name] for key in ("edm", "iterations", "minima") if key in part}
    return {**fit, "twice_nll": twice_nll, **own, "improved": above}


def failures(order: Sequence[tuple[str, Sequence[float]]], reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """The failures in the pallet's order."""
    return [{"name": n, "values": list(v), "reason": reasons[n]} for n, v in order if n in reasons]


def content(
    pallet: Mapping[str, Any],
    options: ScanOptions,
    results: Iterable[Record],
    failed: Sequence[Record],
    contours: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of scan.json."""
    return {
        "hfx": __version__,
        "pallet": dict(pallet),
        "options": options.public(),
        "results": Held(results),
        "failures": list(failed),
        "contours": dict(contours or {}),
    }


def check_axes(pallet: Mapping[str, Any], points: Sequence[Record], options: ScanOptions) -> None:
    """Raise `OptionError`, before any fit, for --x, --y or --forbidden that no picture can be drawn with."""
    from hfx.driver.plane import axes

    axes.check(pallet.get("labels") or (), [point["values"] for point in points], options.x, options.y, options.forbidden)


def load(folder: Path) -> ScanContent:
    """The content of scan.json; of a scan that has not finished, what is there so far, without curves.

    Raises `RunFolderError` when the folder holds no run.
    """
    from hfx.driver.run.folder import read_json
    from hfx.driver.run.records import read_records
    from hfx.driver.run.scan_file import read_scan

    scan = read_scan(folder)
    if scan is not None:
        return cast(ScanContent, scan)
    run = read_json(folder, "run.json")
    if run is None:
        raise RunFolderError(f"{folder} holds no run of hfx: there is neither scan.json nor run.json in it")
    minima = str(run.get("options", {}).get("minima", "admissible"))
    records = read_records(folder).last.values()
    return {
        "hfx": run.get("hfx"),
        "pallet": run.get("pallet", {}),
        "options": run.get("options", {}),
        "results": Held(choose(record, minima) for record in records),
        "failures": [],
        "contours": {},
    }
