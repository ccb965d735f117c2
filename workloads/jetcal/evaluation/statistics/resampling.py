"""Poisson bootstrap of large samples: how many jets each category holds in every replica, a block of replicas at once.

A jet's weight is that of its event. What the replicas are asked for is worked out from weights summed over categories
of jets, so that the cost is one addition a jet and replica, and nothing of size jets x replicas is ever kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jetcal.evaluation.statistics.bootstrap import WEIGHT_OF_BYTE
from jetcal.evaluation.statistics.partition import Partition, sorted_by

BLOCK = 64
"""Replicas that are worked out together; their weights, two bytes an event, are all that grows with the sample."""

_HALF_HOLDS = 30_000
"""The weight of so many jets fits 16 bits in every replica, rounded by less than 3 % of its scatter."""


def event_weights(events: int, replicas: int, seed: int, block: int) -> Tensor:
    """How often each event occurs in each replica of a block, float16 of shape (events, replicas)."""
    drawn = np.random.default_rng((seed, block)).bytes(events * replicas).translate(bytes(WEIGHT_OF_BYTE))
    weights = np.frombuffer(bytearray(drawn), dtype=np.uint8).reshape(events, replicas)
    return torch.from_numpy(weights).to(torch.float16)


class Tally:
    """Jets by base cell and bin, ready to be counted in any replica.

    Parameters
    ----------
    partition
        Of N jets into M base cells.
    place
        Bin of each jet, shape (N,).
    bins
        Number K of bins.
    event
        Row of each jet's event in the weights, shape (N,).
    """

    def __init__(self, partition: Partition, place: NDArray[np.integer], bins: int, event: NDArray[np.int64]) -> None:
        by_place = partition.order[sorted_by(place[partition.order])]
        order = by_place[sorted_by(partition.base[by_place])]
        jets = np.bincount(partition.base[order] * bins + place[order], minlength=len(partition.jets) * bins)
        self._rows = torch.from_numpy(event[order].astype(np.int32))
        self._starts = _starts(jets)
        self._shape = (len(partition.jets), bins)
        self._fine = int(jets.max(initial=0)) > _HALF_HOLDS

    def counts(self, weights: Tensor) -> Tensor:
        """Weight of each bin, shape (M, K, b) for weights of shape (events, b)."""
        counts = _summed(weights.float() if self._fine else weights, self._rows, self._starts)
        return counts.view(*self._shape, -1)


class Unions:
    """Cells as unions of base cells: ``members`` holds the base cells of each of C cells."""

    def __init__(self, members: Sequence[NDArray[np.int64]]) -> None:
        self._members = torch.from_numpy(np.concatenate(members).astype(np.int32))
        self._starts = _starts(np.array([len(each) for each in members]))

    def counts(self, base: Tensor) -> Tensor:
        """Sums over the base cells of each cell, float32 of shape (C, K, b) for ``base`` of shape (M, K, b)."""
        rows = base.to(torch.float32, memory_format=torch.contiguous_format).flatten(1)
        return _summed(rows, self._members, self._starts).view(-1, *base.shape[1:])


def _starts(lengths: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _summed(table: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
    found: Tensor = torch.nn.functional.embedding_bag(rows, table, starts, mode="sum", include_last_offset=True)
    return found


class Job(Protocol):
    """Something to be known in every replica."""

    shape: tuple[int, int]
    """Cells and statistics."""

    def measure(self, weights: Tensor) -> Tensor:
        """Shape (cells, statistics, b) for weights of shape (events, b)."""
        ...


def replicate(jobs: Sequence[Job], events: int, replicas: int, seed: int) -> list[NDArray[np.float32]]:
    """Every job's answer in every replica, all with the same weights; float32 of shape (cells, statistics, B) each.

    Parameters
    ----------
    jobs
        What to measure.
    events
        Number of events.
    replicas
        Number B of replicas.
    seed
        The same seed gives the same weights.
    """
    answers = [np.empty((*job.shape, replicas), dtype=np.float32) for job in jobs]
    for start in range(0, replicas, BLOCK) if jobs else ():
        block = slice(start, min(start + BLOCK, replicas))
        weights = event_weights(events, block.stop - start, seed, start)
        for job, answer in zip(jobs, answers, strict=True):
            answer[:, :, block] = job.measure(weights).numpy()
    return answers


def rows_of_events(events: NDArray[np.int64] | None, base: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of each jet's event in the weights, shape (N,): neighbours for jets of the same base cell, which is faster.

    Parameters
    ----------
    events
        Number of each jet's event, shape (N,); None lets every jet stand alone.
    base
        Base cell of each jet, shape (N,).
    """
    event = np.arange(len(base)) if events is None else np.unique(events, return_inverse=True)[1].reshape(-1)
    place = np.zeros(int(event.max(initial=-1)) + 1, dtype=np.int64)
    place[event] = base
    row = np.empty_like(place)
    row[np.argsort(place, kind="stable")] = np.arange(len(place))
    return row[event]
