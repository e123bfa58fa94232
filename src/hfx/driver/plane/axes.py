"""Axes of a plane of hypotheses: their choice, the hypotheses' places on them, and the axes and selections to offer.

An axis is a label of the pallet, or an arithmetic expression on labels such as "mn2-mn1". Numpy is imported when it is needed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from hfx.errors import OptionError
from hfx.json_types import LabelValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Values = Sequence[Sequence[LabelValue]] | Array
    Table = Mapping[str, Array]

__all__ = [
    "NUMBERED",
    "Axes",
    "Slice",
    "check",
    "choose",
    "hidden",
    "in_force",
    "label_values",
    "mixture",
    "offered",
    "places",
    "selected",
    "slices",
]

NUMBERED = "hypothesis"
"""The axis of hypotheses without labels that have numbers: they are numbered."""

_MOST_SLICES = 24
_FEWEST_POINTS = 4  # of a slice that is worth offering


@dataclass(frozen=True)
class Axes:
    """Two axes, and the sentence that says how they were chosen.

    ``y`` is None where fewer than two labels vary: the value of the hypotheses is then drawn against ``x``. ``logx`` and
    ``logy``: whether an axis is logarithmic; then lines are straight in its logarithm.
    """

    x: str
    y: str | None
    choice: str
    logx: bool = False
    logy: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """The expressions of what `scaled` gives; the second is empty without a second axis."""
        x, y = self.x, self.y or ""
        return (f"log({x})" if self.logx else x), (f"log({y})" if self.logy and y else y)

    def scaled(self, places: Array) -> Array:
        """Places [k, 2] on the scales on which values are interpolated and lines are straight."""
        import numpy as np

        return self._with(np.log, places)

    def unscaled(self, places: Array) -> Array:
        """The reverse of `scaled`."""
        import numpy as np

        return self._with(np.exp, places)

    def _with(self, function: Callable[[Array], Array], places: Array) -> Array:
        import numpy as np

        if not (self.logx or self.logy):
            return places
        found = places.copy()
        for column, logarithmic in enumerate((self.logx, self.logy and self.y is not None)):
            if logarithmic:
                with np.errstate(all="ignore"):
                    found[..., column] = function(found[..., column])
        return found


class Slice(TypedDict):
    """A selection of hypotheses: a condition on labels, and how many hypotheses fulfil it."""

    where: str
    points: int


def label_values(labels: Sequence[str], values: Values) -> Array:
    """The values of the labels as an array [hypotheses, labels]; NaN where a hypothesis has no number for a label.

    Without labels there are as many columns as the longest row has.
    """
    import numpy as np

    if isinstance(values, np.ndarray):
        return values
    width = len(labels) or max(map(len, values), default=0)
    table = np.full((len(values), width), np.nan)
    for i, row in enumerate(values):
        numbers = [_number(value) for value in row[:width]]
        table[i, : len(numbers)] = numbers
    return table


_AXES = "Axes: {x} (horizontal), {y} (vertical)."


def choose(
    labels: Sequence[str], values: Values, x: str | None = None, y: str | None = None, *, quantity: str = "The value"
) -> Axes:
    """The axes for hypotheses with these values of the labels: those that are given, else the first labels that vary.

    ``quantity``: the name of what is drawn against the one axis where there is no second.
    Raises `OptionError` for two equal axes, and for a label of texts.
    """
    if x is not None and x == y:
        raise OptionError(f"--x and --y are both '{x}'; give two different axes, or leave one of them out")
    _refuse_texts(labels, values, {"--x": x, "--y": y})
    table = _table(labels, values)
    varying = _varying(table)
    free = [label for label in varying if label not in (x, y)]
    if x is not None and y is not None:
        return Axes(x, y, _AXES.format(x=x, y=y))
    if y is not None:
        x = free[0] if free else next(iter(table))
        return Axes(x, y, _AXES.format(x=x, y=y))
    if x is not None:
        return _second(x, free, quantity)
    return _first_two(table, varying, quantity)


def _refuse_texts(labels: Sequence[str], values: Values, given: Mapping[str, str | None]) -> None:
    for option, axis in given.items():
        if axis is None or axis not in labels or hasattr(values, "dtype"):
            continue
        position = list(labels).index(axis)
        text = next((row[position] for row in values if position < len(row) and isinstance(row[position], str)), None)
        if text is not None:
            raise OptionError(f"{option} '{axis}': its values are texts, as {text!r}, which are no axis; --where selects them")


def in_force(labels: Sequence[str], values: Values, x: str | None, y: str | None) -> tuple[str | None, str | None]:
    """The axes that were given, for `choose`; (None, None) where one label alone varies, which is then the only axis.

    ``values``: of all hypotheses of a picture. Raises `OptionError` as `choose` and `places`.
    """
    if (x is None and y is None) or len(_varying(_table(labels, values))) != 1:
        return x, y
    places(choose(labels, values, x, y), labels, values)  # what cannot be read is an error also where it is not drawn
    return None, None


def _second(x: str, free: Sequence[str], quantity: str) -> Axes:
    if not free:
        return Axes(x, None, f"{quantity} is drawn against {x}: no other label varies.")
    return Axes(x, free[0], _AXES.format(x=x, y=free[0]))


def _first_two(table: Table, varying: Sequence[str], quantity: str) -> Axes:
    if len(varying) < 2:
        x = varying[0] if varying else next(iter(table))
        if not varying and len(table[x]) == 1:
            return Axes(x, None, f"{quantity} is drawn against {x}.")
        why = f"only {x} varies" if varying else "no label varies"
        return Axes(x, None, f"{quantity} is drawn against {x}: {why}.")
    x, y = varying[:2]
    if len(varying) == 2:
        return Axes(x, y, _AXES.format(x=x, y=y))
    return Axes(x, y, f"{_AXES.format(x=x, y=y)} {', '.join(varying[2:])} can be chosen with --x and --y.")


def places(axes: Axes, labels: Sequence[str], values: Values) -> Array:
    """The hypotheses' places [n, 2] on the axes; zero in the second column without a second axis.

    Raises `OptionError` for an expression that cannot be read, or that has no finite value for any hypothesis.
    """
    import numpy as np

    table = _table(labels, values)
    along = _on_axis(axes.x, table, "--x")
    return np.column_stack([along, np.zeros(len(along)) if axes.y is None else _on_axis(axes.y, table, "--y")])


def check(labels: Sequence[str], values: Values, x: str | None, y: str | None, forbidden: str | None) -> None:
    """Raise `OptionError` for axes, or a forbidden region, that no picture of hypotheses with these values can be drawn with."""
    if not any((x, y, forbidden)):
        return
    from hfx.driver.plane.forbidden import forbidden_margin

    axes = choose(labels, values, x, y)
    places(axes, labels, values)
    if forbidden and axes.y is not None:
        forbidden_margin(forbidden, axes.x, axes.y)


def offered(labels: Sequence[str], values: Values) -> list[str]:
    """The axes to offer: the labels that vary and, where there are more than two, the differences of two of them."""
    varying = _varying(_table(labels, values))
    differences = [f"{a}-{b}" for a in varying for b in varying if a != b and a.isidentifier() and b.isidentifier()]
    return varying + (differences if len(varying) > 2 else [])


def slices(labels: Sequence[str], values: Values) -> list[Slice]:
    """Selections to offer: a text that several hypotheses share and others do not, and where more than two labels vary, one value
    of an offered axis."""
    table, names = _table(labels, values), offered(labels, values)
    counts: Counter[str] = Counter(dict(_text_slices(labels, values)))
    for name in names if len(names) > 2 else ():
        text = name if name.replace("-", "").isidentifier() else f"`{name}`"
        for number, count in _frequencies(table[name] if name in table else _on_axis(name, table, "--where")):
            if count >= _FEWEST_POINTS:
                counts[f"{text}=={number:g}"] = max(counts[f"{text}=={number:g}"], count)
    # A difference and its opposite are one slice.
    kept: dict[str, int] = {}
    for text, count in counts.most_common():
        first, _, second = text.partition("==")[0].partition("-")
        if not second or not any(other.startswith(f"{second}-{first}==") and n == count for other, n in kept.items()):
            kept[text] = count
    return [{"where": text, "points": count} for text, count in list(kept.items())[:_MOST_SLICES]]


def selected(labels: Sequence[str], values: Values, where: str | None, *, every_text: bool = False) -> NDArray[np.bool_]:
    """Whether each hypothesis [n] fulfils the condition ``where``. Raises `OptionError` where it cannot be read.

    ``every_text``: the hypotheses are all that there are, so that a text which none of them has is an error.
    """
    import numpy as np

    from hfx.driver.plane.expressions import parse

    length = len(values)
    if not where or not length:
        return np.ones(length, dtype=bool)
    from hfx.driver.plane import text_labels

    table = _table(labels, values)
    texts = {} if isinstance(values, np.ndarray) else text_labels.columns(labels, values)
    expression = parse(where, table, option="--where", condition=True, texts=text_labels.values_of(texts), every_text=every_text)
    condition = expression.evaluate({**table, **texts})
    return np.array(np.broadcast_to(np.asarray(condition, dtype=bool), (length,)))


def hidden(axes: Axes, labels: Sequence[str], values: Values) -> tuple[str, ...]:
    """The labels that vary where the place in the plane does not: those that are no function of the two axes."""
    import numpy as np

    table, at = _table(labels, values), places(axes, labels, values)
    placed = np.isfinite(at).all(axis=1)
    texts = [label for label, column in table.items() if not np.isfinite(column[placed]).any()]
    others = {label: column for label, column in table.items() if label not in (axes.x, axes.y, *texts)}
    good = placed & np.isfinite(np.array([at[:, 0], *others.values()])).all(axis=0)
    if good.sum() < 2:
        return ()
    # What a text says is not known, but where hypotheses share a place it tells them apart.
    apart = texts if len(np.unique(at[placed], axis=0)) < placed.sum() else []
    return tuple(
        label for label in table if label in apart or (label in others and not _is_determined(others[label][good], at[good]))
    )


_FEWEST_SMOOTH = 12  # places
_JUMP = 0.2  # of the range of a label, by which a smooth one may be off at the rim
_ROUNDING = 0.01  # of the range of a label: masses that are computed from others are often rounded


def _is_determined(column: Array, at: Array) -> bool:
    """Whether a label [n] is a function of the places [n, 2]: affine, of second order, monotonic in one axis, or smooth."""
    import numpy as np

    span = np.ptp(column)
    unit = np.where(np.ptp(at, axis=0) > 0, np.ptp(at, axis=0), 1.0)
    x, y = ((at - at.min(axis=0)) / unit).T
    affine = np.column_stack([np.ones(len(x)), x, y])
    curved = np.column_stack([affine, x * x, x * y, y * y])
    for terms in (affine, curved) if len(x) >= 2 * curved.shape[1] else (affine,):
        residual = terms @ np.linalg.lstsq(terms, column, rcond=None)[0] - column
        if np.abs(residual).max() <= max(_ROUNDING * span, 1e-6 * max(1.0, np.abs(column).max())):
            return True
    return any(_is_function(column, axis) for axis in (x, y)) or _is_smooth(column, np.column_stack([x, y]))


def _is_smooth(column: Array, unit: Array) -> bool:
    """Whether the value of a label at each place, in units of the axes' ranges, follows from those at the other places.

    So it does for axes that are any functions of the labels, as log(m1-m2). Between slices that are drawn on top of each other,
    or side by side, it jumps.
    """
    import numpy as np

    from hfx.driver.plane.surface.coordinates import left_out

    if len(column) < _FEWEST_SMOOTH or len(np.unique(unit, axis=0)) < len(unit):
        return False
    errors = np.abs(left_out(unit, column)) / np.ptp(column)
    return bool(np.isfinite(errors).all() and np.quantile(errors, 0.9) <= 2 * _ROUNDING and errors.max() <= _JUMP)


def _is_function(column: Array, axis: Array) -> bool:
    """Whether hypotheses at one value of an axis have one value of a label; not told where few share a value."""
    import numpy as np

    order = np.argsort(axis, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(axis[order]) > 1e-9])
    if 2 * len(first) > len(axis):
        return False
    low, high = np.minimum.reduceat(column[order], first), np.maximum.reduceat(column[order], first)
    tolerance = _ROUNDING * np.ptp(column)
    # Slices whose points lie at different values of the axis would be a function too, one that goes up and down.
    monotonic = (np.diff(low) >= -tolerance).all() or (np.diff(low) <= tolerance).all()
    return bool(monotonic and (high - low <= tolerance).all())


def mixture(axes: Axes, labels: Sequence[str], values: Values) -> list[str]:
    """A sentence that names the slices with most of the points, where the picture shows several slices together."""
    table, names = _table(labels, values), hidden(axes, labels, values)
    found = [
        (count, f"--where {shlex.quote(text)} ({count} points)")
        for text, count in _text_slices(labels, values)
        if text.partition("==")[0].strip("`") in names
    ]
    for label in names:
        others = [other for other in table if other in (axes.x, axes.y)]
        for text, column in [(label, table[label]), *((f"{other}-{label}", table[other] - table[label]) for other in others)]:
            most = max(_frequencies(column), key=lambda pair: pair[1], default=None)
            if most is not None:
                found.append((most[1], f"--where '{text}=={most[0]:g}' ({most[1]} points)"))
    if not found:
        return []
    best = sorted(found, key=lambda item: -item[0])[:2]
    named = " or ".join(text for _, text in best)
    return [
        f"Points with different {', '.join(names)} are drawn on top of each other, and therefore without lines; to draw one "
        f"slice, give 'hfx plot' {named}."
    ]


def _text_slices(labels: Sequence[str], values: Values) -> Iterator[tuple[str, int]]:
    """Conditions that select one text of a label with several, and how many hypotheses each selects."""
    import numpy as np

    from hfx.driver.plane import text_labels

    for label, column in ({} if isinstance(values, np.ndarray) else text_labels.columns(labels, values)).items():
        counts = Counter(text for text in column if text is not None)
        written = label if label.isidentifier() else f"`{label}`"
        for text, count in counts.items() if len(counts) > 1 else ():
            if count >= _FEWEST_POINTS:
                yield f"{written}=={text_labels.quoted(text)}", count


def _number(value: LabelValue) -> float:
    """A value as a number; NaN for a text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _table(labels: Sequence[str], values: Values) -> dict[str, Array]:
    """The values by label; without labels they are called x1, x2, ..., and without numbers the hypotheses are numbered."""
    import numpy as np

    array = label_values(labels, values)
    names = list(labels) or [f"x{i + 1}" for i in range(array.shape[1])]
    if not names:
        return {NUMBERED: np.arange(1.0, len(values) + 1.0)}
    table = {name: array[:, j] for j, name in enumerate(names)}
    if len(values) and not np.isfinite(array).any():
        return {NUMBERED: np.arange(1.0, len(values) + 1.0), **table}
    return table


