"""Errors of each interpolation at points that are left out, and distances of its lines from the points' own crossings.

    python benchmarks/interpolation.py [--runs FOLDER] [PALLET ...]

Each published pallet in `HFX_SHARED`, and each PALLET (a path), is scanned into a folder under --runs (gone on with where it is
there already; default: a temporary one). For every hypothesis inside the area that the others span and within NEAR sigma of the
line, the surface is made without it: the error is the significance of the surface there less that of the fit; "across": those
that the surface puts on the other side of the line. Then the lines with all hypotheses: between neighbours in a row or a column
on different sides of the level, the largest distance between the line and the place where a straight line between their two
significances crosses the level, in units of the step between them; "clear" are pairs for which these two values alone decide
(tests/driver/plane/crossings.py). "wrong": excluded hypotheses outside the line, or others inside. Observed and median expected.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import published

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hfx.driver.api import scan
from hfx.driver.plane.contour import plane
from hfx.driver.plane.points import PlotData, collect
from hfx.driver.plane.surface import interpolation, triangulation
from hfx.driver.plane.surface.pieces import Piece
from hfx.driver.plot.request import styled
from hfx.driver.plot.run_data import plot_data
from hfx.driver.questions.cls import LEVEL as CLS_LEVEL
from hfx.driver.questions.exclusion import SURFACE, significance
from hfx.driver.questions.scan_content import load
from tests.driver.plane.crossings import Crossing, crossings, on_the_wrong_side

NEAR = 1.5
COLUMNS = {curve: SURFACE.column(curve) for curve in ("observed", "expected")}
FITTED = tuple(COLUMNS.values())
LEVEL = float(significance(CLS_LEVEL))

SLICES = {"mn1=60": "mn1==60", "DM=130": "mn2-mn1==130"}


def samples(runs: Path, others: Sequence[Path]) -> Iterator[tuple[str, "Sample"]]:
    """The points of every pallet, region and slice, by name."""
    for name in ("1Lbb", "simplified-1Lbb", "3L-eRJR"):
        for file in published.found([name]).values():
            yield name, _sample(_scanned(file, runs / name))
    for file in others:
        yield file.name, _sample(_scanned(file, runs / file.name))
    for file in published.found(["sbottom-multib"]).values():
        for word, where in SLICES.items():
            folder = runs / f"sbottom-{word}"
            combined = _scanned(file, folder, region="all", where=where, x="msb", y="mn2")
            for region in combined["pallet"]["regions"]:
                yield f"sbottom {region[-1]} {word}", _sample(load(folder / region))
            yield f"sbottom all {word}", _sample(combined)


def _scanned(file: Path, folder: Path, **options: Any) -> Any:
    print(f"scanning {file.name} into {folder}", file=sys.stderr)
    return scan(str(file), output=folder, **options).content


def _sample(content: Any) -> "Sample":
    options = styled(content["options"])
    return Sample(plot_data(content), options.x, options.y)


class Sample:
    """One set of points, and the hypotheses near the line that lie within the area of the others."""

    def __init__(self, data: PlotData, x: str | None, y: str | None) -> None:
        self.data, self.x, self.y = data, x, y
        self.points = collect(data, x=x, y=y)
        self.z = significance(self.points.values)

    def near(self, column: int) -> list[int]:
        return [i for i in range(len(self.z)) if abs(self.z[i, column] - LEVEL) < NEAR]

    def predicted(self, i: int, name: str) -> Any:
        """The values [6] at point i by an interpolation of the other points; NaN outside of their area."""
        places, rest = self.points.places, np.arange(len(self.z)) != i
        mesh = triangulation.triangulate(places[rest])
        if mesh is None:
            return np.full(6, np.nan)
        regions = significance(self.points.regions[:, rest])
        surface = interpolation.interpolate(mesh, self.z[rest], name, FITTED, regions, SURFACE.column("expected"), level=LEVEL)
        found = [value for piece in surface.pieces if (value := _at(piece, places[i])) is not None]
        return found[0] if found else np.full(6, np.nan)


def _at(piece: Piece, place: Any) -> Any:
    """The values of a piece at a place; None outside."""
    corners = piece.mesh.points[piece.mesh.triangles]
    sides = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)
    two = np.linalg.solve(sides, (place - corners[:, 0])[:, :, None])[:, :, 0]
    three = np.c_[1 - two.sum(axis=1), two]
    best = int(three.min(axis=1).argmax())
    return three[best] @ piece.values[piece.mesh.triangles[best]] if three[best].min() > -1e-9 else None


def rows(name: str, sample: Sample) -> Iterator[tuple[str, str, str, Any]]:
    """(set, curve, interpolation, errors with what is said of the line) of a set of points."""
    for method in interpolation.INTERPOLATIONS:
        wanted = sorted({i for column in COLUMNS.values() for i in sample.near(column)})
        predicted = {i: sample.predicted(i, method) for i in wanted}
        made = plane(sample.data, x=sample.x, y=sample.y, interpolation=method)
        for curve, column in COLUMNS.items():
            near = [i for i in sample.near(column) if np.isfinite(predicted[i]).all()]
            if not near:
                continue
            found = np.array([predicted[i][column] for i in near])
            true = sample.z[near, column]
            met = list(crossings(made, curve))
            wrong = len(on_the_wrong_side(made, curve))
            yield name, curve, method, (found - true, (found > LEVEL) != (true > LEVEL), met, wrong)


def line(name: str, curve: str, method: str, numbers: tuple[Any, Any, Sequence[Crossing], int]) -> str:
    errors, across, met, wrong = numbers
    size = np.abs(errors)
    text = f"{name:<20} {curve:<9} {method:<7} {len(errors):>6} {np.sqrt((errors**2).mean()):>8.3f} {np.median(size):>8.3f} "
    clear = [one.distance for one in met if one.clear]
    most = max((one.distance for one in met), default=0.0)
    text += f"{size.max():>8.2f} {int(across.sum()):>7} {len(clear):>7} {max(clear, default=0.0):>8.2f} "
    return text + f"{len(met) - len(clear):>7} {most:>8.2f} {wrong:>6}"


HEAD = f"{'points':<20} {'curve':<9} {'':<7} {'number':>6} {'rms':>8} {'median':>8} {'largest':>8} {'across':>7} "
HEAD += f"{'clear':>7} {'farthest':>8} {'others':>7} {'farthest':>8} {'wrong':>6}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, help="where the runs are, or are to be; default: a temporary folder")
    parser.add_argument("pallets", nargs="*", type=Path, help="further pallets")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print("errors in significance, of hypotheses left out; distances of lines from crossings in steps of the grid\n\n" + HEAD)
        every: dict[tuple[str, str], list[Any]] = {}
        for name, sample in samples(arguments.runs or Path(temporary), arguments.pallets):
            for row in rows(name, sample):
                print(line(*row), flush=True)
                every.setdefault(row[1:3], []).append(row[3])
        print()
        for (curve, method), some in every.items():
            errors, across = (np.concatenate([one[k] for one in some]) for k in (0, 1))
            met = [crossing for one in some for crossing in one[2]]
            print(line("all", curve, method, (errors, across, met, sum(one[3] for one in some))))
    return 0 if every else 2


if __name__ == "__main__":
    sys.exit(main())
