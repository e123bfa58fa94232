"""The kinematically forbidden region of a plane, such as "y>x-125", and the parts of a line outside it."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hfx.driver.plane.expressions import parse
from hfx.errors import OptionError

__all__ = ["forbidden_margin", "outside"]

Array = NDArray[np.float64]


def forbidden_margin(expression: str, x: str, y: str) -> Callable[[Array, Array], Array]:
    """A function of places on the axes, positive inside the region that a comparison such as "y>x-125" describes.

    In the comparison the names x and y are the axes; an axis that is a label has that name too. Raises `OptionError` for text
    that is not one inequality.
    """
    labels = ("x", "y", *(axis for axis in (x, y) if axis not in ("x", "y")))
    parse(expression, labels, option="--forbidden", condition=True)
    sides = re.split(r"<=|>=|<|>", expression)
    if len(sides) != 2:
        raise OptionError(f"--forbidden '{expression}' is not one inequality; write one, for example 'y>x-125'")
    sign = 1.0 if ">" in expression else -1.0
    left, right = (parse(side, labels, option="--forbidden", condition=False) for side in sides)
    for side in (left, right):
        if not side.labels and not np.isfinite(side.evaluate({})):
            raise OptionError(f"--forbidden '{expression}': {side.text.strip()} has no finite value; correct it")

    def margin(at_x: Array, at_y: Array) -> Array:
        values = {x: at_x, y: at_y, "x": at_x, "y": at_y}
        greater, smaller = (np.asarray(side.evaluate(values), dtype=np.float64) for side in (left, right))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.broadcast_to(sign * (greater - smaller), at_x.shape), dtype=np.float64)

    return margin


def outside(line: Array, margin: Callable[[Array, Array], Array]) -> list[Array]:
    """The parts of a line [k, 2] where ``margin`` is not positive, cut where it is zero."""
    values = margin(line[:, 0], line[:, 1])
    if not (values > 0).any():
        return [line]
    parts: list[list[Array]] = [[]]
    for i, point in enumerate(line):
        if i and (values[i] > 0) != (values[i - 1] > 0):
            cut = line[i - 1] + (point - line[i - 1]) * values[i - 1] / (values[i - 1] - values[i])
            parts[-1].append(cut)
            if values[i] > 0:
                parts.append([])
        if values[i] <= 0:
            parts[-1].append(point)
    if len(parts) > 1 and parts[-1] and parts[0] and np.array_equal(line[0], line[-1]):
        parts[0] = parts.pop() + parts[0][1:]
    return [np.array(part) for part in parts if len(part) > 1]
