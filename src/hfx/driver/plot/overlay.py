"""Several runs in one picture, and published contours beside them, measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hfx.driver.plane import compare
from hfx.driver.plane.published import Published, read
from hfx.driver.plot import scan_picture
from hfx.driver.plot.redraw import Wanted, loaded, styled, target
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.errors import OptionError
from hfx.version import __version__

if TYPE_CHECKING:
    from hfx.driver.plane.contour import Plane

__all__ = ["Layer", "layers", "measured", "overlay", "read_published"]


@dataclass(frozen=True)
class Layer:
    """One run of an overlay: its label in the legend, its plane, and what it holds of curves (theory band included)."""

    label: str
    run: Path
    scan: Mapping[str, Any]
    plane: "Plane"
    curves: Sequence[Mapping[str, Any]]

    def lines(self, which: str) -> list[Any]:
        """Its curves of that name, [k, 2] each."""
        return [np.array(curve["points"]) for curve in self.curves if curve["which"] == which]


def read_published(files: Sequence[Path]) -> tuple[Published, ...]:
    """The published contours in `files`. Raises `OptionError`."""
    return tuple(read(Path(file)) for file in files)


def measured(plane: "Plane", published: Sequence[Published], say: Callable[[str], None], label: str = "") -> list[dict[str, Any]]:
    """The published contours as contour.json holds them, with their distance from ours, which is said too."""
    if plane.field.y is None:
        raise OptionError("--published needs a picture over two axes; this run's hypotheses differ in one label")
    found = []
    for one in published:
        ours = [np.array(curve["points"]) for curve in plane.contours["curves"] if curve["which"] == one.which]
        apart = compare.apart(ours, one.lines, plane.excluded(one.which), plane.spanned())
        say(f"{f'{label}, ' if label else ''}{one.which} against {one.name} ({one.file}): {apart.sentence()}")
        found.append({**one.content(), "apart": apart.content()})
    return found


def layers(runs: Sequence[Path], wanted: Wanted) -> list[Layer]:
    """The runs to overlay, over the same axes. Raises `OptionError` where they are not."""
    if wanted.labels and len(wanted.labels) != len(runs):
        raise OptionError(f"--label is given {len(wanted.labels)} times for {len(runs)} runs: give one for each, in order")
    labels = wanted.labels or tuple(map(_label, runs))
    return [_layer(run, label, wanted) for run, label in zip(runs, labels, strict=True)]


def _label(run: Path) -> str:
    return run.resolve().name


def _layer(run: Path, label: str, wanted: Wanted) -> Layer:
    from hfx.driver.plot import figure

    scan = loaded(run)
    options = ScanOptions.of(styled(scan["options"], wanted.changed))
    plane = scan_picture.plane(scan, options)
    if plane.field.y is None:
        raise OptionError(
            f"{run} has no plane to overlay: its hypotheses differ in one label; draw it alone, or give --x and --y"
        )
    theory = figure.theory_curves(scan, plane.contours["x"], plane.contours["y"])
    return Layer(label, run, scan, plane, [*plane.contours["curves"], *theory])


def overlay(runs: Sequence[Path], output: Path, wanted: Wanted, say: Callable[[str], None]) -> list[Path]:
    """Draw several runs into one picture, `output`: a file or a folder; the files written.

    Beside the picture stands a JSON file of the curves: {"hfx", "x", "y", "overlaid": [contours of each run with its
    "label" and "run"]}. Raises `OptionError`: other axes, labels that do not fit, a published contour.
    """
    from hfx.driver.plot.overlay_figure import draw

    several = layers(runs, wanted)
    axes = {(layer.plane.field.x, layer.plane.field.y) for layer in several}
    if len(axes) > 1:
        named = "; ".join(f"{layer.run} over {layer.plane.field.x} and {layer.plane.field.y}" for layer in several)
        raise OptionError(f"the runs are drawn over different axes ({named}): give --x and --y")
    published = read_published(wanted.published)
    stem, formats = target(output, wanted.formats)
    overlaid = []
    for layer in several:
        one = {"label": layer.label, "run": str(layer.run), **layer.plane.contours, "curves": list(layer.curves)}
        if published:
            one["published"] = measured(layer.plane, published, say, layer.label)
        overlaid.append(one)
    content = {"hfx": __version__, "x": several[0].plane.field.x, "y": several[0].plane.field.y, "overlaid": overlaid}
    with durable_files.explained(stem.parent):
        stem.parent.mkdir(parents=True, exist_ok=True)
        numbers = stem.with_name(f"{stem.name}.json")
        durable_files.write_whole(numbers, durable_files.dump(content, indent=1) + "\n")
        return [*draw(several, published, stem, formats, wanted, _metadata(several)), numbers]


def _metadata(several: Sequence[Layer]) -> dict[str, str]:
    """Of each entry that a picture's file has, those of all runs."""
    parts = [scan_picture.metadata(layer.scan, f"hfx plot {' '.join(str(one.run) for one in several)}") for layer in several]
    return {key: " ".join(dict.fromkeys(part[key] for part in parts)) for key in parts[0]}
