"""Gradient and exact Hessian of a batch of fits as few rows each: tensors, the batch first.

The same rows as in `cpu.derivatives`: for each of K blocks l and s, for each of N main bins its row J of the Jacobian,
for each of U parameters that are factors themselves (normfactors, lumi, gammas) one row across. Lying in one array (B, 2K + N +
U, P), they make a product with the Hessian out of two matrix products and a dozen small operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Rows", "along", "back"]


def along(table: Tensor, vector: Tensor) -> Tensor:
    """``table`` (B or 1, R, P) times ``vector`` (B, P): (B, R)."""
    if len(table) == 1:  # one product for the whole batch
        return vector @ table[0].T
    return torch.bmm(table, vector[:, :, None])[:, :, 0]


def back(table: Tensor, vector: Tensor) -> Tensor:
    """``vector`` (B, R) times ``table`` (B or 1, R, P): (B, P)."""
    if len(table) == 1:
        return vector @ table[0]
    return torch.bmm(vector[:, None, :], table)[:, 0, :]


@dataclass(frozen=True, eq=False)
class Rows:
    """The likelihood and its derivatives at one point, in NLL (half of 2NLL)."""

    value: Tensor  # (B,)
    gradient: Tensor  # (B, P)
    rows: Tensor  # (B, 2K + N + U, P): l and s of each block, the Jacobian of each bin, the rows across
    blocks: int
    bins: int
    weight: Tensor  # (B, K): sum over the block's bins of dNLL/dnu times nu
    curvature: Tensor  # (B, N): of the Poisson terms
    prior: Tensor  # (B, P): curvature of the constraints
    remainder: Tensor  # (B, P): the diagonal without the rows and the prior
    own: Tensor  # (B or 1, U, P): one where the parameter is that of the row across, else zero

    @property
    def jacobian(self) -> Tensor:
        """(B, N, P)."""
        return self.rows[:, 2 * self.blocks : 2 * self.blocks + self.bins]

    def beside_the_bins(self) -> Tensor:
        """The Hessian's diagonal without that of J' C J: (B, P)."""
        logarithmic, additive = self.rows[:, : self.blocks], self.rows[:, self.blocks : 2 * self.blocks]
        return self.remainder + self.prior + (logarithmic * (self.weight[:, :, None] * logarithmic + 2.0 * additive)).sum(1)

    def of_the_bins(self) -> Tensor:
        """The diagonal of J' C J: (B, P)."""
        return back(self.jacobian * self.jacobian, self.curvature)

    def product(self, v: Tensor) -> Tensor:
        """The exact Hessian times ``v`` (B, P)."""
        k, n = self.blocks, self.bins
        given = along(self.rows, v)
        one = given[:, :k]
        two = torch.addcmul(given[:, k : 2 * k], self.weight, one)
        mixed = torch.cat([two, one, self.curvature * given[:, 2 * k : 2 * k + n], along(self.own, v)], 1)
        across = back(self.own, given[:, 2 * k + n :])
        return back(self.rows, mixed) + across + (self.remainder + self.prior) * v

    def hessian(self) -> Tensor:
        """The exact Hessian (B, P, P)."""
        k, n = self.blocks, self.bins
        logarithmic, additive, across = self.rows[:, :k], self.rows[:, k : 2 * k], self.rows[:, 2 * k + n :]
        own = self.own.expand(len(self.rows), -1, -1)
        two = self.weight[:, :, None] * logarithmic + additive
        mixed = torch.cat([two, logarithmic, self.curvature[:, :, None] * self.jacobian, own], 1)
        matrix = self.rows.transpose(1, 2) @ mixed + own.transpose(1, 2) @ across
        torch.diagonal(matrix, dim1=1, dim2=2).copy_(self.beside_the_bins() + self.of_the_bins())
        return matrix

    def gauss_newton(self) -> Tensor:
        """J' C J and the constraints' curvature, which is never negative: (B, P, P)."""
        matrix = self.jacobian.transpose(1, 2) @ (self.curvature[:, :, None] * self.jacobian)
        torch.diagonal(matrix, dim1=1, dim2=2).add_(self.prior)
        return matrix
