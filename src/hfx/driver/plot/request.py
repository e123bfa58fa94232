"""Requests for pictures: axes, texts, style, formats, and where the files are written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hfx.driver.questions.texts import picture_texts
from hfx.errors import OptionError
from hfx.pallets.formats.label_titles import LabelTitle

__all__ = ["FORMATS", "PictureOptions", "PictureRequest", "check_uncertainty", "own_name", "styled", "target"]

FORMATS = ("pdf", "png", "svg")
# Endings of files that are taken for a format, not for a folder's name.
_REFUSED = ("jpg", "jpeg", "eps", "ps", "gif", "tif", "tiff", "bmp", "webp", "svgz", "pgf")

_FLAGS = ("logx", "logy")

# The label of one axis, its scale, and the forbidden region, do not hold for another axis.
_OF_AXIS = {"x": ("xlabel", "forbidden", "logx"), "y": ("ylabel", "forbidden", "logy")}


@dataclass(frozen=True)
class PictureOptions:
    """The axes of a picture (expressions on labels), whether they are logarithmic, its texts, the forbidden region, and the
    interpolation; None: by default."""

    x: str | None = None
    y: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    title: str | None = None
    forbidden: str | None = None
    interpolation: str | None = None
    logx: bool = False
    logy: bool = False


@dataclass(frozen=True)
class PictureRequest:
    """A picture as a user asks for it: ``changed`` replaces options that the scan was given (axes, their labels, title, ...).

    ``published``: files of contours to overlay and to measure against; ``formats`` None: as the file is named, else PDF and
    PNG. ``regions``: the points have the colours of the regions that answer. ``where``: the condition of the hypotheses to
    draw; ``label_titles``: names of labels in place of those of the pallet.
    Raises `OptionError` for a style, an interpolation or a format that is not known, and for a label that cannot be drawn.
    """

    changed: Mapping[str, str | bool] = field(default_factory=dict)
    style: str = "hfx"
    formats: tuple[str, ...] | None = None
    published: Sequence[Path] = ()
    uncertainty: bool = False
    regions: bool = False
    labels: tuple[str, ...] = ()
    where: str | None = None
    label_titles: dict[str, LabelTitle] | None = None

    def __post_init__(self) -> None:
        from hfx.driver.plane.surface.interpolation import check
        from hfx.driver.plot.styles import style_called

        style_called(self.style)
        check(_text(self.changed.get("interpolation")))
        for label in self.labels:
            picture_texts.check("--label", label)
        for kind in self.formats or ():
            if kind not in FORMATS:
                raise OptionError(f"--format '{kind}' is not one of {', '.join(FORMATS)}")


def styled(given: Mapping[str, object], changed: Mapping[str, str | bool | None] | None = None) -> PictureOptions:
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
        picture_texts.check(f"--{name}", _text(changed.get(name)))
    kept: dict[str, Any] = {name: _text(given.get(name)) for name in names if name not in _FLAGS}
    kept |= {name: bool(given.get(name)) for name in _FLAGS}
    for axis, dependent in _OF_AXIS.items():
        if axis in changed and changed[axis] != kept[axis]:
            kept |= {name: False if name in _FLAGS else None for name in dependent}
    kept["interpolation"] = kept["interpolation"] or DEFAULT  # runs of versions without a choice do not name it
    return PictureOptions(**{**kept, **changed})


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def check_uncertainty(run: Path, options: PictureOptions, wanted: bool) -> None:
    """Raise `OptionError` where the uncertainty of an interpolation is to be drawn that states none."""
    if wanted and options.interpolation not in ("gp", "smooth"):
        raise OptionError(
            f"--uncertainty: {run} is drawn with the interpolation {options.interpolation}, which has none; add "
            "--interpolation gp"
        )


_CONTENT = ("x", "y", "logx", "logy", "forbidden", "interpolation")  # options that change the curves


def own_name(given: Mapping[str, object], request: PictureRequest) -> str:
    """The name of a picture whose content is not that of the scan, which was ``given`` its options; empty for the scan's own.

    Texts and styles are no content: the picture of a scan may be drawn again with others.
    """
    of_scan = styled(given)
    changed = {name: text for name, text in request.changed.items() if name in _CONTENT and text != getattr(of_scan, name)}
    texts = [_word(name, value) for name, value in changed.items()]
    texts += [
        request.where or "",
        *(file.stem for file in request.published),
        "uncertainty" * request.uncertainty,
        "regions" * request.regions,
    ]
    words = [re.sub(r"[^A-Za-z0-9.+-]+", "_", text.replace(">", "-above-").replace("<", "-below-")) for text in texts if text]
    return "-".join(["contour", *words])[:_LONGEST].strip("_") if words else ""


def _word(name: str, value: str | bool) -> str:
    """A changed option in a file's name."""
    if isinstance(value, bool):
        return name if value else name.replace("log", "linear-")
    return f"{name}-{value}" if name in ("x", "y") else value


_LONGEST = 100  # characters of a file's name


def target(output: Path, name: str, formats: tuple[str, ...] | None) -> tuple[Path, tuple[str, ...]]:
    """The path of a picture without its ending, and its formats: of a file as it is named, else ``name`` in a folder.

    Raises `OptionError` for a file's ending that is another format.
    """
    kind = output.suffix.lower().removeprefix(".")
    if output.is_dir() or kind not in FORMATS:
        if kind in _REFUSED and not output.is_dir():
            raise OptionError(f"-o {output}: pictures are written as {', '.join(FORMATS)}")
        return output / name, formats or ("pdf", "png")
    return output.with_suffix(""), tuple(dict.fromkeys((kind, *(formats or ()))))
