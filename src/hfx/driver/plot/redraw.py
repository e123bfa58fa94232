"""``hfx plot``: the picture of a run that is there, drawn again; several runs in one picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hfx.driver.plot import scan_picture
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.errors import OptionError, RunFolderError

__all__ = ["FORMATS", "Wanted", "redraw", "styled", "target"]

FORMATS = ("pdf", "png", "svg")

_STYLE = ("x", "y", "xlabel", "ylabel", "title", "forbidden", "interpolation")

# What was said about an axis is not true of another one.
_OF_AXIS = {"x": ("xlabel", "forbidden"), "y": ("ylabel", "forbidden")}


@dataclass(frozen=True)
class Wanted:
    """A picture as it is wanted: `changed` goes before what the scan was given (axes, their labels, title, ...).

    `published`: files of contours to overlay and to measure against; `formats` None: as the file is named, else PDF
    and PNG.
    """

    changed: Mapping[str, str] = field(default_factory=dict)
    style: str = "hfx"
    formats: tuple[str, ...] | None = None
    published: Sequence[Path] = ()
    uncertainty: bool = False
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from hfx.driver.plane.interpolation import check
        from hfx.driver.plot.styles import style_called

        style_called(self.style)
        check(self.changed.get("interpolation"))
        for kind in self.formats or ():
            if kind not in FORMATS:
                raise OptionError(f"--format '{kind}' is not one of {', '.join(FORMATS)}")


def styled(given: Mapping[str, Any], style: Mapping[str, Any]) -> dict[str, Any]:
    """The style of a picture: `style` before what the scan was `given`, without what belongs to other axes."""
    kept = {name: given.get(name) for name in _STYLE}
    for axis, names in _OF_AXIS.items():
        if axis in style and style[axis] != kept[axis]:
            kept |= dict.fromkeys(names)
    kept["interpolation"] = kept["interpolation"] or ScanOptions.interpolation  # of a run made before there was a choice
    return {**kept, **style}


def target(output: Path, formats: tuple[str, ...] | None) -> tuple[Path, tuple[str, ...]]:
    """The path of a picture without its ending, and its formats: of a file as it is named, else "contour" in a folder."""
    kind = output.suffix.lower().removeprefix(".")
    if output.is_dir() or kind not in FORMATS:
        if kind and not output.is_dir() and formats is None and kind in ("jpg", "jpeg", "eps", "ps", "gif", "tiff"):
            raise OptionError(f"-o {output}: pictures are written as {', '.join(FORMATS)}")
        return output / "contour", formats or ("pdf", "png")
    return output.with_suffix(""), tuple(dict.fromkeys((kind, *(formats or ()))))


def redraw(run: Path, output: Path, wanted: Wanted, say: Callable[[str], None]) -> list[Path]:
    """Draw the run in `run` to `output`, a folder or a picture's file; the files written, one with the curves among them.

    Raises `RunFolderError` when there is nothing to draw, `OptionError` for an expression or a published contour.
    """
    from hfx.driver.plot import figure
    from hfx.driver.plot.overlay import measured, read_published

    scan = loaded(run)
    options = ScanOptions.of(styled(scan["options"], wanted.changed))
    plane = scan_picture.plane(scan, options)
    theory = figure.theory_curves(scan, plane.contours["x"], plane.contours["y"])
    if len(theory) < len(figure.theory_curves(scan)):
        say(f"the theory band is left out: it was made over {scan['contours']['x']} and {scan['contours']['y']}")
    contours = {**plane.contours, "curves": [*plane.contours["curves"], *theory]}
    published = read_published(wanted.published)
    if published:
        contours["published"] = measured(plane, published, say)
    stem, formats = target(output, wanted.formats)
    with durable_files.explained(stem.parent):
        stem.parent.mkdir(parents=True, exist_ok=True)
    return scan_picture.draw(
        {**scan, "contours": contours},
        stem,
        options,
        f"hfx plot {run}",
        say,
        formats=formats,
        plane=plane,
        style=wanted.style,
        uncertainty=wanted.uncertainty,
        published=published,
    )


def loaded(run: Path) -> dict[str, Any]:
    """The scan in a run's folder. Raises `RunFolderError`: no run, or no results yet."""
    scan = scan_picture.load(run)
    if not scan["results"] and not scan["failures"]:
        raise RunFolderError(f"{run} has no results yet; nothing to draw")
    return scan
