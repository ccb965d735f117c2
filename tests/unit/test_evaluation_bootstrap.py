from __future__ import annotations

import numpy as np
import pytest

from jetcal.evaluation.statistics.bootstrap import Resampled, poisson_weights, weighted_share


def test_weights_are_poisson_numbers_of_mean_one():
    weights = poisson_weights(20_000, 50, np.random.default_rng(1))
    assert weights.shape == (20_000, 50)
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.var() == pytest.approx(1, abs=0.01)
    assert (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.003)


def test_the_same_seed_gives_the_same_weights():
    first, second = (poisson_weights(100, 10, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def test_jets_of_one_event_occur_together():
    weights = poisson_weights(4, 100, np.random.default_rng(1), events=np.array([9, 4, 9, 4]))
    assert np.array_equal(weights[0], weights[2])
    assert np.array_equal(weights[1], weights[3])
    assert not np.array_equal(weights[0], weights[1])


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 300, 4097])
def test_quantiles_of_replicas_are_those_of_the_repeated_values(count):
    rng = np.random.default_rng(count)
    values = rng.normal(1, 0.1, count)
    weights = poisson_weights(count, 20, rng)
    weights[0] = np.maximum(weights[0], 1)
    resampled = Resampled(values, weights)
    for probability in (0.16, 0.5, 0.84):
        estimate = resampled.quantile(probability)
        expected = [
            np.quantile(np.repeat(values, weights[:, replica]), probability, method="inverted_cdf")
            for replica in range(20)
        ]
        assert estimate.replicas == pytest.approx(expected)
        assert estimate.value == pytest.approx(np.quantile(values, probability))


@pytest.mark.parametrize("limit", [-9.0, 0.9, 1.0, 1.03, 9.0])
def test_share_below_a_limit_is_that_of_the_repeated_values(limit):
    rng = np.random.default_rng(3)
    values = rng.normal(1, 0.1, 777)
    weights = poisson_weights(777, 20, rng)
    estimate = Resampled(values, weights).share_below(limit)
    expected = [(np.repeat(values, weights[:, replica]) < limit).mean() for replica in range(20)]
    assert estimate.value == pytest.approx((values < limit).mean())
    assert estimate.replicas == pytest.approx(expected)


def test_a_share_has_the_binomial_error():
    rng = np.random.default_rng(2)
    chosen = rng.random(5000) < 0.68
    estimate = weighted_share(chosen, poisson_weights(5000, 400, rng))
    assert estimate.value == chosen.mean()
    assert estimate.error == pytest.approx(np.sqrt(0.68 * 0.32 / 5000), rel=0.12)


def test_jets_of_one_event_make_errors_larger():
    rng = np.random.default_rng(5)
    values = np.repeat(rng.normal(1, 0.1, 2000), 4)
    events = np.repeat(np.arange(2000), 4)
    alone = Resampled(values, poisson_weights(8000, 200, np.random.default_rng(1))).quantile(0.5)
    together = Resampled(values, poisson_weights(8000, 200, np.random.default_rng(1), events)).quantile(0.5)
    assert together.error / alone.error == pytest.approx(2, rel=0.25)
