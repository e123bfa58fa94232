"""A pallet of as many hypotheses as one likes, made of a published one: its signals interpolated between its mass points.

A made hypothesis lies in a triangle of three published ones. Its signal has, in every bin, the mean of their yields, weighted
by its place in the triangle (none where a published signal lacks the channel); of every modifier the mean of their
variations, where one that a published signal lacks does nothing to it. The patch is computed whenever it is asked for, from
the three, and kept nowhere: 100,000 of 1Lbb would take some 12 GB as JSON, several times that in memory.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul
from typing import Any, overload

import numpy as np
from scipy.spatial import Delaunay

from hfx.pallets import Hypothesis, Pallet

Json = dict[str, Any]


def many(pallet: Pallet, count: int) -> Pallet:
    """`pallet` with `count` made hypotheses in place of its own, on a regular grid over the area that its own span.

    `pallet`: two labels; signals that are samples added to channels, as those of 1Lbb. ValueError where they are not.
    """
    published = [h for h in pallet.hypotheses if h.defect is None]
    if any(operation["op"] != "add" for h in published for operation in h.patch):
        raise ValueError(f"{pallet.name}: its signals are not added to channels")
    corners = np.array([h.values for h in published], dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2:
        raise ValueError(f"{pallet.name} has not two labels")
    triangles = Delaunay(corners)
    places = _grid(triangles, count)
    inside = triangles.find_simplex(places)
    made = []
    for place, simplex in zip(places, inside, strict=True):
        corner_weights = zip(triangles.simplices[simplex], _weights(triangles.transform[simplex], place), strict=True)
        near = [(published[corner], weight) for corner, weight in corner_weights if weight > 0]
        signals, weights = zip(*near, strict=True)
        name = f"{pallet.name}_{place[0]:.3f}_{place[1]:.3f}"
        made.append(Hypothesis(name, (float(place[0]), float(place[1])), Interpolated(name, signals, weights)))
    digest = hashlib.sha256(f"{pallet.patchset_digest} interpolated {count}".encode()).hexdigest()
    return replace(pallet, name=f"{pallet.name}-{count}", patchset_digest=digest, hypotheses=tuple(made))


@dataclass(frozen=True)
class Interpolated(Sequence[Json]):
    """The patch of a made hypothesis: one sample for each channel, computed when it is asked for."""

    name: str
    signals: tuple[Hypothesis, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self._paths())

    @overload
    def __getitem__(self, position: int) -> Json: ...
    @overload
    def __getitem__(self, position: slice) -> list[Json]: ...
    def __getitem__(self, position: int | slice) -> Json | list[Json]:
        return list(self)[position]

    def __iter__(self) -> Iterator[Json]:
        added = [{operation["path"]: operation["value"] for operation in signal.patch} for signal in self.signals]
        for path in self._paths():
            yield {"op": "add", "path": path, "value": self._sample([samples.get(path) for samples in added])}

    def _paths(self) -> list[str]:
        return sorted({operation["path"] for signal in self.signals for operation in signal.patch})

    def _sample(self, found: Sequence[Json | None]) -> Json:
        """The mean of a channel's samples; None in `found`: the signal has no events there."""
        (bins, *_) = (len(sample["data"]) for sample in found if sample is not None)
        samples = [{"data": [0.0] * bins, "modifiers": []} if sample is None else sample for sample in found]
        listed = [{(m["name"], m["type"]): m["data"] for m in sample["modifiers"]} for sample in samples]
        keys = dict.fromkeys(key for modifiers in listed for key in modifiers)
        return {
            "name": self.name,
            "data": self._mean([sample["data"] for sample in samples]),
            "modifiers": [
                {"name": name, "type": kind, "data": self._variation(kind, [m.get((name, kind)) for m in listed], samples)}
                for name, kind in keys
            ],
        }

    def _variation(self, kind: str, found: Sequence[Any], samples: Sequence[Json]) -> Any:
        """The mean of a modifier's data; None in `found` where a sample lacks it, or where it has none (a normfactor)."""
        if all(data is None for data in found):
            return None
        idle = [_idle(kind, sample["data"]) for sample in samples]
        given = [nothing if data is None else data for data, nothing in zip(found, idle, strict=True)]
        if isinstance(given[0], Mapping):
            return {part: self._mean([data[part] for data in given]) for part in given[0]}
        return self._mean(given)

    def _mean(self, given: Sequence[Any]) -> Any:
        """The weighted mean of numbers, or of lists of as many numbers each."""
        if isinstance(given[0], Sequence):
            return [sum(map(mul, self.weights, column)) for column in zip(*given, strict=True)]
        return sum(map(mul, self.weights, given))


def _idle(kind: str, data: Sequence[float]) -> Any:
    """The data of a modifier of this kind that does nothing to a sample of these yields."""
    if kind == "normsys":
        return {"hi": 1.0, "lo": 1.0}
    if kind == "histosys":
        return {"hi_data": data, "lo_data": data}
    if kind in ("staterror", "shapesys"):
        return [0.0] * len(data)
    return None


def _grid(triangles: Delaunay, count: int) -> Any:
    """`count` places [count, 2] of a regular grid, as even as can be, within the triangles."""
    low, high = triangles.points.min(axis=0), triangles.points.max(axis=0)
    side = int(np.ceil(np.sqrt(count)))
    while True:
        # Half a step off the rim, where a place on the very edge may count as outside.
        along = (np.arange(side) + 0.5) / side
        places = low + (high - low) * np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
        within = places[triangles.find_simplex(places) >= 0]
        if len(within) >= count:
            return within[np.round(np.linspace(0, len(within) - 1, count)).astype(int)]
        side += max(1, side // 50)


def _weights(transform: Any, place: Any) -> list[float]:
    """Barycentric coordinates of a place in the triangle with scipy's affine `transform` [3, 2]: 0 or more, they add up to 1."""
    first = transform[:2] @ (place - transform[2])
    weights = np.array([*first, 1.0 - first.sum()])
    weights[weights < 1e-9] = 0.0
    found: list[float] = (weights / weights.sum()).tolist()
    return found
