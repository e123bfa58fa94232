"""The outcome of a scan: the content of scan.json, its curves and its picture."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.driver.run.packed_results import Held, briefs
from hfx.errors import HfxError, RunFolderError
from hfx.version import __version__

if TYPE_CHECKING:
    from hfx.driver.plane.contour import Plane

__all__ = ["check_axes", "choose", "content", "curves", "draw", "drawn", "failures", "load", "metadata", "plane"]

# What a choice of minimum decides, beside each fit's value; a record holds them for each choice.
_CHOSEN = ("CLs_obs", "CLs_exp", "CLsb_obs", "CLb_obs", "muhat", "status")
_PRIVATE = ("solutions", "step")

Record = Mapping[str, Any]


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
    if any((options.x, options.y, options.forbidden)):
        from hfx.driver.plane import contour

        empty = content(pallet, options, [], [{**point, "reason": ""} for point in points])
        contour.contours(empty, x=options.x, y=options.y, forbidden=options.forbidden)


def curves(scan: Mapping[str, Any], options: ScanOptions) -> dict[str, Any]:
    """The content of contour.json."""
    return dict(plane(scan, options).contours)


def plane(scan: Mapping[str, Any], options: ScanOptions) -> "Plane":
    """The scan in the plane of its axes: its curves, and what its picture is drawn from."""
    from hfx.driver.plane import contour

    return contour.plane(drawn(scan), x=options.x, y=options.y, forbidden=options.forbidden, interpolation=options.interpolation)


def drawn(scan: Mapping[str, Any]) -> dict[str, Any]:
    """The scan as it is drawn: briefs of its results; what failed in one region and has a result of another is no gap."""
    results = briefs(scan["results"])
    there = {record["name"] for record in results}
    return {**scan, "results": results, "failures": [f for f in scan["failures"] if f["name"] not in there]}


def draw(
    scan: Mapping[str, Any],
    stem: Path,
    options: ScanOptions,
    command: str,
    say: Callable[[str], None],
    *,
    formats: Sequence[str] = ("pdf", "png"),
    **shown: Any,
) -> list[Path]:
    """Write `stem`.pdf, `stem`.png and `stem`.json; the files written. `shown`: what else `plot.draw` is to know.

    A picture that cannot be drawn is a sentence to `say`: the numbers are on the disk by then.
    """
    folder, numbers = stem.parent, stem.with_name(f"{stem.name}.json")
    with durable_files.explained(folder, lambda: "the results are kept in its scan.json; "):
        durable_files.write_whole(numbers, durable_files.dump(scan["contours"], indent=1) + "\n")
        try:
            return [*_picture(scan, stem, options, command, formats, shown), numbers]
        except (HfxError, OSError, MemoryError):
            raise
        except Exception as error:
            first = next(iter(str(error).splitlines()), "")
            say(f"the picture could not be drawn ({type(error).__name__}: {first}); 'hfx plot {folder}' tries again")
            return [numbers]


def _picture(
    scan: Mapping[str, Any], stem: Path, options: ScanOptions, command: str, formats: Sequence[str], shown: Mapping[str, Any]
) -> list[Path]:
    from hfx.driver.plot import figure

    return figure.draw(
        drawn(scan),
        stem,
        x=options.x,
        y=options.y,
        xlabel=options.xlabel,
        ylabel=options.ylabel,
        title=options.title,
        forbidden=options.forbidden,
        interpolation=options.interpolation,
        metadata=metadata(scan, command),
        formats=formats,
        **shown,
    )


def metadata(scan: Mapping[str, Any], command: str) -> dict[str, str]:
    """What a picture's file says of where it comes from."""
    return {
        "hfx": str(scan["hfx"]),
        "pallet": str(scan["pallet"].get("name")),
        "digest": f"sha256:{scan['pallet'].get('digest')}",
        "command": command,
    }


def load(folder: Path) -> dict[str, Any]:
    """The content of scan.json; of a scan that has not finished, what is there so far, without curves.

    Raises `RunFolderError` when the folder holds no run.
    """
    from hfx.driver.run.folder import read_json
    from hfx.driver.run.records import read_records
    from hfx.driver.run.scan_file import read_scan

    scan = read_scan(folder)
    if scan is not None:
        return scan
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
