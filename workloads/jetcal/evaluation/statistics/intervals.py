"""How often the truth lies in the interval that a network predicts for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.partition import Partition
from jetcal.evaluation.statistics.resampling import Tally, Unions

NOMINAL_COVERAGE = 0.68
"""Share of the jets between the 16 % and the 84 % quantile."""


@dataclass(frozen=True)
class Coverage:
    """Shares of the jets by where pT_gen lies (no unit).

    Attributes
    ----------
    inside
        Between the predicted 16 % and 84 % quantiles; 0.68 if they are right.
    below
        Below the predicted 16 % quantile; 0.16 if it is right.
    above
        Above the predicted 84 % quantile; 0.16 if it is right.
    """

    inside: Estimate
    below: Estimate
    above: Estimate


class Sides:
    """On which side of its interval the truth lies, in the chosen cells of a partition.

    Parameters
    ----------
    partition
        Of N jets.
    cells
        Numbers of the C cells to measure; each holds jets.
    side
        -1 for a jet whose truth lies below its interval, 0 inside, 1 above, shape (N,).
    event
        Row of each jet's event in the weights, shape (N,).
    """

    def __init__(
        self,
        partition: Partition,
        cells: Sequence[int],
        side: NDArray[np.integer],
        event: NDArray[np.int64],
    ) -> None:
        self.shape = (len(cells), 3)
        self._tally = Tally(partition, side + 1, 3, event)
        self._unions = Unions([partition.cells[cell] for cell in cells])
        chosen = partition.order
        jets = np.bincount(3 * partition.base[chosen] + side[chosen] + 1, minlength=3 * len(partition.jets)).reshape(
            -1, 3
        )
        counts = np.stack([jets[partition.cells[cell]].sum(axis=0) for cell in cells])
        self._shares = counts / counts.sum(axis=1, keepdims=True)

    def measure(self, weights: Tensor) -> Tensor:
        """Shares below, inside, above, shape (C, 3, b) for weights of shape (events, b)."""
        counts = self._unions.counts(self._tally.counts(weights))
        return counts / counts.sum(dim=1, keepdim=True)

    def coverages(self, replicas: NDArray[np.float32]) -> list[Coverage]:
        """The coverage of each cell, given the replicas of shape (C, 3, B)."""
        found = []
        for shares, rows in zip(self._shares, replicas, strict=True):
            below, inside, above = (Estimate(float(share), row) for share, row in zip(shares, rows, strict=True))
            found.append(Coverage(inside=inside, below=below, above=above))
        return found


def side(
    gen_pt: NDArray[np.floating], interval: tuple[NDArray[np.floating], NDArray[np.floating]]
) -> NDArray[np.int64]:
    """-1 where the truth lies below the interval, 0 inside, 1 above; all pT in GeV, shapes (N,)."""
    low, high = interval
    return (gen_pt > high).astype(np.int64) - (gen_pt < low).astype(np.int64)


def predicts_interval(low: NDArray[np.floating], high: NDArray[np.floating]) -> bool:
    """Whether the ends differ at all: networks trained without a quantile loss give the median three times."""
    return bool(np.any(high > low))
