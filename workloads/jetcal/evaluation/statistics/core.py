"""The Gaussian core of a distribution: mean and width of what lies within two widths, as if the rest were Gaussian."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

REACH = 2.0
"""Half-width of the window, in standard deviations of the core."""

_DENSITY = math.exp(-(REACH**2) / 2) / math.sqrt(2 * math.pi)
_INSIDE = math.erf(REACH / math.sqrt(2))
_EDGE = 2 * REACH * _DENSITY

KEPT_VARIANCE = 1 - _EDGE / _INSIDE
"""Variance of a Gaussian truncated at +-2 standard deviations, over that of the whole: 0.774."""

_ROUNDS = 40


class Core:
    """Mean and standard deviation of the Gaussian core of N values, in their unit.

    Those m and s for which the values between m - 2 s and m + 2 s have mean m and variance 0.774 s^2, the variance of a
    Gaussian truncated there (Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions*, vol. 1, 13.10);
    found by iteration, whose distance from the solution halves each time. Tails beyond the window do not enter.

    Parameters
    ----------
    ordered
        Shape (N,), N > 0, rising.
    start, width
        Where the iteration starts: a robust centre and standard deviation.
    """

    def __init__(self, ordered: NDArray[np.float64], start: float, width: float) -> None:
        around = ordered - start
        self._sums = np.concatenate([[0.0], np.cumsum(around)])
        self._squares = np.concatenate([[0.0], np.cumsum(around * around)])
        self._away, self._sigma = 0.0, width
        self._window = (0, 0)
        for _ in range(_ROUNDS):
            reach = REACH * self._sigma
            first, last = (int(each) for each in around.searchsorted((self._away - reach, self._away + reach)))
            if last - first < 2 or (first, last) == self._window:  # noqa: PLR2004 - a variance needs two
                break
            self._window = (first, last)
            count = last - first
            self._away = float(self._sums[last] - self._sums[first]) / count
            variance = float(self._squares[last] - self._squares[first]) / count - self._away**2
            self._sigma = math.sqrt(max(variance, 0.0) / KEPT_VARIANCE)
        self.mean = start + self._away
        self.sigma = self._sigma

    def moved_by(self, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the values of each run of neighbours, counted once more, add to N times mean and standard deviation.

        One Newton step of the two equations that define the core, their derivatives those of a Gaussian that fills the
        window: to first order a replica's core is the sample's plus the weighted mean of these, and the window follows.

        Parameters
        ----------
        at
            Number of values before each edge of K runs, shape (K + 1,).

        Returns
        -------
        NDArray[np.float64]
            Shape (K, 2).
        """
        first, last = self._window
        share = max(last - first, 1) / (len(self._sums) - 1) / _INSIDE
        inside = np.clip(at, first, last)
        jets, sums, squares = np.diff(inside), np.diff(self._sums[inside]), np.diff(self._squares[inside])
        away = sums - jets * self._away
        excess = squares - 2 * self._away * sums + jets * (self._away**2 - KEPT_VARIANCE * self._sigma**2)
        width_slope = share * self._sigma * (2 * KEPT_VARIANCE * _INSIDE - _EDGE * (REACH**2 - KEPT_VARIANCE))
        wider = excess / width_slope if width_slope else np.zeros_like(excess)
        return np.stack([away / (share * (_INSIDE - _EDGE)), wider], axis=1)
