"""A check of the options that choose the model in a workspace: channels that are left out, another parameter of interest."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from hfx.errors import OptionError
from hfx.hf_core.reasons import poi_fault
from hfx.hf_core.specification import POI_TYPE
from hfx.json_types import JsonObject, JsonValue, objects
from hfx.pallets import Pallet
from hfx.pallets.pallet import modifiers_of
from hfx.pallets.workspaces.model_choice import ModelChoice

__all__ = ["check_choice", "check_measurement"]

_SHOWN = 12  # names in an error


def check_measurement(pallet: Pallet, name: str | None) -> None:
    """Raise `OptionError` where the background has no measurement of this name."""
    names = [str(measurement.get("name")) for measurement in objects(pallet.background["measurements"])]
    if name is not None and name not in names:
        raise OptionError(f"--measurement '{name}' is not one of {pallet.name}'s: {', '.join(names)}")


def check_choice(pallets: Mapping[str, Pallet], choice: ModelChoice) -> None:
    """Raise `OptionError` for channels or a parameter of interest that cannot be chosen, with those that can.

    ``pallets``: the regions by name. A channel must be in one of them, and a signal must be left in one of them.
    """
    if not choice.without and choice.poi is None:
        return
    samples = {name: _first_workspace(pallet) for name, pallet in pallets.items()}
    _check_channels(samples, choice)
    if choice.poi is not None:
        for name, workspace in samples.items():
            _check_poi(_place(pallets[name], name), workspace, choice, choice.poi)
    if choice.without and not any(_has_signal(pallet, choice) for pallet in pallets.values()):
        pallet = next(iter(pallets.values()))
        raise OptionError(
            f"{_flags(choice.without)} takes the signal away: in {pallet.name} no other channel has a sample with the parameter "
            f"of interest; keep one that has"
        )


def _place(pallet: Pallet, region: str) -> str:
    return f"{pallet.name}, region {region}" if region else pallet.name


def _flags(channels: Iterable[str]) -> str:
    return " ".join(f"--drop-channel {name}" for name in channels)


def _first_workspace(pallet: Pallet) -> JsonObject:
    """The patched workspace of the first hypothesis whose patch applies; else the background."""
    return next(pallet.workspaces(), pallet.background)


def _check_channels(workspaces: Mapping[str, JsonObject], choice: ModelChoice) -> None:
    by_region = {name: _names(workspace["channels"]) for name, workspace in workspaces.items()}
    known = list(dict.fromkeys(channel for names in by_region.values() for channel in names))
    for wanted in choice.without:
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise OptionError(f"--drop-channel {wanted}: there is no such channel; the channels: {_some(known)}{hint}")
    for region, names in by_region.items():
        if set(names) <= set(choice.without):
            where = f" of region {region}" if region else ""
            raise OptionError(f"{_flags(choice.without)} leaves no channel{where}; keep at least one of {_some(names)}")


def _names(items: JsonValue) -> list[str]:
    return [str(item.get("name")) for item in objects(items)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _check_poi(place: str, workspace: JsonObject, choice: ModelChoice, poi: str) -> None:
    """Raise `OptionError` unless this parameter can be the one of interest."""
    whole = ModelChoice(choice.measurement, None, choice.without).applied(workspace)
    found = {(str(modifier.get("name")), str(modifier.get("type"))) for modifier in modifiers_of(whole)}
    settings = {str(one.get("name")): one for one in objects(choice.config_of(workspace).get("parameters"))}
    factors = sorted(name for name, kind in found if kind == POI_TYPE)
    fit = [name for name in factors if poi_fault(name, *_settings(settings.get(name, {}))) is None]
    candidates = f"; normfactors that can be: {_some(fit)}"
    others = sorted(kind for name, kind in found if name == poi and kind != POI_TYPE)
    if others:
        raise OptionError(f"--poi {poi}: {poi} is a {others[0]} in {place}; --poi takes a normfactor: {_some(fit)}")
    if poi not in factors:
        raise OptionError(f"--poi {poi}: no sample of {place} has a normfactor of this name{candidates}")
    if (fault := poi_fault(poi, *_settings(settings.get(poi, {})))) is not None:
        raise OptionError(f"--poi {poi}: in {place} {fault}{candidates}")


def _settings(entry: JsonObject) -> tuple[bool, float, float]:
    """Whether a parameter is fixed, and its bounds; what cannot be read is left to the check of the workspace."""
    bounds = entry.get("bounds")
    first = bounds[0] if isinstance(bounds, list) and bounds else None
    lower, upper = first if isinstance(first, list) and len(first) == 2 else (0.0, 0.0)
    numbers = isinstance(lower, int | float) and isinstance(upper, int | float)
    return entry.get("fixed") is True, *((float(lower), float(upper)) if numbers else (0.0, 0.0))  # type: ignore[arg-type]


def _has_signal(pallet: Pallet, choice: ModelChoice) -> bool:
    """Whether any hypothesis has a signal in the channels that are left."""
    return any(_carries_poi(choice.applied(workspace), choice) for workspace in pallet.workspaces())


def _carries_poi(workspace: JsonObject, choice: ModelChoice) -> bool:
    poi = choice.config_of(workspace).get("poi")
    return any(modifier.get("name") == poi for modifier in modifiers_of(workspace))
