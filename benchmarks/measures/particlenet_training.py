"""A ParticleNet's training step, from jets in memory to new weights, beside networks of the same size.

Ours makes its batches and features in the step; the others get theirs ready. All train on the same jets at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from benchmarks.pairs import Work, in_turns
from benchmarks.peers.edge_conv import EdgeConvNetwork
from benchmarks.peers.weaver_particle_net import network as weaver_network
from benchmarks.published import inputs, ragged
from benchmarks.published.course import masked_mae
from benchmarks.published.networks import ParticleNet
from benchmarks.published.ranger import Ranger
from benchmarks.rows import Row
from benchmarks.sample import ntuples
from torch import Tensor, nn

from jetcal.data.jets import Jets, take
from jetcal.data.ntuples import read
from jetcal.models import build
from jetcal.simulation.ntuple import TREE
from jetcal.training.fit import Course, Fit
from jetcal.training.memory import keep_freed_memory
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.hyperparameters import ParticleNet as Hyperparameters
from jetcal_api.spec import ModelSpec

BATCH = 500
SPEC = ModelSpec(
    particle_net=Hyperparameters(neighbours=16, blocks=3, conv_layers=3, conv_dim=48, fc_layers=3, fc_dim=200)
)
"""125 thousand parameters; the published network has 123 thousand, a little wider and with fewer features."""
MIN_GEN_PT = 20.0
STEPS = 3
"""Ours to one of the others', so that a round lasts."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Jets a second of one core."""
    keep_freed_memory()  # as a training does; the others gain from it, too
    torch.manual_seed(1)
    jets, rounds = sample(BATCH // 5 if quick else BATCH), 2 if quick else 5
    step = ours(jets)
    for others, peer, target in (
        (published, "the published network, 100 slots", 10.0),
        (weaver, "weaver-core", 5.0),
        (torch_geometric, "torch-geometric", 5.0),
        (published_without_padding, "our ragged form of the published network", None),
    ):
        rates = in_turns(step, others(jets), rounds)
        yield rates.row(f"ParticleNet training step, beside {peer}", "jets/s", peer, target=target)


def sample(count: int) -> Jets:
    """The first jets of the first file that a calibration would take."""
    jets = next(read(ntuples()[0], TREE)).jets
    return take(jets, np.flatnonzero((jets.jet["gen_pt"] >= MIN_GEN_PT) & (jets.jet["standard_pt"] > 0))[:count])


def ours(jets: Jets) -> Work:
    """Steps as a training takes them."""
    alone = Peers(0, 1, torch.device("cpu"))
    share = Share([jets], 0, len(jets))
    network = build(SPEC)
    learn_scales(network, share, alone, 4096)
    fit = Fit(network, SPEC, Course.plan(1_000_000, len(jets), len(jets), 1, alone), alone)

    def work() -> float:
        for _ in range(STEPS):
            fit.train(share, 0, 0, lambda *_: None)
        return STEPS * len(jets)

    return work


def published(jets: Jets) -> Work:
    """The published network as described."""
    features, mask, jet, target = batch(jets)
    network = ParticleNet()
    return _step(network, lambda: network(features[:, 2:4], features, mask, jet), target)


def published_without_padding(jets: Jets) -> Work:
    """The same function, worked out without padding by us."""
    features, mask, jet, target = batch(jets)
    network = ParticleNet()
    return _step(network, lambda: ragged.forward(network, features, mask, jet), target)


def weaver(jets: Jets) -> Work:
    """weaver-core's network."""
    features, mask, _, target = batch(jets)
    network = weaver_network(features.shape[1])
    return _step(network, lambda: network(features[:, 2:4], features, mask), target)


def torch_geometric(jets: Jets) -> Work:
    """A network of torch-geometric's parts."""
    features, mask, jet, target = batch(jets)
    network = EdgeConvNetwork(features.shape[1], jet.shape[1])
    real = mask.squeeze(1) > 0
    constituents = features.transpose(1, 2)[real]
    owner = torch.arange(len(jet)).repeat_interleave(real.sum(1))
    return _step(network, lambda: network(constituents, constituents[:, 2:4], owner, jet), target)


def batch(jets: Jets) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, mask, jet and target of the published networks."""
    return inputs.read([jets]).batch(np.arange(len(jets)))


def _step(network: nn.Module, answer: Callable[[], Tensor], target: Tensor) -> Work:
    network.train()
    optimiser = Ranger(network.parameters(), 1e-3)

    def work() -> float:
        optimiser.zero_grad()
        masked_mae(answer(), target).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        return len(target)

    return work
