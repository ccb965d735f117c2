"""Cells: the ranges in which jets are compared, and what is found in each."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal.evaluation.binning import ALL_ETA, ANY_PILE_UP, INCLUSIVE_PT, Range
from jetcal.evaluation.flavour import ALL
from jetcal.evaluation.statistics.intervals import Coverage
from jetcal.evaluation.statistics.summary import Summary


@dataclass(frozen=True, order=True)
class Cell:
    """A range of |eta|, of pT (GeV), of rho (GeV per unit area) and of the number of vertices, with a flavour group."""

    eta: Range = ALL_ETA
    pt: Range = INCLUSIVE_PT
    flavour: str = ALL
    rho: Range = ANY_PILE_UP
    vertices: Range = ANY_PILE_UP


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
    mean_abs_eta, mean_rho, mean_vertices
        Means of what a cell is a range of: where to draw its point; None without jets, or where it is not known.
    """

    jets: int
    mean_gen_pt: float | None
    summaries: dict[str, Summary]
    mean_abs_eta: float | None = None
    mean_rho: float | None = None
    mean_vertices: float | None = None


@dataclass(frozen=True)
class MeasuredCoverage:
    """Coverage of one correction's interval in one cell of pT after that correction; None with too few jets."""

    cell: Cell
    correction: str
    jets: int
    coverage: Coverage | None
