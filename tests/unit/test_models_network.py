from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.toys import toy_jets
from torch import nn

from jetcal.data.jets import JET_COLUMNS
from jetcal.data.padding import pad
from jetcal.models import build
from jetcal.models.layers import Perceptron
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.spec import ModelSpec

ARCHITECTURES = {
    "pfn": {"pfn": {"phiDim": 16, "fcDim": 16}},
    "particleNet": {"particleNet": {"convDim": 8, "fcDim": 16, "neighbours": 5, "blocks": 2, "convLayers": 2}},
}
ALONE = Peers(0, 1, torch.device("cpu"))


@pytest.fixture(params=ARCHITECTURES)
def network(request):
    torch.manual_seed(3)
    network = build(ModelSpec(**ARCHITECTURES[request.param]))
    share = Share([toy_jets(2000, seed=9)], 0, 2000)
    learn_scales(network, share, ALONE, 4096)
    return network.eval()


@pytest.fixture(scope="module")
def batch():
    constituents, jet = pad(toy_jets(50, mean_constituents=8), 0, 50)
    return torch.from_numpy(constituents), torch.from_numpy(jet)


def jet_columns(count):
    jets = toy_jets(count)
    return torch.from_numpy(np.stack([jets.jet[name] for name in JET_COLUMNS], axis=-1))


@torch.no_grad()
def test_order_of_constituents_does_not_matter(network, batch):
    constituents, jet = batch
    shuffled = constituents[:, torch.randperm(constituents.shape[1], generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(network(shuffled, jet), network(constituents, jet), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_padding_does_not_matter_whatever_stands_in_it(network, batch):
    constituents, jet = batch
    rubbish = torch.full((len(constituents), 30, 6), 77.0)
    rubbish[..., 0] = 0.0
    padded = torch.cat([constituents, rubbish], dim=1)
    torch.testing.assert_close(network(padded, jet), network(constituents, jet), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_jets_of_a_batch_do_not_know_each_other(network, batch):
    constituents, jet = batch
    alone = torch.cat([network(constituents[i : i + 1], jet[i : i + 1]) for i in range(len(jet))])
    torch.testing.assert_close(alone, network(constituents, jet), rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("slots", [0, 1, 2, 5, 6, 400])
def test_any_number_of_constituents_gives_finite_ordered_quantiles(network, slots):
    jets = toy_jets(3, mean_constituents=500)
    constituents = torch.from_numpy(pad(jets, 0, 3, max_constituents=max(slots, 1))[0])[:, :slots]
    median, low, high = network(constituents, jet_columns(3)).unbind(-1)
    assert torch.isfinite(torch.stack([median, low, high])).all()
    assert (low < median).all()
    assert (median < high).all()


@torch.no_grad()
def test_a_jet_without_constituents_is_the_same_with_and_without_slots(network):
    jet = jet_columns(4)
    torch.testing.assert_close(network(torch.zeros(4, 0, 6), jet), network(torch.zeros(4, 7, 6), jet))


@torch.no_grad()
def test_extreme_columns_stay_finite(network):
    constituents = torch.tensor([[[1e-30, 9.0, -9.0, 1e6, 0.0, 17.0], [1e7, 0.0, 0.0, 0.0, 22.0, 0.0]]])
    jet = torch.tensor([[1e-10, 50.0, 0.0, 0.0, 1e6, 1e5]])
    assert torch.isfinite(network(constituents, jet)).all()


def test_gaussian_loss_makes_the_outer_outputs_mean_plus_and_minus_one_sigma(batch):
    network = build(ModelSpec(pfn={}, loss="GaussianNLL")).eval()
    median, low, high = network(*batch).unbind(-1)
    torch.testing.assert_close(high - median, median - low)


def test_gradients_reach_every_weight(network, batch):
    network.train()
    network(*batch).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_training_path_of_a_perceptron_equals_its_plain_path():
    torch.manual_seed(1)
    perceptron = Perceptron(7, 12, 3)
    rows = torch.randn(5, 6, 7)
    results = []
    for mode in (True, False):
        perceptron.train(mode)
        perceptron.zero_grad()
        inputs = rows.clone().requires_grad_()
        out = perceptron(inputs)
        out.square().sum().backward()
        results.append([out, inputs.grad, *(weight.grad for weight in perceptron.parameters())])
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-6)


def test_networks_contain_no_normalisation_over_the_batch(network):
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())  # noqa: SLF001
