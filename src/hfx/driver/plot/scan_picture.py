"""The picture of a scan in its run's folder, and the file of its curves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hfx.driver.process.drawing_lock import DRAWING
from hfx.driver.run import durable_files
from hfx.driver.run.file_types import ScanContent
from hfx.errors import HfxError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hfx.driver.plane.published import Published
    from hfx.driver.plot.figure import Picture
    from hfx.driver.plot.run_planes import RunPlanes

__all__ = ["check_regions", "draw", "draw_into", "draw_lines_into", "metadata", "pictures"]

_WHERE = "where="  # the option of `ScanResult.plot`


def draw(
    scan: ScanContent,
    stem: Path,
    command: str,
    say: Callable[[str], None],
    *,
    planes: "RunPlanes",
    part: str,
    formats: Sequence[str] = ("pdf", "png"),
    style: str | None = None,
    uncertainty: bool = False,
    regions: bool = False,
    published: Sequence["Published"] = (),
) -> list[Path]:
    """Write ``stem``.pdf, ``stem``.png and, with the contours of ``scan``, ``stem``.json; the files written.

    ``planes``: those of the scan; ``part``: the line that says which part of the pallet they show. A picture that cannot be
    drawn is a sentence to ``say``: the numbers are on the disk by then.
    """
    folder, numbers = stem.parent, stem.with_name(f"{stem.name}.json")
    for sentence in _texts_drawn_plainly(scan, planes):
        say(sentence)
    with durable_files.explained(folder, lambda: "the results are kept in its scan.json; "):
        durable_files.write_whole(numbers, durable_files.dump(scan["contours"], indent=1) + "\n")
        try:
            return [*_picture(scan, stem, command, formats, planes, part, style, uncertainty, regions, published), numbers]
        except (HfxError, OSError, MemoryError):
            raise
        except Exception as error:
            first = next(filter(str.strip, str(error).splitlines()), "no reason given")
            say(f"the picture could not be drawn ({type(error).__name__}: {first}); 'hfx plot {folder}' tries again")
            return [numbers]


def _texts_drawn_plainly(scan: ScanContent, planes: "RunPlanes") -> Iterator[str]:
    """Sentences about texts of the picture that are drawn without their LaTeX."""
    from hfx.driver.questions.texts.picture_texts import plainly_drawn

    options = planes.options
    yield from plainly_drawn({"--title": options.title, "--xlabel": options.xlabel, "--ylabel": options.ylabel})
    titles = scan["pallet"].get("label_titles") or {}
    yield from plainly_drawn({f"the LaTeX of {label}:": f"${one['latex']}$" for label, one in titles.items() if one.get("latex")})


def _picture(
    scan: ScanContent,
    stem: Path,
    command: str,
    formats: Sequence[str],
    planes: "RunPlanes",
    part: str,
    style: str | None,
    uncertainty: bool,
    regions: bool,
    published: Sequence["Published"],
) -> list[Path]:
    from hfx.driver.plot import figure

    drawn = [
        replace(one, style=style, uncertainty=uncertainty, regions=regions, published=published)
        for one in pictures(scan, planes, part)
    ]
    return figure.draw(drawn, stem, metadata=metadata(scan, command), formats=formats)


def pictures(scan: ScanContent, planes: "RunPlanes", part: str) -> list["Picture"]:
    """The picture of a scan, or those of its panels. ``part``: as of `draw`."""
    from hfx.driver.plot.figure import Picture

    theory, pallet = planes.theory(scan["contours"]), scan["pallet"]
    if planes.single is not None:
        return [Picture(planes.single, planes.options, pallet, theory, part=part)]
    return [
        Picture(
            panel.plane,
            panel.options,
            pallet,
            [curve for curve in theory if curve.get("where") == panel.where],
            part=part,
            panel=panel.title,
        )
        for panel in planes.panels
    ]


def draw_into(
    scan: ScanContent, ax: "Axes | None", where: str | None, style: Mapping[str, str | bool | None], *, regions: bool = False
) -> "Axes":
    """Draw a scan into ``ax``, or into a new figure of pyplot; the axes, the first ones where there are several panels.

    Raises `OptionError` for several panels and one ``ax``, and for an expression that cannot be read.
    """
    from hfx.driver.plot import figure, run_planes
    from hfx.driver.plot.request import styled
    from hfx.driver.plot.run_data import plot_data

    data = plot_data(scan)
    planes = run_planes.in_planes(data, scan, styled(scan["options"], style), where)
    if ax is not None:
        planes.one("plot(ax=...) draws one plane", _WHERE)
    if regions:
        check_regions(scan, "regions=True")
    drawn = [replace(one, regions=regions) for one in pictures(scan, planes, run_planes.caption(scan, data, where))]
    with DRAWING:
        if ax is not None:
            figure.draw_axes(drawn[0], ax)
            return ax
        from matplotlib import pyplot

        return figure.fill(pyplot.figure(figsize=figure.size_of(drawn), layout="constrained"), drawn)[0]


def draw_lines_into(
    scan: ScanContent,
    ax: "Axes | None",
    where: str | None,
    changed: Mapping[str, str | bool | None],
    *,
    which: str | Sequence[str] | None,
    label: str | None,
    color: str | None,
) -> "Axes":
    """Draw single lines of a scan into ``ax``, or into a new figure; the axes. Raises `OptionError` as `draw_into`."""
    from hfx.driver.plot import run_planes, single_lines
    from hfx.driver.plot.request import styled
    from hfx.driver.plot.run_data import plot_data

    planes = run_planes.in_planes(plot_data(scan), scan, styled(scan["options"], changed), where)
    plane = planes.one("plot(which=...) draws lines of one plane", _WHERE)
    theory = planes.theory(scan["contours"])
    with DRAWING:
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.figure(figsize=(7.0, 5.6), layout="constrained").subplots()
        single_lines.draw(ax, plane, theory, which=which, label=label, color=color)
    return ax


def check_regions(scan: ScanContent, option: str) -> None:
    """Raise `OptionError` where the points of a run are to have the colours of regions, and it combines none."""
    if not scan["pallet"].get("regions"):
        raise OptionError(f"this run has one region only; leave {option} out")


def metadata(scan: ScanContent, command: str) -> dict[str, str]:
    """The origin of a picture, as its file names it."""
    return {
        "hfx": str(scan["hfx"]),
        "pallet": str(scan["pallet"].get("name")),
        "digest": f"sha256:{scan['pallet'].get('digest')}",
        "command": command,
    }
