"""Interpolation between the points of a scan: through every point by default, and smoothed where that is asked for.

The default is the mean of a Gaussian process, in the coordinates that predict left-out points best, plus what is left of each
point's own value, linear on triangles. Between two points it differs from the straight line by at most _BULGE of the
difference of their values, so that a contour that runs between them crosses near where a straight line would, and it is
nowhere higher or lower than at the corners of its triangle, so that no contour surrounds a place without a point. Which of the
interpolations predicts a left-out point best, and how far their lines are from the points' own crossings, is measured by
benchmarks/interpolation.py.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.linalg import LinAlgError

from hfx.driver.plane.surface import coordinates, gaussian_process, pieces
from hfx.driver.plane.surface.coordinates import AXES, Coordinates, Natural
from hfx.driver.plane.surface.gaussian_process import GaussianProcess
from hfx.driver.plane.surface.mesh_edges import Measure, neighbours_in_lines, with_edges
from hfx.driver.plane.surface.pieces import Piece
from hfx.driver.plane.surface.refinement import Refined, finer
from hfx.driver.plane.surface.triangulation import Mesh, orientations, triangulate, without_thin_rim
from hfx.errors import OptionError

__all__ = ["DEFAULT", "INTERPOLATIONS", "MOST_POINTS", "InterpolatedSurface", "check", "interpolate"]

Array = NDArray[np.float64]
Known = NDArray[np.bool_]

INTERPOLATIONS = ("gp", "smooth", "rbf", "linear")
DEFAULT = "gp"
MOST_POINTS = 1000
"""With more points gp, smooth and rbf, whose work grows with the cube of their number, are replaced by linear."""

_WORDS = {
    "gp": "by a Gaussian process through every point",
    "smooth": "by a Gaussian process that smooths the scatter of the points",
    "rbf": "by radial basis functions (thin-plate splines)",
    "linear": "linearly on triangles",
}
_BEST_OF_REGIONS = (
    "Each region is interpolated separately; at every place of the plane, the region with the smallest expected value is drawn."
)
_BULGE = 0.2
_FINE_TRIANGLES = 20_000  # on which a curved surface is linear
_MOST_PARTS = 12  # that the side of a triangle is cut into
_THREAD_LIMIT = threading.Lock()


@dataclass(frozen=True)
class InterpolatedSurface:
    """Values over the area that the points span.

    ``pieces``: one, or one for each region of a combination, side by side, each linear on triangles that are fine where the
    values are curved. ``mesh``: the triangles between the points. ``coordinates``: those that the surface was made in.
    ``error`` [c]: the root mean square error of the values that a Gaussian process predicts at points beside the level that are
    left out one at a time; ``scatter`` [c]: of a smoothed surface the standard deviation of the points about it; None where the
    interpolation ``name`` has none. ``notes``: sentences for the user.
    """

    name: str
    mesh: Mesh
    pieces: tuple[Piece, ...]
    coordinates: Coordinates = AXES
    error: Array | None = None
    scatter: Array | None = None
    notes: tuple[str, ...] = ()

    @property
    def states_deviations(self) -> bool:
        """Whether the interpolation states how far it may be off."""
        return all(piece.deviation is not None for piece in self.pieces)


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
    level: float = 0.0,
) -> InterpolatedSurface:
    """The surface through ``values`` [n, c] at the points of ``mesh``; ``name``: see INTERPOLATIONS.

    ``fitted``: the columns from which coordinates and length scales are taken; by default all. ``regions`` [r, n, c]: the values
    of each region of a combination, NaN where there are none. Where another region becomes the best, ``values`` have a step; so
    each region gets a surface of its own, and at every place the region counts whose column ``best`` is largest.
    ``quantity``: the plural that names the values in the notes; ``level``: the value beside which errors are estimated.
    """
    name = check(name)
    columns = list(fitted or range(values.shape[1]))
    if (why := _obstacle(len(mesh.points))) is not None:
        return _linear(mesh, values, name, why, quantity)
    layers = _layers(values, regions, best)
    with _one_thread():
        try:
            order = coordinates.ranked(mesh.points, [(known, own[known][:, columns]) for known, own in layers])
            mesh = _natural_mesh(mesh, order)
            made = [_Layer.of(name, mesh, order[0].pair, known, own, columns) for known, own in layers]
        except (LinAlgError, np.linalg.LinAlgError, ValueError) as error:
            return _linear(mesh, values, name, f"where its equations have no solution ({error})", quantity)
        refined = finer(mesh, 1 if name == "linear" else _parts(mesh))
        surfaces = [layer.surface(refined, values, best) for layer in made]
    notes = (_description(name, quantity), *((_BEST_OF_REGIONS,) if len(made) > 1 else ()))
    scatters = [layer.scatter for layer in made if layer.scatter is not None]
    return InterpolatedSurface(
        name,
        mesh,
        tuple(pieces.best_of(refined.mesh, surfaces, best)),
        order[0].pair,
        _error_beside(mesh, values, made, level),
        np.max(scatters, axis=0) if scatters else None,
        notes,
    )


def _obstacle(count: int) -> str | None:
    """Why so many points are too many or too few for all but linear interpolation; None where they are not."""
    if count > MOST_POINTS:
        return f"for more than {MOST_POINTS:,} points (here {count:,})"
    few = gaussian_process.FEWEST
    return f"for fewer than {few} points (here {count})" if count < few else None


def _linear(mesh: Mesh, values: Array, name: str, why: str, quantity: str) -> InterpolatedSurface:
    """The linear surface over the triangles that there are, in place of the interpolation ``name``, and why."""
    instead = "" if name == "linear" else f" --interpolation {name} is not possible {why}."
    return InterpolatedSurface("linear", mesh, (Piece(mesh, values),), notes=(_description("linear", quantity) + instead,))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limits BLAS to one thread: for matrices of some hundred rows more threads mostly wait for each other.

    The limit holds for the whole process, and must be lifted by the thread that set it: so one surface is made at a time.
    """
    from threadpoolctl import threadpool_limits

    with _THREAD_LIMIT, threadpool_limits(1, "blas"):
        yield


