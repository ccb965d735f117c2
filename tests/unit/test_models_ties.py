"""Constituents of one calorimeter cell lie at the same place: which is a neighbour must not be left to chance."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from jetcal.models.neighbours import nearest
from jetcal.models.segments import Slots

K = 4


@pytest.fixture
def cells():
    """Thirty jets of forty slots on a coarse grid, three quarters of them filled."""
    random = np.random.default_rng(3)
    points = random.integers(-3, 4, (30, 40, 2)).astype(np.float32) / 8  # distances are exact
    real = random.permuted(np.broadcast_to(np.arange(40) < 30, (30, 40)), axis=1)
    return torch.from_numpy(points), torch.from_numpy(real)


def search(points, real):
    return nearest(points.flatten(0, 1)[real.flatten()], Slots(real), K)


def first_of_the_nearest(points, own):
    distance = ((points - points[own]) ** 2).sum(-1)
    distance[own] = np.inf
    return np.argsort(distance, kind="stable")[:K]


def test_of_neighbours_as_near_the_first_is_taken(cells):
    points, real = cells
    index, found = search(points, real)
    assert found.all()
    for jet in range(len(points)):
        for own in range(30):
            expected = first_of_the_nearest(points[jet, real[jet]].numpy(), own)
            assert (index[30 * jet + own] - 30 * jet).tolist() == expected.tolist()


@pytest.mark.filterwarnings("ignore:# The axis name:UserWarning")
def test_an_exported_search_takes_the_same(cells, tmp_path):
    class Search(nn.Module):
        def forward(self, points, real):
            jets = Slots(real)
            return nearest(points.flatten(0, 1).index_select(0, jets.taken), jets, K)[0]

    program = torch.onnx.export(Search().eval(), cells, input_names=["points", "real"], opset_version=20, verbose=False)
    program.save(tmp_path / "search.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "search.onnx", providers=["CPUExecutionProvider"])
    points, real = cells
    (index,) = session.run(None, {"points": points.numpy(), "real": real.numpy()})
    assert np.array_equal(index, search(points, real)[0].numpy())
