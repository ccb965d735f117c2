"""A training in this process alone, from jets in memory; all jets weigh the same."""

from __future__ import annotations

import torch

from jetcal.data.jets import Jets
from jetcal.models import build
from jetcal.training.fit import CPU_SLOTS, Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.spec import ModelSpec

MANY = 1000
"""Epochs of a training that is never meant to end: its learning rate hardly falls."""


def fitting(model: ModelSpec, jets: Jets, epochs: int = MANY) -> tuple[Fit, Share]:
    """A network with drawn weights and learned scales, about to be fitted to the jets in so many epochs."""
    alone = Peers(0, 1, torch.device("cpu"))
    share = Share([jets], 0, len(jets))
    torch.manual_seed(1)
    network = build(model)
    learn_scales(network, share, alone, CPU_SLOTS)
    return Fit(network, model, Course.plan(epochs, len(jets), model.optimizer.batch_size, 1, alone), alone), share
