"""The picture of a scan in its run's folder, and the file of its curves."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfx.driver.run import durable_files
from hfx.driver.run.file_types import ScanContent
from hfx.errors import HfxError

if TYPE_CHECKING:
    from hfx.driver.plane.contour import Plane
    from hfx.driver.plane.points import PlotData
    from hfx.driver.plane.published import Published
    from hfx.driver.plot.request import PictureOptions

__all__ = ["draw", "metadata", "plane", "plane_over"]


def plane(data: "PlotData", options: "PictureOptions") -> "Plane":
    """The scan in the plane of its axes: its curves, and all else that its picture is drawn from. ``data``: of all hypotheses."""
    from hfx.driver.plane import axes

    x, y = axes.in_force(data.labels, data.values(), options.x, options.y)
    return plane_over(x, y, data, options)


def plane_over(x: str | None, y: str | None, data: "PlotData", options: "PictureOptions") -> "Plane":
    """The same over axes that are chosen already, also of a part of the hypotheses, as while a scan runs."""
    from hfx.driver.plane import contour

    return contour.plane(data, x=x, y=y, forbidden=options.forbidden, interpolation=options.interpolation)


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
            first = next(filter(str.strip, str(error).splitlines()), "no reason given")
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
    from hfx.driver.plane.selection import caption_of
    from hfx.driver.plot import figure

    theory = theory_curves(scan["contours"], plane.points.axes.x, plane.points.axes.y)
    picture = figure.Picture(plane, options, scan["pallet"], theory, published, style, uncertainty, caption_of(scan))
    return figure.draw(picture, stem, metadata=metadata(scan, command), formats=formats)


def metadata(scan: ScanContent, command: str) -> dict[str, str]:
    """The origin of a picture, as its file names it."""
    return {
        "hfx": str(scan["hfx"]),
        "pallet": str(scan["pallet"].get("name")),
        "digest": f"sha256:{scan['pallet'].get('digest')}",
        "command": command,
    }
