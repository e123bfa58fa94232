"""Tiles of the plane: a mesh made finer for a curved surface, and the rings around what tiles cover."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.triangulation import Mesh

__all__ = ["area", "outline", "refined"]

Array = NDArray[np.float64]
Corner = tuple[float, float]


def refined(mesh: Mesh, parts: int) -> Mesh:
    """`mesh` with every triangle cut into `parts`² equal ones; its points are among the finer one's, which are sorted."""
    if parts < 2:
        return mesh
    steps = [(i, j) for i in range(parts + 1) for j in range(parts + 1 - i)]
    weights = np.array([(parts - i - j, i, j) for i, j in steps]) / parts
    a, b, c = (mesh.points[mesh.triangles[:, k]][:, None, :] for k in range(3))
    # Summed in this order, a place on an edge has the same digits from both sides: the corners are sorted.
    places = a * weights[:, :1] + b * weights[:, 1:2] + c * weights[:, 2:]
    points, index = np.unique(places.reshape(-1, 2), axis=0, return_inverse=True)
    at = {step: k for k, step in enumerate(steps)}
    upright = [[at[i, j], at[i + 1, j], at[i, j + 1]] for i, j in steps if i + j < parts]
    turned = [[at[i + 1, j], at[i, j + 1], at[i + 1, j + 1]] for i, j in steps if i + j < parts - 1]
    corners = index.reshape(len(mesh.triangles), -1)[:, np.array(upright + turned)]
    return Mesh(points, np.sort(corners.reshape(-1, 3), axis=1).astype(np.intp))


def outline(tiles: Sequence[Array]) -> list[Array]:
    """The closed rings [k, 2] around what `tiles` cover; tiles side by side share whole sides. Holes turn the other way."""
    onward: dict[Corner, list[Corner]] = defaultdict(list)
    sides: dict[tuple[Corner, Corner], None] = {}
    digits = _digits(tiles)
    for tile in tiles:
        corners = [tuple(corner) for corner in _counterclockwise(tile).round(digits).tolist()]
        for here, there in zip(corners, [*corners[1:], corners[0]], strict=True):
            if here == there:
                continue
            if (there, here) in sides:
                del sides[there, here]
            else:
                sides[here, there] = None
    for here, there in sides:
        onward[here].append(there)
    rings = []
    for start in sorted(onward):
        while onward[start]:
            ring = [start]
            while onward[ring[-1]]:
                ring.append(onward[ring[-1]].pop())
            rings.append(np.array(ring))
    return rings


def area(rings: Sequence[Array]) -> float:
    """The area within rings whose holes turn the other way."""
    return abs(sum(_signed(ring) for ring in rings))


def _counterclockwise(tile: Array) -> Array:
    return tile if _signed(tile) >= 0 else tile[::-1]


def _signed(ring: Array) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _digits(tiles: Sequence[Array]) -> int:
    """Decimals that tell corners apart but not the last digits of one corner, computed from two sides."""
    largest = max((float(np.abs(tile).max()) for tile in tiles), default=1.0)
    return 9 - int(np.floor(np.log10(max(largest, 1e-300))))
