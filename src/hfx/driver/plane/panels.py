"""Hypotheses with more than two labels, and the few planes in which they lie: each is a panel of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane import axes as plane_axes
from hfx.driver.plane import text_labels
from hfx.driver.plane.points import PlotData

if TYPE_CHECKING:
    from hfx.driver.plane.axes import Values

__all__ = ["Panel", "find", "part"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST = 4  # panels of a picture
_FEWEST = 8  # hypotheses that are worth a panel, and that a further panel adds
_COVERED = 0.9  # of the hypotheses, by all panels together


@dataclass(frozen=True)
class Panel:
    """One of the planes in which hypotheses lie: the condition that selects it, its axes, and its number of hypotheses."""

    where: str
    x: str
    y: str
    points: int


def find(labels: Sequence[str], values: Values, x: str | None = None, y: str | None = None) -> tuple[Panel, ...]:
    """The planes that together contain nearly all hypotheses; none where one plane contains all, or where there are no few.

    A plane is a value of a label, a text too, or of a difference of two labels, that at least 8 hypotheses have; these span an
    area of its axes: ``x`` and ``y`` where given, else the first two labels that vary within it. The plane with the most
    hypotheses is taken first, then the one that adds the most to it, and so on.
    """
    table = plane_axes.label_values(labels, values)
    if table.shape[1] < 3 or not labels or _is_one_plane(labels, table, x, y):
        return ()
    texts = {} if isinstance(values, np.ndarray) else text_labels.columns(labels, values)
    numbers = np.isfinite(table).any(axis=0)
    left: Mask = np.array(np.isfinite(table[:, numbers]).all(axis=1), dtype=bool)
    total, candidates = int(left.sum()), {**dict(_text_conditions(texts)), **dict(_conditions(labels, table))}
    found: list[Panel] = []
    while len(found) < _MOST and (panel := _largest(candidates, left, labels, table, x, y)):
        left[candidates[panel.where]] = False
        found.append(panel)
    covered = total - int(left.sum())
    return tuple(sorted(found, key=_order(found))) if len(found) > 1 and covered >= _COVERED * total else ()


def _order(found: Sequence[Panel]) -> Callable[[Panel], tuple[int, float, str]]:
    """The key by which values of one label stand together, in ascending order."""
    first: dict[str, int] = {}
    for position, panel in enumerate(found):
        first.setdefault(panel.where.partition("==")[0], position)

    def key(panel: Panel) -> tuple[int, float, str]:
        label, _, value = panel.where.partition("==")
        return (first[label], 0.0, value) if value[0] in "\"'" else (first[label], float(value), "")

    return key


def _is_one_plane(labels: Sequence[str], table: Array, x: str | None, y: str | None) -> bool:
    axes = plane_axes.choose(labels, table, x, y)
    return axes.y is None or not plane_axes.hidden(axes, labels, table)


def _conditions(labels: Sequence[str], table: Array) -> Iterator[tuple[str, Mask]]:
    """Conditions that enough hypotheses fulfil, and which these are; the last labels, which are no axes by default, first."""
    columns = [(_written(label), table[:, i]) for i, label in enumerate(labels)][::-1]
    for name, column in columns:
        yield from _values(name, column)
    names = [(label, table[:, i]) for i, label in enumerate(labels) if label.isidentifier()]
    for (first, one), (second, other) in combinations(names, 2):
        for text, mask in _values(f"{first}-{second}", one - other):
            left, _, number = text.partition("==")
            # A difference is written so that it is positive.
            yield (f"{second}-{first}=={number[1:]}" if number.startswith("-") else f"{left}=={number}"), mask


def _text_conditions(texts: Mapping[str, text_labels.Texts]) -> Iterator[tuple[str, Mask]]:
    for label, values in text_labels.values_of(texts).items():
        for text in values if len(values) > 1 else ():
            mask = texts[label] == np.array(text, dtype=object)
            if mask.sum() >= _FEWEST:
                yield f"{_written(label)}=={text_labels.quoted(text)}", np.asarray(mask, dtype=bool)


def _written(label: str) -> str:
    """A label as expressions on labels have it."""
    return label if label.isidentifier() else f"`{label}`"


def _values(name: str, column: Array) -> Iterator[tuple[str, Mask]]:
    numbers, counts = np.unique(column[np.isfinite(column)].round(6), return_counts=True)
    if len(numbers) > 1:
        for number in numbers[counts >= _FEWEST].tolist():
            yield f"{name}=={number:.12g}", np.isclose(column, number, rtol=1e-9, atol=1e-6)


def _largest(
    candidates: dict[str, Mask], left: Mask, labels: Sequence[str], table: Array, x: str | None, y: str | None
) -> Panel | None:
    """The plane with the most hypotheses among those that are left."""
    new = {where: int((mask & left).sum()) for where, mask in candidates.items()}
    for where in sorted(new, key=lambda text: -new[text]):
        if new[where] < _FEWEST:
            return None
        if panel := _panel(where, labels, table[candidates[where]], x, y):
            return panel
    return None


def _panel(where: str, labels: Sequence[str], rows: Array, x: str | None, y: str | None) -> Panel | None:
    """The panel of these hypotheses, if they lie in one plane and span an area of it."""
    axes = plane_axes.choose(labels, rows, x, y)
    if axes.y is None or plane_axes.hidden(axes, labels, rows):
        return None
    places = plane_axes.places(axes, labels, rows)
    spread = places - places.mean(axis=0)
    if np.linalg.matrix_rank(spread / np.maximum(np.ptp(places, axis=0), 1e-300), tol=1e-6) < 2:
        return None
    return Panel(where, axes.x, axes.y, len(rows))


def part(data: PlotData, where: str | None, *, every_text: bool = False) -> PlotData:
    """The hypotheses of ``data`` that fulfil a condition. Raises `OptionError` where it cannot be read.

    ``every_text``: as of `hfx.driver.plane.axes.selected`.
    """
    if not where:
        return data
    chosen = plane_axes.selected(data.labels, data.rows(), where, every_text=every_text).tolist()
    count = len(data.results)
    return replace(
        data,
        results=[result for result, inside in zip(data.results, chosen[:count], strict=True) if inside],
        failures=[failure for failure, inside in zip(data.failures, chosen[count:], strict=True) if inside],
    )
