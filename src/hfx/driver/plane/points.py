"""What a picture needs of a scan: its axes, and the hypotheses in their plane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hfx.driver.plane import triangulation
from hfx.driver.plane.expressions import parse
from hfx.driver.run.packed_results import LEVEL

__all__ = ["LEVEL", "WHICH", "Field", "collect", "significance"]

Array = NDArray[np.float64]

WHICH = ("observed", "expected-2", "expected-1", "expected", "expected+1", "expected+2")
"""Curves by the column of `Field.cls`: CLs_obs, then CLs_exp as results hold it, -2 sigma first."""

# The ends of the line, where Phi^-1 is infinite: z stays within -8.2 and 37.
_SMALLEST, _LARGEST = 1e-300, 1.0 - 1e-16


@dataclass(frozen=True)
class Field:
    """What a picture needs of a scan: the hypotheses that count, in the plane of the two axes.

    `y` is None where fewer than two labels vary: the picture is then CLs against `x`, and the second column
    of `points` is zero. `points` [n, 2] are distinct and sorted, `cls` [n, 6] holds CLs in order of WHICH,
    `failed` [m, 2] the places of hypotheses without a usable result. `mesh` is None where the points span no
    area. `hidden` are the labels that vary but that the place in the plane does not tell. Of a combination of regions
    `regions` [r, n, 6] is the CLs of every one, NaN where it has none; else r is 0.
    """

    x: str
    y: str | None
    choice: str
    points: Array
    cls: Array
    failed: Array
    mesh: triangulation.Mesh | None
    hidden: tuple[str, ...]
    notes: tuple[str, ...]
    regions: Array


def significance(cls: Any) -> Array:
    """Phi^-1(1 - CLs), elementwise; finite for CLs of 0 and 1, NaN for NaN."""
    return np.asarray(-ndtri(np.clip(cls, _SMALLEST, _LARGEST)), dtype=np.float64)


def collect(scan: Mapping[str, Any], *, x: str | None = None, y: str | None = None) -> Field:
    """The hypotheses of `scan` that a picture shows, over its axes. OptionError: a bad expression."""
    results = sorted(scan.get("results", ()), key=lambda record: str(record["name"]))
    failures = sorted(scan.get("failures", ()), key=lambda record: str(record["name"]))
    table = _label_values(scan, [*results, *failures])
    x, y, choice = _axes(table, x, y)
    places = np.column_stack([_on_axis(x, table, "--x"), _on_axis(y, table, "--y")])
    cls = np.array([_cls(record) for record in results], dtype=np.float64).reshape(-1, 6)
    usable: NDArray[np.bool_] = np.isfinite(np.c_[places[: len(results)], cls]).all(axis=1)
    usable &= np.array([record.get("status") == "converged" for record in results], dtype=bool)
    left_out = [str(record["name"]) for record, good in zip(results, usable, strict=True) if not good]
    notes = _left_out(left_out, len(failures))
    order, repeated = _distinct(places[: len(results)][usable], cls[usable])
    points, cls = places[: len(results)][usable][order], cls[usable][order]
    if repeated:
        notes.append(
            f"{repeated} hypotheses give way to others at the same place: of those at one place the one "
            "hardest to exclude (largest median expected CLs) is drawn."
        )
    hidden = _hidden(table, places, x, y)
    notes += _slices(table, hidden, x, y)
    mesh = triangulation.triangulate(points) if y is not None else None
    failed = np.r_[places[: len(results)][~usable], places[len(results) :]]
    failed = failed[np.isfinite(failed).all(axis=1)]
    notes += _shape_notes(points, cls, mesh, x, y)
    regions = _by_region([record for record, good in zip(results, usable, strict=True) if good])[:, order]
    return Field(x, y, choice, points, cls, failed, mesh, hidden, tuple(notes), regions)


def _label_values(scan: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Values [records] of every label; NaN where a record has no number for it."""
    rows = [[_number(value) for value in record.get("values") or ()] for record in records]
    width = max((len(row) for row in rows), default=0)
    given = [str(label) for label in scan.get("pallet", {}).get("labels") or ()]
    labels = given or [f"x{i + 1}" for i in range(width)]
    if not labels:
        return {"hypothesis": np.arange(1.0, len(rows) + 1.0)}
    table = np.full((len(rows), len(labels)), np.nan)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row[: len(labels)]
    return {label: table[:, j] for j, label in enumerate(labels)}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _cls(record: Mapping[str, Any]) -> list[float]:
    expected = [_number(value) for value in record.get("CLs_exp") or ()]
    return [_number(record.get("CLs_obs")), *(expected if len(expected) == 5 else [float("nan")] * 5)]


