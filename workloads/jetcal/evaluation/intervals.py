"""How often the truth lies in the interval that a network predicts for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.bootstrap import weighted_share
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.response import Sample

NOMINAL_COVERAGE = 0.68
"""Share of the jets between the 16 % and the 84 % quantile."""


@dataclass(frozen=True)
class Coverage:
    """Shares of the jets by where pT_gen lies (no unit).

    Attributes
    ----------
    inside
        Between the predicted 16 % and 84 % quantiles; 0.68 if they are right.
    below
        Below the predicted 16 % quantile; 0.16 if it is right.
    above
        Above the predicted 84 % quantile; 0.16 if it is right.
    """

    inside: Estimate
    below: Estimate
    above: Estimate


def coverage(sample: Sample, correction: str, chosen: NDArray[np.bool_], weights: NDArray[np.uint8]) -> Coverage:
    """Coverage of the correction's interval over the chosen jets.

    Parameters
    ----------
    sample
        N jets.
    correction
        One of ``sample.intervals``.
    chosen
        Shape (N,), at least one true.
    weights
        Shape (N, B).
    """
    low, high = (end[chosen] for end in sample.intervals[correction])
    truth = sample.gen_pt[chosen]
    weights = weights[chosen]
    below = weighted_share(truth < low, weights)
    above = weighted_share(truth > high, weights)
    return Coverage(inside=1.0 - (below + above), below=below, above=above)


def predicts_interval(low: NDArray[np.floating], high: NDArray[np.floating]) -> bool:
    """Whether the ends differ at all: networks trained without a quantile loss give the median three times."""
    return bool(np.any(high > low))
