"""Ragged data as flat arrays: rows of many events one after another, found by offsets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def offsets_of(counts: Ints) -> Ints:
    """Offsets (n + 1,) of rows with the given lengths (n,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """``start, start + 1, ...`` for each row, one row after another."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)


def pairs(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows that lie in the same event.

    Parameters
    ----------
    left
        Event of each left row, any order, shape (n,).
    right
        Offsets of the right rows, shape (events + 1,).

    Returns
    -------
    Index of the left row and of the right row of each pair, ordered by left, then right.
    """
    lengths = np.diff(right)[left]
    return np.repeat(np.arange(len(left)), lengths), ranges(right[left], lengths)


def wrapped(phi: Floats) -> Floats:
    """The same angle in [-pi, pi)."""
    return np.asarray(np.mod(phi + np.pi, 2 * np.pi) - np.pi)


def delta_phi(a: Floats, b: Floats) -> Floats:
    """The angle ``a - b`` brought into [-pi, pi)."""
    return wrapped(a - b)


def groups(keys: Ints) -> tuple[Ints, Ints, int]:
    """Group equal keys.

    Returns
    -------
    Group number of each row, the row where each group shows up first, and the number of groups.
    """
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return group, first, len(first)


def best_of(owner: Ints, score: Floats) -> tuple[Ints, Ints]:
    """The row of the highest score for each owner that has any row.

    Returns
    -------
    Owners that have a row, and the row of each.
    """
    order = np.lexsort((-score, owner))
    sorted_owner = owner[order]
    first = np.flatnonzero(np.diff(sorted_owner, prepend=-1))
    return sorted_owner[first], order[first]
