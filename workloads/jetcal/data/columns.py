"""Numbers of a piece of a tree: one for all, one an entry or a list an entry, and how they meet each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """A number, one number for each of N entries, or a list of numbers for each of N entries.

    Attributes
    ----------
    values
        Shape () for a number, (N,) for one an entry, (M,) for lists, one after the other.
    offsets
        int64 (N + 1,) for lists: entry i has ``values[offsets[i]:offsets[i + 1]]``; else None.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64] | None = None


class RefusedError(Exception):
    """What is wrong, to be told together with the formula."""


def whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """The values cut to whole numbers; -1 for those that are not finite."""
    if values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, -1)
    return values.astype(np.int64)


def repeated(column: Column, offsets: NDArray[np.int64]) -> NDArray[Any]:
    """A column's value for each item of the lists with ``offsets``; ``RefusedError`` if its own have other lengths."""
    count = int(offsets[-1])
    if column.values.ndim == 0:
        return np.broadcast_to(column.values, (count,))
    if column.offsets is None:
        return np.repeat(column.values, np.diff(offsets))
    if not np.array_equal(column.offsets, offsets):
        message = "lists of different lengths meet; take values of one by an index, as in A_pt[B_aIdx]"
        raise RefusedError(message)
    return column.values


def taken(array: Column, index: Column) -> Column:
    """The values of a list at an index, one or a list of them an entry; 0 where it is negative or beyond the end.

    Raises
    ------
    RefusedError
        If there is no list to take from, or the index is a condition.
    """
    if array.offsets is None or index.values.dtype.kind == "b":
        message = "there is no list to take values from" if array.offsets is None else "a condition is no index"
        raise RefusedError(message)
    first, counts = array.offsets[:-1], np.diff(array.offsets)
    if index.offsets is not None:
        lengths = np.diff(index.offsets)
        first, counts = np.repeat(first, lengths), np.repeat(counts, lengths)
    wanted = np.broadcast_to(whole(index.values), first.shape)
    there = (wanted >= 0) & (wanted < counts)
    found = np.zeros(len(first), array.values.dtype)
    found[there] = array.values[(first + wanted)[there]]
    return Column(found, index.offsets)
