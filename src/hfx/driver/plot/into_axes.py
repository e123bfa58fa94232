"""The picture of a run in matplotlib's axes of one's own, or in a new figure of pyplot."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from hfx.driver.plot import figure
from hfx.driver.plot.request import styled
from hfx.driver.plot.run_data import plot_data
from hfx.driver.plot.run_planes import caption, in_planes
from hfx.driver.plot.scan_picture import pictures
from hfx.driver.run.file_types import ScanContent

__all__ = ["draw_run"]


def draw_run(scan: ScanContent, ax: Axes | None, where: str | None, style: Mapping[str, str | None]) -> Axes:
    """Draw a scan into ``ax``, or into a new figure; the axes, the first ones where there are several panels.

    Raises `OptionError` for several panels and one ``ax``, and for an expression that cannot be read.
    """
    data = plot_data(scan)
    planes = in_planes(data, scan, styled(scan["options"], style), where)
    if ax is not None:
        planes.one("plot(ax=...) draws one plane")
    drawn = pictures(scan, planes, caption(scan, data, where))
    if ax is None:
        from matplotlib import pyplot

        empty = pyplot.figure(figsize=figure.size_of(drawn), layout="constrained")
        return figure.fill(empty, drawn)[0]
    figure.draw_axes(drawn[0], ax)
    return ax
