"""Ranges of |eta| in which corrections are derived: those of the collaboration, joined until they hold enough jets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import Range

JME_ABS_ETA_EDGES = (
    *(0.0, 0.087, 0.174, 0.261, 0.348, 0.435, 0.522, 0.609, 0.696, 0.783, 0.879, 0.957, 1.044, 1.131, 1.218, 1.305),
    *(1.392, 1.479, 1.566, 1.653, 1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.853, 2.964, 3.139, 3.314),
    *(3.489, 3.664, 3.839, 4.013, 4.191, 4.363, 4.538, 4.716, 4.889, 5.191),
)
"""Towers of the CMS calorimeter: the bins of |eta| in which the collaboration derives its corrections."""

EVERYWHERE = Range(0.0, JME_ABS_ETA_EDGES[-1])
"""The whole detector."""


def outer_edge(abs_eta: NDArray[np.floating]) -> float:
    """The first edge beyond all jets, the last one if there is none; ``abs_eta`` of shape (N,), N > 0."""
    edges = np.array(JME_ABS_ETA_EDGES)
    return float(edges[min(int(np.searchsorted(edges, abs_eta.max(), side="right")), len(edges) - 1)])


def merged(edges: NDArray[np.floating], values: NDArray[np.floating], min_jets: int) -> tuple[Range, ...]:
    """Neighbouring bins joined, from the lowest on, until each holds enough jets; the last takes what is left.

    Parameters
    ----------
    edges
        Rising, shape (B + 1,), B > 0.
    values
        One number a jet, shape (N,); those outside the edges count for nothing.
    min_jets
        Fewest jets of a bin; one bin over everything may hold fewer.
    """
    counts = np.histogram(values, edges)[0]
    kept = [float(edges[0])]
    gathered = 0
    for count, high in zip(counts, edges[1:], strict=True):
        gathered += int(count)
        if gathered >= min_jets:
            kept.append(float(high))
            gathered = 0
    kept = [*kept[: max(1, len(kept) - 1)], float(edges[-1])]
    return tuple(Range(low, high) for low, high in pairwise(kept))


def merged_abs_eta(edges: Sequence[float], eta: NDArray[np.floating], min_jets: int) -> tuple[Range, ...]:
    """Ranges of |eta| as far out as the collaboration's bins hold jets, joined; none without jets.

    Parameters
    ----------
    edges
        Of |eta|, rising from 0; those beyond the jets are left out.
    eta
        Pseudorapidity of the jets, shape (N,).
    min_jets
        See :func:`merged`.
    """
    if not len(eta):
        return ()
    abs_eta = np.abs(np.asarray(eta, dtype=np.float64))
    outer = outer_edge(abs_eta)
    return merged(np.array([*(edge for edge in edges if edge < outer), outer]), abs_eta, min_jets)


def mirrored(ranges: Sequence[Range]) -> tuple[NDArray[np.float64], list[int]]:
    """Ranges of |eta| on both sides of zero.

    Parameters
    ----------
    ranges
        n of them, rising from 0 without gaps.

    Returns
    -------
    tuple
        Edges in eta, rising, shape (2n + 1,), and the index of the range between each two of them.
    """
    high = np.array([each.high for each in ranges])
    outside_in = range(len(ranges) - 1, -1, -1)
    return np.concatenate([-high[::-1], [0.0], high]), [*outside_in, *range(len(ranges))]
