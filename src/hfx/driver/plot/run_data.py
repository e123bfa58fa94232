"""The data of a run's pictures and tables, from the content of scan.json."""

from pathlib import Path

from hfx.driver.plane.points import PlotData
from hfx.driver.questions import scan_content as contents
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run.file_types import ScanContent
from hfx.driver.run.folder import safe_name
from hfx.errors import RunFolderError

__all__ = ["loaded", "plot_data"]


def plot_data(scan: ScanContent) -> PlotData:
    """The data of a scan's picture. A hypothesis that failed in one region and has a result of another is no failure.

    Raises `RunFolderError` where the question has nothing to draw over a plane.
    """
    question = of_run(scan)
    if question.surface is None:
        raise RunFolderError(f"the question '{question.name}' has no picture")
    labels = tuple(scan["pallet"].get("labels") or ())
    return PlotData(labels, contents.briefs(scan, question), contents.gaps(scan), question.surface)


def loaded(run: Path) -> ScanContent:
    """The scan in a run's folder. Raises `RunFolderError`: no run, or no results yet."""
    scan = contents.load(run)
    if not scan["results"] and not scan["failures"]:
        folders = (run / safe_name(region) for region in scan["pallet"].get("regions") or ())
        if begun := next((folder for folder in folders if (folder / "results.jsonl").is_file()), None):
            raise RunFolderError(
                f"{run} has no combined results yet, because its regions are not all done; draw one of them with 'hfx plot "
                f"{begun}', or go on with the scan's own command"
            )
        raise RunFolderError(f"{run} has no results yet; nothing to draw")
    return scan