def _layers(values: Array, regions: Array | None, best: int) -> list[tuple[Known, Array]]:
    """Which points have values, and the values [n, c] of all points: of each region, or of the points where there are none."""
    found = []
    for own in regions if regions is not None else ():
        known = np.isfinite(own).all(axis=1)
        if known.sum() >= gaussian_process.FEWEST:
            found.append((known, own))
    if len(found) == 1 and found[0][0].all():
        return found
    covered = len(found) > 1 and bool(_answered(found, values, best).all())
    return found if covered else [(np.ones(len(values), dtype=bool), values)]


def _answered(layers: Sequence[tuple[Known, Array]], values: Array, best: int) -> Known:
    """Whether the values of each point are those of one of the layers."""
    same = [known & (own == values).all(axis=1) for known, own in layers]
    return np.asarray(np.any(same, axis=0))


def _natural_mesh(mesh: Mesh, order: Sequence[Natural]) -> Mesh:
    """The triangulation in the best coordinates in which it is one in the plane as well, with edges along the rows and columns
    of the axes, and of these coordinates."""
    places = mesh.points
    for natural in order:
        measure = natural.measure(places)
        unit = measure(places)
        found = mesh if natural == Natural(AXES) else triangulate(unit)
        if found is None:
            continue
        turned = orientations(places, found.triangles) * orientations(unit, found.triangles)
        if (turned > 0).all() or (turned < 0).all():
            kept = without_thin_rim(coordinates.scaled(places), found.triangles)
            lines = neighbours_in_lines(places, Natural(AXES).measure(places), measure)
            return Mesh(places, with_edges(places, kept, lines))
    return mesh


def _parts(mesh: Mesh) -> int:
    return int(np.clip(np.sqrt(_FINE_TRIANGLES / len(mesh.triangles)), 1, _MOST_PARTS))


