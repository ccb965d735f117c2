"""The response of one correction in many cells, and what each replica of the sample makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jetcal.evaluation.binning import MIN_JETS
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.grid import response_edges
from jetcal.evaluation.statistics.partition import Partition
from jetcal.evaluation.statistics.resampling import Tally, Unions
from jetcal.evaluation.statistics.summary import IQR_OF_GAUSSIAN, SHARES, STATISTICS, Plain, Summary, plain, statistics


def ordered_in(
    partition: Partition, cells: Sequence[int], values: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """The values of each of the cells in rising order; ``values`` of shape (N,)."""
    order = partition.order
    pieces = np.split(values[order], np.cumsum(partition.jets)[:-1])
    for cell in cells:
        yield np.sort(np.concatenate([pieces[base] for base in partition.cells[cell]]))


def common_edges(partition: Partition, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bins of the response, shape (K + 1,), that suit each base cell; ``response`` of shape (N,) (no unit)."""
    filled = np.flatnonzero(partition.jets >= min(MIN_JETS, partition.jets.max(initial=0)))
    if not len(filled):
        return np.array([0.0, np.inf])
    alone = replace(partition, cells=tuple(filled[:, None]))
    q25, q50, q75 = np.array(
        [np.quantile(each, (0.25, 0.5, 0.75)) for each in ordered_in(alone, range(len(filled)), response)]
    ).T
    return response_edges(q50, (q75 - q25) / IQR_OF_GAUSSIAN, float(response.min()), float(response.max()))


class Responses:
    """A correction's response in the chosen cells of a partition.

    Parameters
    ----------
    partition
        Of N jets.
    cells
        Numbers of the C cells to measure; each holds jets.
    response
        Shape (N,), finite (no unit).
    edges
        Bins of the response, shape (K + 1,), see :func:`jetcal.evaluation.statistics.grid.response_edges`.
    event
        Row of each jet's event in the weights, shape (N,).
    """

    def __init__(
        self,
        partition: Partition,
        cells: Sequence[int],
        response: NDArray[np.float64],
        edges: NDArray[np.float64],
        event: NDArray[np.int64],
    ) -> None:
        bins = len(edges) - 1
        place = np.clip(np.searchsorted(edges, response, side="right") - 1, 0, bins - 1)
        self.shape = (len(cells), len(STATISTICS))
        self._tally = Tally(partition, place, bins, event)
        self._unions = Unions([partition.cells[cell] for cell in cells])
        self._edges = torch.from_numpy(edges.astype(np.float32))
        self._shares = torch.tensor(SHARES)
        counts, moved, quantiles, centre = [], [], [], []
        self._values: list[tuple[float, ...]] = []
        for ordered in ordered_in(partition, cells, response):
            found = plain(ordered)
            self._values.append(found.statistics)
            quantiles.append(found.quantiles)
            centre.append((found.core.mean, found.core.sigma, 0.0, 0.0))
            at = np.searchsorted(ordered, edges)
            at[0], at[-1] = 0, len(ordered)
            counts.append(np.diff(at))
            moved.append(_moved(found, at))
        self._moved = torch.from_numpy(np.stack(moved).astype(np.float32))
        self._centre = torch.tensor(centre)[:, None]
        once = torch.from_numpy(np.stack(counts).astype(np.float32))[:, None]
        coarse = self._quantiles(once, once.cumsum(-1))
        exact = torch.from_numpy(np.stack(quantiles).astype(np.float32))
        self._shift = exact[:, None] - coarse

    def measure(self, weights: Tensor) -> Tensor:
        """Shape (C, statistics, b) for weights of shape (events, b)."""
        base = self._tally.counts(weights).transpose(1, 2)
        counts = self._unions.counts(base)
        reached = counts.cumsum(-1)
        quantiles = self._quantiles(counts, reached) + self._shift
        linear = torch.bmm(counts, self._moved) / reached[..., -1:] + self._centre
        return torch.stack(statistics(quantiles.unbind(-1), *linear.unbind(-1)), dim=1)

    def summaries(self, replicas: NDArray[np.float32]) -> list[Summary]:
        """The summary of each cell, given the replicas of shape (C, statistics, B)."""
        return [
            Summary(*(Estimate(float(value), row) for value, row in zip(values, rows, strict=True)))
            for values, rows in zip(self._values, replicas, strict=True)
        ]

    def _quantiles(self, counts: Tensor, reached: Tensor) -> Tensor:
        wanted = reached[..., -1:] * self._shares
        place = torch.searchsorted(reached, wanted).clamp(max=counts.shape[-1] - 1)
        missing = (reached.gather(-1, place) - wanted) / counts.gather(-1, place).clamp(min=1)
        return self._edges[place + 1] - missing * (self._edges[place + 1] - self._edges[place])


def _moved(found: Plain, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the jets of each bin of what a jet adds to core and tails, shape (K, 4)."""
    low, high = found.between
    tails = np.stack([np.diff(np.minimum(at, low)), np.diff(np.maximum(at, high))], axis=1)
    return np.concatenate([found.core.moved_by(at), tails], axis=1) / np.maximum(np.diff(at), 1)[:, None]
