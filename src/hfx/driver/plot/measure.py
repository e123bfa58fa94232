"""Published contours, and how far the contours of a scan are from them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hfx.driver.plane import compare
from hfx.driver.plane.published import Published, read
from hfx.driver.plot.axis.labels import mass, unit
from hfx.errors import OptionError
from hfx.json_types import JsonObject

if TYPE_CHECKING:
    from hfx.driver.plane.contour import Plane

__all__ = ["measured", "read_published"]


def read_published(files: Sequence[Path]) -> tuple[Published, ...]:
    """The published contours in ``files``. Raises `OptionError` for a file that holds none."""
    return tuple(read(Path(file)) for file in files)


def measured(plane: "Plane", published: Sequence[Published], say: Callable[[str], None], label: str = "") -> list[JsonObject]:
    """The published contours as contour.json holds them, with their distances from those of ``plane``.

    A sentence about each goes to ``say``; ``label`` names the run in it. Raises `OptionError` where there is no second axis,
    and where the quantity has no contour.
    """
    if plane.points.axes.y is None:
        why = "has a single hypothesis" if len(plane.points.values) == 1 else "has hypotheses that differ in one label alone"
        raise OptionError(f"--published needs a picture over two axes, and this run {why}")
    if plane.points.surface.level is None:
        raise OptionError(f"--published needs a contour to compare with; {plane.points.surface.name} has no level")
    found = []
    for one in published:
        curve = _curve(plane, one.which)
        ours = [np.array(line["points"]) for line in plane.contours["curves"] if line["which"] == curve]
        difference = compare.difference(ours, one.lines, plane.excluded(curve), plane.spanned(), _unit(plane))
        say(f"{f'{label}, ' if label else ''}{one.which} against {one.name} ({one.file}): {difference.sentence()}")
        content: JsonObject = {**one.content(), "apart": difference.content()}
        found.append(content)
        if warning := _of_columns(plane, one):
            say(warning)
    return found


def _of_columns(plane: "Plane", published: Published) -> str:
    """A sentence about the columns of a published table, for the user: a warning if they name other masses than the axes, or
    which axes they are taken for if their names do not tell. Empty if the names are those of the axes, or are missing."""
    axes = plane.contours["x"], plane.contours["y"]
    pairs = [(mass(axis), mass(column)) for axis, column in zip(axes, published.columns, strict=False)]
    if not any(ours and theirs and ours != theirs for ours, theirs in pairs):
        if all(ours and ours == theirs for ours, theirs in pairs) or published.columns == axes or not all(published.columns):
            return ""
        return f"the columns of {published.file}, {' and '.join(published.columns)}, are taken as {' and '.join(axes)}"
    return (
        f"the columns of {published.file} are {' and '.join(published.columns)}, but the axes of the picture "
        f"{' and '.join(axes)}: if these are other masses, the numbers mean nothing; give the axes of the table (--x, --y)"
    )


def _unit(plane: "Plane") -> str | None:
    """The unit of both axes; None where they have none, or not the same."""
    x, y = (unit(axis) for axis in (plane.contours["x"], plane.contours["y"]))
    return x if x == y and x else None


def _curve(plane: "Plane", which: str) -> str:
    """The curve that is compared with a published one, "observed" or "expected"."""
    surface = plane.points.surface
    return surface.median or surface.curves[0] if which == "expected" else surface.curves[0]
