"""The Gaussian process against the kriging equations solved whole, finite differences, and functions that are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from hfx.driver.plane.surface import gaussian_process

Array = NDArray[np.float64]

GRID = np.array([(x, y) for x in range(200, 801, 75) for y in range(0, 401, 50)], dtype=np.float64)
GAPS = np.array([(75.0, 0.0), (0.0, 50.0)])


def wave(points: Array) -> Array:
    return np.asarray(3 * np.sin(points[:, 0] / 150) + np.cos(points[:, 1] / 120))[:, None]


def test_the_gradient_of_the_likelihood_and_of_the_penalty() -> None:
    rng = np.random.default_rng(1)
    unit = rng.random((25, 2))
    values = np.c_[np.sin(3 * unit[:, 0]), rng.normal(size=25)]
    pairs, basis = unit[:, None, :] - unit[None, :, :], gaussian_process._with_trend(unit)
    spread = np.array([[0.04, 0.01], [0.01, 0.09]])
    for at in ((1.0, 0.5, 2.0, -4.0), (2.5, 1.5, -6.0, -1.0)):
        parameters = np.array(at)
        for function in (
            lambda p: gaussian_process._deviance(p, pairs, basis, values),
            lambda p: gaussian_process._penalty(p, spread),
        ):
            slope = function(parameters)[1]
            for k in range(4):
                step = 1e-5 * np.eye(4)[k]
                numeric = (function(parameters + step)[0] - function(parameters - step)[0]) / 2e-5
                assert slope[k] == pytest.approx(numeric, rel=1e-5, abs=1e-6)
    assert gaussian_process._penalty(np.array([2.5, 1.5, -6.0, -1.0]), spread)[0] > 0
    assert gaussian_process._penalty(np.array([-1.0, -1.0, 0.0, -1.0]), spread)[0] == 0


def test_prediction_and_uncertainty_are_those_of_the_whole_kriging_system() -> None:
    values = wave(GRID) + np.random.default_rng(2).normal(scale=0.1, size=(len(GRID), 1))
    fitted = gaussian_process.fit(GRID, values, GAPS)
    places = np.array([(233.0, 41.0), (650.0, 333.0), (500.0, 200.0)])
    metric = fitted.metric / fitted.span

    def covariance(a: Array, b: Array) -> Array:
        d = np.sqrt(5.0) * cdist(a @ metric.T, b @ metric.T)
        return np.asarray((1 + d + d**2 / 3) * np.exp(-d))

    n = len(GRID)
    trend = np.c_[np.ones(n), GRID]
    whole = np.block([[covariance(GRID, GRID) + (fitted.nugget + 1e-9) * np.eye(n), trend], [trend.T, np.zeros((3, 3))]])
    right = np.r_[covariance(GRID, places), np.c_[np.ones(3), places].T]
    weights = np.linalg.solve(whole, right)
    assert np.allclose(fitted.mean(places)[:, 0], weights[:n].T @ values[:, 0], atol=1e-6)
    variance = fitted.variance[0] * (1 - (weights * right).sum(axis=0))
    assert np.allclose(fitted.deviation(places)[:, 0], np.sqrt(variance), atol=1e-5)


def test_a_smooth_function_is_found_exact_at_its_points() -> None:
    fitted = gaussian_process.fit(GRID, wave(GRID), GAPS)
    assert np.abs(fitted.mean(GRID) - wave(GRID)).max() < 2e-3
    between = GRID[:-10] + np.array([37.0, 25.0])
    between = between[(between[:, 0] < 800) & (between[:, 1] < 400)]
    assert np.abs(fitted.mean(between) - wave(between)).max() < 0.05
    assert fitted.scatter[0] < 5e-3
    assert fitted.deviation(between).max() < 0.1


def test_scatter_is_told_from_the_function_and_uncertainty_covers() -> None:
    rng = np.random.default_rng(3)
    noisy = wave(GRID) + rng.normal(scale=0.2, size=(len(GRID), 1))
    fitted = gaussian_process.fit(GRID, noisy, GAPS)
    assert 0.14 < fitted.scatter[0] < 0.27
    between = rng.uniform((200, 0), (800, 400), size=(400, 2))
    pulls = (fitted.mean(between) - wave(between)) / fitted.deviation(between)
    assert 0.5 < np.sqrt((pulls**2).mean()) < 1.6
    far = np.array([[2000.0, 2000.0]])
    assert fitted.deviation(far)[0, 0] > 5 * fitted.deviation(between).mean()


def test_a_plane_has_no_scales_and_is_exact_everywhere() -> None:
    plane = np.c_[5 - GRID[:, 0] / 120 - GRID[:, 1] / 300, np.ones(len(GRID))]
    fitted = gaussian_process.fit(GRID, plane, GAPS)
    places = np.array([(211.0, 77.0), (1000.0, 900.0)])
    assert np.allclose(fitted.mean(places), np.c_[5 - places[:, 0] / 120 - places[:, 1] / 300, np.ones(2)], atol=1e-7)


def test_a_ridge_along_the_diagonal_is_followed() -> None:
    points = np.random.default_rng(4).uniform(0, 500, size=(90, 2))
    ridge = np.exp(-(((points[:, 0] - points[:, 1]) / 80) ** 2))[:, None]
    fitted = gaussian_process.fit(points, ridge, np.array([(40.0, 0.0), (0.0, 40.0)]))
    along, across = (np.linalg.norm(fitted.metric @ np.array(way)) for way in ((1.0, 1.0), (1.0, -1.0)))
    assert across > 5 * along


def test_the_scales_reach_across_the_gaps() -> None:
    rng = np.random.default_rng(5)
    points = np.r_[rng.uniform(0, 60, size=(60, 2)), np.array([(x, y) for x in (200, 350, 500) for y in (200, 350, 500)])]
    ripples = np.sin(points[:, 0] / 6)[:, None]
    gaps = np.array([(150.0, 0.0), (0.0, 150.0)])
    reach = []
    for told in (gaps, 1e-3 * gaps):
        fitted = gaussian_process.fit(points, ripples, told)
        reach.append(np.sqrt((((gaps / fitted.span) @ fitted.metric.T) ** 2).sum(axis=1).mean()))
    assert reach[0] < 0.8
    assert reach[1] > 2.0
