"""The slots of a batch: a fixed number of fits that iterate together, whatever the number of fits.

On a GPU the iteration is recorded once, as a CUDA graph, and replayed: its operations are many and small, and their launches
would cost more than they. A recorded iteration reads and writes the tensors that it was recorded with, so that these stay: a
later batch of that size is copied into them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from hfx.hf_core.batch.problem import CONVERGED, RUNNING
from hfx.hf_core.tensor.fit_state import State
from hfx.hf_core.tensor.likelihood import BatchLikelihood
from hfx.hf_core.tensor.matrix_free_step import iterate
from hfx.hf_core.tensor.matrix_step import TensorLikelihood
from hfx.hf_core.tensor.padded_tables import Layout

__all__ = ["Pace", "Slots", "pace_on"]

_KEPT = 4  # recorded iterations of as many sizes


@dataclass(frozen=True)
class Pace:
    """The intervals at which the number of running fits is read from the device, and the sizes of batches; no result depends on
    it."""

    iterations: int  # between two readings of the number of running fits
    slots: int  # fits at a time, at most
    smallest: int  # fits: a batch is not made smaller than this
    refill: int = 4  # the slots are filled again once one of so many is empty
    matrix_rounds: int = 4  # steps with the Hessian's matrix one after another, where no other fits run
    leave: int = 0  # fits that may be left running


def pace_on(device: torch.device) -> Pace:
    """On the CPU a reading costs nothing and small batches stay in the cache; a GPU needs many fits to be busy."""
    if device.type == "cpu":
        return Pace(iterations=1, slots=256, smallest=1)
    return Pace(iterations=8, slots=32768, smallest=1024, leave=16)


class Slots:
    """The fits of ``store`` that iterate, and their places there."""

    def __init__(self, kernel: TensorLikelihood, store: State, place: Tensor, most: int) -> None:
        self.store, self.place = store, place
        self._kernel, self._most = kernel, most
        self._recorded: _Recorded | None = None
        self._layout: Layout | None = None
        if kernel.matrix_free is not None:
            fits = store.take(place[_padded(len(place), kernel.device)])
            self._recorded = _recorded(kernel.matrix_free, fits, len(place), most)
            self.state, self._layout = self._recorded.state, self._recorded.layout
        else:
            self.state = store.take(place)

    def running(self) -> Tensor:
        """The slots of the fits that still run."""
        return torch.nonzero(self.state.code == RUNNING).squeeze(1)

    def wider_than(self, count: int) -> bool:
        """True where ``count`` fits need at most half of the slots."""
        return 2 * count <= len(self.place)

    def advance(self, count: int) -> None:
        """Some iterations of all fits."""
        if self._recorded is not None:
            self._recorded.advance(count)

    def write(self) -> None:
        """All fits back to their places; nothing else is done with these slots."""
        slot = torch.arange(len(self.place), device=self.place.device)
        self.store.put(self.place, self.state.take(slot))
        if self._recorded is not None and self._kernel.matrix_free is not None:
            self._recorded.keep(self._kernel.matrix_free)
            self._recorded = None

    def refill(self, following: int, count: int) -> int:
        """``count`` fits, from number ``following`` on, take slots of fits that have ended; their number."""
        slot = torch.nonzero(self.state.code != RUNNING).squeeze(1)[:count]
        self.store.put(self.place[slot], self.state.take(slot))
        self.place[slot] = torch.arange(following, following + count, device=self.place.device)
        fresh = self.store.take(self.place[slot])
        self.state.replace(slot, fresh)
        if self._layout is not None and self._kernel.matrix_free is not None:
            self._layout.replace(slot, self._kernel.matrix_free.layout.take(fresh.hypothesis))
        return count


def _padded(count: int, device: torch.device) -> Tensor:
    """The fits in the slots (S,): on a GPU padded to a larger number, so that few sizes are ever recorded."""
    if device.type == "cpu":
        return torch.arange(count)
    step = max(1, 1 << max(0, count.bit_length() - 4))
    return torch.arange(-(-count // step) * step, device=device).clamp(max=max(0, count - 1))


def _recorded(kernel: BatchLikelihood, state: State, count: int, most: int) -> _Recorded:
    """The iteration for these fits, of which those beyond ``count`` are padding: one that was recorded already, or another."""
    state.code[count:] = CONVERGED
    layout = kernel.layout.take(state.hypothesis)
    key = (len(state.theta), len(layout.width), most)
    kept = kernel.recorded.pop(key, None)
    if isinstance(kept, _Recorded):
        every = torch.arange(len(state.theta), device=kernel.device)
        kept.state.replace(every, state)
        kept.layout.replace(every, layout)
        return kept
    own = Layout(*(getattr(layout, field.name).clone() for field in fields(layout))) if _records(kernel.device) else layout
    return _Recorded(key, state, own, lambda: iterate(kernel, own, state, most))


def _records(device: torch.device) -> bool:
    return device.type == "cuda"


class _Recorded:
    """The iteration of the fits in ``state``, whose ``layout`` this is. ``graph`` is None before it is recorded and where it
    cannot be."""

    def __init__(self, key: tuple[int, int, int], state: State, layout: Layout, body: Callable[[], None]) -> None:
        self.key, self.state, self.layout, self._body = key, state, layout, body
        self.graph: torch.cuda.CUDAGraph | None = None
        self._to_record = _records(state.theta.device)

    def advance(self, count: int) -> None:
        if self._to_record and count:
            self._record()
            count -= 1
        for _ in range(count):
            if self.graph is None:
                self._body()
            else:
                self.graph.replay()

    def keep(self, kernel: BatchLikelihood) -> None:
        """Stores it for the next batch of this size; the one that was stored first is dropped."""
        if self.graph is None:
            return
        kernel.recorded[self.key] = self
        while len(kernel.recorded) > _KEPT:
            kernel.recorded.pop(next(iter(kernel.recorded)), None)

    def _record(self) -> None:
        """Makes one iteration, in which libraries get ready, and records the next ones."""
        self._to_record = False
        stream = torch.cuda.Stream(self.state.theta.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.state.theta.device))
        with torch.cuda.stream(stream):
            self._body()
        torch.cuda.current_stream(self.state.theta.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._body()
        except RuntimeError as error:
            warnings.warn(f"iterations are not recorded as a CUDA graph, and slower: {error}", RuntimeWarning, stacklevel=2)
            return
        self.graph = graph
