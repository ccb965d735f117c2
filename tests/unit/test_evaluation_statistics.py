from __future__ import annotations

import numpy as np
import pytest

from jetcal.evaluation.bootstrap import poisson_weights
from jetcal.evaluation.estimate import Estimate, spread
from jetcal.evaluation.response import response
from jetcal.evaluation.statistics import central_resolution, interquartile_resolution, summarise

JETS = 40_000
SIGMA = 0.1


@pytest.fixture(scope="module")
def gaussian():
    rng = np.random.default_rng(11)
    return rng.normal(1, SIGMA, JETS), poisson_weights(JETS, 300, rng)


def test_response_is_pt_over_generator_pt():
    assert response(np.array([50.0, 90.0]), np.array([100.0, 90.0])) == pytest.approx([0.5, 1.0])


def test_a_gaussian_has_its_median_sigma_and_tails(gaussian):
    summary = summarise(*gaussian)
    assert summary.median.value == pytest.approx(1, abs=4 * 1.2533 * SIGMA / np.sqrt(JETS))
    assert summary.resolution.value == pytest.approx(SIGMA, rel=0.025)
    assert summary.resolution_68.value == pytest.approx(0.9945 * SIGMA, rel=0.02)
    assert summary.tails.value == pytest.approx(0.0027, abs=0.001)


def test_errors_of_a_gaussian_are_the_analytic_ones(gaussian):
    summary = summarise(*gaussian)
    assert summary.median.error == pytest.approx(1.2533 * SIGMA / np.sqrt(JETS), rel=0.2)
    # variance of an interquartile range of a Gaussian: 1.1664 sigma / sqrt(N) for IQR / 1.349
    assert summary.resolution.error == pytest.approx(1.1664 * SIGMA / np.sqrt(JETS), rel=0.2)
    assert summary.tails.error == pytest.approx(np.sqrt(0.0027 / JETS), rel=0.3)


def test_a_wrong_scale_does_not_look_like_a_better_resolution(gaussian):
    values, weights = gaussian
    right, halved = summarise(values, weights), summarise(0.5 * values, weights)
    assert halved.median.value == pytest.approx(0.5 * right.median.value)
    assert halved.resolution.value == pytest.approx(right.resolution.value)
    assert halved.resolution_68.value == pytest.approx(right.resolution_68.value)
    assert halved.tails.value == pytest.approx(right.tails.value, abs=1e-4)


def test_the_formulas():
    assert interquartile_resolution(0.9, 2.0, 1.1 + 0.1490) == pytest.approx(0.349 / 1.349 / 2)
    assert central_resolution(0.8, 2.0, 1.2) == pytest.approx(0.1)


def test_tails_are_seen():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(1, 0.1, 9500), rng.uniform(0.1, 0.3, 500)])
    assert summarise(values, poisson_weights(10_000, 20, rng)).tails.value == pytest.approx(0.05, abs=0.005)


def test_differences_of_paired_estimates_have_the_error_of_what_differs():
    rng = np.random.default_rng(3)
    common, own = rng.normal(0, 1, 1000), rng.normal(0, 0.1, 1000)
    first, second = Estimate(2.0, 2 + common + own), Estimate(1.0, 1 + common)
    difference = first - second
    assert difference.value == 1
    assert difference.error == pytest.approx(0.1, rel=0.1)
    assert (1.0 - first / second).value == -1
    assert (first + 1.0).value == 3


def test_spread_is_largest_minus_smallest():
    replicas = np.zeros(3)
    assert spread([Estimate(value, replicas + value) for value in (1.0, 1.02, 0.97)]).value == pytest.approx(0.05)
