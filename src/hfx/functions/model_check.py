"""Faults of a pallet's models that can be told without a fit: what a worker would say of each hypothesis, said before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hfx.errors import PalletError, PatchError, SpecificationError
from hfx.functions.background_workspace import Background
from hfx.functions.catalogue import Job, entry_of, job_for
from hfx.functions.options import JobOptions
from hfx.functions.prepared_hypotheses import TaskUnit, prepare
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.reasons import poi_fault
from hfx.json_types import JsonObject
from hfx.pallets import Hypothesis, Pallet
from hfx.pallets.pallet import modifiers_of
from hfx.pallets.workspaces.model_choice import ModelChoice

if TYPE_CHECKING:
    from hfx.hf_core.specification import Measurement

__all__ = ["all_faults", "check_background", "check_poi", "model_faults"]

_AT_ONCE = 32
_SHOWN = 5
_DEFAULT = "cls"
_OF_MEASUREMENT = ModelChoice()


def check_background(pallet: Pallet, choice: ModelChoice = _OF_MEASUREMENT) -> None:
    """Raise `PalletError` for a fault of the background, which all hypotheses would have.

    A background alone may lack what patches add; so a fault counts that the first hypothesis has as well.
    """
    first = next((hypothesis.name for hypothesis in pallet.hypotheses if hypothesis.defect is None), None)
    decoder = Decoder()
    fault = _fault(decoder, pallet.background, choice)
    if fault is None or first is None:
        return
    try:
        patched = pallet.workspace(first)
    except PatchError:
        return
    if _fault(decoder, patched, choice) == fault:
        raise PalletError(f"{_background_of(pallet)} cannot be used: {fault}")


def check_poi(pallets: Collection[Pallet], choice: ModelChoice = _OF_MEASUREMENT) -> None:
    """Raise `PalletError` where no hypothesis of any region has a sample with the parameter of interest.

    Channels that are left out count here: without them a hypothesis has no signal, which is no fault of the background.
    """
    whole, factors = replace(choice, without=()), set[str]()
    for pallet in pallets:
        for workspace in map(whole.applied, pallet.workspaces()):
            names = {str(one.get("name")): str(one.get("type")) for one in modifiers_of(workspace)}
            if whole.config_of(workspace).get("poi") in names:
                return
            factors |= {name for name, kind in names.items() if kind == "normfactor"}
    first = next((pallet for pallet in pallets if pallet.hypotheses), None)
    if first is not None and factors:
        measurement = whole.measurement_of(first.background["measurements"]).get("name")
        poi, others = whole.config_of(whole.applied(first.background)).get("poi"), ", ".join(sorted(factors)[:_SHOWN])
        raise PalletError(
            f"{_background_of(first)} cannot be used: measurement {measurement!r}: no sample, of any hypothesis, has a "
            f"normfactor {poi!r}; --poi takes another: {others}"
        )


def _background_of(pallet: Pallet) -> str:
    if pallet.background_file:
        return f"the background {pallet.background_file}"
    region = f", region {pallet.region}" if pallet.region else ""
    return f"the background of {pallet.name}{region} ({pallet.source})"


def model_faults(
    pallet: Pallet, options: JobOptions | None = None, only: Collection[str] | None = None, *, job: str = _DEFAULT
) -> Iterator[tuple[str, str]]:
    """Names and reasons of the hypotheses (of ``only``, or all) that a worker would refuse: it is the worker's own check.

    Among them are those without a signal, see `hfx.hf_core.reasons`.
    """
    found = job_for(job, entry_of(job).version)
    background = Background(pallet.background)
    chosen = [one for one in pallet.hypotheses if only is None or one.name in only]
    for start in range(0, len(chosen), _AT_ONCE):
        some = chosen[start : start + _AT_ONCE]
        reasons = _refused(background, some, options or found.options(), found)
        yield from ((one.name, reasons[one.name]) for one in some if one.name in reasons)


def _refused(background: Background, some: Sequence[Hypothesis], options: JobOptions, job: Job[JobOptions]) -> dict[str, str]:
    """The reasons by the name of the hypothesis."""
    units = [
        TaskUnit(one.name, one.name, list(one.values), list(one.patch), one.signal_scale) for one in some if one.defect is None
    ]
    prepared, reasons = prepare(background, units, options, compiled=False)
    if job.faults is not None and prepared.units:
        faults = job.faults(prepared)
        reasons |= {unit.name: fault for unit, fault in zip(prepared.units, faults, strict=True) if fault is not None}
    return reasons | {one.name: one.defect for one in some if one.defect is not None}


def all_faults(pallet: Pallet, options: JobOptions | None = None) -> Iterator[tuple[str, str]]:
    """`model_faults` of all hypotheses. Raises as `check_background`, and where there is one region as `check_poi`."""
    choice = _OF_MEASUREMENT if options is None else options.model_choice
    check_background(pallet, choice)
    if pallet.region is None:
        check_poi([pallet], choice)
    yield from model_faults(pallet, options)


def _fault(decoder: Decoder, workspace: JsonObject, choice: ModelChoice) -> str | None:
    from hfx.hf_core.batch.parameters import parameter_table

    try:
        decoded = decoder.workspace(choice.applied(workspace), choice.measurement)
        parameter_table(decoded)
    except SpecificationError as error:
        return str(error)
    return _poi_fault(decoded.measurement)


def _poi_fault(measurement: Measurement) -> str | None:
    """Why no hypothesis can have the parameter of interest of this measurement, whatever its signal."""
    config = measurement.parameters.get(measurement.poi)
    if config is None:
        return None
    lower, upper = config.bounds[0] if config.bounds else (0.0, 0.0)
    return poi_fault(measurement.poi, config.fixed is True, lower, upper)
