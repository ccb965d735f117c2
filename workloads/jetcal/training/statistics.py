"""What a training learns from the data before it begins: each jet's weight, and scales of target and features.

Everything is made of sums over all processes, so that every process has the same, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jetcal.models import Network
from jetcal.models.features import RawJets, constituent_features, jet_features
from jetcal.training.losses import HIGH, LOW, MASK
from jetcal.training.peers import Peers
from jetcal.training.shares import Share

Doubles = NDArray[np.float64]

_EDGES = np.arange(0.0, np.log(2e4), 0.1)
"""Bins of ln(gen_pt / GeV)."""
_MOST_WEIGHT = 5.0
"""Largest weight, and the inverse of the smallest: rarer jets than that would be mostly noise."""
_TARGET_EDGES = np.linspace(-3, 3, 6001)
_SAMPLE = 16_384
"""Jets from which the features' mean and spread are taken."""


@dataclass(frozen=True)
class Spectrum:
    """Weight of a jet by its generator pT, 1 on average.

    Attributes
    ----------
    log_pt
        Centres of the bins of ln(gen_pt / GeV).
    weight
        Weight at each centre; linear in between.
    """

    log_pt: Doubles
    weight: Doubles

    def __call__(self, gen_pt: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weights (N,) of jets with generator pT (N,) in GeV."""
        return np.interp(np.log(gen_pt), self.log_pt, self.weight).astype(np.float32)


def target(share: Share) -> NDArray[np.float32]:
    """Y = ln(gen_pt / raw_pt) of all jets."""
    y: NDArray[np.float32] = np.log(share.column("gen_pt") / share.column("raw_pt"))
    return y


def learn_spectrum(share: Share, peers: Peers) -> Spectrum:
    """The weights that make the median response one in bins of generator pT.

    A network answers the question "which gen_pt, given what was measured", and its answer leans towards those gen_pt of
    which it has seen many. Weights proportional to 1 / (density(ln gen_pt) * sigma(ln gen_pt)), sigma being the
    resolution, make it learn as if from the prior 1 / sigma, for which the median of the answer is unbiased at fixed
    truth to first order (Welch and Peers 1963: Jeffreys' prior is the one that matches probabilities).

    Parameters
    ----------
    share
        This process's training jets.
    peers
        All processes; each gets the same spectrum.
    """
    log_pt = np.log(share.column("gen_pt"))
    y = target(share).clip(-MASK, MASK)
    bins = len(_EDGES) - 1
    place = np.clip(np.digitize(log_pt, _EDGES) - 1, 0, bins - 1)
    moments = [np.bincount(place, y.astype(np.float64) ** power, bins) for power in range(3)]
    count, total, squares = _sum(np.stack(moments), peers)
    jets = np.maximum(_smooth(count), 1e-9)
    variance = _smooth(squares) / jets - (_smooth(total) / jets) ** 2
    sigma = np.sqrt(np.maximum(variance, 1e-4))
    density = jets / jets.sum()
    inverse = 1 / (density * sigma)
    typical = (count * inverse).sum() / count.sum()
    weight = np.clip(inverse / typical, 1 / _MOST_WEIGHT, _MOST_WEIGHT)
    weight /= (count * weight).sum() / count.sum()
    return Spectrum((_EDGES[:-1] + _EDGES[1:]) / 2, weight)


def learn_scales(network: Network, share: Share, spectrum: Spectrum, peers: Peers, slots: int) -> None:
    """Store mean and spread of features and target of the training set in the network.

    Parameters
    ----------
    network
        Gets them as buffers.
    share, peers
        This process's training jets among all.
    spectrum
        Weights of the target's quantiles.
    slots
        Padded constituents to work on at a time.
    """
    centre, spread = _target_quantiles(share, spectrum, peers)
    network.target_centre.fill_(centre)
    network.target_spread.fill_(spread)
    particles, jets = _Moments(), _Moments()
    for chunk in share.sample(_SAMPLE // peers.count, slots):
        raw = RawJets(torch.from_numpy(chunk.constituents), torch.from_numpy(chunk.jet))
        particles.add(constituent_features(raw)[raw.real > 0])
        jets.add(jet_features(raw))
    network.constituent_scale.learn(*particles.mean_and_variance(peers))
    network.jet_scale.learn(*jets.mean_and_variance(peers))


def constant_error(share: Share, spectrum: Spectrum, constant: float, peers: Peers) -> float:
    """Weighted mean of abs(y - constant): the error of a network that has learned nothing."""
    weight = spectrum(share.column("gen_pt")).astype(np.float64)
    error, total = _sum(np.array([(weight * np.abs(target(share) - constant)).sum(), weight.sum()]), peers)
    return float(error / total)


def _target_quantiles(share: Share, spectrum: Spectrum, peers: Peers) -> tuple[float, float]:
    """Median of y and half the distance of its outer quantiles."""
    weight = spectrum(share.column("gen_pt"))
    y = target(share).clip(_TARGET_EDGES[0], _TARGET_EDGES[-1])
    counts = _sum(np.histogram(y, _TARGET_EDGES, weights=weight)[0].astype(np.float64), peers)
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


def _smooth(counts: Doubles) -> Doubles:
    return np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
