"""The model that is made of a workspace: its measurement, another parameter of interest, and channels that are left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from hfx.json_types import JsonObject, JsonValue, objects

__all__ = ["ModelChoice"]


@dataclass(frozen=True)
class ModelChoice:
    """A choice of the model in a workspace.

    Args:
        measurement: its name; None: the first.
        poi: the parameter of interest in place of the measurement's; None: that one.
        without: names of channels that are left out, of a workspace whose patch is applied: with all their samples and
            observations, and with the parameters that only they have.
    """

    measurement: str | None = None
    poi: str | None = None
    without: tuple[str, ...] = ()
    # Parts that workspaces share stay shared. With the original: an id is unique only while its object lives.
    _made: dict[tuple[str, int], tuple[JsonValue, JsonValue]] = field(default_factory=dict, compare=False, repr=False)

    def applied(self, workspace: JsonObject) -> JsonObject:
        """The workspace as it is fitted; it shares all unchanged parts with the original, and is not checked."""
        if not self.without and self.poi is None:
            return workspace
        found = dict(workspace)
        if self.without:
            found |= {key: self._kept(key, found[key]) for key in ("channels", "observations") if key in found}
        if self.poi is not None and "measurements" in found:
            found["measurements"] = self._shared("measurements", found["measurements"])
        return found

    def _kept(self, key: str, items: JsonValue) -> JsonValue:
        if not isinstance(items, list):
            return items
        # Every patch makes its own list of channels.
        return [item for item in items if self._stays(item)] if key == "channels" else self._shared(key, items)

    def _shared(self, key: str, items: JsonValue) -> JsonValue:
        known = self._made.get((key, id(items)))
        if known is None:
            made = self._with_poi(items) if key == "measurements" else [item for item in _listed(items) if self._stays(item)]
            known = self._made[key, id(items)] = items, made
        return known[1]

    def _stays(self, item: JsonValue) -> bool:
        return not (isinstance(item, dict) and item.get("name") in self.without)

    def _with_poi(self, measurements: JsonValue) -> JsonValue:
        chosen = self.measurement_of(measurements)
        return [_replaced(item, self.poi) if item is chosen else item for item in _listed(measurements)]

    def measurement_of(self, measurements: JsonValue) -> JsonObject:
        """The measurement that is chosen of a list of measurements; empty where it is not there."""
        items = objects(measurements)
        named = (item for item in items if self.measurement in (None, item.get("name")))
        return next(named, {})

    def config_of(self, workspace: JsonObject) -> JsonObject:
        """The config of the measurement that is chosen."""
        config = self.measurement_of(workspace.get("measurements")).get("config")
        return config if isinstance(config, dict) else {}


def _listed(items: JsonValue) -> list[JsonValue]:
    return items if isinstance(items, list) else []


def _replaced(measurement: JsonValue, poi: str | None) -> JsonValue:
    """The measurement with another parameter of interest."""
    config = measurement.get("config") if isinstance(measurement, dict) else None
    if not isinstance(measurement, dict) or not isinstance(config, dict):
        return measurement
    return {**measurement, "config": {**config, "poi": poi}}
