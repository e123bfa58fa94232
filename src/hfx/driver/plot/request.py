"""Requests for pictures: axes, texts, style, formats, and where the files are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from hfx.driver.questions import picture_texts
from hfx.errors import OptionError

__all__ = ["FORMATS", "PictureOptions", "PictureRequest", "check_uncertainty", "styled", "target"]

FORMATS = ("pdf", "png", "svg")
# Endings of files that are taken for a format, not for a folder's name.
_REFUSED = ("jpg", "jpeg", "eps", "ps", "gif", "tif", "tiff", "bmp", "webp", "svgz", "pgf")

# The label of one axis, and the forbidden region, do not hold for another axis.
_OF_AXIS = {"x": ("xlabel", "forbidden"), "y": ("ylabel", "forbidden")}


@dataclass(frozen=True)
class PictureOptions:
    """The axes of a picture (expressions on labels), its texts, the forbidden region, and the interpolation; None: by default."""

    x: str | None = None
    y: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    title: str | None = None
    forbidden: str | None = None
    interpolation: str | None = None


@dataclass(frozen=True)
class PictureRequest:
    """A picture as a user asks for it: ``changed`` replaces options that the scan was given (axes, their labels, title, ...).

    ``published``: files of contours to overlay and to measure against; ``formats`` None: as the file is named, else PDF and PNG.
    Raises `OptionError` for a style, an interpolation or a format that is not known, and for a label that cannot be drawn.
    """

    changed: Mapping[str, str] = field(default_factory=dict)
    style: str = "hfx"
    formats: tuple[str, ...] | None = None
    published: Sequence[Path] = ()
    uncertainty: bool = False
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from hfx.driver.plane.surface.interpolation import check
        from hfx.driver.plot.styles import style_called

        style_called(self.style)
        check(self.changed.get("interpolation"))
        for label in self.labels:
            picture_texts.check("--label", label)
        for kind in self.formats or ():
            if kind not in FORMATS:
                raise OptionError(f"--format '{kind}' is not one of {', '.join(FORMATS)}")


def styled(given: Mapping[str, object], changed: Mapping[str, str | None] | None = None) -> PictureOptions:
    """The options of a picture: ``changed`` before those that the scan was ``given``, without what belongs to other axes.

    Raises `OptionError` for a changed option that pictures do not have, and for a changed text that cannot be drawn.
    """
    from hfx.driver.plane.surface.interpolation import DEFAULT

    names = [option.name for option in fields(PictureOptions)]
    changed = changed or {}
    for name in changed:
        if name not in names:
            raise OptionError(f"a picture has no option called '{name}'; options: {', '.join(names)}")
    for name in ("xlabel", "ylabel", "title"):
        picture_texts.check(f"--{name}", changed.get(name))
    kept = {name: None if given.get(name) is None else str(given[name]) for name in names}
    for axis, dependent in _OF_AXIS.items():
        if axis in changed and changed[axis] != kept[axis]:
            kept |= dict.fromkeys(dependent)
    kept["interpolation"] = kept["interpolation"] or DEFAULT  # runs of versions without a choice do not name it
    return PictureOptions(**{**kept, **changed})


def check_uncertainty(run: Path, options: PictureOptions, wanted: bool) -> None:
    """Raise `OptionError` where the uncertainty of an interpolation is to be drawn that states none."""
    if wanted and options.interpolation not in ("gp", "smooth"):
        raise OptionError(
            f"--uncertainty: {run} is drawn with the interpolation {options.interpolation}, which has none; add "
            "--interpolation gp"
        )


def target(output: Path, formats: tuple[str, ...] | None) -> tuple[Path, tuple[str, ...]]:
    """The path of a picture without its ending, and its formats: of a file as it is named, else "contour" in a folder.

    Raises `OptionError` for a file's ending that is another format.
    """
    kind = output.suffix.lower().removeprefix(".")
    if output.is_dir() or kind not in FORMATS:
        if kind in _REFUSED and not output.is_dir():
            raise OptionError(f"-o {output}: pictures are written as {', '.join(FORMATS)}")
        return output / "contour", formats or ("pdf", "png")
    return output.with_suffix(""), tuple(dict.fromkeys((kind, *(formats or ()))))
