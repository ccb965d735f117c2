from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.resampled import summaries

from jetcal.evaluation.binning import Range
from jetcal.evaluation.statistics.grid import response_edges
from jetcal.evaluation.statistics.partition import along, partition
from jetcal.evaluation.statistics.resampling import BLOCK, Tally, Unions, event_weights, replicate, rows_of_events


def test_weights_have_mean_and_variance_one():
    weights = event_weights(20_000, 50, seed=1, block=0).double()
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.var() == pytest.approx(1, abs=0.01)
    assert (weights == 0).double().mean() == pytest.approx(np.exp(-1), abs=0.003)


def test_every_block_has_weights_of_its_own():
    assert not torch.equal(event_weights(100, 8, 1, 0), event_weights(100, 8, 1, BLOCK))
    assert torch.equal(event_weights(100, 8, 1, 0), event_weights(100, 8, 1, 0))


@pytest.fixture
def parted():
    rng = np.random.default_rng(1)
    values, others = rng.uniform(0, 4, (2, 5000))
    ranges = [Range(0, 4), Range(0, 1), Range(1, 3)]
    return values, others, ranges, partition([along(values, ranges), along(others, [Range(1, 2), Range(2, 9)])])


def test_cells_are_every_combination_of_ranges(parted):
    values, others, ranges, found = parted
    expected = [
        (first.contains(values) & second.contains(others)).sum()
        for first in ranges
        for second in (Range(1, 2), Range(2, 9))
    ]
    assert found.totals().tolist() == expected
    inside = found.base >= 0
    assert (inside == (others >= 1)).all()
    assert found.totals(values)[0] == pytest.approx(values[(others >= 1) & (others < 2)].sum())


def test_jets_are_counted_by_cell_and_bin_with_the_weights_of_their_events(parted):
    values, others, _, found = parted
    events = np.arange(5000) // 2
    place = (others > 3).astype(np.int64)
    row = rows_of_events(events, found.base)
    weights = event_weights(2500, 10, 1, 0)
    counts = Unions(found.cells).counts(Tally(found, place, 2, row).counts(weights)).numpy()
    assert counts.shape == (6, 2, 10)
    cell = (values >= 1) & (values < 3) & (others >= 2)
    for number in range(2):
        plainly = weights.numpy()[row[cell & (place == number)]].astype(np.int64).sum(axis=0)
        assert counts[5, number].tolist() == plainly.tolist()


def test_full_cells_are_counted_without_rounding():
    jets = 70_000
    whole = partition([along(np.zeros(jets), [Range(0, 1)])])
    weights = event_weights(jets, 3, 1, 0)
    counts = Tally(whole, np.zeros(jets, np.int64), 1, np.arange(jets)).counts(weights)
    assert counts[0, 0].tolist() == weights.double().sum(dim=0).tolist()


def test_jets_of_one_event_share_a_row():
    row = rows_of_events(np.array([9, 4, 9, 4, 7]), np.array([1, 0, 0, 0, 5]))
    assert row[0] == row[2]
    assert row[1] == row[3]
    assert sorted(set(row)) == [0, 1, 2]


def test_jets_of_one_event_make_errors_larger():
    values = np.repeat(np.random.default_rng(5).normal(1, 0.1, 2000), 4)
    (alone,) = summaries(values, replicas=200)
    (together,) = summaries(values, replicas=200, events=np.repeat(np.arange(2000), 4))
    assert together.median.error / alone.median.error == pytest.approx(2, rel=0.25)


def test_replicas_do_not_depend_on_how_many_there_are():
    values = np.random.default_rng(5).normal(1, 0.1, 300)
    (few,), (many,) = (summaries(values, replicas=count) for count in (BLOCK, 2 * BLOCK + 1))
    assert len(many.median.replicas) == 2 * BLOCK + 1
    assert np.array_equal(few.median.replicas, many.median.replicas[:BLOCK])


def test_nothing_to_measure_is_no_error():
    assert replicate([], 0, 100, 1) == []


def test_bins_of_the_response_are_narrow_where_any_cell_has_many_jets():
    rng = np.random.default_rng(1)
    cells = [rng.normal(median, width, 50_000) for median, width in ((0.7, 0.3), (1.0, 0.05), (0.95, 0.1))]
    low, high = min(map(np.min, cells)), max(map(np.max, cells))
    edges = response_edges(np.array([0.7, 1.0, 0.95]), np.array([0.3, 0.05, 0.1]), low, high)
    assert (np.diff(edges) > 0).all()
    assert len(edges) < 200
    for jets in cells:
        counts = np.histogram(jets, edges)[0]
        assert counts.sum() == len(jets)
        assert counts.max() / len(jets) < 0.04


def test_an_outlier_does_not_spoil_the_bins():
    values = np.append(np.random.default_rng(2).normal(1, 0.1, 2000), 1e6)
    (found,) = summaries(values, replicas=100)
    assert found.median.error == pytest.approx(1.2533 * 0.1 / np.sqrt(2000), rel=0.25)
