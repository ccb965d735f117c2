"""The dense edge convolution against torch-geometric's on a ragged graph, and its neighbours against a plain search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from jetcal.models.neighbours import nearest
from jetcal.models.particle_net import EdgeConvolution, ParticleNetEncoder
from jetcal_api.hyperparameters import ParticleNet

LENGTHS = (9, 1, 4, 0, 2, 6)
K = 3


@pytest.fixture
def cloud():
    """Points of six jets of different multiplicity, dense with rubbish in the padding."""
    random = torch.Generator().manual_seed(5)
    points = torch.randn(len(LENGTHS), max(LENGTHS), 4, generator=random)
    real = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)).float()
    return points, real


def plain_neighbours(points, count):
    """Nearest others of each point of one jet, one after the other."""
    found = []
    for i, point in enumerate(points):
        others = [j for j in range(len(points)) if j != i]
        found.append(set(sorted(others, key=lambda j: float(((points[j] - point) ** 2).sum()))[:count]))
    return found


def test_neighbours_are_those_of_a_plain_search(cloud):
    points, real = cloud
    index, found = nearest(points, real, K)
    for jet, length in enumerate(LENGTHS):
        expected = plain_neighbours(points[jet, :length].numpy().astype(np.float64), K)
        for i in range(length):
            assert {int(j) for j, there in zip(index[jet, i], found[jet, i], strict=True) if there} == expected[i]


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # torch-geometric compiles parts of itself at import
def test_dense_edge_convolution_equals_torch_geometric_on_the_ragged_graph(cloud):
    from torch_geometric.nn import EdgeConv  # noqa: PLC0415  # its import warns

    x, real = cloud
    torch.manual_seed(2)
    block = EdgeConvolution(4, 8, layers=3).train()
    index, found = nearest(x, real, K)
    definition = EdgeConv(
        nn.Sequential(block.first, nn.ReLU(), *(part for layer in block.rest.layers for part in (layer, nn.ReLU()))),
        aggr="mean",
    )
    kept = real.bool()
    place = (kept.flatten().cumsum(0) - 1).view_as(kept)
    edges = [
        (place[jet, index[jet, i, k]], place[jet, i])
        for jet, length in enumerate(LENGTHS)
        for i in range(length)
        for k in range(K)
        if found[jet, i, k]
    ]
    dense_input, ragged_input = x.clone().requires_grad_(), x[kept].clone().requires_grad_()

    dense = block.messages(dense_input, index, found)[kept]
    (dense**2).sum().backward()
    dense_gradients = [dense_input.grad[kept], *(weight.grad.clone() for weight in definition.parameters())]
    block.zero_grad()
    ragged = definition(ragged_input, torch.tensor(edges).T)
    (ragged**2).sum().backward()
    ragged_gradients = [ragged_input.grad, *(weight.grad for weight in definition.parameters())]

    torch.testing.assert_close(dense, ragged, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(dense_gradients, ragged_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_padding_gets_no_gradient(cloud):
    x, real = cloud
    x = x.requires_grad_()
    index, found = nearest(x, real, K)
    (EdgeConvolution(4, 8, layers=2)(x, index, found) * real.unsqueeze(-1)).sum().backward()
    assert x.grad[real == 0].abs().sum() == 0


def encoded(encoder, cloud):
    """Answer of an encoder, and the gradients of its weights."""
    x, real = cloud
    random = torch.Generator().manual_seed(3)
    answer = encoder(x, x[..., :2], real)
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


def test_the_training_step_in_bfloat16_is_near_the_definition(encoder, cloud, monkeypatch):
    monkeypatch.setenv("JETCAL_PRECISION", "bfloat16")
    trained, gradients = encoded(encoder.train(), cloud)
    definition, expected = encoded(encoder.eval(), cloud)
    for value, other in zip((trained, *gradients), (definition, *expected), strict=True):
        assert (value - other).norm() < 0.1 * other.norm()


def test_the_training_step_is_the_same_each_time(encoder, cloud):
    first, gradients = encoded(encoder.train(), cloud)
    again, same = encoded(encoder, cloud)
    assert torch.equal(first, again)
    assert all(torch.equal(one, other) for one, other in zip(gradients, same, strict=True))


def test_jets_without_constituents_can_be_trained_on(encoder):
    answer = encoder.train()(torch.zeros(3, 1, 4), torch.zeros(3, 1, 2), torch.zeros(3, 1))
    answer.sum().backward()
    assert not answer.any()
