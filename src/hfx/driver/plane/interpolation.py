"""Interpolation between the points of a scan: a Gaussian process, radial basis functions, or linear on triangles.

Which of them predicts a point that is left out best is measured by benchmarks/interpolation.py.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.linalg import LinAlgError

from hfx.driver.plane import gaussian_process
from hfx.driver.plane.triangulation import Mesh, refined, triangulate
from hfx.errors import OptionError

__all__ = ["DEFAULT", "INTERPOLATIONS", "MOST_POINTS", "InterpolatedSurface", "check", "interpolate", "predict"]

Array = NDArray[np.float64]

INTERPOLATIONS = ("gp", "rbf", "linear")
DEFAULT = "gp"
MOST_POINTS = 1000
"""With more points gp and rbf, whose work grows with the cube of their number, are replaced by linear."""

_WORDS = {
    "gp": "by a Gaussian process",
    "rbf": "by radial basis functions (thin-plate splines)",
    "linear": "linearly on Delaunay triangles",
}
_BEST_OF_REGIONS = (
    "Each region is interpolated separately; at every place of the plane, the region with the smallest expected value is drawn."
)
_FINE_TRIANGLES = 20_000  # on which a curved surface is linear
_MOST_PARTS = 12  # that the side of a triangle is cut into
_THREAD_LIMIT = threading.Lock()


@dataclass(frozen=True)
class InterpolatedSurface:
    """Values over the area that the points span: linear on each triangle of ``mesh``, which is fine where they are curved.

    ``values`` [v, c] at the points of the mesh. ``deviation`` [v, c]: their standard deviation, and ``scatter`` [c]: that of the
    hypotheses about the surface, where the interpolation ``name`` has one. ``notes``: sentences for the user.
    """

    name: str
    mesh: Mesh
    values: Array
    deviation: Array | None = None
    scatter: Array | None = None
    notes: tuple[str, ...] = ()


def check(name: str | None) -> str:
    """The interpolation's name, or the default's. Raises `OptionError`."""
    if name is not None and name not in INTERPOLATIONS:
        raise OptionError(f"--interpolation '{name}' is not one of {', '.join(INTERPOLATIONS)}")
    return name or DEFAULT


def interpolate(
    mesh: Mesh,
    values: Array,
    name: str | None = None,
    fitted: tuple[int, ...] = (),
    regions: Array | None = None,
    best: int = 0,
    quantity: str = "Values",
) -> InterpolatedSurface:
    """The surface through ``values`` [n, c] at the points of ``mesh``, in its triangles alone; ``name``: see INTERPOLATIONS.

    ``fitted``: the columns from which a Gaussian process takes its length scales; by default all. ``regions`` [r, n, c]: the
    values of each region of a combination, NaN where there are none. Where another region becomes the best, ``values`` have a
    step; so each region gets a curved surface of its own, and at every place the region counts whose column ``best`` is largest.
    ``quantity``: the plural that names the values in the notes.
    """
    name = check(name)
    if name == "linear":
        return InterpolatedSurface(name, mesh, values, notes=(_description("linear", quantity),))
    count = len(mesh.points)
    if count > MOST_POINTS:
        return _replaced(mesh, values, name, f"for more than {MOST_POINTS:,} points (here {count:,})", quantity)
    if name == "gp" and count < gaussian_process.FEWEST:
        return _replaced(mesh, values, name, f"for fewer than {gaussian_process.FEWEST} points (here {count})", quantity)
    fine = refined(mesh, int(np.clip(np.sqrt(_FINE_TRIANGLES / len(mesh.triangles)), 1, _MOST_PARTS)))
    try:
        of_regions = _of_regions(mesh, regions) if regions is not None else []
        with _one_thread():
            parts = [_curved(one, some, fine, name, fitted) for one, some in of_regions or [(mesh, values)]]
    except (LinAlgError, np.linalg.LinAlgError, ValueError) as error:
        return _replaced(mesh, values, name, f"where its equations have no solution ({error})", quantity)
    note = _description(name, quantity)
    return replace(parts[0], notes=(note,)) if len(parts) == 1 else _best(parts, best, note)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limits BLAS to one thread: for matrices of some hundred rows more threads mostly wait for each other.

    The limit holds for the whole process, and must be lifted by the thread that set it: so one surface is made at a time.
    """
    from threadpoolctl import threadpool_limits

    with _THREAD_LIMIT, threadpool_limits(1, "blas"):
        yield


def predict(mesh: Mesh, values: Array, places: Array, name: str, fitted: tuple[int, ...] = ()) -> Array:
    """The values [m, c] at ``places`` [m, 2] by a curved interpolation of ``values`` [n, c] at the points of ``mesh``."""
    return _spline(mesh.points, values, places) if name == "rbf" else _process(mesh, values, fitted).mean(places)


def _of_regions(mesh: Mesh, regions: Array) -> list[tuple[Mesh, Array]]:
    """The mesh and the values of each region over the points where it has values, without regions that have too few."""
    found = []
    for values in regions:
        known = np.isfinite(values).all(axis=1)
        part = triangulate(mesh.points[known])
        if part is not None and known.sum() >= gaussian_process.FEWEST:
            found.append((part, values[known]))
    return found


def _curved(mesh: Mesh, values: Array, fine: Mesh, name: str, fitted: tuple[int, ...]) -> InterpolatedSurface:
    if name == "rbf":
        return InterpolatedSurface(name, fine, _spline(mesh.points, values, fine.points))
    process = _process(mesh, values, fitted)
    return InterpolatedSurface(name, fine, process.mean(fine.points), process.deviation(fine.points), process.scatter)


def _best(parts: list[InterpolatedSurface], column: int, note: str) -> InterpolatedSurface:
    """At every place the part whose ``column`` is largest there."""
    chosen = np.argmax([part.values[:, column] for part in parts], axis=0)
    rows = np.arange(len(chosen))
    deviations = [part.deviation for part in parts if part.deviation is not None]
    scatters = [part.scatter for part in parts if part.scatter is not None]
    return InterpolatedSurface(
        parts[0].name,
        parts[0].mesh,
        np.array([part.values for part in parts])[chosen, rows],
        np.array(deviations)[chosen, rows] if deviations else None,
        np.max(scatters, axis=0) if scatters else None,
        (note, _BEST_OF_REGIONS),
    )


def _process(mesh: Mesh, values: Array, fitted: tuple[int, ...]) -> gaussian_process.GaussianProcess:
    corners = mesh.points[mesh.triangles]
    gaps = np.concatenate([corners[:, a] - corners[:, b] for a, b in ((0, 1), (0, 2), (1, 2))])
    return gaussian_process.fit(mesh.points, values, gaps, values[:, fitted] if fitted else None)


def _spline(points: Array, values: Array, places: Array) -> Array:
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    through = RBFInterpolator((points - low) / span, values, kernel="thin_plate_spline", degree=1)
    return np.asarray(through((places - low) / span), dtype=np.float64)


def _replaced(mesh: Mesh, values: Array, name: str, why: str, quantity: str) -> InterpolatedSurface:
    """The linear surface in place of the one that was chosen, and why."""
    note = f"{_description('linear', quantity)} --interpolation {name} is not possible {why}."
    return InterpolatedSurface("linear", mesh, values, notes=(note,))


def _description(name: str, quantity: str) -> str:
    return f"{quantity} are interpolated between the points {_WORDS[name]} (--interpolation {name})."
