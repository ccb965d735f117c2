"""Poisson bootstrap: replicas of a sample as weights, and quantiles of all replicas at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.statistics.estimate import Estimate

REPLICAS = 1000
"""Replicas of a sample; an error estimated from B replicas is itself known to 1 / sqrt(2 B), here 2 %."""

_ROWS = 1 << 16
_RESOLUTION = 1 << 16
_LARGEST = 9


def poisson_weights(
    jets: int, replicas: int, rng: np.random.Generator, events: NDArray[np.int64] | None = None
) -> NDArray[np.uint8]:
    """How often each jet occurs in each replica: Poisson numbers of mean 1.

    Independent occurrences are the limit of drawing with replacement for many jets (Chamandy et al., *Estimating
    uncertainty for massive data streams*, 2012).

    Parameters
    ----------
    jets
        Number N of jets.
    replicas
        Number B of replicas.
    rng
        Source of randomness.
    events
        Shape (N,): number of each jet's event, whose jets then occur together. Without it every jet is on its own.

    Returns
    -------
    NDArray[np.uint8]
        Shape (N, B).
    """
    probabilities = np.array([math.exp(-1) / math.factorial(count) for count in range(_LARGEST)])
    uniform = (np.arange(_RESOLUTION) + 0.5) / _RESOLUTION
    table = np.searchsorted(np.cumsum(probabilities), uniform).astype(np.uint8)
    event_of = None if events is None else np.unique(events, return_inverse=True)[1]
    count = jets if event_of is None else int(event_of.max(initial=-1)) + 1
    weights = np.empty((count, replicas), dtype=np.uint8)
    for start in range(0, count, _ROWS):
        rows = weights[start : start + _ROWS]
        rows[:] = table[rng.integers(0, _RESOLUTION, rows.shape, dtype=np.uint16)]
    return weights if event_of is None else weights[event_of]


def weighted_share(chosen: NDArray[np.bool_], weights: NDArray[np.uint8]) -> Estimate:
    """Share of the jets that are chosen.

    Parameters
    ----------
    chosen
        Shape (N,), N > 0.
    weights
        Shape (N, B).
    """
    total = weights.sum(axis=0, dtype=np.int64)
    return Estimate(float(chosen.mean()), weights[chosen].sum(axis=0, dtype=np.int64) / np.maximum(total, 1))


class Resampled:
    """Values in rising order with the weights of every replica, ready to be asked for quantiles.

    The cumulative weight is kept only every ~sqrt(N) values and completed inside one such block per question, so the
    cost is one pass over the weights, as bytes, however many quantiles are asked for.

    Parameters
    ----------
    values
        Shape (N,), N > 0, finite.
    weights
        Shape (N, B).
    """

    def __init__(self, values: NDArray[np.floating], weights: NDArray[np.uint8]) -> None:
        count, replicas = weights.shape
        self._block = max(16, math.isqrt(count))
        blocks = -(-count // self._block)
        order = np.argsort(values)
        self.values = np.asarray(values, dtype=np.float64)[order]
        ordered = np.zeros((blocks * self._block, replicas), dtype=np.uint8)
        np.take(weights, order, axis=0, out=ordered[:count])
        self._weights = ordered.reshape(blocks, self._block, replicas)
        sums = self._weights.sum(axis=1, dtype=np.uint16 if self._block * _LARGEST < _RESOLUTION else np.uint32)
        self._before = np.zeros((blocks + 1, replicas), dtype=np.int64)
        np.cumsum(sums, axis=0, out=self._before[1:])
        self._replica = np.arange(replicas)

    @property
    def total(self) -> NDArray[np.int64]:
        """Shape (B,): weight of each replica."""
        total: NDArray[np.int64] = self._before[-1]
        return total

    def quantile(self, probability: float) -> Estimate:
        """The value below which the given share of the jets lies, in the unit of the values.

        The value itself interpolates linearly between neighbouring jets; a replica takes the first jet at which the
        cumulative weight reaches the share.
        """
        target = probability * self.total
        block = np.minimum((self._before[1:] < target).sum(axis=0), len(self._weights) - 1)
        inside = np.cumsum(self._weights[block, :, self._replica], axis=1, dtype=np.int64)
        position = block * self._block + (inside < (target - self._before[block, self._replica])[:, None]).sum(axis=1)
        replicas = self.values[np.minimum(position, len(self.values) - 1)]
        rank = probability * (len(self.values) - 1)
        below, above = self.values[math.floor(rank)], self.values[math.ceil(rank)]
        return Estimate(float(below + (rank % 1) * (above - below)), replicas)

    def share_below(self, limit: float) -> Estimate:
        """Share of the jets whose value is smaller than ``limit``."""
        position = int(np.searchsorted(self.values, limit))
        block, rest = divmod(position, self._block)
        weight = self._before[block].copy()
        if rest:
            weight += self._weights[block, :rest].sum(axis=0, dtype=np.int64)
        return Estimate(position / len(self.values), weight / np.maximum(self.total, 1))
