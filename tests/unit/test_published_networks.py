"""The published networks: their sizes, and that leaving out the work on padding changes nothing."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from benchmarks.published import inputs, ragged
from benchmarks.published.networks import SLOTS, ParticleNet, Pfn, nearest
from tests.support.toys import toy_jets

from jetcal.data.jets import take


def sizes(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def batch(jets: int = 12, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Double precision, with jets of 1 to 80 constituents."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 81, (jets,), generator=generator)
    mask = (torch.arange(SLOTS) < counts[:, None]).double().unsqueeze(1)
    features = torch.randn(jets, 6, SLOTS, generator=generator, dtype=torch.float64) * 0.3
    return features * mask, mask, torch.randn(jets, 8, generator=generator, dtype=torch.float64)


def test_the_networks_have_the_published_numbers_of_weights() -> None:
    assert sizes(Pfn()) == 355_351
    assert sizes(ParticleNet()) == 123_469


def test_padding_adds_nothing_to_the_sum_and_everything_to_the_mean() -> None:
    torch.manual_seed(1)
    features, mask, jet = batch()
    pfn = Pfn().double().eval()
    longest = int(mask.sum(-1).max())
    np.testing.assert_allclose(
        pfn(features, mask, jet).detach(), pfn(features[:, :, :longest], mask[:, :, :longest], jet).detach()
    )
    net = ParticleNet(blocks=1, conv_layers=1, conv_width=4).double().eval()
    net.head = torch.nn.Identity()  # the mean, and the jet's features behind it
    at_100 = net(features[:, 2:4], features, mask, jet)
    at_90 = net(features[:, 2:4, :90], features[:, :, :90], mask[:, :, :90], jet)
    assert at_100[:, :4].abs().max() > 0.01
    torch.testing.assert_close(at_100[:, :4] * 100, at_90[:, :4] * 90)


def test_neighbours_by_hand_never_are_padding_while_there_are_others() -> None:
    points = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [1e9, 1e9], [1e9, 1e9]]])
    assert nearest(points, 2)[0, :3].tolist() == [[1, 2], [0, 2], [1, 0]]


def test_leaving_out_padding_changes_no_output_no_gradient_and_no_statistics() -> None:
    torch.manual_seed(2)
    plain = ParticleNet(blocks=2, conv_layers=2, conv_width=10, width=12, dropout=0.0).double()
    quick = copy.deepcopy(plain)
    features, mask, jet = batch()
    expected = plain(features[:, 2:4], features, mask, jet)
    found = ragged.forward(quick, features, mask, jet)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    expected.square().sum().backward()
    found.square().sum().backward()
    for (name, one), other in zip(plain.named_parameters(), quick.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-8, atol=1e-10, msg=name)
    for one, other in zip(plain.buffers(), quick.buffers(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-10)


def test_the_inputs_by_hand() -> None:
    jets = take(toy_jets(3, mean_constituents=2.0), np.array([1, 0]))
    sample = inputs.read([jets])
    features, mask, jet, target = sample.batch(np.array([1]))
    start, stop = jets.offsets[1:3]
    count = int(stop - start)
    assert mask[0, 0].tolist() == [1.0] * count + [0.0] * (SLOTS - count)
    assert features.shape == (1, 6, SLOTS)
    assert not features[0, :, count:].any()
    pt, deta, dphi = (jets.constituents[name][start:stop] for name in ("pt", "deta", "dphi"))
    jet_pt = jets.jet["standard_pt"][1]
    expected = [np.log(pt), np.log(pt / jet_pt), deta, dphi, np.arctan2(dphi, deta), np.sqrt(deta**2 + dphi**2)]
    np.testing.assert_allclose(features[0, :, :count], expected, rtol=1e-5)
    assert jet[0, 0] == pytest.approx(np.log(jet_pt))
    assert jet[0, 2] == 0
    assert jet[0, 3] == pytest.approx(0.15 * jets.jet["raw_pt"][1] / 0.87, rel=1e-5)
    assert target[0, 0] == pytest.approx(np.log(jets.jet["gen_pt"][1] / jet_pt), rel=1e-5)


def test_jets_beyond_the_slots_keep_the_hardest() -> None:
    jets = toy_jets(1, mean_constituents=150.0)
    features, mask, _, _ = inputs.read([jets]).batch(np.array([0]))
    assert mask.sum() == SLOTS
    np.testing.assert_allclose(features[0, 0], np.log(jets.constituents["pt"][:SLOTS]), rtol=1e-6)
