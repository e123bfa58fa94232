"""A HistFactory workspace (pyhf schema 1.0.0) as typed, validated values; :mod:`hfx.hf_core.decoding` makes them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Channel", "Measurement", "ParameterConfig", "Sample", "Workspace"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample of one channel; its modifiers as columns, each sorted by name.

    ``nominal`` and all yields are in events, shape (bins,); ``histosys_lo/hi`` have shape (modifiers, bins), ``normsys_lo/hi``
    (modifiers,); the absolute uncertainties ``staterror_data`` and ``shapesys_data`` (modifiers, bins).
    """

    name: str
    nominal: Array
    lumi: tuple[str, ...] = ()
    normfactor: tuple[str, ...] = ()
    shapefactor: tuple[str, ...] = ()
    normsys: tuple[str, ...] = ()
    normsys_lo: Array = field(default_factory=lambda: np.zeros(0))
    normsys_hi: Array = field(default_factory=lambda: np.zeros(0))
    histosys: tuple[str, ...] = ()
    histosys_lo: Array = field(default_factory=lambda: np.zeros((0, 0)))
    histosys_hi: Array = field(default_factory=lambda: np.zeros((0, 0)))
    staterror: tuple[str, ...] = ()
    staterror_data: Array = field(default_factory=lambda: np.zeros((0, 0)))
    shapesys: tuple[str, ...] = ()
    shapesys_data: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def scaled(self, factor: float) -> Sample:
        """The sample with its yields and absolute uncertainties multiplied by ``factor``."""
        columns = ("nominal", "histosys_lo", "histosys_hi", "staterror_data", "shapesys_data")
        return replace(self, **{column: getattr(self, column) * factor for column in columns})


@dataclass(frozen=True, eq=False)
class Channel:
    """A channel: ``bins`` and its samples, sorted by name."""

    name: str
    bins: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class ParameterConfig:
    """What a measurement says of one parameter; ``None`` where it says nothing."""

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
        poi = self.measurement.poi
        return tuple(
            (channel.name, sample.name) for channel in self.channels for sample in channel.samples if poi in sample.normfactor
        )

    def with_signal_scaled(self, factor: float) -> Workspace:
        """The workspace with the yields of every signal sample multiplied by ``factor``."""
        if factor == 1.0:
            return self
        poi = self.measurement.poi
        channels = tuple(
            replace(
                channel,
                samples=tuple(sample.scaled(factor) if poi in sample.normfactor else sample for sample in channel.samples),
            )
            for channel in self.channels
        )
        return replace(self, channels=channels)