def _axes(table: Mapping[str, Array], x: str | None, y: str | None) -> tuple[str, str | None, str]:
    """The axes and the sentence about their choice."""
    if x is not None and y is not None:
        return x, y, f"The axes are {x} and {y}, as asked."
    varying = [label for label, values in table.items() if len(np.unique(values[np.isfinite(values)])) > 1]
    free = [label for label in varying if label not in (x, y)]
    if y is not None:
        x = free[0] if free else next(iter(table))
        return x, y, f"The vertical axis is {y}, as asked; the horizontal one {x}, the first other to vary."
    if x is not None:
        if not free:
            return x, None, f"CLs is drawn against {x}, as asked: no other label varies."
        y = free[0]
        return x, y, f"The horizontal axis is {x}, as asked; the vertical one {y}, the first other to vary."
    if len(varying) < 2:
        x = varying[0] if varying else next(iter(table))
        why = f"only {x} varies" if varying else "no label varies"
        return x, None, f"CLs is drawn against {x}: {why}."
    x, y = varying[:2]
    if len(varying) == 2:
        return x, y, f"The axes are {x} and {y}, the two labels that vary."
    names = ", ".join(varying)
    why = f"The labels {names} vary and no axes were chosen: the axes are the first two, {x} and {y};"
    return x, y, f"{why} choose others with --x and --y."


def _on_axis(axis: str | None, table: Mapping[str, Array], option: str) -> Array:
    """Values of an axis expression; a label is looked up as it is, since not every label reads as a name."""
    length = len(next(iter(table.values())))
    if axis is None:
        return np.zeros(length)
    if axis in table:
        return table[axis]
    values = parse(axis, table, option=option, condition=False).evaluate(table)
    return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), (length,)))


def _hidden(table: Mapping[str, Array], places: Array, x: str, y: str | None) -> tuple[str, ...]:
    """Labels that vary where the place in the plane does not: no affine function of the two axes."""
    good = np.isfinite(places).all(axis=1) & np.isfinite(np.array(list(table.values()))).all(axis=0)
    if good.sum() < 2:
        return ()
    plane = np.column_stack([np.ones(good.sum()), places[good]])
    hidden = []
    for label, values in table.items():
        solution = np.linalg.lstsq(plane, values[good], rcond=None)[0]
        if np.abs(plane @ solution - values[good]).max() > 1e-6 * max(1.0, np.abs(values[good]).max()):
            hidden.append(label)
    return tuple(label for label in hidden if label not in (x, y))


def _slices(table: Mapping[str, Array], hidden: tuple[str, ...], x: str, y: str | None) -> list[str]:
    """A sentence that names the slices holding most of the points, where the picture mixes several."""
    found: list[tuple[int, str]] = []
    for label in hidden:
        others = [other for other in table if other in (x, y)]
        for text, values in [
            (label, table[label]),
            *((f"{other}-{label}", table[other] - table[label]) for other in others),
        ]:
            numbers, counts = np.unique(values[np.isfinite(values)].round(6), return_counts=True)
            if len(counts) and (most := int(counts.argmax())) >= 0:
                found.append((int(counts[most]), f"--where '{text}=={numbers[most]:g}'"))
    if not found:
        return []
    best = sorted(found, key=lambda item: -item[0])[:2]
    named = " or ".join(f"{text} ({count} points)" for count, text in best)
    return [f"Points that differ in {', '.join(hidden)} are drawn together; a slice is chosen as {named}."]


def _distinct(points: Array, cls: Array) -> tuple[NDArray[np.intp], int]:
    """Order of the sorted distinct points, of several at one place the one hardest to exclude; and how many gave way."""
    order = np.lexsort((-cls[:, WHICH.index("expected")], points[:, 1], points[:, 0]))
    first = np.r_[True, np.any(np.diff(points[order], axis=0) != 0, axis=1)][: len(points)]
    return order[first], int((~first).sum())


def _by_region(records: Sequence[Mapping[str, Any]]) -> Array:
    """CLs [regions, records, 6] of a combination of regions; nothing of them where any record lacks it."""
    listed = [record.get("by_region") or {} for record in records]
    if not all(listed):
        return np.zeros((0, len(records), 6))
    names = sorted({name for by_region in listed for name in by_region})
    missing: dict[str, Any] = {}
    cls = [[_cls(by_region.get(name, missing)) for by_region in listed] for name in names]
    return np.array(cls, dtype=np.float64).reshape(len(names), len(records), 6)


def _left_out(names: list[str], failures: int) -> list[str]:
    notes = []
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        notes.append(f"{len(names)} without a converged result, left out: {', '.join(names[:5])}{more}.")
    if failures:
        notes.append(f"{failures} failed and left out.")
    return notes


def _shape_notes(points: Array, cls: Array, mesh: triangulation.Mesh | None, x: str, y: str | None) -> list[str]:
    if not len(points):
        return ["No hypothesis has a usable result: there is nothing to draw."]
    notes = []
    if len(points) == 1:
        notes.append("There is one point: no line can be drawn.")
    elif mesh is None and y is not None:
        notes.append("All points lie on one line: the crossings of CLs = 0.05 along it are given, no area.")
    elif y is not None:
        for axis, values in zip((x, y), points.T, strict=True):
            if len(found := np.unique(values)) == 2:
                between = f"{found[0]:g} and {found[1]:g}"
                notes.append(f"{axis} has two values, {between}: between them the lines are interpolated, far from any point.")
    for which in ("observed", "expected"):
        excluded = cls[:, WHICH.index(which)] < LEVEL
        if excluded.all() or not excluded.any():
            notes.append(f"{'All points are' if excluded.all() else 'No point is'} excluded ({which}).")
    return notes
