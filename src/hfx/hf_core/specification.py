"""A HistFactory workspace (pyhf schema 1.0.0) as typed, validated values; :mod:`hfx.hf_core.decoding` makes them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["POI_TYPE", "Channel", "Measurement", "ParameterConfig", "Sample", "Workspace"]

Array = NDArray[np.float64]
POI_TYPE = "normfactor"  # the type of modifier by which the parameter of interest scales the samples of the signal


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample of one channel; ``nominal`` (bins,) in events.

    Its n modifiers of each type: their ``names``, sorted, by type; of their data, in that order and by type and field, arrays of
    ``events`` (n, bins), and ``numbers`` (n,), which are no events. ``normfactors`` are the names of its normfactors, one of
    which may be the parameter of interest.
    """

    name: str
    nominal: Array
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    normfactors: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "normfactors", self.names.get(POI_TYPE, ()))

    def scaled(self, factor: float) -> Sample:
        """The sample with all its numbers of events multiplied by ``factor``."""
        events = {kind: {name: values * factor for name, values in data.items()} for kind, data in self.events.items()}
        return replace(self, nominal=self.nominal * factor, events=events)


@dataclass(frozen=True, eq=False)
class Channel:
    """A channel: ``bins`` and its samples, sorted by name."""

    name: str
    bins: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class ParameterConfig:
    """The settings of one parameter in a measurement; ``None`` for those that it lacks."""

    name: str
    inits: tuple[float, ...] | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    auxdata: tuple[float, ...] | None = None
    factors: tuple[float, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    fixed: bool | None = None


@dataclass(frozen=True)
class Measurement:
    """The chosen measurement: name, parameter of interest ("" for none) and parameter configurations by name."""

    name: str
    poi: str
    parameters: Mapping[str, ParameterConfig]


@dataclass(frozen=True, eq=False)
class Workspace:
    """A validated workspace with one measurement chosen; channels sorted by name, ``observations`` in events by channel."""

    channels: tuple[Channel, ...]
    observations: Mapping[str, Array]
    measurement: Measurement

    def signal_samples(self) -> tuple[tuple[str, str], ...]:
        """(channel, sample) of every sample that the parameter of interest scales."""
        return tuple(
            (channel.name, sample.name) for channel in self.channels for sample in channel.samples if self._is_signal(sample)
        )

    def with_signal_scaled(self, factor: float) -> Workspace:
        """The workspace with the yields of every signal sample multiplied by ``factor``."""
        if factor == 1.0:
            return self
        channels = tuple(
            replace(
                channel,
                samples=tuple(sample.scaled(factor) if self._is_signal(sample) else sample for sample in channel.samples),
            )
            for channel in self.channels
        )
        return replace(self, channels=channels)

    def _is_signal(self, sample: Sample) -> bool:
        return self.measurement.poi in sample.normfactors
