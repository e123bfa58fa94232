"""The picture of a run that is there already, drawn again, as by ``hfx plot``."""

from collections.abc import Callable
from pathlib import Path

from hfx.driver.plane.contour import theory_curves
from hfx.driver.plot import scan_picture
from hfx.driver.plot.measure import measured, read_published
from hfx.driver.plot.request import PictureRequest, check_uncertainty, styled, target
from hfx.driver.plot.run_data import loaded, plot_data
from hfx.driver.run import durable_files
from hfx.driver.run.file_types import Contours

__all__ = ["redraw"]


def redraw(run: Path, output: Path, request: PictureRequest, say: Callable[[str], None]) -> list[Path]:
    """Draw the run in the folder ``run`` to ``output``, a folder or a picture's file; the files written, the curves' among them.

    Raises `RunFolderError` when there is nothing to draw, `OptionError` for an expression or a published contour.
    """
    scan = loaded(run)
    options = styled(scan["options"], request.changed)
    check_uncertainty(run, options, request.uncertainty)
    plane = scan_picture.plane(plot_data(scan), options)
    theory = theory_curves(scan["contours"], plane.contours["x"], plane.contours["y"])
    if len(theory) < len(theory_curves(scan["contours"])):
        say(f"the theory band is left out: it was made over {scan['contours']['x']} and {scan['contours']['y']}")
    contours: Contours = {**plane.contours, "curves": [*plane.contours["curves"], *theory]}
    published = read_published(request.published)
    if published:
        contours["published"] = measured(plane, published, say)
    stem, formats = target(output, request.formats)
    durable_files.make_folder(stem.parent)
    return scan_picture.draw(
        {**scan, "contours": contours},
        stem,
        options,
        f"hfx plot {run}",
        say,
        plane=plane,
        formats=formats,
        style=request.style,
        uncertainty=request.uncertainty,
        published=published,
    )
