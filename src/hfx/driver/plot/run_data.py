"""The data of a run's pictures, from the content of scan.json."""

from pathlib import Path

from hfx.driver.plane.points import PlotData
from hfx.driver.questions.cls import SURFACE
from hfx.driver.run.contents import ScanContent
from hfx.driver.run.packed_results import briefs
from hfx.errors import RunFolderError

__all__ = ["loaded", "plot_data"]


def plot_data(scan: ScanContent) -> PlotData:
    """The data of a scan's picture. A hypothesis that failed in one region and has a result of another is no failure."""
    from hfx.driver.plot.scan_picture import brief  # moves to driver/questions

    results = [brief(result) for result in briefs(scan["results"])]
    names = {result.name for result in results}
    failures = [failure for failure in scan["failures"] if failure["name"] not in names]
    return PlotData(tuple(scan["pallet"].get("labels") or ()), results, failures, SURFACE)


def loaded(run: Path) -> ScanContent:
    """The scan in a run's folder. Raises `RunFolderError`: no run, or no results yet."""
    from hfx.driver.plot.scan_picture import load  # moves to driver/questions

    scan = load(run)
    if not scan["results"] and not scan["failures"]:
        raise RunFolderError(f"{run} has no results yet; nothing to draw")
    return scan
