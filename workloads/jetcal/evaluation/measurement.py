"""What the test jets say about every correction: response, resolution and coverage in cells, with bootstrap errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import ALL_ETA, INCLUSIVE_PT, PILE_UP_BINS, WIDE_PT_RANGES, Range, eta_ranges
from jetcal.evaluation.cells import INCLUSIVE, Cell, Measured, MeasuredCoverage
from jetcal.evaluation.flavour import GROUPS
from jetcal.evaluation.response import STANDARD, Sample
from jetcal.evaluation.statistics.estimate import Estimate, scatter, spread
from jetcal.evaluation.statistics.intervals import Coverage, Sides, side
from jetcal.evaluation.statistics.resampling import Job, replicate, rows_of_events
from jetcal.evaluation.statistics.responses import Responses, common_edges
from jetcal.evaluation.statistics.summary import Summary
from jetcal.evaluation.views import NARROW_ETA, coverage_view, response_views

__all__ = ["INCLUSIVE", "RESPONSE_EDGES", "Cell", "Measured", "MeasuredCoverage", "Measurements", "evaluate"]

REPLICAS = 1000
"""Replicas of the sample; an error estimated from B replicas is itself known to 1 / sqrt(2 B), here 2 %."""

RESPONSE_EDGES = np.linspace(0.4, 1.6, 61)
"""Bins of the response histograms (no unit)."""


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
        What was found in each cell: ranges of |eta|, generator pT and flavour; and in the wide ranges of pT, bins of
        ``eta_bins``, of ``rho_bins`` and of ``vertex_bins``.
    coverages
        Coverage of the predicted intervals in ranges of |eta|, pT after the correction, and flavour.
    histograms
        Wide range of generator pT -> correction -> jets in each of the bins ``RESPONSE_EDGES``.
    eta_bins
        The collaboration's narrow bins of |eta| that hold jets.
    rho_bins, vertex_bins
        Bins of rho and of the number of vertices that hold jets; none where the sample does not know them.
    """

    jets: int
    replicas: int
    corrections: tuple[str, ...]
    eta: tuple[Range, ...]
    cells: dict[Cell, Measured]
    coverages: tuple[MeasuredCoverage, ...]
    histograms: dict[Range, dict[str, NDArray[np.int64]]]
    eta_bins: tuple[Range, ...] = ()
    rho_bins: tuple[Range, ...] = ()
    vertex_bins: tuple[Range, ...] = ()

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
        medians = self._flavour_medians(correction, eta, pt)
        return spread(medians) if len(medians) > 1 else None

    def flavour_improvement(
        self, correction: str, reference: str = STANDARD, eta: Range = ALL_ETA, pt: Range = INCLUSIVE_PT
    ) -> Estimate | None:
        """1 - D(correction) / D(reference) (no unit); None below two flavour groups with enough jets.

        D is the sum over the flavour groups of the distance of their median response from the mean of these medians;
        published figures (doi 10.1007/s41781-023-00103-y) are 100 times this.
        """
        mine, other = (self._flavour_medians(name, eta, pt) for name in (correction, reference))
        return 1.0 - scatter(mine) / scatter(other) if min(len(mine), len(other)) > 1 else None

    def spread_reduction(
        self, correction: str, reference: str = STANDARD, eta: Range = ALL_ETA, pt: Range = INCLUSIVE_PT
    ) -> Estimate | None:
        """Factor by which the flavour spread is smaller than the reference's (no unit); None as above."""
        mine, other = (self.flavour_spread(name, eta, pt) for name in (correction, reference))
        return None if mine is None or other is None else other / mine

    def covered(self, correction: str, cell: Cell = INCLUSIVE) -> Coverage | None:
        """Coverage of the correction's interval in a cell of corrected pT; None if not measured."""
        for each in self.coverages:
            if each.cell == cell and each.correction == correction:
                return each.coverage
        return None

    def inclusive_coverage(self, correction: str) -> Coverage | None:
        """Coverage of the correction's interval over all jets above 30 GeV; None if it predicts none."""
        return self.covered(correction)

    def _flavour_medians(self, correction: str, eta: Range, pt: Range) -> list[Estimate]:
        found = [self.summary(Cell(eta, pt, group), correction) for group in GROUPS]
        return [summary.median for summary in found if summary is not None]


def evaluate(sample: Sample, replicas: int = REPLICAS, seed: int = 1) -> Measurements:
    """Measure all corrections of the sample with the same bootstrap weights, so that they compare pairwise.

    Parameters
    ----------
    sample
        Test jets with any number of corrections.
    replicas
        Number of bootstrap replicas.
    seed
        Seed of the bootstrap: the same sample and seed give the same numbers.
    """
    etas = eta_ranges(sample.eta)
    views = response_views(sample, (ALL_ETA, *etas))
    event = rows_of_events(sample.events, views[0].partition.base)
    responses = {name: sample.response(name) for name in sample.corrected}
    edges = {name: common_edges(views[0].partition, values) for name, values in responses.items()}
    widths = [
        (view, name, Responses(view.partition, view.measured, values, edges[name], event))
        for view in views
        if view.measured
        for name, values in responses.items()
    ]
    covers = [(coverage_view(sample, name, (ALL_ETA, *etas)), name) for name in sample.intervals]
    sides = [
        (view, name, Sides(view.partition, view.measured, side(sample.gen_pt, sample.intervals[name]), event))
        for view, name in covers
        if view.measured
    ]
    jobs: list[Job] = [*(job for *_, job in widths), *(job for *_, job in sides)]
    answers = iter(replicate(jobs, int(event.max(initial=-1)) + 1, replicas, seed))
    cells = {cell: found for view in views for cell, found in view.counted(sample)}
    for view, name, job in widths:
        for cell, summary in zip(view.measured_cells, job.summaries(next(answers)), strict=True):
            cells[cell].summaries[name] = summary
    covered = {
        (cell, name): coverage
        for view, name, job in sides
        for cell, coverage in zip(view.measured_cells, job.coverages(next(answers)), strict=True)
    }
    filled = {cell for cell, found in cells.items() if found.jets}
    return Measurements(
        jets=len(sample),
        replicas=replicas,
        corrections=tuple(sample.corrected),
        eta=etas,
        cells=cells,
        coverages=tuple(
            MeasuredCoverage(cell, name, jets, covered.get((cell, name)))
            for view, name in covers
            for cell, jets in zip(view.cells, view.jets, strict=True)
        ),
        histograms={
            pt: {
                name: np.histogram(values[pt.contains(sample.gen_pt)], RESPONSE_EDGES)[0]
                for name, values in responses.items()
            }
            for pt in WIDE_PT_RANGES
        },
        eta_bins=tuple(eta for eta in NARROW_ETA if Cell(eta) in filled),
        rho_bins=tuple(rho for rho in PILE_UP_BINS if Cell(rho=rho) in filled),
        vertex_bins=tuple(vertices for vertices in PILE_UP_BINS if Cell(vertices=vertices) in filled),
    )
