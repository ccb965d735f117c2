"""The search for neighbours without padding against the one that is exported."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from jetcal.models import graph
from jetcal.models.graph import Jets
from jetcal.models.neighbours import nearest
from jetcal.models.segments import Segments

COUNTS = torch.tensor([9, 1, 4, 0, 2, 6])
K = 3


@pytest.fixture
def points():
    """Points of six jets, one jet's after the other's."""
    return torch.randn(int(COUNTS.sum()), 4, generator=torch.Generator().manual_seed(5))


def edges(found):
    return set(zip(found.owner.tolist(), found.source.tolist(), strict=True))


@pytest.mark.parametrize("pairs", [graph.PAIRS, 100, 20])  # all jets at once; a few; one large jet in parts
def test_the_edges_are_those_of_the_search_that_is_exported(points, pairs, monkeypatch):
    monkeypatch.setattr(graph, "PAIRS", pairs)
    index, there = nearest(points, Segments(COUNTS), K)
    expected = {(row, int(index[row, k])) for row, k in there.nonzero().tolist()}
    found = Jets(COUNTS).nearest(points, K)
    assert edges(found) == expected
    assert len(found.owner) == len(expected)


def test_each_row_and_each_source_finds_its_edges(points):
    found = Jets(COUNTS).nearest(points, K)
    for row in range(len(points)):
        own = slice(*found.first[row : row + 2].tolist())
        assert (found.owner[own] == row).all()
        back = found.back[slice(*found.back_first[row : row + 2].tolist())]
        assert (found.source[back] == row).all()
    assert found.first[-1] == found.back_first[-1] == len(found.owner)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, 0, 1]])
def test_who_is_alone_has_no_edges(counts):
    found = Jets(torch.tensor(counts, dtype=torch.int64)).nearest(torch.zeros(sum(counts), 2), K)
    assert len(found.owner) == 0
    assert found.first.tolist() == [0] * (sum(counts) + 1)


def test_a_jet_of_thousands_among_small_ones_needs_little_memory():
    counts = torch.tensor([5000, 3, 2])
    points = torch.randn(int(counts.sum()), 2, generator=torch.Generator().manual_seed(1))
    tracemalloc.start()
    try:
        found = Jets(counts).nearest(points, 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6  # all its distances at once would be 200 MB
    assert found.first.diff().tolist() == [16] * 5000 + [2] * 3 + [1] * 2
    some = points[:5000] - points[77]
    nearest_first = (some**2).sum(1).argsort()[1:17]
    assert edges(found) >= {(77, int(other)) for other in nearest_first}


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_not_a_number_stays_within_its_jets(points, sign):
    points[2] = np.copysign(np.nan, sign)
    found = Jets(COUNTS).nearest(points, K)
    assert found.source.max() < len(points)
    assert found.source.min() >= 0
    beyond = int(COUNTS[:2].sum())
    assert {edge for edge in edges(found) if edge[0] >= beyond} == {
        edge for edge in edges(Jets(COUNTS).nearest(points.nan_to_num(), K)) if edge[0] >= beyond
    }
