"""Bootstrap of single bins: exact quantiles of every replica of a few thousand jets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.statistics.estimate import Estimate

REPLICAS = 100
"""An error from B replicas is itself known to 1 / sqrt(2 B), here 7 %."""

_FEWEST = 30
_MAX_WEIGHTS = 100_000_000
WEIGHT_OF_BYTE = np.repeat(np.arange(6, dtype=np.uint8), (94, 95, 46, 16, 4, 1))
"""Weight of each of 256 equally likely bytes: Poisson probabilities of mean 1 to 0.5 %, mean and variance exactly 1."""


def draw(
    jets: int, rng: np.random.Generator, events: NDArray[np.int64] | None = None, replicas: int | None = None
) -> NDArray[np.uint8]:
    """How often each jet occurs in each replica of a Poisson bootstrap.

    Parameters
    ----------
    jets
        Number N of jets.
    rng
        Source of randomness.
    events
        Number of each jet's event, shape (N,): the jets of an event occur together. Without it every jet is on its own.
    replicas
        Number B of replicas; ``REPLICAS`` when left out, fewer where their weights would take more than 100 MB.

    Returns
    -------
    NDArray[np.uint8]
        Shape (N, B).
    """
    replicas = replicas or max(_FEWEST, min(REPLICAS, _MAX_WEIGHTS // max(jets, 1)))
    if events is None:
        return WEIGHT_OF_BYTE[rng.integers(0, 256, (jets, replicas), dtype=np.uint8)]
    distinct, event_of = np.unique(events, return_inverse=True)
    return WEIGHT_OF_BYTE[rng.integers(0, 256, (len(distinct), replicas), dtype=np.uint8)][event_of]


def quantiles(
    values: NDArray[np.floating], weights: NDArray[np.uint8], shares: tuple[float, ...] = (0.5,)
) -> tuple[Estimate, ...]:
    """The values below which the given shares of the jets lie, with their replicas.

    The value itself interpolates between neighbouring jets; a replica takes the first jet at which the cumulative
    weight reaches the share.

    Parameters
    ----------
    values
        Shape (N,), N > 0, finite.
    weights
        Shape (N, B), from :func:`draw`.
    shares
        Between 0 and 1.
    """
    order = np.argsort(values)
    ordered = np.asarray(values, dtype=np.float64)[order]
    cumulative = np.cumsum(weights[order], axis=0, dtype=np.uint32)
    found = []
    for share in shares:
        place = (cumulative < share * cumulative[-1]).sum(axis=0)
        found.append(Estimate(float(np.quantile(ordered, share)), ordered[np.minimum(place, len(ordered) - 1)]))
    return tuple(found)


def median(values: NDArray[np.floating], weights: NDArray[np.uint8]) -> Estimate:
    """See :func:`quantiles`."""
    return quantiles(values, weights)[0]
