"""The picture of a run that is there already, drawn again, as by ``hfx plot``."""

from collections.abc import Callable
from pathlib import Path

from hfx.driver.plot import scan_picture
from hfx.driver.plot.measure import measured, read_published
from hfx.driver.plot.request import PictureRequest, check_uncertainty, own_name, styled, target
from hfx.driver.plot.run_data import loaded, plot_data
from hfx.driver.plot.run_planes import caption, in_planes
from hfx.driver.run import durable_files
from hfx.driver.run.file_types import Contours, ScanContent, curves_of

__all__ = ["redraw"]


def redraw(run: Path, output: Path, request: PictureRequest, say: Callable[[str], None]) -> list[Path]:
    """Draw the run in the folder ``run`` to ``output``, a folder or a picture's file; the files written, the curves' among them.

    Raises `RunFolderError` when there is nothing to draw, `OptionError` for an expression or a published contour.
    """
    scan = loaded(run)
    options = styled(scan["options"], request.changed)
    check_uncertainty(run, options, request.uncertainty)
    if request.regions:
        scan_picture.check_regions(scan, "--regions")
    if request.label_titles:
        scan["pallet"] = {**scan["pallet"], "label_titles": request.label_titles}
    data = plot_data(scan)
    planes = in_planes(data, scan, options, request.where)
    theory = planes.theory(scan["contours"])
    _say_what_is_left_out(scan["contours"], len(theory), say)
    contours = planes.contours(theory)
    for note in [*contours["notes"], *(note for panel in contours.get("panels", ()) for note in panel["notes"])]:
        if note.startswith("Every point"):  # nothing is left to draw
            say(note)
    published = read_published(request.published)
    if published:
        contours["published"] = measured(planes.one(f"--published with {run}"), published, say)
    stem, formats = target(*_beside(run, output, request, scan, say), request.formats)
    durable_files.make_folder(stem.parent)
    return scan_picture.draw(
        {**scan, "contours": contours},
        stem,
        f"hfx plot {run}",
        say,
        planes=planes,
        part=caption(scan, data, request.where),
        formats=formats,
        style=request.style,
        uncertainty=request.uncertainty,
        regions=request.regions,
        published=published,
    )


def _say_what_is_left_out(stored: Contours, kept: int, say: Callable[[str], None]) -> None:
    """Say that theory curves of the scan belong to no plane that is drawn."""
    of_scan = [curve for curve in curves_of(stored) if curve["which"].startswith("theory")]
    if of_scan and not kept:
        say(f"the theory band is left out: it was made over {stored['x']} and {stored['y']}")


def _beside(run: Path, output: Path, request: PictureRequest, scan: ScanContent, say: Callable[[str], None]) -> tuple[Path, str]:
    """Where to draw: with other contours than the run's own ones beside these, unless another place is given."""
    stored = {axis: scan["options"].get(axis) or scan["contours"].get(axis) for axis in ("x", "y")}
    name = own_name({**scan["options"], **stored}, request)
    if name and output.is_dir() and run.is_dir() and output.samefile(run):
        say(f"contour.* stays the picture of the scan; this one is {name}.*; -o sets another name")
        return output, name
    return output, "contour"
