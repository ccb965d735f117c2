"""Jets in memory as training reads them: constituents side by side, so that a batch is gathered in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, Jets

Column = NDArray[np.float32]
Block = tuple[Jets, int, int]
"""The jets ``start:stop`` of a file."""
WEIGHT = "weight"
"""The column of ``Jets.jet`` that tells how much a jet counts."""


@dataclass(frozen=True)
class Chunk:
    """Jets of nearly the same multiplicity: arrays as the network reads them, with y and weight of each jet.

    Attributes
    ----------
    constituents, jet
        (N, P, 6) and (N, 6), as ``pad`` gives them.
    target
        (N,): y = ln(gen_pt / raw_pt).
    weight
        (N,): how much the jet counts.
    """

    constituents: Column
    jet: Column
    target: Column
    weight: Column


@dataclass(frozen=True)
class Ragged:
    """Jets without padding: the constituents of one after those of the other, with y and weight of each jet.

    Attributes
    ----------
    constituents
        (R, 6), ``CONSTITUENT_COLUMNS`` last.
    counts
        int64 (N,): rows of each jet.
    jet, target, weight
        As in ``Chunk``.
    """

    constituents: Column
    counts: NDArray[np.int64]
    jet: Column
    target: Column
    weight: Column


@dataclass(frozen=True)
class Window:
    """N jets with M constituents.

    Attributes
    ----------
    constituents
        float32 (M + 1, 6), ``CONSTITUENT_COLUMNS`` last; the last row is zero and is what padded slots get.
    jet, target, weight
        As in ``Chunk``.
    first, counts
        int64 (N,): jet i has the ``counts[i]`` rows from ``first[i]`` on.
    """

    constituents: Column
    jet: Column
    target: Column
    weight: Column
    first: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Window:
        """Copy blocks of jets, one after the other."""
        pieces = [(jets, slice(low, high), _rows(jets, low, high)) for jets, low, high in blocks]
        counts = np.concatenate([np.diff(jets.offsets[low : high + 1]) for jets, low, high in blocks])
        constituents = np.zeros((int(counts.sum()) + 1, len(CONSTITUENT_COLUMNS)), np.float32)
        start = 0
        for jets, _, rows in pieces:
            stop = start + rows.stop - rows.start
            for column, name in enumerate(CONSTITUENT_COLUMNS):
                constituents[start:stop, column] = jets.constituents[name][rows]
            start = stop
        columns = {
            name: np.concatenate([jets.jet[name][own] for jets, own, _ in pieces])
            for name in (*JET_COLUMNS, "gen_pt", WEIGHT)
        }
        return cls(
            constituents,
            np.stack([columns[name] for name in JET_COLUMNS], axis=-1),
            np.log(columns["gen_pt"] / columns["raw_pt"]),
            columns[WEIGHT],
            np.cumsum(counts) - counts,
            counts,
        )

    def __len__(self) -> int:
        return len(self.counts)

    def chunks(self, indices: NDArray[np.int64], slots: int) -> list[Chunk]:
        """The jets ``indices``, those of similar multiplicity together, so that little is padded.

        Parameters
        ----------
        indices
            Jets, in any order.
        slots
            Padded constituents in a chunk at most, unless one jet alone has more.
        """
        if not len(indices):
            return []
        order = np.argsort(self.counts[indices], kind="stable")[::-1]
        indices = indices[order]
        counts = self.counts[indices]
        edges = _edges(np.maximum(counts, 1), slots)
        lengths = np.diff(edges)
        widths = np.maximum(counts[edges[:-1]], 1)
        dense = self.constituents.take(self._rows(indices, np.repeat(widths, lengths)), axis=0)
        jet, target, weight = (column.take(indices, axis=0) for column in (self.jet, self.target, self.weight))
        chunks, slot = [], 0
        for start, count, width in zip(edges[:-1].tolist(), lengths.tolist(), widths.tolist(), strict=True):
            own = slice(start, start + count)
            padded = dense[slot : slot + count * width].reshape(count, width, -1)
            chunks.append(Chunk(padded, jet[own], target[own], weight[own]))
            slot += count * width
        return chunks

    def ragged(self, indices: NDArray[np.int64], rows: int) -> list[Ragged]:
        """The jets ``indices`` in their order, in pieces of ``rows`` constituents at most, unless one jet has more."""
        counts = self.counts[indices]
        ends = np.cumsum(counts)
        pieces, start, done = [], 0, 0
        while start < len(indices):
            stop = max(start + 1, int(np.searchsorted(ends, done + rows, side="right")))
            own = indices[start:stop]
            constituents = self.constituents.take(self._rows(own, counts[start:stop]), axis=0)
            columns = (column.take(own, axis=0) for column in (self.jet, self.target, self.weight))
            pieces.append(Ragged(constituents, counts[start:stop], *columns))
            start, done = stop, int(ends[stop - 1])
        return pieces

    def _rows(self, indices: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of each slot, ``widths[i]`` slots for the jet ``indices[i]``; the last row where it has no more."""
        first = self.first[indices]
        rows = np.repeat(first - np.cumsum(widths) + widths, widths)
        rows += np.arange(len(rows))
        beyond = rows >= np.repeat(first + self.counts[indices], widths)
        np.copyto(rows, len(self.constituents) - 1, where=beyond)
        return rows


def _rows(jets: Jets, low: int, high: int) -> slice:
    return slice(int(jets.offsets[low]), int(jets.offsets[high]))


def _edges(counts: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
    """Where chunks of falling ``counts`` begin, and the end."""
    edges = [0]
    while edges[-1] < len(counts):
        edges.append(min(len(counts), edges[-1] + max(1, slots // int(counts[edges[-1]]))))
    return np.array(edges)
