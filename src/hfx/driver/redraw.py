"""``hfx plot``: the picture of a run that is there, drawn again."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hfx.driver import disk, outcome
from hfx.driver.options import ScanOptions
from hfx.errors import RunFolderError

__all__ = ["redraw"]

_STYLE = ("x", "y", "xlabel", "ylabel", "title", "forbidden")


def redraw(run: Path, target: Path, style: Mapping[str, str], say: Callable[[str], None]) -> list[Path]:
    """Draw the run in `run` into the folder `target`; the files written.

    `style` (``x``, ``y``, ``xlabel``, ``ylabel``, ``title``, ``forbidden``) goes before what the scan was
    given. Raises `RunFolderError` when there is nothing to draw, `OptionError` for an expression.
    """
    scan = outcome.load(run)
    if not scan["results"] and not scan["failures"]:
        raise RunFolderError(f"{run} has no results yet; nothing to draw")
    given = {name: scan["options"].get(name) for name in _STYLE}
    options = ScanOptions.of({**given, **style})
    theory = [c for c in scan["contours"].get("curves", ()) if str(c["which"]).startswith("theory")]
    curves = outcome.curves(scan, options)
    drawn = {**scan, "contours": {**curves, "curves": [*curves["curves"], *theory]}}
    with disk.explained(target):
        target.mkdir(parents=True, exist_ok=True)
    return outcome.draw(drawn, target, options, f"hfx plot {run}", say)
