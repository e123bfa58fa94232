"""``hfx plot``: the picture of a run that is there, drawn again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hfx.driver import disk, outcome
from hfx.driver.options import ScanOptions
from hfx.errors import RunFolderError

__all__ = ["redraw", "styled"]

_STYLE = ("x", "y", "xlabel", "ylabel", "title", "forbidden")

# What was said about an axis is not true of another one.
_OF_AXIS = {"x": ("xlabel", "forbidden"), "y": ("ylabel", "forbidden")}


def styled(given: Mapping[str, Any], style: Mapping[str, Any]) -> dict[str, Any]:
    """The style of a picture: `style` before what the scan was `given`, without what belongs to other axes."""
    kept = {name: given.get(name) for name in _STYLE}
    for axis, names in _OF_AXIS.items():
        if axis in style and style[axis] != kept[axis]:
            kept |= dict.fromkeys(names)
    return {**kept, **style}


def redraw(run: Path, target: Path, style: Mapping[str, str], say: Callable[[str], None]) -> list[Path]:
    """Draw the run in `run` into the folder `target`; the files written.

    `style` (``x``, ``y``, ``xlabel``, ``ylabel``, ``title``, ``forbidden``) goes before what the scan was
    given. Raises `RunFolderError` when there is nothing to draw, `OptionError` for an expression.
    """
    from hfx.driver import plot

    scan = outcome.load(run)
    if not scan["results"] and not scan["failures"]:
        raise RunFolderError(f"{run} has no results yet; nothing to draw")
    options = ScanOptions.of(styled(scan["options"], style))
    curves = outcome.curves(scan, options)
    theory = plot.theory_curves(scan, curves["x"], curves["y"])
    if len(theory) < len(plot.theory_curves(scan)):
        say(f"the theory band is left out: it was made over {scan['contours']['x']} and {scan['contours']['y']}")
    drawn = {**scan, "contours": {**curves, "curves": [*curves["curves"], *theory]}}
    with disk.explained(target):
        target.mkdir(parents=True, exist_ok=True)
    return outcome.draw(drawn, target, options, f"hfx plot {run}", say)
