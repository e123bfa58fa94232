"""The parts of a picture that may still change while a scan runs, drawn faint and dotted."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from numpy.typing import NDArray

from hfx.driver.plane.awaited import Awaited
from hfx.driver.plane.contour import Plane
from hfx.driver.plot.artists import draw_area

__all__ = ["draw_faintly"]

Array = NDArray[np.float64]

_DOTS = (0.0, (1.2, 2.6))
_LINE, _AREA = 0.75, 0.35  # opacity


def draw_faintly(ax: Axes, plane: Plane, awaited: Awaited) -> None:
    """Redraw, in axes that `hfx.driver.plot.figure.draw_axes` has filled, what may still change of lines and of the band."""
    for line in list(_curves(ax)):
        _fade_line(ax, line, awaited)
    for patch in [patch for patch in ax.patches if patch.get_gid() == "band-0"]:
        assert isinstance(patch, PathPatch)
        patch.remove()
        colour, order = to_hex(patch.get_facecolor()), patch.get_zorder()
        settled, waiting = awaited.split(plane.band_polygons())
        draw_area(ax, plane.rings(settled), colour, order, gid="band-0")
        draw_area(ax, plane.rings(waiting), colour, order, alpha=_AREA, gid="band-0-open")


def _curves(ax: Axes) -> Iterator[Line2D]:
    return (line for line in ax.lines if str(line.get_gid()).startswith("curve-"))


def _fade_line(ax: Axes, line: Line2D, awaited: Awaited) -> None:
    at = np.asarray(line.get_xydata(), dtype=np.float64)
    open_segments = awaited.segments(at)
    if not len(open_segments):
        return
    if len(at) == 1:
        line.set_alpha(_AREA)
        return
    settled = np.setdiff1d(np.arange(len(at) - 1), open_segments)
    line.set_data(*_parts(at, settled).T)
    (faint,) = ax.plot(
        *_parts(at, open_segments).T,
        color=line.get_color(),
        linewidth=1,
        linestyle=_DOTS,
        marker=line.get_marker(),
        markersize=line.get_markersize(),
        alpha=_LINE,
        zorder=line.get_zorder(),
    )
    faint.set_gid(f"{line.get_gid()}-open")


def _parts(line: Array, segments: NDArray[np.intp]) -> Array:
    """These segments of a line [k, 2]: one line [m, 2] with a gap of NaN after each row of neighbours."""
    rows = np.split(segments, np.flatnonzero(np.diff(segments) > 1) + 1)
    gap = np.full((1, 2), np.nan)
    return np.concatenate([part for row in rows if len(row) for part in (line[row[0] : row[-1] + 2], gap)] or [gap])
