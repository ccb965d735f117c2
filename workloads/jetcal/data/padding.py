"""Jets as the network's dense input: the only place where ragged columns become padded tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, Jets, positions


def pad(
    jets: Jets, start: int, stop: int, max_constituents: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The consecutive jets ``start:stop`` as the network reads them.

    Parameters
    ----------
    jets
        Jets whose constituents fall in pT.
    start, stop
        Range of jets, as in a slice, with N = stop - start.
    max_constituents
        Keep at most this many of the hardest constituents; all when None.

    Returns
    -------
    constituents
        float32 (N, P, 6), ``CONSTITUENT_COLUMNS`` last, zero beyond a jet's own; P is the longest jet's number, at
        least 1.
    jet
        float32 (N, 6), ``JET_COLUMNS``.
    """
    offsets = jets.offsets[start : stop + 1]
    counts = np.diff(offsets)
    if max_constituents is None or counts.max(initial=0) <= max_constituents:
        source: slice | NDArray[np.int64] = slice(int(offsets[0]), int(offsets[-1]))
    else:
        counts = np.minimum(counts, max_constituents)
        source = positions(offsets[:-1], counts)
    return _dense(jets, source, counts), _jet_columns(jets, slice(start, stop))


class Padder:
    """Jets whose constituents lie side by side, so that a batch of any of them is gathered in one pass.

    Parameters
    ----------
    jets
        N jets whose constituents fall in pT; they are copied.
    """

    def __init__(self, jets: Jets) -> None:
        self._counts = np.diff(jets.offsets)
        self._first = jets.offsets[:-1]
        count = int(jets.offsets[-1])
        self._constituents = np.zeros((count + 1, len(CONSTITUENT_COLUMNS)), np.float32)  # the last fills empty slots
        for column, name in enumerate(CONSTITUENT_COLUMNS):
            self._constituents[:count, column] = jets.constituents[name][:count]
        self._jet = _jet_columns(jets, slice(None))

    def __call__(self, indices: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The jets ``indices``, in that order, as the network reads them; else as ``pad``."""
        counts = self._counts[indices, None]
        slot = np.arange(max(int(counts.max(initial=0)), 1))
        rows = np.where(slot < counts, self._first[indices, None] + slot, len(self._constituents) - 1)
        return self._constituents.take(rows, axis=0), self._jet.take(indices, axis=0)


def _dense(jets: Jets, source: slice | NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    longest = max(int(counts.max(initial=0)), 1)
    dense = np.zeros((len(counts) * longest, len(CONSTITUENT_COLUMNS)), np.float32)
    target = positions(np.arange(len(counts)) * longest, counts)
    for column, name in enumerate(CONSTITUENT_COLUMNS):
        dense[target, column] = jets.constituents[name][source]
    return dense.reshape(len(counts), longest, len(CONSTITUENT_COLUMNS))


def _jet_columns(jets: Jets, rows: slice) -> NDArray[np.float32]:
    return np.stack([jets.jet[name][rows] for name in JET_COLUMNS], axis=-1, dtype=np.float32)
