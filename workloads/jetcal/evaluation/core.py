"""The Gaussian core of a distribution: mean and width of what lies within two widths, as if the rest were Gaussian."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

REACH = 2.0
"""Half-width of the window, in standard deviations of the core."""

_DENSITY = math.exp(-(REACH**2) / 2) / math.sqrt(2 * math.pi)
_INSIDE = math.erf(REACH / math.sqrt(2))

KEPT_VARIANCE = 1 - 2 * REACH * _DENSITY / _INSIDE
"""Variance of a Gaussian truncated at +-2 standard deviations, over that of the whole: 0.774."""

_ROUNDS = 30


def core(ordered: NDArray[np.float64], start: float, width: float) -> tuple[float, float]:
    """Mean and standard deviation of the Gaussian core.

    Those m and s for which the values between m - 2 s and m + 2 s have mean m and variance 0.774 s^2, the variance of a
    Gaussian truncated there (Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions*, vol. 1, 13.10);
    found by iteration, whose distance from the solution halves each time. Tails beyond the window do not enter.

    Parameters
    ----------
    ordered
        Shape (N,), N > 0, rising.
    start, width
        Where the iteration starts: a robust centre and standard deviation, in the unit of the values.
    """
    around = ordered - start
    sums = np.concatenate([[0.0], np.cumsum(around)])
    squares = np.concatenate([[0.0], np.cumsum(around**2)])
    mean, sigma = 0.0, width
    for _ in range(_ROUNDS):
        first, last = np.searchsorted(around, (mean - REACH * sigma, mean + REACH * sigma))
        if last - first < 2:  # noqa: PLR2004 - a variance needs two
            break
        count = last - first
        centre = (sums[last] - sums[first]) / count
        variance = (squares[last] - squares[first]) / count - centre**2
        mean, sigma = float(centre), math.sqrt(max(float(variance), 0.0) / KEPT_VARIANCE)
    return start + mean, sigma


def influence(values: NDArray[np.float64], mean: float, sigma: float) -> tuple[NDArray[np.float64], ...]:
    """How much each value, counted once more, moves N times mean and N times standard deviation of the core.

    One Newton step of the two equations that define the core, their derivatives those of a Gaussian that fills the
    window. To first order, a replica's core is the sample's plus the weighted mean of these; it knows that the window
    follows.

    Parameters
    ----------
    values
        Shape (N,).
    mean, sigma
        From :func:`core`.
    """
    away = values - mean
    inside = np.abs(away) < REACH * sigma
    share = max(float(inside.mean()), 1 / len(values)) / _INSIDE
    edge = 2 * REACH * _DENSITY
    centre_slope = share * (_INSIDE - edge)
    width_slope = share * sigma * (2 * KEPT_VARIANCE * _INSIDE - edge * (REACH**2 - KEPT_VARIANCE))
    moved = np.where(inside, away, 0.0) / centre_slope
    if not width_slope:
        return moved, np.zeros_like(moved)
    return moved, np.where(inside, away**2 - KEPT_VARIANCE * sigma**2, 0.0) / width_slope
