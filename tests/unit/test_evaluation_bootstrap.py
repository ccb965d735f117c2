"""Replicas of single bins: weights, and quantiles of every replica."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.evaluation.statistics.bootstrap import draw, median, quantiles


def test_weights_are_poisson_numbers_of_mean_one():
    weights = draw(20_000, np.random.default_rng(1), replicas=50)
    assert weights.shape == (20_000, 50)
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.var() == pytest.approx(1, abs=0.01)
    assert (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.004)


def test_the_same_seed_gives_the_same_weights():
    first, second = (draw(100, np.random.default_rng(7), replicas=10) for _ in range(2))
    assert np.array_equal(first, second)


def test_large_samples_get_fewer_replicas():
    rng = np.random.default_rng(1)
    assert [draw(jets, rng).shape[1] for jets in (10, 2_000_000)] == [100, 50]


def test_jets_of_one_event_occur_together():
    weights = draw(4, np.random.default_rng(1), events=np.array([9, 4, 9, 4]), replicas=100)
    assert np.array_equal(weights[0], weights[2])
    assert np.array_equal(weights[1], weights[3])
    assert not np.array_equal(weights[0], weights[1])


@pytest.mark.parametrize("count", [1, 2, 17, 300, 4097])
def test_quantiles_of_replicas_are_those_of_the_repeated_values(count):
    rng = np.random.default_rng(count)
    values = rng.normal(1, 0.1, count)
    weights = draw(count, rng, replicas=20)
    weights[0] = np.maximum(weights[0], 1)
    shares = (0.16, 0.5, 0.84)
    for share, estimate in zip(shares, quantiles(values, weights, shares), strict=True):
        expected = [
            np.quantile(np.repeat(values, weights[:, replica]), share, method="inverted_cdf") for replica in range(20)
        ]
        assert estimate.replicas == pytest.approx(expected)
        assert estimate.value == pytest.approx(np.quantile(values, share))


def test_jets_of_one_event_make_errors_larger():
    rng = np.random.default_rng(5)
    values = np.repeat(rng.normal(1, 0.1, 2000), 4)
    events = np.repeat(np.arange(2000), 4)
    alone = median(values, draw(8000, np.random.default_rng(1), replicas=200))
    together = median(values, draw(8000, np.random.default_rng(1), events, replicas=200))
    assert together.error / alone.error == pytest.approx(2, rel=0.25)
