"""Sources of uncertainty of the calibrated scale in one bin, one definition to a function.

All are relative changes of the calibrated pT. A response above one means that the pT is too high, so that the true pT
is lower: an uncertainty downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import MIN_JETS
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.flavour import GROUPS, members
from jetcal.evaluation.statistics import bootstrap
from jetcal.evaluation.statistics.estimate import Estimate

DEFINITIONS = {
    "statistical": "bootstrap error of the median response of the test jets; the jets of an event are drawn together",
    "fit": "standard deviation of the residual factor when its fit is repeated on bootstrap replicas of the validation "
    "jets",
    "closure": "median response of the test jets minus 1, less its statistical error in quadrature, on the side on "
    "which the true pT lies",
    "flavour": "half the distance from the median response of all test jets to the lowest (up) and highest (down) of "
    "uds, c, b and g, less its statistical error in quadrature: one half of the sample has the flavours of the test "
    "jets and the other half only that one",
    "prior": "change of the median response at fixed calibrated pT when the test jets are weighted by pT(gen) and by "
    "1 / pT(gen): a spectrum that is harder or softer by one power of pT",
    "ensemble": "median over the test jets of the standard deviation of ln(correction) over the members of the "
    "ensemble; no part of the total, for it scatters from jet to jet and is in the resolution",
}
SYSTEMATIC = (
    "median response of the sample {name} divided by that of the test jets, minus 1; to both sides, for two models "
    "tell how far apart they are and not on which side the truth is"
)


@dataclass(frozen=True)
class Deviation:
    """What a source does in one bin (no unit).

    Attributes
    ----------
    up, down
        How much higher and lower the true pT may be, relative to the calibrated one; not negative.
    error
        Statistical error of the larger one; None where the source is such an error itself.
    """

    up: float
    down: float
    error: float | None = None


def statistical(median: Estimate) -> Deviation:
    """See ``DEFINITIONS``; ``median`` is that of the response."""
    return Deviation(median.error / median.value, median.error / median.value)


def closure(median: Estimate) -> Deviation:
    """See ``DEFINITIONS``; ``median`` is that of the response."""
    distance = significant(median - 1.0)
    return Deviation(max(0.0, -distance), max(0.0, distance), median.error)


def flavour(
    median: Estimate,
    response: NDArray[np.floating],
    flavours: NDArray[np.floating] | NDArray[np.integer],
    weights: NDArray[np.uint8],
) -> Deviation | None:
    """See ``DEFINITIONS``; flavours with fewer than ``MIN_JETS`` jets are left out, None without any.

    Parameters
    ----------
    median
        Median response of all N jets.
    response, flavours
        Response and absolute PDG id of each jet, shape (N,).
    weights
        Bootstrap weights behind ``median``, shape (N, B).
    """
    distances = []
    for group in GROUPS:
        chosen = members(flavours, group)
        if chosen.sum() >= MIN_JETS:
            distances.append((bootstrap.median(response[chosen], weights[chosen]) / median - 1.0) / 2.0)
    if not distances:
        return None
    low = max((-significant(each), each.error) for each in distances)
    high = max((significant(each), each.error) for each in distances)
    return Deviation(max(0.0, low[0]), max(0.0, high[0]), max(low, high)[1])


def significant(distance: Estimate) -> float:
    """The distance less its statistical error in quadrature, with its sign; 0 if it is smaller than its error."""
    return float(np.copysign(np.sqrt(max(distance.value**2 - distance.error**2, 0.0)), distance.value))


def prior(response: NDArray[np.floating], gen_pt: NDArray[np.floating], weights: NDArray[np.uint8]) -> Deviation:
    """See ``DEFINITIONS``.

    A calibration that closes at fixed generator pT has a response at fixed calibrated pT that depends on the spectrum,
    because more jets fluctuate up from where there are more. To first order one power of pT shifts it by the square of
    the relative resolution.

    Parameters
    ----------
    response, gen_pt
        Jets whose calibrated pT lies in the bin, shape (N,); GeV.
    weights
        Bootstrap weights, shape (N, B).
    """
    order = np.argsort(response)
    counts = np.concatenate([np.ones((len(order), 1)), weights[order]], axis=1)
    medians = []
    for power in (0, 1, -1):
        cumulative = np.cumsum(counts * (gen_pt[order, None] / gen_pt.mean()) ** power, axis=0)
        medians.append(response[order][(cumulative < cumulative[-1] / 2).sum(axis=0)])
    shifts = [Estimate(float(each[0]), each[1:]) for each in (medians[1] / medians[0] - 1, medians[2] / medians[0] - 1)]
    values = [shift.value for shift in shifts]
    return Deviation(max(0.0, -min(values)), max(0.0, *values), max(shifts, key=lambda shift: abs(shift.value)).error)


def fit(residual: Residual, eta: NDArray[np.floating], pt: float) -> Deviation:
    """See ``DEFINITIONS``: root mean square over jets at ``eta`` of shape (N,), all with ``pt`` in GeV."""
    variance = total = 0.0
    for each in residual.bins:
        jets = int(each.eta.contains(np.abs(np.asarray(eta, dtype=np.float64))).sum())
        variance += jets * float(np.std(each.replicas(np.array([pt])), ddof=1) / each.factor(np.array([pt]))[0]) ** 2
        total += jets
    size = float(np.sqrt(variance / total)) if total else 0.0
    return Deviation(size, size)


def ensemble(spread: NDArray[np.floating]) -> Deviation:
    """See ``DEFINITIONS``; ``spread`` of shape (N,), N > 0."""
    size = float(np.median(spread))
    return Deviation(size, size)


def systematic(nominal: Estimate, other: Estimate) -> Deviation:
    """See ``SYSTEMATIC``; both are median responses."""
    difference = other.value / nominal.value - 1
    error = float(np.hypot(other.error / nominal.value, nominal.error * other.value / nominal.value**2))
    return Deviation(abs(difference), abs(difference), error)
