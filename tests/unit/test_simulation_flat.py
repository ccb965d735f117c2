"""Ragged data in flat arrays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jetcal.simulation.flat import best_of, delta_phi, groups, offsets_of, pairs, ranges

lengths = st.lists(st.integers(0, 5), min_size=1, max_size=8)


@given(lengths, st.integers(0, 10**6))
def test_ranges_count_from_each_start(counts, seed):
    starts = np.random.default_rng(seed).integers(0, 100, len(counts))
    expected = [start + step for start, count in zip(starts, counts, strict=True) for step in range(count)]
    assert ranges(starts, np.array(counts)).tolist() == expected


@given(lengths, st.lists(st.integers(0, 10**6), max_size=8))
def test_pairs_are_all_of_the_same_event(counts, picks):
    events = np.array([pick % len(counts) for pick in picks], dtype=np.int64)
    offsets = offsets_of(np.array(counts))
    left, right = pairs(events, offsets)
    expected = [(i, j) for i, event in enumerate(events) for j in range(offsets[event], offsets[event + 1])]
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected


def test_delta_phi_is_the_short_way_round():
    a, b = np.array([3.1, -3.1, 0.5, 1.0]), np.array([-3.1, 3.1, 0.2, 1.0])
    np.testing.assert_allclose(delta_phi(a, b), [6.2 - 2 * np.pi, 2 * np.pi - 6.2, 0.3, 0.0])


def test_groups_gather_equal_keys():
    keys = np.array([7, 3, 7, 9, 3])
    group, first, count = groups(keys)
    assert count == 3
    assert (keys[first][group] == keys).all()


def test_best_of_picks_the_highest_score_of_each_owner():
    owner, row = best_of(np.array([4, 1, 4, 1, 0]), np.array([0.1, 5.0, 0.3, 2.0, -1.0]))
    assert dict(zip(owner.tolist(), row.tolist(), strict=True)) == {0: 4, 1: 1, 4: 2}


def test_best_of_nothing_is_nothing():
    owner, row = best_of(np.zeros(0, dtype=np.int64), np.zeros(0))
    assert len(owner) == len(row) == 0
