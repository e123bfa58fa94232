"""The hypotheses of a task, patched, decoded and compiled: what a job works on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from hfx.errors import HfxError
from hfx.functions.background_workspace import Background
from hfx.functions.options import JobOptions
from hfx.json_types import JsonObject, LabelValue
from hfx.pallets.pallet import patched

if TYPE_CHECKING:
    from hfx.hf_core.batch.compile import Batch
    from hfx.hf_core.batch.parameters import ParameterTable
    from hfx.hf_core.fits.model import Model
    from hfx.hf_core.specification import Workspace

__all__ = ["Prepared", "TaskUnit", "prepare"]

Options = TypeVar("Options", bound=JobOptions)


@dataclass(frozen=True)
class TaskUnit:
    """One piece of work of a task: a hypothesis, or a shard of the work on it. ``key`` names the piece, ``name`` the hypothesis.

    ``patch``: RFC 6902 operations. ``signal_scale``: a factor on its signal's yields, beside that of the options.
    """

    key: str
    name: str
    values: list[LabelValue]
    patch: list[JsonObject]
    signal_scale: float = 1.0
    shard: int | None = None


@dataclass(frozen=True, eq=False)
class Prepared(Generic[Options]):
    """The units whose patched workspaces are valid, with these workspaces; the device and the threads to compute with."""

    units: Sequence[TaskUnit]
    workspaces: Sequence[Workspace]
    parameters: Sequence[ParameterTable]
    options: Options
    device: str
    threads: int

    @cached_property
    def batch(self) -> Batch:
        """The compiled batch, its hypotheses in the order of the units; compiled when it is first asked for."""
        from hfx.hf_core.batch.compile import compile_batch

        options = self.options
        return compile_batch(self.workspaces, normsys=options.normsys, histosys=options.histosys, parameters=self.parameters)

    @cached_property
    def model(self) -> Model:
        """The batch with the kernels that fit it."""
        from hfx.functions.precompile import compile_kernels
        from hfx.hf_core.fits.model import Model

        if self.device == "cpu":
            compile_kernels(self.batch.tables)
        return Model(self.batch, device=self.device)


def prepare(
    background: JsonObject,
    units: Sequence[TaskUnit],
    options: Options,
    *,
    device: str = "cpu",
    threads: int = 1,
    compiled: bool = True,
) -> tuple[Prepared[Options], dict[str, str]]:
    """The hypotheses, ready to be worked on; and by key, why others are not: a patch or a workspace that is not valid.

    ``compiled``: the model is compiled here, while tasks that share the background wait for their turn to decode theirs.
    """
    from hfx.hf_core.batch.parameters import Parameters
    from hfx.hf_core.decoding import Decoder

    guard: AbstractContextManager[object] = background.preparing if isinstance(background, Background) else nullcontext()
    usable, workspaces, parameters = [], [], []
    reasons: dict[str, str] = {}
    with guard:
        choice = options.model_choice
        decoder, shared = background.decoder() if isinstance(background, Background) else Decoder(), Parameters()
        for unit in units:
            try:
                workspace = decoder.workspace(choice.applied(patched(background, unit.patch)), choice.measurement)
                workspace = workspace.with_signal_scaled(float(options.signal_scale) * float(unit.signal_scale))
                parameters.append(shared.table(workspace))
            except HfxError as error:
                reasons[unit.key] = str(error)
                continue
            usable.append(unit)
            workspaces.append(workspace)
        prepared = Prepared(usable, workspaces, parameters, options, device, threads)
        if compiled and usable:
            _ = prepared.model
    return prepared, reasons
