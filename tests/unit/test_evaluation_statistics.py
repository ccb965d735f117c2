from __future__ import annotations

import numpy as np
import pytest
from tests.support.resampled import drawn_again, summaries

from jetcal.evaluation.response import response
from jetcal.evaluation.statistics.estimate import Estimate, scatter, spread
from jetcal.evaluation.statistics.summary import (
    STATISTICS,
    central_resolution,
    interquartile_resolution,
    plain,
    wide_resolution,
)

JETS = 40_000
SIGMA = 0.1
TEN_JETS = np.array([0.5, 0.8, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1, 1.2, 2.0])


@pytest.fixture(scope="module")
def gaussian():
    return np.random.default_rng(11).normal(1, SIGMA, JETS)


@pytest.fixture(scope="module")
def summary(gaussian):
    return summaries(gaussian)[0]


def test_response_is_pt_over_generator_pt():
    assert response(np.array([50.0, 90.0]), np.array([100.0, 90.0])) == pytest.approx([0.5, 1.0])


def test_ten_jets_have_the_statistics_worked_out_by_hand():
    found = dict(zip(STATISTICS, plain(TEN_JETS).statistics, strict=True))
    assert found["median"] == pytest.approx(1.0)
    assert found["resolution"] == pytest.approx((1.0875 - 0.9125) / 1.349)
    assert found["resolution_68"] == pytest.approx((1.156 - 0.844) / 2)
    assert found["resolution_87"] == pytest.approx((1.532 - 0.6755) / 3.028)
    assert (found["tails_low"], found["tails_high"]) == pytest.approx((0.1, 0.1))
    # the inner eight: squared distances 2 (0.04 + 0.01 + 0.0025) / 8; a Gaussian keeps 0.77374 of it within 2 sigma
    assert found["core_mean"] == pytest.approx(1.0)
    assert found["core_resolution"] == pytest.approx(np.sqrt(0.105 / 8 / 0.77374), rel=1e-5)


def test_one_jet_has_statistics_too():
    found = dict(zip(STATISTICS, plain(np.array([0.9])).statistics, strict=True))
    assert found["median"] == found["core_mean"] == 0.9
    assert found["resolution"] == found["core_resolution"] == found["tails_low"] == 0


def test_a_gaussian_has_its_median_sigma_and_tails(summary):
    assert summary.median.value == pytest.approx(1, abs=4 * 1.2533 * SIGMA / np.sqrt(JETS))
    assert summary.resolution.value == pytest.approx(SIGMA, rel=0.025)
    assert summary.resolution_68.value == pytest.approx(0.9945 * SIGMA, rel=0.02)
    assert summary.resolution_87.value == pytest.approx(SIGMA, rel=0.02)
    assert summary.core_mean.value == pytest.approx(1, abs=0.002)
    assert summary.core_resolution.value == pytest.approx(SIGMA, rel=0.025)
    assert summary.tails.value == pytest.approx(0.0027, abs=0.001)


def test_errors_of_a_gaussian_are_the_analytic_ones(summary):
    assert summary.median.error == pytest.approx(1.2533 * SIGMA / np.sqrt(JETS), rel=0.2)
    # variance of an interquartile range of a Gaussian: 1.1664 sigma / sqrt(N) for IQR / 1.349
    assert summary.resolution.error == pytest.approx(1.1664 * SIGMA / np.sqrt(JETS), rel=0.2)
    assert summary.tails.error == pytest.approx(np.sqrt(0.0027 / JETS), rel=0.3)


def test_errors_are_those_of_samples_drawn_again_even_with_tails_and_asymmetry():
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(1, 0.1, 2700), rng.gamma(2.0, 0.15, 200), 2 - rng.gamma(2.0, 0.15, 100)])
    (found,) = summaries(values, replicas=400)
    (again,) = drawn_again(values, replicas=400)
    for name in STATISTICS:
        assert getattr(found, name).error == pytest.approx(again[name].std(ddof=1), rel=0.2), name


