"""The response of one correction in many cells, and what each replica of the sample makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jetcal.evaluation.core import influence
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.grid import response_edges
from jetcal.evaluation.partition import Partition
from jetcal.evaluation.resampling import Tally, Unions
from jetcal.evaluation.statistics import IQR_OF_GAUSSIAN, SHARES, STATISTICS, Plain, Summary, plain, statistics


def ordered_in(partition: Partition, cells: Sequence[int], values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The values of each of the cells in rising order; ``values`` of shape (N,)."""
    inside = np.flatnonzero(partition.base >= 0)
    order = inside[np.argsort(partition.base[inside], kind="stable")]
    pieces = np.split(values[order], np.cumsum(partition.jets)[:-1])
    return [np.sort(np.concatenate([pieces[base] for base in partition.cells[cell]])) for cell in cells]


def common_edges(partition: Partition, cells: Sequence[int], response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bins of the response, shape (K + 1,), that suit each of the cells; ``response`` of shape (N,) (no unit)."""
    found = [np.quantile(ordered, (0.25, 0.5, 0.75)) for ordered in ordered_in(partition, cells, response)]
    if not found:
        return np.array([0.0, np.inf])
    q25, q50, q75 = np.array(found).T
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
        Bins of the response, shape (K + 1,), see :func:`jetcal.evaluation.grid.response_edges`.
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
        category = np.where(partition.base >= 0, partition.base * bins + place, -1)
        self.shape = (len(cells), len(STATISTICS))
        self.found: list[Plain] = []
        self._base = (len(partition.jets), bins)
        self._tally = Tally(category, len(partition.jets) * bins, event)
        self._unions = Unions([partition.cells[cell] for cell in cells])
        self._edges = torch.from_numpy(edges.astype(np.float32))
        self._shares = torch.tensor(SHARES)
        counts, moved = [], []
        for ordered in ordered_in(partition, cells, response):
            found = plain(ordered)
            self.found.append(found)
            at = np.searchsorted(ordered, edges)
            at[0], at[-1] = 0, len(ordered)
            counts.append(np.diff(at))
            moved.append(_by_bin(ordered, found, at))
        self._moved = torch.from_numpy(np.stack(moved).astype(np.float32))
        self._centre = torch.tensor([(each.core_mean, each.core_sigma, 0.0, 0.0) for each in self.found])[:, None]
        coarse = self._quantiles(torch.from_numpy(np.stack(counts).astype(np.float32))[:, None])
        exact = torch.from_numpy(np.stack([each.quantiles for each in self.found]).astype(np.float32))
        self._shift = exact[:, None] - coarse

    def measure(self, weights: Tensor) -> Tensor:
        """Shape (C, statistics, b) for weights of shape (events, b)."""
        base = self._tally.counts(weights).view(*self._base, -1)
        counts = self._unions.counts(base).transpose(1, 2).contiguous()
        quantiles = self._quantiles(counts) + self._shift
        linear = torch.bmm(counts, self._moved) / counts.sum(-1, keepdim=True) + self._centre
        return torch.stack(statistics(quantiles.unbind(-1), *linear.unbind(-1)), dim=1)

    def summaries(self, replicas: NDArray[np.float32]) -> list[Summary]:
        """The summary of each cell, given the replicas of shape (C, statistics, B)."""
        return [
            Summary(*(Estimate(float(value), row) for value, row in zip(_values(found), rows, strict=True)))
            for found, rows in zip(self.found, replicas, strict=True)
        ]

    def _quantiles(self, counts: Tensor) -> Tensor:
        reached = counts.cumsum(-1)
        wanted = reached[..., -1:] * self._shares
        place = torch.searchsorted(reached, wanted).clamp(max=counts.shape[-1] - 1)
        missing = (reached.gather(-1, place) - wanted) / counts.gather(-1, place).clamp(min=1)
        return self._edges[place + 1] - missing * (self._edges[place + 1] - self._edges[place])


def _values(found: Plain) -> tuple[float, ...]:
    return statistics(
        tuple(float(each) for each in found.quantiles),
        found.core_mean,
        found.core_sigma,
        found.tails_low,
        found.tails_high,
    )


def _by_bin(ordered: NDArray[np.float64], found: Plain, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the jets of each bin of what a jet adds to core and tails, shape (K, 4)."""
    low, high = found.tail_limits
    added = (*influence(ordered, found.core_mean, found.core_sigma), ordered < low, ordered > high)
    sums = np.stack([np.concatenate([[0.0], np.cumsum(each, dtype=np.float64)])[at] for each in added])
    return (np.diff(sums) / np.maximum(np.diff(at), 1)).T
