"""Robust statistics of a response distribution, one formula to a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.bootstrap import Resampled
from jetcal.evaluation.estimate import Estimate

IQR_OF_GAUSSIAN = 1.349
"""Interquartile range of a Gaussian in units of its standard deviation."""

TAIL_WIDTH = 3.0
"""Distance from the median, in robust standard deviations, beyond which a response counts as tail."""


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


@dataclass(frozen=True)
class Summary:
    """Scale and width of the response of N jets.

    Attributes
    ----------
    median
        Median response: the scale (no unit).
    resolution
        (q75 - q25) / 1.349 / q50 (no unit).
    resolution_68
        (q84 - q16) / 2 / q50 (no unit).
    tails
        Share of the jets further than 3 robust standard deviations (q75 - q25) / 1.349 from the median; 0.0027 for a
        Gaussian.
    """

    median: Estimate
    resolution: Estimate
    resolution_68: Estimate
    tails: Estimate


def summarise(response: NDArray[np.floating], weights: NDArray[np.uint8]) -> Summary:
    """Scale and width of a response distribution with their bootstrap replicas.

    Parameters
    ----------
    response
        Shape (N,), N > 0, finite (no unit).
    weights
        Shape (N, B), see :func:`jetcal.evaluation.bootstrap.poisson_weights`.
    """
    jets = Resampled(response, weights)
    q16, q25, q50, q75, q84 = (jets.quantile(share) for share in (0.16, 0.25, 0.5, 0.75, 0.84))
    distance = TAIL_WIDTH * (q75.value - q25.value) / IQR_OF_GAUSSIAN
    core = jets.share_below(q50.value + distance) - jets.share_below(q50.value - distance)
    return Summary(
        median=q50,
        resolution=interquartile_resolution(q25, q50, q75),
        resolution_68=central_resolution(q16, q50, q84),
        tails=1.0 - core,
    )
