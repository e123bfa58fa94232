"""Observed contours of the sbottom pallet against the published ones in `HFX_SHARED/pallets`, both slices.

    python benchmarks/published_contours.py [--runs FOLDER] [--pictures FOLDER]

`sbottom-multib.tar.gz` is scanned with `--region all` for mn1 = 60 GeV and for mn2 - mn1 = 130 GeV, with `--minima` natural
and admissible, into folders under --runs (gone on with where they are there already; default: temporary ones). Printed: the
area between our contour and the published one, and the distances from line to line in GeV, for each interpolation; and for
the default one and rbf the overlays are drawn into --pictures.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import published

from hfx.driver.api import scan
from hfx.driver.plane import compare, contour
from hfx.driver.plane.surface import interpolation
from hfx.driver.plot.measure import read_published
from hfx.driver.plot.overlay import overlay
from hfx.driver.plot.request import PictureRequest
from hfx.driver.plot.run_data import plot_data
from hfx.driver.questions.scan_content import load

SLICES = {"mn1=60": ("mn1==60", "sbottom-observed-M60.csv"), "DM=130": ("mn2-mn1==130", "sbottom-observed-DM130.csv")}
MINIMA = ("admissible", "natural")

HEAD = (
    f"{'slice':<8} {'minima':<11} {'':<7} {'area':>7} {'mean':>7} {'largest':>8} {'back: mean':>11} {'largest':>8}   hypotheses"
)


def scanned(file: Path, runs: Path, word: str, where: str) -> dict[str, Path]:
    """The runs of a slice by minima; the fits are done once."""
    folders = {minima: runs / f"sbottom-{word}{'' if minima == MINIMA[0] else f'-{minima}'}" for minima in MINIMA}
    for minima, folder in folders.items():
        if not folder.exists() and minima != MINIMA[0]:
            shutil.copytree(folders[MINIMA[0]], folder)
        print(f"scanning {file.name} into {folder}", file=sys.stderr)
        scan(str(file), output=folder, region="all", where=where, x="msb", y="mn2", minima=minima)
    return folders


def rows(word: str, folders: dict[str, Path], line: Any) -> Any:
    """A line of text for each choice of minima and each interpolation."""
    for minima, folder in folders.items():
        data = plot_data(load(folder))
        for name in interpolation.INTERPOLATIONS:
            plane = contour.plane(data, x="msb", y="mn2", interpolation=name)
            ours = [np.array(c["points"]) for c in plane.contours["curves"] if c["which"] == "observed"]
            found = compare.difference(ours, line.lines, plane.excluded(), plane.spanned())
            yield (
                f"{word:<8} {minima:<11} {name:<7} {100 * (found.relative or 0):>5.2f} % "
                f"{found.mean:>7.2f} {found.largest:>8.1f} "
                f"{found.mean_back:>11.2f} {found.largest_back:>8.1f}   {len(plane.points.places)}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, help="where the runs are, or are to be; default: a temporary folder")
    parser.add_argument("--pictures", type=Path, help="draw the overlays into this folder")
    arguments = parser.parse_args()
    files = published.found(["sbottom-multib"])
    if not files:
        return 2
    print("area between the observed contours, relative to the published one where our hypotheses reach;")
    print("distances of our line from the published one, and back, in GeV\n\n" + HEAD, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for word, (where, csv) in SLICES.items():
            folders = scanned(files["sbottom-multib"], arguments.runs or Path(temporary), word, where)
            file = published.shared() / "pallets" / csv
            for row in rows(word, folders, *read_published([file])):
                print(row, flush=True)
            for name in ("gp", "rbf") if arguments.pictures else ():
                labels = tuple(f"hfx, {minima} minima" for minima in folders)
                request = PictureRequest({"interpolation": name}, formats=("png",), published=(file,), labels=labels)
                picture = arguments.pictures / f"sbottom-{word.replace('=', '')}-{name}.png"
                overlay(list(folders.values()), picture, request, lambda sentence: None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
