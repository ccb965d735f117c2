"""What a training learns from the data before it begins: scales of target and features, the error of a constant.

Everything is made of sums over all processes, so that every process has the same, however many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jetcal.errors import JetcalError
from jetcal.models import Network
from jetcal.models.network import Features
from jetcal.training.losses import HIGH, LOW
from jetcal.training.peers import Peers
from jetcal.training.shares import Share

Doubles = NDArray[np.float64]

_TARGET_EDGES = np.linspace(-3, 3, 6001)
_SAMPLE = 16_384
"""Jets from which the features' mean and spread are taken."""


def target(share: Share) -> NDArray[np.float32]:
    """Y = ln(gen_pt / raw_pt) of all jets."""
    y: NDArray[np.float32] = np.log(share.column("gen_pt") / share.column("raw_pt"))
    return y


def learn_scales(network: Network, share: Share, peers: Peers, slots: int) -> None:
    """Store mean and spread of features and target of the training set in the network.

    Parameters
    ----------
    network
        Gets them as buffers.
    share, peers
        This process's training jets among all; their weights count for the target.
    slots
        Padded constituents to work on at a time.
    """
    centre, spread = _target_quantiles(share, peers)
    network.target_centre.fill_(centre)
    network.target_spread.fill_(spread)
    particles, jets = _Moments(), _Moments()
    for chunk in share.sample(_SAMPLE // peers.count, slots):
        features = Features.of_padded(torch.from_numpy(chunk.constituents), torch.from_numpy(chunk.jet))
        particles.add(features.jets.as_rows(features.constituents))
        jets.add(features.jet.t())
    network.constituent_scale.learn(*particles.mean_and_variance(peers))
    network.jet_scale.learn(*jets.mean_and_variance(peers))


def constant_error(share: Share, constant: float, peers: Peers) -> float:
    """Weighted mean of abs(y - constant): the error of a network that has learned nothing.

    Raises
    ------
    JetcalError
        If no jet has a weight above 0.
    """
    weight = share.column("weight").astype(np.float64)
    error, total = _sum(np.array([(weight * np.abs(target(share) - constant)).sum(), weight.sum()]), peers)
    if total <= 0:
        message = (
            "no validation jet has a weight above 0: none is of a flavour that spec.model.jetWeights.flavours counts; "
            "give a share to another flavour or use more data"
        )
        raise JetcalError(message)
    return float(error / total)


def _target_quantiles(share: Share, peers: Peers) -> tuple[float, float]:
    """Median of y and half the distance of its outer quantiles."""
    y = target(share).clip(_TARGET_EDGES[0], _TARGET_EDGES[-1])
    counts = _sum(np.histogram(y, _TARGET_EDGES, weights=share.column("weight"))[0].astype(np.float64), peers)
    below = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    low, median, high = np.interp((LOW, 0.5, HIGH), below, _TARGET_EDGES)
    return float(median), max(float(high - low) / 2, 1e-3)


class _Moments:
    """Count, sum and sum of squares of rows of features."""

    def __init__(self) -> None:
        self._rows = 0.0
        self._sum: Any = 0.0
        self._squares: Any = 0.0

    def add(self, rows: torch.Tensor) -> None:
        rows = rows.double()
        self._rows += len(rows)
        self._sum += rows.sum(0)
        self._squares += (rows**2).sum(0)

    def mean_and_variance(self, peers: Peers) -> tuple[torch.Tensor, torch.Tensor]:
        width = len(self._sum)
        total = peers.sum(torch.cat([self._sum, self._squares, torch.tensor([self._rows]).double()]))
        rows = total[-1].clamp(min=1)
        mean = total[:width] / rows
        return mean.float(), (total[width:-1] / rows - mean**2).float()


def _sum(values: Doubles, peers: Peers) -> Doubles:
    total: Doubles = peers.sum(torch.from_numpy(values)).numpy()
    return total
