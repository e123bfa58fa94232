"""Sentences about a run that are said before it begins: options that change nothing in it, and premises that differ from pyhf.

An option that has no effect whatever the pallet is an error (see `hfx.driver.questions.options`). One that has none for this
pallet, or for this selection of it, is a sentence: a script may give the same options for several.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hfx.driver.plane import axes
from hfx.driver.questions.options import ScanOptions
from hfx.driver.questions.texts.picture_texts import label_titles_in
from hfx.driver.run.records import read_records
from hfx.driver.scan import plan
from hfx.driver.scan.open_source import refusal
from hfx.functions.jobs.cls_options import ClsOptions
from hfx.functions.options import flag
from hfx.json_types import JsonObject, LabelValue, objects
from hfx.pallets import Pallet
from hfx.pallets.pallet import modifiers_of

__all__ = ["remarks"]

_BOUNDS = (0.0, 10.0)  # of a normfactor, where the measurement states none, as in pyhf
_NEGATIVE = "which changes CLs where the best-fit signal strength is negative"


def remarks(pallets: Mapping[str, Pallet], options: ScanOptions, folders: Mapping[str, Path]) -> list[str]:
    """The sentences for a run of these regions, by name, in these folders; a pallet of one region is called ""."""
    used = {name: pallet for name, pallet in pallets.items() if refusal(pallet, options) is None}
    if not used:
        return []
    first = next(iter(used.values()))
    found = [
        *_of_picture(used, options, folders),
        *_of_files(used, options),
        *_of_workspace(first, options),
        *_of_range(first, options),
    ]
    return list(dict.fromkeys(found))


def _without_effect(option: str, why: str) -> str:
    return f"{option} has no effect here: {why}"


def _of_picture(pallets: Mapping[str, Pallet], options: ScanOptions, folders: Mapping[str, Path]) -> Iterator[str]:
    """Options of a plane, where the picture has one axis."""
    if options.question.surface is None:
        return
    labels, values = next(iter(pallets.values())).labels, _values(pallets, options, folders)
    chosen = axes.choose(labels, values, *axes.in_force(labels, values, options.x, options.y))
    if chosen.y is not None:
        return
    why = f"the picture has one axis, {chosen.x}"
    for name in ("x", "y"):
        if (given := getattr(options, name)) not in (None, chosen.x):
            yield _without_effect(f"--{name} {given}", why)
    if options.forbidden is not None:
        yield _without_effect(f"--forbidden '{options.forbidden}'", why)
    if options.logy:
        yield f"{_without_effect('--logy', why)}; --logx makes it logarithmic"
    if options.interpolation != "gp":
        yield _without_effect(f"--interpolation {options.interpolation}", why)


def _values(pallets: Mapping[str, Pallet], options: ScanOptions, folders: Mapping[str, Path]) -> Sequence[Sequence[LabelValue]]:
    """The values of the hypotheses that the picture will show: the selected ones, and those that the folder has already."""
    found: list[Sequence[LabelValue]] = []
    for region, pallet in pallets.items():
        names = {hypothesis.name for hypothesis in plan.select(pallet, options.only, options.where)}
        if folders[region].is_dir():
            names |= set(read_records(folders[region]).last.by_name())
        found += [one.values for one in pallet.hypotheses if one.name in names]
    return found


def _of_files(pallets: Mapping[str, Pallet], options: ScanOptions) -> Iterator[str]:
    """Options about files of the pallet."""
    foreign = any("made for another background" in text for pallet in pallets.values() for text in pallet.warnings)
    if not options.verify and not foreign:
        yield _without_effect("--no-verify", "no patch set states the digest of another background")
    if options.label_titles is not None:
        known = {label for pallet in pallets.values() for label in pallet.labels}
        others = [label for label in label_titles_in(Path(options.label_titles)) if label not in known]
        if others:
            why = f"the labels are {', '.join(sorted(known)) or 'none'}"
            yield _without_effect(f"--label-titles for {', '.join(others)}", why)
    if options.threads is not None and not options.endpoints.on_this_machine:
        yield _without_effect(f"--threads {options.threads}", f"the fits run on {options.endpoints}")


def _of_workspace(pallet: Pallet, options: ScanOptions) -> Iterator[str]:
    """Interpolation codes of modifiers that there are none of."""
    own = options.question.options
    given = [name for name in ("normsys", "histosys") if getattr(own, name) != type(own).__dataclass_fields__[name].default]
    if not given:
        return
    kinds = {
        str(one.get("type")) for workspace in pallet.workspaces() for one in modifiers_of(own.model_choice.applied(workspace))
    }
    for name in given:
        if name not in kinds:
            yield _without_effect(f"{flag(name)} {getattr(own, name)}", f"{pallet.name} has no {name}")


def _of_range(pallet: Pallet, options: ScanOptions) -> Iterator[str]:
    """Where the free signal strength has another range than in pyhf, which takes the bounds of the workspace."""
    own = options.question.options
    if not isinstance(own, ClsOptions):
        return
    config = own.model_choice.config_of(own.model_choice.applied(pallet.background))
    poi = str(config.get("poi"))
    lower, upper = _bounds(config, poi)
    if own.test_stat == "q" and lower >= 0.0:
        yield f"{poi} may be negative, as q requires; pyhf would stop at the bound {lower:g}, {_NEGATIVE}"
    if own.test_stat == "qtilde" and lower < 0.0:
        yield f"{poi} is fitted from 0 on, as qtilde requires; pyhf would go down to the bound {lower:g}, {_NEGATIVE}"
    if own.mu > upper:
        yield f"{poi} is fitted up to {own.mu:g}; pyhf refuses a tested mu above the bound {upper:g}"


def _bounds(config: JsonObject, poi: str) -> tuple[float, float]:
    """The bounds of a parameter in a measurement; those that cannot be read are a fault that others tell."""
    for entry in objects(config.get("parameters")):
        bounds = entry.get("bounds")
        if entry.get("name") == poi and isinstance(bounds, list) and bounds and isinstance(bounds[0], list):
            lower, upper = bounds[0]
            if isinstance(lower, int | float) and isinstance(upper, int | float):
                return float(lower), float(upper)
    return _BOUNDS
