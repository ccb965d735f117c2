"""Vertices, and what ``fromPV`` says about tracks."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.simulation.overlay import Interactions
from jetcal.simulation.vertices import FIT_PROBABILITY, find, from_primary

COUNT = 5000


def collisions(*z):
    """One event with the hard collision first."""
    pileup = len(z) - 1
    event = np.zeros(len(z), dtype=np.int64)
    return Interactions(event, np.array(z), pileup_mean=np.array([float(pileup)]), pileup=np.array([pileup]))


def test_vertices_need_tracks_and_distance():
    found = find(collisions(0.0, 5.0, -3.0, 5.01), tracks=np.array([0, 8, 2, 9]))
    assert found.found.tolist() == [True, True, False, True]
    assert found.primary.tolist() == [True, False, False, False]
    assert found.count.tolist() == [2]


def test_a_pileup_vertex_on_the_hard_one_counts_as_it():
    found = find(collisions(0.0, 0.02), tracks=np.array([20, 20]))
    assert found.primary.tolist() == [True, True]
    assert found.count.tolist() == [1]


def test_events_do_not_merge_with_each_other():
    two = Interactions(
        event=np.array([0, 1]), z=np.array([0.0, 0.01]), pileup_mean=np.zeros(2), pileup=np.zeros(2, dtype=int)
    )
    assert find(two, tracks=np.array([5, 5])).count.tolist() == [1, 1]


@pytest.mark.parametrize(("interaction", "fitted", "other"), [(0, 3, 2), (1, 0, 1), (2, 1, 1), (3, 2, 2)])
def test_from_pv_tells_the_vertex(interaction, fitted, other):
    found = find(collisions(0.0, 5.0, -3.0, 0.08), tracks=np.array([9, 9, 1, 1]))
    codes = from_primary(found, np.full(COUNT, interaction), np.random.default_rng(1))
    assert set(codes) == {fitted, other}
    if fitted != other:
        assert np.mean(codes == fitted) == pytest.approx(FIT_PROBABILITY, abs=0.02)
