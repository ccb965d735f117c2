"""Nearest neighbours among constituents that stand one jet's after the other's, without padding: edges of a graph.

The search of ``jetcal.models.neighbours`` in another form, for training on a CPU: it is several times as fast, but not
made of operations that can be exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jetcal.models.neighbours import FAR

PAIRS = 1 << 18
"""Distances worked out at a time: they and what is made of them stay in a core's cache."""

_LOW = np.int64(0xFFFFFFFF)
_NOBODY = np.float32(FAR / 2).view(np.int32).astype(np.int64) << 32


@dataclass(frozen=True)
class Graph:
    """Edges between R rows, those of each row together.

    Attributes
    ----------
    owner, source
        int64 (E,): row that an edge leads to, in rising order, and row of its neighbour.
    first
        int64 (R + 1,): where the edges of each row begin, and where the last ones end.
    back, back_first
        The edges (E,) in the order of their source, and where those of each source begin (R + 1,).
    """

    owner: Tensor
    source: Tensor
    first: Tensor
    back: Tensor
    back_first: Tensor

    @classmethod
    def of(cls, source: NDArray[np.int64], degree: NDArray[np.int64]) -> Graph:
        """From the sources (E,), row after row, and their number for each row (R,)."""
        rows = len(degree)
        short = np.uint16 if rows <= np.iinfo(np.uint16).max else np.int64  # 16 bits are sorted by their digits
        arrays = (
            np.repeat(np.arange(rows), degree),
            source,
            _starts(degree),
            np.argsort(source.astype(short), kind="stable"),
            _starts(np.bincount(source, minlength=rows)),
        )
        return cls(*(torch.from_numpy(array) for array in arrays))


class Jets:
    """Which rows belong to one jet; neighbours are sought within it.

    Parameters
    ----------
    counts
        int64 (N,): rows of each jet, in their order.
    """

    def __init__(self, counts: Tensor) -> None:
        numbers = counts.numpy()
        first = _starts(numbers)[:-1]
        # Jets of similar size are searched together, so that little is searched in vain.
        order = np.argsort(-numbers, kind="stable")[: np.count_nonzero(numbers)]
        self._groups = [
            _Group.of(first[jets], numbers[jets])
            for jets in (order[start:stop] for start, stop in _cuts(numbers[order].tolist()))
        ]

    def nearest(self, points: Tensor, count: int) -> Graph:
        """The ``count`` nearest others of each row, or all others where a jet has fewer.

        Parameters
        ----------
        points
            float32 (R, D): coordinates on the CPU.
        count
            At most this many.
        """
        source = np.zeros((len(points), count), np.int64)
        there = np.zeros(source.shape, np.bool_)
        for group in self._groups:
            dense = points[torch.from_numpy(group.rows)]
            for queries in group.parts():
                packed = _packed(dense, group.counts, queries, min(count, dense.shape[1] - 1))
                real = np.arange(queries.start, queries.stop) < group.counts[:, None]
                own = group.rows[:, queries][real]
                slot = np.minimum(packed & _LOW, group.counts[:, None, None] - 1)  # for what is not a number
                source[own, : packed.shape[2]] = (slot + group.rows[:, :1, None])[real]
                there[own, : packed.shape[2]] = (packed < _NOBODY)[real]
        return Graph.of(source[there], there.sum(1))


@dataclass(frozen=True)
class _Group:
    """Jets that are searched together.

    Attributes
    ----------
    rows
        int64 (N, P): rows of each jet; what is missing in the shorter ones is filled up with their last row.
    counts
        int64 (N,): rows that there are.
    """

    rows: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, first: NDArray[np.int64], counts: NDArray[np.int64]) -> _Group:
        slots = np.minimum(np.arange(int(counts.max())), counts[:, None] - 1)
        return cls(first[:, None] + slots, counts)

    def parts(self) -> Iterator[slice]:
        """Slots whose neighbours are sought at a time: all, if a jet is not too large for that."""
        jets, slots = self.rows.shape
        step = max(1, PAIRS // slots) if jets == 1 else slots
        for start in range(0, slots, step):
            yield slice(start, min(start + step, slots))


def _cuts(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of jets with falling numbers of rows that make ``PAIRS`` distances at most, if they are not one jet."""
    start = 0
    while start < len(counts):
        stop = min(len(counts), start + max(1, PAIRS // counts[start] ** 2))
        yield start, stop
        start = stop


def _packed(dense: Tensor, counts: NDArray[np.int64], queries: slice, count: int) -> NDArray[np.int64]:
    """(N, Q, K): the least distances of the slots ``queries``, each above the slot that it leads to.

    The bits of floats that are not negative are ordered like the floats, so that whole numbers can be compared, for
    which numpy selects with the widest vectors; and the slot comes along without a search for it.
    """
    square = (dense**2).sum(-1)
    slots = np.arange(dense.shape[1])
    of_others = square + torch.from_numpy((slots >= counts[:, None]) * np.float32(FAR))
    distance = torch.baddbmm(of_others.unsqueeze(1), dense[:, queries], dense.transpose(1, 2), alpha=-2)
    distance.add_(square[:, queries].unsqueeze(2)).clamp_(min=0)
    distance.diagonal(queries.start, dim1=1, dim2=2).fill_(FAR)
    bits = distance.view(torch.int32).to(torch.int64)
    numbers: NDArray[np.int64] = torch.add(torch.from_numpy(slots), bits, alpha=1 << 32).numpy()
    if 0 < count < numbers.shape[-1]:
        numbers = np.partition(numbers, count - 1, axis=-1)
    return numbers[..., :count]


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