@dataclass(frozen=True)
class _Layer:
    """The interpolation of one set of values [n, c] over the points of a mesh, some of which may have none (``known``).

    Of a process: ``errors`` [n, c] at points that are left out, NaN where there is no value; ``pull``: the ratio of errors to
    the deviations that it states, at least 1.
    """

    name: str
    mesh: Mesh
    pair: Coordinates
    known: Known
    values: Array
    process: GaussianProcess | None = None
    pull: float = 1.0
    errors: Array | None = None
    scatter: Array | None = None

    @classmethod
    def of(cls, name: str, mesh: Mesh, pair: Coordinates, known: Known, values: Array, columns: Sequence[int]) -> "_Layer":
        """The layer, with a process fitted to the values where the interpolation is one."""
        if name not in ("gp", "smooth"):
            return cls(name, mesh, pair, known, values)
        at = pair.of(mesh.points)
        corners = at[mesh.triangles]
        gaps = np.concatenate([corners[:, a] - corners[:, b] for a, b in ((0, 1), (0, 2), (1, 2))])
        process = gaussian_process.fit(at[known], values[known], gaps, values[known][:, columns])
        errors = np.full(values.shape, np.nan)
        errors[known], deviations = process.left_out()
        # What a linear trend describes exactly has rounding errors alone, and no deviations.
        least = 1e-6 * np.maximum(1.0, np.abs(values[known]).max(axis=0))
        pulls = (errors[known] / np.maximum(deviations, least))[:, columns]
        pull = max(1.0, float(np.sqrt(np.mean(pulls**2))))
        return cls(name, mesh, pair, known, values, process, pull, errors, process.scatter if name == "smooth" else None)

    def surface(self, refined: Refined, answers: Array, best: int) -> tuple[Array, Array | None]:
        """Values and deviations [v, c] at the points of the fine mesh; ``answers`` [n, c]: the values that count."""
        at = self.pair.of(refined.mesh.points)
        if self.name == "rbf":
            through = _spline(self.pair.of(self.mesh.points)[self.known], self.values[self.known])
            own = self._completed(through, answers, best)
            return through(at) + refined.linear(own - through(self.pair.of(self.mesh.points))), None
        if self.process is None:
            return refined.linear(self._completed(None, answers, best)), None
        deviation = self.pull * self.process.deviation(at)
        if self.name == "smooth":
            return self.process.mean(at), deviation
        own = self._completed(self.process.mean, answers, best)
        bulge = self.process.mean(at) - refined.linear(self.process.mean(self.pair.of(self.mesh.points)))
        curved = refined.linear(own) + refined.bounded(bulge, own, _BULGE)
        return refined.between_corners(curved, own), deviation

    def _completed(self, function: Measure | None, answers: Array, best: int) -> Array:
        """The values at all points of the mesh; where there are none, predicted ones that are never the best."""
        if self.known.all():
            return self.values
        own = self.values.copy()
        missing = ~self.known
        predicted = answers[missing] if function is None else function(self.pair.of(self.mesh.points[missing]))
        own[missing] = predicted
        own[missing, best] = np.minimum(predicted[:, best], answers[missing, best] - 1e-3)
        return own


def _error_beside(mesh: Mesh, values: Array, layers: Sequence[_Layer], level: float) -> Array | None:
    """The root mean square error [c] at left-out points beside the level; NaN for a column without such points."""
    errors = np.full(values.shape, np.nan)
    for layer in layers:
        if layer.errors is None:
            return None
        answers = layer.known & (layer.values == values).all(axis=1)
        errors[answers] = layer.errors[answers]
    beside = _beside(mesh, values, level)
    return np.array(
        [np.sqrt(np.mean(own[near] ** 2)) if near.any() else np.nan for own, near in zip(errors.T, beside.T, strict=True)]
    )


def _beside(mesh: Mesh, values: Array, level: float) -> NDArray[np.bool_]:
    """Whether each value [n, c] is at an end of an edge with a value on the other side of the level at its other end."""
    found = np.zeros(values.shape, dtype=bool)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        i, j = mesh.triangles[:, a], mesh.triangles[:, b]
        across = (values[i] > level) != (values[j] > level)
        np.logical_or.at(found, i, across)
        np.logical_or.at(found, j, across)
    return found


def _spline(points: Array, values: Array) -> Measure:
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    through = RBFInterpolator((points - low) / span, values, kernel="thin_plate_spline", degree=1)
    return lambda places: np.asarray(through((places - low) / span), dtype=np.float64)


def _description(name: str, quantity: str) -> str:
    return f"{quantity} are interpolated between the points {_WORDS[name]} (--interpolation {name})."
