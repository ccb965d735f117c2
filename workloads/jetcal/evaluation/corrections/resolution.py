"""The resolution after the calibration as a function of pT and |eta|: what an analysis smears jets by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import PT_BINS, Range
from jetcal.evaluation.corrections.eta_bins import merged_abs_eta
from jetcal.evaluation.corrections.points import MIN_ENTRIES, cut_into, softest
from jetcal.evaluation.response import CALIBRATED, Sample
from jetcal.evaluation.statistics.bootstrap import draw, quantiles
from jetcal.evaluation.statistics.summary import interquartile_resolution

ABS_ETA_EDGES = (0.0, 0.5, 0.8, 1.1, 1.3, 1.7, 1.9, 2.1, 2.3, 2.5, 2.8, 3.0, 3.2, 4.7, 5.191)
"""Bins of |eta| in which the collaboration gives resolutions."""

MIN_JETS = 5000
"""Jets of a range of |eta|."""

EXPONENTS = (-1.0, -0.9, -1.1, -0.8, -1.2, -0.7, -1.3, -0.6, -1.4, -0.5, -1.5, -0.4, -1.6, -0.3, -1.7)
"""Powers of pT that the stochastic term is tried with; -1, of independent shower particles, if all are as good."""

SMALLEST = 1e-4
"""No point of a resolution counts as better known than this."""


@dataclass(frozen=True)
class EtaResolution:
    """The resolution in one range of |eta|.

    Attributes
    ----------
    eta
        Range of |eta|; the resolution is the same at both signs.
    jets
        Jets that it was measured with.
    pt
        Mean generator pT of each point, GeV, shape (n,).
    value, error
        (q75 - q25) / 1.349 / q50 of the response at each point and its bootstrap error (no unit), shape (n,).
    parameters
        p0 (GeV), p1, p2, p3 of sqrt(p0 |p0| / pT^2 + p1^2 pT^p3 + p2^2), shape (4,).
    chi2
        Sum of squared distances of the squared resolution in units of its error.
    """

    eta: Range
    jets: int
    pt: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    parameters: NDArray[np.float64]
    chi2: float

    @property
    def pt_range(self) -> tuple[float, float]:
        """Mean pT of the first and last point, GeV; the resolution is constant beyond."""
        return (float(self.pt[0]), float(self.pt[-1]))

    def __call__(self, pt: NDArray[np.floating]) -> NDArray[np.float64]:
        """Relative resolution of jets of that |eta| with ``pt`` in GeV, same shape."""
        x = np.clip(np.asarray(pt, dtype=np.float64), *self.pt_range)
        p0, p1, p2, p3 = self.parameters
        return np.asarray(np.sqrt(np.maximum(p0 * abs(p0) / x**2 + p1**2 * x**p3 + p2**2, 0.0)))


def derive(sample: Sample, correction: str = CALIBRATED, *, seed: int = 1) -> tuple[EtaResolution, ...]:
    """The resolution of a correction by rising |eta|, in ranges without gaps; none if a range has no point.

    Points lie in the collaboration's bins of generator pT with at least ``MIN_ENTRIES`` jets, as far as no cut on
    measured pT reaches into them.

    Parameters
    ----------
    sample
        Jets from which the correction was not derived.
    correction
        Name of the correction.
    seed
        Seed of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    abs_eta = np.abs(np.asarray(sample.eta, dtype=np.float64))
    cuts, response = softest(sample), sample.response(correction)
    found = []
    for eta in merged_abs_eta(ABS_ETA_EDGES, sample.eta, MIN_JETS):
        in_eta = np.flatnonzero(eta.contains(abs_eta))
        rows = []
        for pt in PT_BINS:
            chosen = in_eta[pt.contains(sample.gen_pt[in_eta])]
            if len(chosen) < MIN_ENTRIES or cut_into(sample, chosen, pt.low, cuts):
                continue
            events = None if sample.events is None else sample.events[chosen]
            weights = draw(len(chosen), rng, events)
            resolution = interquartile_resolution(*quantiles(response[chosen], weights, (0.25, 0.5, 0.75)))
            error = max(resolution.error, SMALLEST)
            rows.append((sample.gen_pt[chosen].mean(dtype=np.float64), max(resolution.value, SMALLEST), error))
        if not rows:
            return ()
        mean_pt, value, error_ = np.array(rows).T
        found.append(EtaResolution(eta, len(in_eta), mean_pt, value, error_, *fit(mean_pt, value, error_)))
    return tuple(found)


def fit(
    pt: NDArray[np.float64], value: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Noise, stochastic and constant term, of which those are kept that lower chi2 by more than two each.

    The square of the resolution is linear in p0 |p0|, p1^2 and p2^2 for a given p3, so every combination of terms and
    every p3 of ``EXPONENTS`` is solved exactly; p1^2 and p2^2 must not be negative.

    Parameters
    ----------
    pt, value, error
        Points, shape (n,), n > 0: GeV, and the resolution with its error above zero.

    Returns
    -------
    tuple
        p0 (GeV), p1, p2, p3, and chi2.
    """
    square, weight = value**2, 1 / (2 * value * error)
    best, chi2, lowest = np.array([0.0, 0.0, np.sqrt(np.average(square, weights=weight**2)), -1.0]), np.inf, np.inf
    for exponent, use in product(EXPONENTS, product((False, True), repeat=3)):
        terms = np.flatnonzero(use)
        if not 0 < len(terms) <= len(pt):
            continue
        basis = np.stack([pt**-2.0, pt**exponent, np.ones_like(pt)], axis=1)[:, terms]
        size = np.abs(basis).max(axis=0)
        solution = np.linalg.lstsq(basis / size * weight[:, None], square * weight, rcond=None)[0] / size
        squares = np.zeros(3)
        squares[terms] = solution
        model = basis @ solution
        distance = float((((square - model) * weight) ** 2).sum())
        if (squares[1:] < 0).any() or (model <= 0).any() or distance + 2 * len(terms) >= lowest:
            continue
        lowest, chi2 = distance + 2 * len(terms), distance
        best = np.array([np.sign(squares[0]) * np.sqrt(abs(squares[0])), *np.sqrt(squares[1:]), exponent])
    return best, chi2
