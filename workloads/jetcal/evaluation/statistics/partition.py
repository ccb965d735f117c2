"""Disjoint base cells of a sample, and the cells that are unions of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import Range


@dataclass(frozen=True)
class Axis:
    """One quantity in disjoint bins, and runs of neighbouring bins.

    Attributes
    ----------
    place
        Bin of each jet, shape (N,); -1 outside all bins.
    bins
        Number of bins.
    runs
        First bin and the bin after the last of each run.
    """

    place: NDArray[np.int64]
    bins: int
    runs: tuple[tuple[int, int], ...]


def along(values: NDArray[np.floating], ranges: Sequence[Range]) -> Axis:
    """The axis on which each of the ranges, which may overlap, is a run; ``values`` of shape (N,)."""
    edges = np.unique([edge for each in ranges for edge in (each.low, each.high)])
    place = np.searchsorted(edges, np.asarray(values, dtype=np.float64), side="right") - 1
    place[place == len(edges) - 1] = -1
    runs = tuple((int(np.searchsorted(edges, each.low)), int(np.searchsorted(edges, each.high))) for each in ranges)
    return Axis(place, len(edges) - 1, runs)


@dataclass(frozen=True)
class Partition:
    """The occupied base cells and the cells that they make up.

    Attributes
    ----------
    base
        Base cell of each jet, shape (N,); -1 outside all of them.
    order
        The jets inside, sorted by base cell.
    jets
        Number of jets of each base cell, shape (M,).
    cells
        Base cells of each cell: one for each combination of one run from each axis, the last axis varying fastest.
    """

    base: NDArray[np.int64]
    order: NDArray[np.int64]
    jets: NDArray[np.int64]
    cells: tuple[NDArray[np.int64], ...]

    def totals(self, values: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """Sum over the jets of each cell of the values of shape (N,), or of ones; shape (C,)."""
        weights = None if values is None else values[self.order]
        sums = np.bincount(self.base[self.order], weights, len(self.jets))
        return np.array([sums[members].sum() for members in self.cells], dtype=np.float64)


def partition(axes: Sequence[Axis]) -> Partition:
    """Every combination of bins that holds a jet is a base cell, every combination of runs a cell."""
    shape = tuple(axis.bins for axis in axes)
    inside = np.logical_and.reduce([axis.place >= 0 for axis in axes])
    label = np.ravel_multi_index([axis.place[inside] for axis in axes], shape)
    counts = np.bincount(label, minlength=int(np.prod(shape)))
    number = np.full(len(counts), -1, dtype=np.int64)
    number[counts > 0] = np.arange(np.count_nonzero(counts))
    base = np.full(len(inside), -1, dtype=np.int64)
    base[inside] = number[label]
    grid = number.reshape(shape)
    runs = product(*([slice(*run) for run in axis.runs] for axis in axes))
    members = (grid[run].ravel() for run in runs)
    chosen = np.flatnonzero(inside)
    order = chosen[sorted_by(base[chosen])]
    return Partition(base, order, counts[counts > 0], tuple(each[each >= 0] for each in members))


def sorted_by(keys: NDArray[np.integer]) -> NDArray[np.int64]:
    """Stable order of small numbers >= 0, shape (N,); below 65536 in time proportional to N."""
    small = keys.astype(np.uint16) if keys.max(initial=0) <= np.iinfo(np.uint16).max else keys
    return np.argsort(small, kind="stable")
