"""Start values drawn from the constraint terms, by a generator whose seed is the content of the hypothesis.

The same hypothesis gets the same draws in every batch, on every machine and in every order; another one gets others, so that the
draws of a whole scan explore the background that its hypotheses share.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from hfx.hf_core.batch.compile import Batch
from hfx.hf_core.modifiers.base import NORMAL, POISSON, UNCONSTRAINED

__all__ = ["content_of", "draws"]

Array = NDArray[np.float64]
_FREE = 0.7  # width of the logarithm of a free factor around its initial value
_SMALLEST = 0.05  # of a free factor, and of a count: 0 has no logarithm
_WIDEST = 1.0  # of the logarithm of a factor with a Poisson constraint


def draws(batch: Batch, h: int, aux: Array, label: str, first: int, count: int, content: bytes | None = None) -> Array:
    """The draws ``first``, ..., ``first + count - 1`` of hypothesis ``h``: (count, P) in its own order of parameters.

    ``aux`` (P,) are the centres of the constraint terms, ``label`` names the fit, ``content`` is :func:`content_of` the
    hypothesis, if it is known. Normal constraints give normal values, in their own widths; Poisson constraints and free factors
    log-normal ones, around their auxiliary data and their initial values, with the sign of the initial value. Every second draw
    has twice these widths: some minima lie farther out. Values may lie outside of the bounds.
    """
    size = int(batch.tables.size[h])
    kind, width = batch.tables.constraint[h, :size], batch.tables.width[h, :size]
    centre = np.where(kind == UNCONSTRAINED, batch.init[h, :size], aux[:size])
    normal = _normals(content or content_of(batch, h), label, first, count, size) * (
        1 + np.arange(first, first + count)[:, None] % 2
    )
    relative = np.minimum(1.0 / np.sqrt(np.maximum(width * centre, 1e-300)), _WIDEST)
    counted = np.maximum(centre, _SMALLEST / width) * np.exp(relative * normal)
    free = np.where(centre < 0.0, -1.0, 1.0) * np.maximum(np.abs(centre), _SMALLEST) * np.exp(_FREE * normal)
    return np.where(kind == NORMAL, centre + width * normal, np.where(kind == POISSON, counted, free))


def content_of(batch: Batch, h: int) -> bytes:
    """A digest of the yields, uncertainties and data of a hypothesis; the place of a sample in the batch does not enter."""
    t = batch.tables
    digest = hashlib.sha256("\0".join(batch.labels[h]).encode())
    digest.update(batch.observed[h, : int(t.bins[h])].tobytes())
    digest.update(t.width[h, : int(t.size[h])].tobytes())
    for block in t.hypothesis_block[t.hypothesis_from[h] : t.hypothesis_from[h + 1]].tolist():
        cell, bins = int(t.block_cell[block]), int(t.block_bins[block])
        digest.update(t.nominal[cell : cell + bins].tobytes())
        cell, shifts = int(t.shift_cell[block]), int(t.shift_from[block + 1] - t.shift_from[block])
        for table in (t.shift_odd, t.shift_even):
            digest.update(table[cell : cell + bins * shifts].tobytes())
        # The logarithms of the factors, in single precision: CPUs differ in the last digit of a logarithm.
        factors = t.normsys_table[6:8, t.normsys_from[block] : t.normsys_from[block + 1]]
        digest.update(factors.astype(np.float32).tobytes())
    return digest.digest()


def _normals(content: bytes, label: str, first: int, count: int, size: int) -> Array:
    """Standard normal numbers (count, size), by inversion: the same bits give the same numbers with every version of numpy."""
    from scipy.special import ndtri

    seed = hashlib.sha256(content + label.encode()).digest()
    rows = []
    for draw in range(first, first + count):
        bits = np.random.Philox(key=int.from_bytes(seed[:16], "little"), counter=[0, 0, 0, draw])
        rows.append(bits.random_raw(size))
    raw = np.array(rows, dtype=np.uint64).reshape(count, size)
    normals: Array = ndtri(((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
    return normals
