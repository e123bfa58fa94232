"""Significances between the points of a scan: a Gaussian process, radial basis functions, or linear on triangles.

Which of them predicts a point that is left out best is measured by benchmarks/interpolation.py.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.linalg import LinAlgError

from hfx.driver.plane import gaussian_process, rings
from hfx.driver.plane.triangulation import Mesh, triangulate
from hfx.errors import OptionError

__all__ = ["DEFAULT", "INTERPOLATIONS", "MOST", "Surface", "check", "surface"]

Array = NDArray[np.float64]

INTERPOLATIONS = ("gp", "rbf", "linear")
DEFAULT = "gp"
MOST = 1000
"""Points; with more, gp and rbf, whose work grows with the cube of their number, give way to linear."""

_WORDS = {"gp": "a Gaussian process", "rbf": "thin plate splines", "linear": "linear on Delaunay triangles"}
_TILES = 20_000  # small triangles on which a curved surface is taken
_FINEST = 12  # times
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Surface:
    """Significances over the area that the points span: linear on each triangle of `mesh`, fine where they are curved.

    `values` [v, c] at the mesh's points; `deviation` [v, c] their standard deviation, where the interpolation `name`
    has one, and `scatter` [c] that of the points about the surface; `notes`: sentences for the user.
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


def surface(
    mesh: Mesh,
    values: Array,
    name: str | None = None,
    judged: tuple[int, ...] = (),
    regions: Array | None = None,
    best: int = 0,
) -> Surface:
    """The surface through `values` [n, c] at the points of `mesh`, in its triangles alone; `name`: see INTERPOLATIONS.

    `judged`: the columns that a Gaussian process takes its length scales from; none given: all. `regions` [r, n, c]: of
    a combination the values of each region, NaN where there are none. Where another region becomes the best, `values`
    have a step; so each region gets a curved surface of its own, and at every place that counts whose column `best` is
    largest.
    """
    name = check(name)
    if name == "linear":
        return Surface(name, mesh, values, notes=(_said("linear"),))
    count = len(mesh.points)
    if count > MOST:
        return _instead(mesh, values, name, f"for more than {MOST:,} points (here {count:,})")
    if name == "gp" and count < gaussian_process.FEWEST:
        return _instead(mesh, values, name, f"for fewer than {gaussian_process.FEWEST} points (here {count})")
    fine = rings.refined(mesh, int(np.clip(np.sqrt(_TILES / len(mesh.triangles)), 1, _FINEST)))
    try:
        own = _of_regions(mesh, regions) if regions is not None else []
        with _one_thread():
            parts = [_curved(one, some, fine, name, judged) for one, some in own or [(mesh, values)]]
    except (LinAlgError, np.linalg.LinAlgError, ValueError) as error:
        return _instead(mesh, values, name, f"where its equations have no solution ({error})")
    return parts[0] if len(parts) == 1 else _best(parts, best)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices of some hundred rows: BLAS' threads wait for one another longer than they compute, the more beside fits.

    The limit is the whole process', and who lifts it must have set it: one surface at a time.
    """
    from threadpoolctl import threadpool_limits

    with _ALONE, threadpool_limits(1, "blas"):
        yield


def predict(mesh: Mesh, values: Array, places: Array, name: str, judged: tuple[int, ...] = ()) -> Array:
    """What a curved interpolation of `values` [n, c] at the mesh's points gives at `places` [m, 2]."""
    return _spline(mesh.points, values, places) if name == "rbf" else _fitted(mesh, values, judged).mean(places)


def _of_regions(mesh: Mesh, regions: Array) -> list[tuple[Mesh, Array]]:
    """The mesh and the values of each region over the points that it has; of those that have enough."""
    found = []
    for values in regions:
        there = np.isfinite(values).all(axis=1)
        own = triangulate(mesh.points[there])
        if own is not None and there.sum() >= gaussian_process.FEWEST:
            found.append((own, values[there]))
    return found


def _curved(mesh: Mesh, values: Array, fine: Mesh, name: str, judged: tuple[int, ...]) -> Surface:
    if name == "rbf":
        return Surface(name, fine, _spline(mesh.points, values, fine.points), notes=(_said(name),))
    fitted = _fitted(mesh, values, judged)
    at = fine.points
    return Surface(name, fine, fitted.mean(at), fitted.deviation(at), fitted.scatter, notes=(_said(name),))


def _best(parts: list[Surface], column: int) -> Surface:
    """At every place the part whose `column` is largest there."""
    chosen = np.argmax([part.values[:, column] for part in parts], axis=0)
    rows = np.arange(len(chosen))
    first = parts[0]
    deviations = [part.deviation for part in parts if part.deviation is not None]
    scatters = [part.scatter for part in parts if part.scatter is not None]
    return Surface(
        first.name,
        first.mesh,
        np.array([part.values for part in parts])[chosen, rows],
        np.array(deviations)[chosen, rows] if deviations else None,
        np.max(scatters, axis=0) if scatters else None,
        (*first.notes, "Each region has its own; the one with the best expected counts at every place, not only at the points."),
    )


def _fitted(mesh: Mesh, values: Array, judged: tuple[int, ...]) -> gaussian_process.GaussianProcess:
    corners = mesh.points[mesh.triangles]
    gaps = np.concatenate([corners[:, a] - corners[:, b] for a, b in ((0, 1), (0, 2), (1, 2))])
    return gaussian_process.fit(mesh.points, values, gaps, values[:, judged] if judged else None)


def _spline(points: Array, values: Array, places: Array) -> Array:
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    through = RBFInterpolator((points - low) / span, values, kernel="thin_plate_spline", degree=1)
    return np.asarray(through((places - low) / span), dtype=np.float64)


def _instead(mesh: Mesh, values: Array, name: str, why: str) -> Surface:
    note = f"{_said('linear')} The interpolation {name} is not made {why}."
    return Surface("linear", mesh, values, notes=(note,))


def _said(name: str) -> str:
    return f"Significances between the points: {_WORDS[name]} (interpolation {name})."
