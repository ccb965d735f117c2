"""The views of a sample: which quantities its jets are sorted by, and which cells that makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import (
    INCLUSIVE_PT,
    MIN_JETS,
    PILE_UP_BINS,
    PT_BINS,
    PUBLISHED_ETA,
    PUBLISHED_PT,
    WIDE_PT_RANGES,
    Range,
)
from jetcal.evaluation.cells import Cell, Measured
from jetcal.evaluation.corrections.eta_bins import JME_ABS_ETA_EDGES
from jetcal.evaluation.flavour import ALL, GROUPS, places
from jetcal.evaluation.response import Sample
from jetcal.evaluation.statistics.partition import Axis, Partition, along, partition

_WIDE = (INCLUSIVE_PT, *WIDE_PT_RANGES)
NARROW_ETA = tuple(Range(low, high) for low, high in pairwise(JME_ABS_ETA_EDGES))
"""The collaboration's narrow bins of |eta|."""


@dataclass(frozen=True)
class View:
    """A partition of the sample whose cells have names.

    Attributes
    ----------
    partition
        Base cells and what they make up.
    cells
        Name of each of C cells.
    jets
        Number of jets of each cell.
    """

    partition: Partition
    cells: tuple[Cell, ...]
    jets: tuple[int, ...]

    @property
    def measured(self) -> list[int]:
        """Numbers of the cells with enough jets."""
        return [number for number, jets in enumerate(self.jets) if jets >= MIN_JETS]

    @property
    def measured_cells(self) -> list[Cell]:
        """Names of the cells with enough jets."""
        return [self.cells[number] for number in self.measured]

    def counted(self, sample: Sample) -> list[tuple[Cell, Measured]]:
        """Every cell with its counts and means, not measured yet."""
        gen_pt, eta, rho, vertices = (
            self._means(values) for values in (sample.gen_pt, np.abs(sample.eta), sample.rho, sample.n_vertices)
        )
        return [
            (cell, Measured(jets, gen_pt[number], {}, eta[number], rho[number], vertices[number]))
            for number, (cell, jets) in enumerate(zip(self.cells, self.jets, strict=True))
        ]

    def _means(self, values: NDArray[np.floating] | None) -> list[float | None]:
        if values is None:
            return [None] * len(self.jets)
        sums = self.partition.totals(values)
        return [float(total / jets) if jets else None for total, jets in zip(sums, self.jets, strict=True)]


def response_views(sample: Sample, etas: Sequence[Range]) -> tuple[View, ...]:
    """|eta| x flavour x generator pT; and in wide ranges of pT narrow |eta|, rho and vertices where they are known.

    Parameters
    ----------
    sample
        N jets.
    etas
        Ranges of |eta| to measure.
    """
    abs_eta = np.abs(sample.eta)
    wide = along(sample.gen_pt, _WIDE)
    main = _view(
        [
            along(abs_eta, (*etas, *PUBLISHED_ETA)),
            _flavours(sample),
            along(sample.gen_pt, (*_WIDE, *PT_BINS, *PUBLISHED_PT)),
        ],
        [
            Cell(eta, pt, flavour)
            for eta, flavour, pt in product((*etas, *PUBLISHED_ETA), (ALL, *GROUPS), (*_WIDE, *PT_BINS, *PUBLISHED_PT))
        ],
    )
    views = [main, _view([along(abs_eta, NARROW_ETA), wide], [Cell(*each) for each in product(NARROW_ETA, _WIDE)])]
    coarse = along(abs_eta, etas)
    if sample.rho is not None:
        cells = [Cell(eta, pt, rho=rho) for rho, eta, pt in product(PILE_UP_BINS, etas, _WIDE)]
        views.append(_view([along(sample.rho, PILE_UP_BINS), coarse, wide], cells))
    if sample.n_vertices is not None:
        cells = [Cell(eta, pt, vertices=vertices) for vertices, eta, pt in product(PILE_UP_BINS, etas, _WIDE)]
        views.append(_view([along(sample.n_vertices, PILE_UP_BINS), coarse, wide], cells))
    return tuple(views)


def coverage_view(sample: Sample, correction: str, etas: Sequence[Range]) -> View:
    """|eta| x flavour x pT after the correction."""
    pts = (*_WIDE, *PT_BINS)
    return _view(
        [along(np.abs(sample.eta), etas), _flavours(sample), along(sample.corrected[correction], pts)],
        [Cell(eta, pt, flavour) for eta, flavour, pt in product(etas, (ALL, *GROUPS), pts)],
    )


def _flavours(sample: Sample) -> Axis:
    groups = len(GROUPS)
    return Axis(places(sample.flavour), groups + 1, ((0, groups + 1), *((n, n + 1) for n in range(groups))))


def _view(axes: Sequence[Axis], cells: Sequence[Cell]) -> View:
    found = partition(axes)
    return View(found, tuple(cells), tuple(int(jets) for jets in found.totals()))