def test_a_small_sample_has_the_errors_of_samples_drawn_again():
    values = np.random.default_rng(8).normal(1, 0.1, 60)
    (found,) = summaries(values, replicas=500)
    (again,) = drawn_again(values, replicas=500)
    for name in ("median", "resolution", "resolution_68", "core_mean"):
        assert getattr(found, name).error == pytest.approx(again[name].std(ddof=1), rel=0.25), name


def test_paired_differences_and_ratios_have_the_errors_of_jets_drawn_together():
    rng = np.random.default_rng(6)
    common, own = rng.standard_t(6, (2, 4000))
    first, second = 1 + 0.10 * common, 1 + 0.10 * common + 0.04 * own
    network, standard = summaries(first, second, replicas=400)
    drawn_network, drawn_standard = drawn_again(first, second, replicas=400)
    gain = 1.0 - network.resolution / standard.resolution
    drawn_gain = 1 - drawn_network["resolution"] / drawn_standard["resolution"]
    assert gain.error == pytest.approx(drawn_gain.std(ddof=1), rel=0.2)
    shift = network.median - standard.median
    assert shift.error == pytest.approx((drawn_network["median"] - drawn_standard["median"]).std(ddof=1), rel=0.2)
    assert shift.error < 0.8 * np.hypot(network.median.error, standard.median.error)


def test_a_wrong_scale_does_not_look_like_a_better_resolution(gaussian, summary):
    (halved,) = summaries(0.5 * gaussian, replicas=5)
    assert halved.median.value == pytest.approx(0.5 * summary.median.value)
    for name in ("resolution", "resolution_68", "resolution_87", "core_resolution"):
        assert getattr(halved, name).value == pytest.approx(getattr(summary, name).value), name
    assert halved.tails.value == pytest.approx(summary.tails.value, abs=1e-4)


def test_the_formulas():
    assert interquartile_resolution(0.9, 2.0, 1.1 + 0.1490) == pytest.approx(0.349 / 1.349 / 2)
    assert central_resolution(0.8, 2.0, 1.2) == pytest.approx(0.1)
    assert wide_resolution(0.8, 2.0, 0.8 + 3.028) == pytest.approx(0.5)


def test_tails_are_seen_on_their_side():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(1, 0.1, 9500), rng.uniform(0.1, 0.3, 500)])
    (found,) = summaries(values, replicas=5)
    assert found.tails_low.value == pytest.approx(0.05, abs=0.005)
    assert found.tails_high.value < 0.004


def test_the_core_does_not_see_the_tails():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(1, 0.1, 19_000), rng.uniform(0.0, 0.5, 1000)])
    found = dict(zip(STATISTICS, plain(np.sort(values)).statistics, strict=True))
    assert found["core_mean"] == pytest.approx(1.0, abs=0.003)
    assert found["core_resolution"] == pytest.approx(0.1, rel=0.03)
    assert found["resolution_87"] > 0.108


def test_differences_of_paired_estimates_have_the_error_of_what_differs():
    rng = np.random.default_rng(3)
    common, own = rng.normal(0, 1, 1000), rng.normal(0, 0.1, 1000)
    first, second = Estimate(2.0, 2 + common + own), Estimate(1.0, 1 + common)
    difference = first - second
    assert difference.value == 1
    assert difference.error == pytest.approx(0.1, rel=0.1)
    assert (1.0 - first / second).value == -1
    assert (first + 1.0).value == 3


def test_spread_and_scatter_of_flavours():
    replicas = np.zeros(3)
    three = [Estimate(value, replicas + value) for value in (1.0, 1.02, 0.97)]
    assert spread(three).value == pytest.approx(0.05)
    mean = 2.99 / 3
    assert scatter(three).value == pytest.approx((1.0 - mean) + (1.02 - mean) + (mean - 0.97))
    assert scatter(three).replicas == pytest.approx(scatter(three).value)
