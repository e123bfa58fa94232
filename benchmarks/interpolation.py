"""Errors of each interpolation at points that are left out, on the published pallets in `HFX_SHARED`.

    python benchmarks/interpolation.py [--runs FOLDER] [--moved N]

Each pallet is scanned into a folder under --runs (gone on with where it is there already; default: a temporary one). Then,
for every hypothesis inside the area that the others span and within NEAR sigma of the line, the surface is made without it:
the error is the significance of the surface there less that of the fit. "across": hypotheses that the surface puts
on the other side of the line. "moved": how far the line without the hypothesis is from the line with it, in GeV (of N of
the hypotheses, the farthest place of each: their median and largest). Observed and median expected.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import published

from hfx.driver.api import scan
from hfx.driver.plane import compare, interpolation, triangulation
from hfx.driver.plane.points import Points, collect
from hfx.driver.plot.request import styled
from hfx.driver.plot.run_data import plot_data
from hfx.driver.questions.cls import LEVEL as CLS_LEVEL
from hfx.driver.questions.exclusion import SURFACE, significance
from hfx.driver.questions.scan_content import load

NEAR = 1.5
COLUMNS = {curve: SURFACE.column(curve) for curve in ("observed", "expected")}
FITTED = tuple(COLUMNS.values())
LEVEL = float(significance(CLS_LEVEL))

SLICES = {"mn1=60": "mn1==60", "DM=130": "mn2-mn1==130"}


def all_points(runs: Path) -> Iterator[tuple[str, Points]]:
    """The points of every pallet, region and slice, by name."""
    for name in ("1Lbb", "3L-eRJR"):
        for file in published.found([name]).values():
            yield name, _points(_scanned(file, runs / name))
    for file in published.found(["sbottom-multib"]).values():
        for word, where in SLICES.items():
            folder = runs / f"sbottom-{word}"
            combined = _scanned(file, folder, region="all", where=where, x="msb", y="mn2")
            for region in combined["pallet"]["regions"]:
                yield f"sbottom {region[-1]} {word}", _points(load(folder / region))


def _scanned(file: Path, folder: Path, **options: Any) -> Any:
    print(f"scanning {file.name} into {folder}", file=sys.stderr)
    return scan(str(file), output=folder, **options).content


def _points(content: Any) -> Points:
    options = styled(content["options"])
    return collect(plot_data(content), x=options.x, y=options.y)


class Sample:
    """One set of points, and the sets without one of them."""

    def __init__(self, points: Points) -> None:
        self.points, self.z = points.places, significance(points.values)
        self.mesh = points.mesh
        self.rests = {}
        for i in range(len(self.points)):
            mesh = triangulation.triangulate(np.delete(self.points, i, axis=0))
            if mesh is not None and (weights := _weights(mesh, self.points[i])) is not None:
                self.rests[i] = mesh, weights

    def near(self, column: int) -> list[int]:
        return [i for i in self.rests if abs(self.z[i, column] - LEVEL) < NEAR]

    def predicted(self, i: int, name: str) -> Any:
        """The values [6] at point i by an interpolation without it."""
        mesh, (triangle, weights) = self.rests[i]
        values = np.delete(self.z, i, axis=0)
        if name == "linear":
            return weights @ values[triangle]
        return interpolation.predict(mesh, values, self.points[i : i + 1], name, FITTED)[0]

    def moved(self, i: int, name: str, column: int) -> float | None:
        """The largest distance of the line without point i from the line with it."""
        lines = []
        for mesh, values in ((self.rests[i][0], np.delete(self.z, i, axis=0)), (self.mesh, self.z)):
            surface = interpolation.interpolate(mesh, values, name, FITTED)
            lines.append(triangulation.level_lines(surface.mesh, surface.values[:, column], LEVEL))
        return compare.between(*lines)[1]


def _weights(mesh: triangulation.Mesh, place: Any) -> Any:
    """(triangle, barycentric weights) of a place in a mesh; None outside."""
    corners = mesh.points[mesh.triangles]
    sides = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=2)
    two = np.linalg.solve(sides, (place - corners[:, 0])[:, :, None])[:, :, 0]
    three = np.c_[1 - two.sum(axis=1), two]
    best = int(three.min(axis=1).argmax())
    return (mesh.triangles[best], three[best]) if three[best].min() > -1e-9 else None


def rows(name: str, sample: Sample, moved: int) -> Iterator[tuple[str, str, str, Any]]:
    """(set, curve, interpolation, errors with what the line moved) of a set of points."""
    for method in interpolation.INTERPOLATIONS:
        wanted = sorted({i for column in COLUMNS.values() for i in sample.near(column)})
        predicted = {i: sample.predicted(i, method) for i in wanted}
        for curve, column in COLUMNS.items():
            near = sample.near(column)
            if not near:
                continue
            found = np.array([predicted[i][column] for i in near])
            true = sample.z[near, column]
            some = near[:: max(1, len(near) // moved)] if moved else []
            shifts = [far for i in some if (far := sample.moved(i, method, column)) is not None]
            yield name, curve, method, (found - true, (found > LEVEL) != (true > LEVEL), shifts)


def line(name: str, curve: str, method: str, numbers: tuple[Any, Any, Sequence[float]]) -> str:
    errors, across, shifts = numbers
    size = np.abs(errors)
    text = f"{name:<20} {curve:<9} {method:<7} {len(errors):>6} {np.sqrt((errors**2).mean()):>8.3f} {np.median(size):>8.3f} "
    text += f"{size.max():>8.2f} {int(across.sum()):>7}"
    return text + (f" {np.median(shifts):>9.1f} {max(shifts):>9.1f}" if shifts else "")


HEAD = f"{'points':<20} {'curve':<9} {'':<7} {'number':>6} {'rms':>8} {'median':>8} {'largest':>8} {'across':>7} "
HEAD += f"{'moved':>9} {'at most':>9}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, help="where the runs are, or are to be; default: a temporary folder")
    parser.add_argument("--moved", type=int, default=8, metavar="N", help="hypotheses whose line is compared; default: 8")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print("errors in significance, of hypotheses left out; what the line moves in GeV\n\n" + HEAD, flush=True)
        every: dict[tuple[str, str], list[Any]] = {}
        for name, points in all_points(arguments.runs or Path(temporary)):
            for row in rows(name, Sample(points), arguments.moved):
                print(line(*row), flush=True)
                every.setdefault(row[1:3], []).append(row[3])
        print()
        for (curve, method), some in every.items():
            errors, across = (np.concatenate([one[k] for one in some]) for k in (0, 1))
            print(line("all", curve, method, (errors, across, [far for one in some for far in one[2]])))
    return 0 if every else 2


if __name__ == "__main__":
    sys.exit(main())
