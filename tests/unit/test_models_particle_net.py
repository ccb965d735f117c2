"""The edge convolution against torch-geometric's, and its neighbours against a plain search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from jetcal.models.neighbours import nearest
from jetcal.models.particle_net import EdgeConvolution, ParticleNetEncoder
from jetcal.models.precision import autocast
from jetcal.models.segments import Segments, Slots
from jetcal_api.hyperparameters import ParticleNet

LENGTHS = (9, 1, 4, 0, 2, 6)
K = 3


@pytest.fixture
def cloud():
    """Points of six jets of different multiplicity."""
    points = torch.randn(sum(LENGTHS), 4, generator=torch.Generator().manual_seed(5))
    return points, Segments(torch.tensor(LENGTHS))


def plain_neighbours(points, count):
    """Nearest others of each point of one jet, one after the other."""
    found = []
    for i, point in enumerate(points):
        others = [j for j in range(len(points)) if j != i]
        found.append(set(sorted(others, key=lambda j: float(((points[j] - point) ** 2).sum()))[:count]))
    return found


@pytest.mark.parametrize("kind", [lambda jets: jets, lambda jets: Slots(jets.real)], ids=["counts", "slots"])
def test_neighbours_are_those_of_a_plain_search(cloud, kind):
    points, jets = cloud
    index, found = nearest(points, kind(jets), K)
    for jet, (start, length) in enumerate(zip(jets.offsets.tolist(), LENGTHS, strict=False)):
        expected = plain_neighbours(points[start : start + length].numpy().astype(np.float64), K)
        for i in range(length):
            there = index[start + i][found[start + i] > 0]
            assert set((there - start).tolist()) == expected[i], jet


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # torch-geometric compiles parts of itself at import
def test_the_edge_convolution_equals_torch_geometric_s(cloud):
    from torch_geometric.nn import EdgeConv  # noqa: PLC0415  # its import warns

    x, jets = cloud
    torch.manual_seed(2)
    block = EdgeConvolution(4, 8, layers=3).train()
    index, found = nearest(x, jets, K)
    definition = EdgeConv(
        nn.Sequential(block.first, nn.ReLU(), *(part for layer in block.rest.layers for part in (layer, nn.ReLU()))),
        aggr="mean",
    )
    edges = [(index[i, k], i) for i in range(len(x)) for k in range(K) if found[i, k]]
    results = []
    for messages in (lambda x: block.messages(x, index, found), lambda x: definition(x, torch.tensor(edges).T)):
        block.zero_grad()
        inputs = x.clone().requires_grad_()
        answer = messages(inputs)
        (answer**2).sum().backward()
        results.append([answer, inputs.grad, *(weight.grad.clone() for weight in definition.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def encoded(encoder, cloud):
    """Answer of an encoder, and the gradients of its weights."""
    x, jets = cloud
    random = torch.Generator().manual_seed(3)
    answer = encoder(x, x[:, :2], jets)
    weight = torch.randn(answer.shape, generator=random)
    return answer, torch.autograd.grad((answer * weight).sum(), list(encoder.parameters()))


@pytest.fixture
def encoder():
    torch.manual_seed(6)
    return ParticleNetEncoder(ParticleNet(neighbours=K, blocks=3, conv_layers=3, conv_dim=16), 4)


def test_the_training_step_is_that_of_the_definition(encoder, cloud, monkeypatch):
    monkeypatch.setenv("JETCAL_PRECISION", "float32")
    trained, gradients = encoded(encoder.train(), cloud)
    definition, expected = encoded(encoder.eval(), cloud)
    torch.testing.assert_close(trained, definition, rtol=1e-5, atol=1e-6)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-5)


def test_the_training_step_in_bfloat16_is_near_the_definition(cloud, monkeypatch):
    monkeypatch.setenv("JETCAL_PRECISION", "bfloat16")
    torch.manual_seed(6)
    # one graph, of positions: rounding of features may flip neighbours in the next
    encoder = ParticleNetEncoder(ParticleNet(neighbours=K, blocks=1, conv_layers=3, conv_dim=16), 4)
    trained, gradients = encoded(encoder.train(), cloud)
    definition, expected = encoded(encoder.eval(), cloud)
    for value, other in zip((trained, *gradients), (definition, *expected), strict=True):
        assert (value - other).norm() < 0.05 * other.norm()


def test_the_definition_in_mixed_precision_is_near_the_definition(cloud, monkeypatch):
    monkeypatch.setenv("JETCAL_PRECISION", "bfloat16")
    torch.manual_seed(6)
    x, jets = cloud
    block = EdgeConvolution(4, 16, 3)
    neighbours = nearest(x[:, :2], jets, K)
    plain = block(x, *neighbours)
    with autocast(x.device):
        mixed = block(x, *neighbours)
    assert not torch.equal(mixed, plain)
    assert (mixed - plain).norm() < 0.05 * plain.norm()


def test_the_training_step_is_the_same_each_time(encoder, cloud):
    first, gradients = encoded(encoder.train(), cloud)
    again, same = encoded(encoder, cloud)
    assert torch.equal(first, again)
    assert all(torch.equal(one, other) for one, other in zip(gradients, same, strict=True))


def test_jets_without_constituents_can_be_trained_on(encoder):
    answer = encoder.train()(torch.zeros(0, 4), torch.zeros(0, 2), Segments(torch.zeros(3, dtype=torch.int64)))
    answer.sum().backward()
    assert not answer.any()
