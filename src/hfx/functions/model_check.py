"""Faults of a pallet's models that can be told without a fit: what a worker would say of each hypothesis, said before."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hfx.errors import PalletError, PatchError, SpecificationError
from hfx.hf_core.decoding import Decoder
from hfx.json_types import JsonObject
from hfx.pallets import Pallet

__all__ = ["all_faults", "check_background", "model_faults"]


def check_background(pallet: Pallet, measurement: str | None = None) -> None:
    """Raise `PalletError` for a fault of the background, which all hypotheses would have.

    A background alone may lack what patches add; so a fault counts that the first hypothesis has as well.
    """
    first = next((hypothesis.name for hypothesis in pallet.hypotheses if hypothesis.defect is None), None)
    decoder = Decoder()
    fault = _fault(decoder, pallet.background, measurement)
    if fault is None or first is None:
        return
    try:
        patched = pallet.workspace(first)
    except PatchError:
        return
    if _fault(decoder, patched, measurement) == fault:
        region = f", region {pallet.region}" if pallet.region else ""
        raise PalletError(f"the background of {pallet.name}{region} ({pallet.source}) cannot be used: {fault}")


def model_faults(
    pallet: Pallet, measurement: str | None = None, only: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Names and reasons of the hypotheses (of ``only``, or all) whose patch does not apply, or whose workspace is not valid."""
    decoder = Decoder()
    decoder.learn(pallet.background)
    for hypothesis in pallet.hypotheses:
        if only is not None and hypothesis.name not in only:
            continue
        try:
            workspace = pallet.workspace(hypothesis.name)
        except PatchError as error:
            yield hypothesis.name, hypothesis.defect or str(error)
            continue
        # What only this hypothesis has is forgotten again.
        if (fault := _fault(decoder.fork(), workspace, measurement)) is not None:
            yield hypothesis.name, fault


def all_faults(pallet: Pallet) -> Iterator[tuple[str, str]]:
    """`model_faults` of all hypotheses. Raises as `check_background`."""
    check_background(pallet)
    yield from model_faults(pallet)


def _fault(decoder: Decoder, workspace: JsonObject, measurement: str | None) -> str | None:
    try:
        decoder.workspace(workspace, measurement)
    except SpecificationError as error:
        return str(error)
    return None
