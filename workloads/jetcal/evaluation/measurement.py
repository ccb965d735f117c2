"""The whole measurement: every correction in every range of |eta|, pT and flavour, with bootstrap errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import (
    ALL_ETA,
    INCLUSIVE_PT,
    MIN_JETS,
    PT_BINS,
    WIDE_PT_RANGES,
    Range,
    eta_ranges,
)
from jetcal.evaluation.bootstrap import poisson_weights, replicas_for
from jetcal.evaluation.estimate import Estimate, spread
from jetcal.evaluation.flavour import ALL, GROUPS, members
from jetcal.evaluation.intervals import Coverage, coverage
from jetcal.evaluation.response import Sample
from jetcal.evaluation.statistics import Summary, summarise

RESPONSE_EDGES = np.linspace(0.4, 1.6, 61)
"""Bins of the response histograms (no unit)."""


@dataclass(frozen=True, order=True)
class Cell:
    """A range of |eta| and of pT (GeV) with a flavour group."""

    eta: Range = ALL_ETA
    pt: Range = INCLUSIVE_PT
    flavour: str = ALL


INCLUSIVE = Cell()
"""All jets above 30 GeV."""


@dataclass(frozen=True)
class Measured:
    """What was found in one cell of generator pT.

    Attributes
    ----------
    jets
        Number of jets.
    mean_gen_pt
        Mean generator pT, GeV; None without jets.
    summaries
        Name of a correction -> its response; empty with fewer than ``MIN_JETS`` jets.
    """

    jets: int
    mean_gen_pt: float | None
    summaries: dict[str, Summary]


@dataclass(frozen=True)
class MeasuredCoverage:
    """Coverage of one correction's interval in one cell of pT after that correction; None with too few jets."""

    cell: Cell
    correction: str
    jets: int
    coverage: Coverage | None


@dataclass(frozen=True)
class Measurements:
    """Everything that the test jets say about the corrections.

    Attributes
    ----------
    jets
        Number of test jets.
    replicas
        Number of bootstrap replicas behind the errors.
    corrections
        Names of the corrections in the order of the sample.
    eta
        The ranges of |eta| that hold jets.
    cells
        Ranges of |eta|, generator pT and flavour -> what was found there.
    coverages
        Coverage of the predicted intervals.
    histograms
        Wide range of generator pT -> correction -> jets in each of the bins ``RESPONSE_EDGES``.
    """

    jets: int
    replicas: int
    corrections: tuple[str, ...]
    eta: tuple[Range, ...]
    cells: dict[Cell, Measured]
    coverages: tuple[MeasuredCoverage, ...]
    histograms: dict[Range, dict[str, NDArray[np.int64]]]

    def summary(self, cell: Cell, correction: str) -> Summary | None:
        """The correction's response in the cell; None with too few jets."""
        found = self.cells.get(cell)
        return found.summaries.get(correction) if found else None

    def gain(self, cell: Cell, correction: str, reference: str) -> Estimate | None:
        """Gain in resolution 1 - resolution(correction) / resolution(reference) on the same jets (no unit)."""
        mine, other = self.summary(cell, correction), self.summary(cell, reference)
        return None if mine is None or other is None else 1.0 - mine.resolution / other.resolution

    def flavour_difference(self, eta: Range, pt: Range, pair: tuple[str, str], correction: str) -> Estimate | None:
        """R_a - R_b, the difference of the median responses of two flavour groups (no unit)."""
        first, second = (self.summary(Cell(eta, pt, group), correction) for group in pair)
        return None if first is None or second is None else first.median - second.median

    def flavour_spread(self, correction: str, eta: Range = ALL_ETA, pt: Range = INCLUSIVE_PT) -> Estimate | None:
        """Largest minus smallest median response of the flavour groups with enough jets (no unit); None below two."""
        found = [self.summary(Cell(eta, pt, group), correction) for group in GROUPS]
        medians = [summary.median for summary in found if summary is not None]
        return spread(medians) if len(medians) > 1 else None

    def inclusive_coverage(self, correction: str) -> Coverage | None:
        """Coverage of the correction's interval over all jets above 30 GeV; None if it predicts none."""
        for each in self.coverages:
            if each.cell == INCLUSIVE and each.correction == correction:
                return each.coverage
        return None


def evaluate(sample: Sample, replicas: int | None = None, seed: int = 1) -> Measurements:
    """Measure all corrections of the sample with the same bootstrap weights, so that they compare pairwise.

    Parameters
    ----------
    sample
        Test jets with any number of corrections.
    replicas
        Number of bootstrap replicas; 200, fewer for more than 500 000 jets, when left out.
    seed
        Seed of the bootstrap: the same sample and seed give the same numbers.
    """
    replicas = replicas or replicas_for(len(sample))
    weights = poisson_weights(len(sample), replicas, np.random.default_rng(seed), sample.events)
    etas = eta_ranges(sample.eta)
    responses = {name: sample.response(name) for name in sample.corrected}
    cells: dict[Cell, Measured] = {}
    for eta in (ALL_ETA, *etas):
        in_eta = np.flatnonzero(eta.contains(np.abs(sample.eta)))
        for flavour in (ALL, *GROUPS):
            group = in_eta[members(sample.flavour[in_eta], flavour)]
            gen_pt = sample.gen_pt[group]
            for pt in (INCLUSIVE_PT, *WIDE_PT_RANGES, *PT_BINS):
                chosen = group[pt.contains(gen_pt)]
                cells[Cell(eta, pt, flavour)] = _measured(chosen, sample.gen_pt, responses, weights)
    return Measurements(
        jets=len(sample),
        replicas=replicas,
        corrections=tuple(sample.corrected),
        eta=etas,
        cells=cells,
        coverages=tuple(_coverages(sample, etas, weights)),
        histograms={
            pt: {
                name: np.histogram(values[pt.contains(sample.gen_pt)], RESPONSE_EDGES)[0]
                for name, values in responses.items()
            }
            for pt in WIDE_PT_RANGES
        },
    )


def _measured(
    chosen: NDArray[np.int64],
    gen_pt: NDArray[np.floating],
    responses: dict[str, NDArray[np.float64]],
    weights: NDArray[np.uint8],
) -> Measured:
    summaries = {}
    if len(chosen) >= MIN_JETS:
        here = weights[chosen]
        summaries = {name: summarise(values[chosen], here) for name, values in responses.items()}
    mean = float(gen_pt[chosen].mean(dtype=np.float64)) if len(chosen) else None
    return Measured(jets=len(chosen), mean_gen_pt=mean, summaries=summaries)


def _coverages(sample: Sample, etas: tuple[Range, ...], weights: NDArray[np.uint8]) -> list[MeasuredCoverage]:
    found = []
    for name in sample.intervals:
        for eta in (ALL_ETA, *etas):
            in_eta = eta.contains(np.abs(sample.eta))
            for pt in (INCLUSIVE_PT, *PT_BINS):
                chosen = in_eta & pt.contains(sample.corrected[name])
                jets = int(chosen.sum())
                value = coverage(sample, name, chosen, weights) if jets >= MIN_JETS else None
                found.append(MeasuredCoverage(Cell(eta, pt), name, jets, value))
    return found
