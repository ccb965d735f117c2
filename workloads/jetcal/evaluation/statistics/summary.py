"""Robust statistics of a response distribution, one formula to a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.statistics.core import Core
from jetcal.evaluation.statistics.estimate import Estimate

IQR_OF_GAUSSIAN = 1.349
"""Interquartile range of a Gaussian in units of its standard deviation."""

HALF_87_OF_GAUSSIAN = 1.514
"""Half-width of the central 87 % of a Gaussian in units of its standard deviation."""

TAIL_WIDTH = 3.0
"""Distance from the median, in robust standard deviations, beyond which a response counts as tail."""

SHARES = (0.065, 0.16, 0.25, 0.5, 0.75, 0.84, 0.935)
"""The quantiles that the formulas need."""


class Number(Protocol):
    """What the formulas need of their arguments."""

    def __sub__(self, other: Self, /) -> Self: ...
    def __truediv__(self, other: Self | float, /) -> Self: ...


N = TypeVar("N", bound=Number)


def interquartile_resolution(q25: N, q50: N, q75: N) -> N:
    """Relative resolution (q75 - q25) / 1.349 / q50 (no unit); sigma/mean for a Gaussian.

    Division by the median makes it blind to the scale: shrinking every jet does not look like a gain.
    """
    return (q75 - q25) / IQR_OF_GAUSSIAN / q50


def central_resolution(q16: N, q50: N, q84: N) -> N:
    """Relative resolution (q84 - q16) / 2 / q50 (no unit); 0.994 sigma/mean for a Gaussian."""
    return (q84 - q16) / 2.0 / q50


def wide_resolution(q065: N, q50: N, q935: N) -> N:
    """Relative resolution (q93.5 - q6.5) / (2 x 1.514) / q50 (no unit): the central 87 %; sigma/mean for a Gaussian."""
    return (q935 - q065) / (2 * HALF_87_OF_GAUSSIAN) / q50


@dataclass(frozen=True)
class Plain:
    """What the statistics of N responses are made of.

    Attributes
    ----------
    quantiles
        At ``SHARES``, shape (7,) (no unit).
    core
        Their Gaussian core.
    between
        How many responses lie in the lower tail, and how many not in the upper one.
    jets
        Number N.
    """

    quantiles: NDArray[np.float64]
    core: Core
    between: tuple[int, int]
    jets: int

    @property
    def statistics(self) -> tuple[float, ...]:
        """The numbers of ``STATISTICS``."""
        low, high = self.between
        quantiles = tuple(float(each) for each in self.quantiles)
        tails = (low / self.jets, 1 - high / self.jets)
        return statistics(quantiles, self.core.mean, self.core.sigma, *tails)


def plain(ordered: NDArray[np.float64]) -> Plain:
    """The statistics of the responses ``ordered``, rising, shape (N,), N > 0 (no unit).

    Quantiles interpolate linearly between neighbouring jets.
    """
    rank = np.array(SHARES) * (len(ordered) - 1)
    below, above = ordered[np.floor(rank).astype(np.int64)], ordered[np.ceil(rank).astype(np.int64)]
    quantiles = below + (rank % 1) * (above - below)
    _, _, q25, q50, q75, _, _ = (float(each) for each in quantiles)
    width = (q75 - q25) / IQR_OF_GAUSSIAN
    low, high = q50 - TAIL_WIDTH * width, q50 + TAIL_WIDTH * width
    between = (int(ordered.searchsorted(low, side="left")), int(ordered.searchsorted(high, side="right")))
    return Plain(quantiles, Core(ordered, q50, width), between, len(ordered))


@dataclass(frozen=True)
class Summary:
    """Scale and width of the response of N jets, all without unit.

    Attributes
    ----------
    median
        Median response: the scale.
    resolution
        (q75 - q25) / 1.349 / q50.
    resolution_68
        (q84 - q16) / 2 / q50.
    resolution_87
        (q93.5 - q6.5) / (2 x 1.514) / q50.
    core_mean
        Mean of the Gaussian core, see :func:`jetcal.evaluation.statistics.core.Core`.
    core_resolution
        Standard deviation of the Gaussian core / q50.
    tails_low, tails_high
        Share of the jets more than 3 robust standard deviations (q75 - q25) / 1.349 below and above the median; 0.00135
        each for a Gaussian.
    """

    median: Estimate
    resolution: Estimate
    resolution_68: Estimate
    resolution_87: Estimate
    core_mean: Estimate
    core_resolution: Estimate
    tails_low: Estimate
    tails_high: Estimate

    @property
    def tails(self) -> Estimate:
        """Share of the jets in either tail; 0.0027 for a Gaussian."""
        return self.tails_low + self.tails_high


STATISTICS = tuple(Summary.__dataclass_fields__)
"""Names of the statistics in the order of :func:`statistics`."""


def statistics(quantiles: tuple[N, ...], core_mean: N, core_sigma: N, tails_low: N, tails_high: N) -> tuple[N, ...]:
    """The statistics of ``STATISTICS`` from quantiles at ``SHARES``, core and tails, as numbers or of all replicas."""
    q065, q16, q25, q50, q75, q84, q935 = quantiles
    return (
        q50,
        interquartile_resolution(q25, q50, q75),
        central_resolution(q16, q50, q84),
        wide_resolution(q065, q50, q935),
        core_mean,
        core_sigma / q50,
        tails_low,
        tails_high,
    )
