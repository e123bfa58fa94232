"""The terms of the likelihood as element-wise operations on tensors: interpolated factors, Poisson terms, constraints."""

from __future__ import annotations

import torch
from torch import Tensor

from hfx.hf_core.modifiers.base import NORMAL, POISSON
from hfx.hf_core.modifiers.interpolation import clip

__all__ = ["away_from_zero", "constraint", "normsys", "poisson"]

_TINY = 1e-150


def away_from_zero(value: Tensor) -> Tensor:
    """A factor at zero replaced as in :mod:`hfx.hf_core.cpu.rates`: products are unchanged in float64, quotients stay finite."""
    return torch.where(value.abs() < _TINY, _TINY, value)


def normsys(code: int, a: Tensor, sign: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f, f'/f, f''/f (B, E) of the factors whose ``table`` is (B or 1, 8, E): c1..c6, log hi, log lo."""
    log_hi, log_lo = table[:, 6], table[:, 7]
    if code == 1:
        slope = torch.where(sign > 0.0, log_hi, -log_lo)
        return torch.exp(a * slope), slope, slope * slope
    c = clip(a)
    value, slope, second = _normsys_4(c, table)
    value = away_from_zero(value)
    outside = torch.exp((a - c).clamp(min=0.0) * log_hi + (c - a).clamp(min=0.0) * log_lo)
    return value * outside, slope / value, second / value


def _normsys_4(c: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`modifiers.interpolation.normsys_4` by Horner's scheme for a polynomial with its derivatives: a third of the
    operations, each of which is a launch."""
    value, slope, half = table[:, 5].expand_as(c), torch.zeros_like(c), torch.zeros_like(c)
    for i in (4, 3, 2, 1, 0):
        half = torch.addcmul(slope, half, c)
        slope = torch.addcmul(value, slope, c)
        value = torch.addcmul(table[:, i], value, c)
    return 1.0 + c * value, torch.addcmul(value, slope, c), 2.0 * torch.addcmul(slope, half, c)


def poisson(nu: Tensor, n: Tensor, floor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`hfx.hf_core.cpu.rates.poisson`, element-wise."""
    zero, one = nu.new_zeros(()), nu.new_ones(())  # a number in its place would be another launch each time
    some = n > 0.0
    n_safe = torch.where(some, n, one)
    empty_floor, floor = floor, torch.where(some, torch.minimum(floor, 0.5 * n), floor)
    at = torch.maximum(nu, floor)
    u = (at - n_safe) / n_safe
    value, slope, curvature = n_safe * (u - _log(at, n_safe, u)), (at - n_safe) / at, n_safe / (at * at)
    step = torch.minimum(nu - floor, zero)
    value, slope = value + step * (slope + 0.5 * curvature * step), slope + curvature * step
    below = nu < 0.0
    empty = torch.where(below, nu + 0.5 * nu * nu / empty_floor, nu)
    empty_slope = torch.where(below, 1.0 + nu / empty_floor, one)
    empty_curvature = torch.where(below, 1.0 / empty_floor, zero)
    return (
        torch.where(some, value, empty),
        torch.where(some, slope, empty_slope),
        torch.where(some, curvature, empty_curvature),
    )


def _log(x: Tensor, n: Tensor, u: Tensor) -> Tensor:
    """log(x/n), of u = (x - n)/n, as exact as in :mod:`hfx.hf_core.cpu.rates`."""
    return torch.where(u > -0.5, torch.log1p(u), torch.log(x / n))


def constraint(kind: Tensor, theta: Tensor, aux: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`hfx.hf_core.cpu.rates.constraint`, element-wise; zero where unconstrained."""
    zero, one = theta.new_zeros(()), theta.new_ones(())
    pull = (theta - aux) / width
    is_normal, is_poisson = kind == NORMAL, kind == POISSON
    normal = (0.5 * pull * pull, pull / width, 1.0 / (width * width))
    some = aux > 0.0
    a, x = torch.where(some, aux, one), torch.where(is_poisson, theta, one)
    u = (x - a) / a
    counted = (
        torch.where(some, width * a * (u - _log(x, a, u)), width * x),
        torch.where(some, width * (x - a) / x, width),
        torch.where(some, width * a / (x * x), zero),
    )
    pairs = zip(normal, counted, strict=True)
    chosen = (torch.where(is_normal, first, torch.where(is_poisson, second, zero)) for first, second in pairs)
    return next(chosen), next(chosen), next(chosen)