def _varying(table: Table) -> list[str]:
    import numpy as np

    return [label for label, column in table.items() if len(np.unique(column[np.isfinite(column)])) > 1]


def _on_axis(axis: str, table: Table, option: str) -> Array:
    """The values of an axis expression; a label is looked up as it is, since not every label reads as a name.

    Raises `OptionError` for an expression that has no finite value for any hypothesis whose labels are finite.
    """
    import numpy as np

    from hfx.driver.plane.expressions import parse

    if axis in table:
        return table[axis]
    length = len(next(iter(table.values())))
    expression = parse(axis, table, option=option, condition=False)
    values = np.array(np.broadcast_to(np.asarray(expression.evaluate(table), dtype=np.float64), (length,)))
    known = np.isfinite([table[label] for label in expression.labels]).all(axis=0)
    if np.any(known) and not np.isfinite(values).any():
        raise OptionError(
            f"{option} '{axis}' has no finite value for any hypothesis (for example after a division by zero); give another "
            f"expression"
        )
    return values


def _frequencies(column: Array) -> Iterator[tuple[float, int]]:
    """The distinct numbers of a column, to six decimals and ascending, and how often each occurs."""
    import numpy as np

    numbers, counts = np.unique(column[np.isfinite(column)].round(6), return_counts=True)
    return zip(numbers.tolist(), counts.tolist(), strict=True)
