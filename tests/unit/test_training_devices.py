"""A training on another device than the CPU: always on a made-up one, on a GPU where there is one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from tests.support.elsewhere import DevicesMixedError, elsewhere
from tests.support.toys import toy_jets

from jetcal.models import build
from jetcal.models.precision import VARIABLE, autocast
from jetcal.training.fit import CPU_SLOTS, Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal.training.weights import learn_weights
from jetcal_api.spec import ModelSpec
from jetcal_api.weights import JetWeights

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no NVIDIA GPU that torch can use")
DEVICES = [
    pytest.param(elsewhere, id="made-up"),
    pytest.param(lambda: nullcontext(torch.device("cuda", 0)), id="gpu", marks=GPU),
]
CPU = torch.device("cpu")
# Fused optimisers know a few devices by name, of which a made-up one is none.
NETWORKS = {
    "pfn": {"pfn": {"phiDim": 16, "fcDim": 16}, "optimizer": {"name": "RAdam", "batchSize": 200}},
    "particleNet": {
        "particleNet": {"convDim": 8, "neighbours": 4, "blocks": 2, "fcDim": 16},
        "optimizer": {"name": "RAdam", "batchSize": 200},
    },
}
EPOCHS = 2


def trained(network, device, *, dropout=0.0):
    """Losses of all steps and of the validation after them."""
    name, spec = next(iter(NETWORKS[network].items())), NETWORKS[network]
    model = ModelSpec(**spec | {name[0]: name[1] | {"dropout": dropout}})
    peers = Peers(0, 1, device)
    share = Share([toy_jets(600, mean_constituents=8)], 0, 600)
    share = share.weighted(learn_weights(share, JetWeights(), peers))
    torch.manual_seed(4)
    made = build(model)
    learn_scales(made, share, peers, CPU_SLOTS)
    fit = Fit(made, model, Course.plan(EPOCHS, len(share), 200, 4, peers), peers)
    losses = []
    for epoch in range(EPOCHS):
        fit.train(share, epoch, 0, lambda _, loss, weight: losses.append(loss / weight))
    return torch.tensor([*losses, *fit.validate(share, lambda: None)])


@pytest.mark.parametrize("place", DEVICES)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_training_elsewhere_is_that_on_a_cpu(network, place, monkeypatch):
    monkeypatch.setenv(VARIABLE, "float32")
    expected = trained(network, CPU)
    with place() as device:
        found = trained(network, device)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("place", DEVICES)
def test_dropout_and_bfloat16_stay_where_they_are_asked_for(place, monkeypatch):
    monkeypatch.setenv(VARIABLE, "bfloat16")
    expected = trained("pfn", CPU, dropout=0.1)
    with place() as device:
        found = trained("pfn", device, dropout=0.1)
    torch.testing.assert_close(found, expected, rtol=0.2, atol=0)


@GPU
@pytest.mark.parametrize("network", NETWORKS)
def test_mixed_precision_on_a_gpu_learns_as_well(network, monkeypatch):
    losses = {}
    for precision in ("float32", "bfloat16"):
        monkeypatch.setenv(VARIABLE, precision)
        losses[precision] = trained(network, torch.device("cuda", 0))
    torch.testing.assert_close(losses["bfloat16"], losses["float32"], rtol=0.02, atol=0)


def test_mixed_precision_makes_products_in_bfloat16_and_norms_in_float32(monkeypatch):
    layer, norm, rows = torch.nn.Linear(4, 4), torch.nn.LayerNorm(4), torch.ones(3, 4)
    for precision, kind in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        monkeypatch.setenv(VARIABLE, precision)
        with autocast(CPU):
            assert layer(rows).dtype == kind
            assert norm(layer(rows).float()).dtype == torch.float32


def test_the_made_up_device_refuses_what_a_gpu_would():
    with elsewhere() as device:
        there, here = torch.ones(3, device=device), torch.ones(3)
        assert (there * 2).sum().item() == 6
        assert (there + torch.tensor(1.0)).device == device
        assert torch.equal(there.to("cpu"), here)
        with pytest.raises(DevicesMixedError):
            there + here
        with pytest.raises((TypeError, RuntimeError)):
            there.numpy()
