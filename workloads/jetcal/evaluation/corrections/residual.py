"""The residual correction after the network: derived from one sample, applied to another.

In each range of |eta| the median response in bins of pT_gen is inverted and drawn against the mean corrected pT of the
bin; a polynomial in log10(pT) goes through these points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from jetcal.evaluation.binning import Range
from jetcal.evaluation.corrections.eta_bins import EVERYWHERE, JME_ABS_ETA_EDGES, merged_abs_eta, mirrored
from jetcal.evaluation.corrections.points import MIN_ENTRIES, Points, measure, softest
from jetcal.evaluation.corrections.polynomial import Fit, constant, fit
from jetcal.evaluation.response import CALIBRATED, NETWORK, Sample
from jetcal.evaluation.statistics.bootstrap import draw

MIN_JETS = 3000
"""Jets of a range of |eta|: enough to know its scale to about 0.3 %."""

MAX_DEGREE = 6
"""Highest degree of the polynomial, that of the collaboration's fits."""

REFERENCE_PT = 100.0
"""The polynomial's variable is log10(pT / 100 GeV): its first coefficient is the factor at 100 GeV."""


@dataclass(frozen=True)
class EtaResidual:
    """The residual in one range of |eta|.

    Attributes
    ----------
    eta
        Range of |eta|; the correction is the same at both signs.
    jets
        Jets that it was derived from.
    points
        What the polynomial goes through; none if there were too few jets.
    fit
        The polynomial in log10(pT / 100 GeV), 1 without points.
    """

    eta: Range
    jets: int
    points: Points
    fit: Fit

    @property
    def pt_range(self) -> tuple[float, float]:
        """First and last point's pT, GeV; the factor is constant beyond."""
        if not len(self.points):
            return (REFERENCE_PT, REFERENCE_PT)
        return (float(self.points.pt[0]), float(self.points.pt[-1]))

    def factor(self, pt: NDArray[np.floating]) -> NDArray[np.float64]:
        """Factor for jets of that |eta| with the corrected ``pt`` in GeV, shape (N,)."""
        return np.asarray(polynomial.polyval(self._variable(pt), self.fit.coefficients))

    def replicas(self, pt: NDArray[np.floating]) -> NDArray[np.float64]:
        """The factor of each bootstrap replica, shape (N, B) for ``pt`` of shape (N,)."""
        powers = np.vander(self._variable(pt), self.fit.replicas.shape[1], increasing=True)
        return np.asarray(powers @ self.fit.replicas.T)

    def _variable(self, pt: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.log10(np.clip(np.asarray(pt, dtype=np.float64), *self.pt_range) / REFERENCE_PT)


@dataclass(frozen=True)
class Residual:
    """The residual correction.

    Attributes
    ----------
    bins
        By rising |eta|, without gaps, from 0 on; at least one.
    notes
        What a reader must know, in sentences: ranges in which nothing could be derived.
    """

    bins: tuple[EtaResidual, ...]
    notes: tuple[str, ...] = ()

    @property
    def max_abs_eta(self) -> float:
        """Where the derived range ends."""
        return self.bins[-1].eta.high

    def __call__(self, eta: NDArray[np.floating], pt: NDArray[np.floating]) -> NDArray[np.float64]:
        """Factor for the corrected pT of each jet (no unit).

        Parameters
        ----------
        eta, pt
            Jets after the correction that the residual was derived for; shape (N,), pT in GeV.

        Returns
        -------
        NDArray[np.float64]
            Shape (N,); 1 beyond ``max_abs_eta``, where nothing was derived.
        """
        edges, order = mirrored([each.eta for each in self.bins])
        found = np.searchsorted(edges, np.asarray(eta, dtype=np.float64), side="right") - 1
        factor = np.ones(len(found))
        for position, each in enumerate(order):
            chosen = found == position
            factor[chosen] = self.bins[each].factor(pt[chosen])
        return factor

    def applied(self, sample: Sample, correction: str = NETWORK) -> Sample:
        """The sample with one correction more, ``calibrated``: the given one followed by the residual.

        Interval and spread of the given correction go with it: the interval is scaled alike, the relative spread is
        the same.
        """
        factor = self(sample.eta, sample.corrected[correction])
        corrected = {}
        for name, pt in sample.corrected.items():
            corrected[name] = pt
            if name == correction:
                corrected[CALIBRATED] = pt * factor
        intervals, spreads = dict(sample.intervals), dict(sample.spreads)
        if correction in intervals:
            low, high = intervals[correction]
            intervals[CALIBRATED] = (low * factor, high * factor)
        if correction in spreads:
            spreads[CALIBRATED] = spreads[correction]
        return replace(sample, corrected=corrected, intervals=intervals, spreads=spreads)


def derive(sample: Sample, correction: str = NETWORK, *, replicas: int | None = None, seed: int = 1) -> Residual:
    """The residual of a correction.

    Parameters
    ----------
    sample
        Jets on which the closure is not judged afterwards.
    correction
        Name of the correction that the residual follows.
    replicas
        Bootstrap replicas behind the errors; see :func:`jetcal.evaluation.statistics.bootstrap.draw`.
    seed
        Seed of the bootstrap.
    """
    weights = draw(len(sample), np.random.default_rng(seed), sample.events, replicas)
    abs_eta = np.abs(np.asarray(sample.eta, dtype=np.float64))
    cuts = softest(sample)
    bins, notes = [], []
    for eta in merged_abs_eta(JME_ABS_ETA_EDGES, sample.eta, MIN_JETS) or (EVERYWHERE,):
        chosen = np.flatnonzero(eta.contains(abs_eta))
        points = measure(sample, correction, chosen, weights, cuts)
        if not len(points):
            notes.append(
                f"no residual for |eta| {eta}: none of its bins of pT holds {MIN_ENTRIES} jets; the factor is 1"
            )
        bins.append(EtaResidual(eta, len(chosen), points, _fitted(points)))
    return Residual(tuple(bins), tuple(notes))


def _fitted(points: Points) -> Fit:
    if not len(points):
        return constant(1.0, points.replicas.shape[1])
    return fit(np.log10(points.pt / REFERENCE_PT), points.factor, points.error, points.replicas, MAX_DEGREE)
