"""Bins of the response, fine enough for every cell, in which replicas are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_MEDIAN = 0.08
"""Width of a bin at a cell's median, in its standard deviations: 3 % of a Gaussian's jets."""

_AWAY = 0.06
"""What a bin grows by with its distance from a cell's median."""

_REACH = 20.0
_POINTS = 1 << 13


def response_edges(
    medians: NDArray[np.floating], widths: NDArray[np.floating], low: float, high: float
) -> NDArray[np.float64]:
    """Edges, shape (K + 1,), rising, from ``low`` to ``high``.

    Inside a bin, replicas interpolate: they miss the fluctuations there, whose variance relative to the whole is at
    most the share of jets in the bin (that of a Brownian bridge). So bins are narrow where any cell has many jets.

    Parameters
    ----------
    medians, widths
        Median and robust standard deviation of the response in each cell, shape (C,), C > 0 (no unit).
    low, high
        Smallest and largest response (no unit).
    """
    widths = np.maximum(widths, 1e-6)
    first = max(low, float((medians - _REACH * widths).min()))
    last = min(high, float((medians + _REACH * widths).max()))
    points = np.linspace(first, last, _POINTS)
    density = np.zeros(_POINTS)
    for median, width in zip(medians, widths, strict=True):
        density = np.maximum(density, 1 / (_AT_MEDIAN * width + _AWAY * np.abs(points - median)))
    bins = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(points))])
    count = max(1, int(np.ceil(bins[-1])))
    edges = np.interp(np.linspace(0, bins[-1], count + 1), bins, points)
    edges[0], edges[-1] = low, np.nextafter(high, np.inf)
    return edges
