"""Raw columns by their names, and what several features make of them.

``clamp`` keeps logarithms finite where a column is zero: in padding, and for massless particles and jets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import torch
from torch import Tensor

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.models.segments import Segments

_SMALLEST_PT = 1e-3


class Raw(ABC):
    """Raw columns by their names, with what several features share.

    A column of the constituents has the shape C: (N, P) where every jet is padded to P, (R,) where the constituents of
    all jets stand one after the other. A column of the jets is (N,).
    """

    def __init__(self, constituents: Tensor, jet: Tensor) -> None:
        self.particle = dict(zip(CONSTITUENT_COLUMNS, constituents.unbind(-1), strict=True))
        self.jet = dict(zip(JET_COLUMNS, jet.unbind(-1), strict=True))
        self.raw_pt = self.jet["raw_pt"].clamp(min=_SMALLEST_PT)
        """(N,), GeV."""
        self.pt = self.particle["pt"].clamp(min=_SMALLEST_PT)
        """C, GeV."""
        self.outward = self.of_jet(torch.where(self.jet["eta"] < 0, -1.0, 1.0)) * self.particle["deta"]
        """C: deta, positive away from the detector's centre, about which the detector is symmetric."""
        self._types: dict[int, Tensor] = {}

    @abstractmethod
    def of_jet(self, column: Tensor) -> Tensor:
        """A column of the jets, in a shape that goes with C."""

    @abstractmethod
    def total(self, values: Tensor) -> Tensor:
        """(N,): sum of ``values`` (C) over each jet, padding included."""

    @property
    @abstractmethod
    def multiplicity(self) -> Tensor:
        """(N,): number of constituents."""

    @property
    def position(self) -> Tensor:
        """C, 2: deta, dphi."""
        return torch.stack([self.particle["deta"], self.particle["dphi"]], dim=-1)

    @cached_property
    def distance(self) -> Tensor:
        """C: sqrt(deta^2 + dphi^2)."""
        return (self.particle["deta"] ** 2 + self.particle["dphi"] ** 2).sqrt()

    @cached_property
    def number(self) -> Tensor:
        """C: absolute PDG number."""
        return self.particle["id"].abs()

    def is_particle(self, number: int) -> Tensor:
        """C: 1 where the absolute PDG number is ``number``."""
        if number not in self._types:
            self._types[number] = (self.number == number).to(self.pt.dtype)
        return self._types[number]

    @cached_property
    def weight(self) -> Tensor:
        """C, GeV: pT, and zero in padding."""
        return self.particle["pt"].clamp(min=0)

    @cached_property
    def squared_pt(self) -> Tensor:
        """C, GeV^2: pT^2, and zero in padding."""
        return self.weight**2

    def share(self, values: Tensor) -> Tensor:
        """(N,): sum of ``values`` (C) times pT over the constituents, divided by the raw pT."""
        return self.total(values * self.weight) / self.raw_pt

    @cached_property
    def axes(self) -> tuple[Tensor, Tensor]:
        """(N,) each: roots of the larger and the smaller eigenvalue of the covariance of (deta, dphi), weights pT^2."""
        weight = self.squared_pt / self.of_jet(self.total(self.squared_pt).clamp(min=_SMALLEST_PT**2))
        deta, dphi = self.particle["deta"], self.particle["dphi"]
        deta = deta - self.of_jet(self.total(weight * deta))
        dphi = dphi - self.of_jet(self.total(weight * dphi))
        a, b, c = (self.total(weight * product) for product in (deta**2, dphi**2, deta * dphi))
        apart = ((a - b) ** 2 + 4 * c**2).sqrt()
        return ((a + b + apart) / 2).sqrt(), ((a + b - apart) / 2).clamp(min=0).sqrt()


class RawJets(Raw):
    """Padded jets.

    Parameters
    ----------
    constituents
        (N, P, 6), ``CONSTITUENT_COLUMNS``, zero-padded.
    jet
        (N, 6), ``JET_COLUMNS``.
    """

    def __init__(self, constituents: Tensor, jet: Tensor) -> None:
        super().__init__(constituents, jet)
        self.real = (self.particle["pt"] > 0).to(constituents.dtype)
        """(N, P): 1 for a constituent, 0 for padding."""

    def of_jet(self, column: Tensor) -> Tensor:
        """(N,) -> (N, 1)."""
        return column.unsqueeze(-1)

    def total(self, values: Tensor) -> Tensor:
        """(N, P) -> (N,)."""
        return values.sum(-1)

    @property
    def multiplicity(self) -> Tensor:
        """(N,)."""
        return self.real.sum(-1)


class RaggedJets(Raw):
    """Jets without padding: the constituents of all of them, one jet's after the other's.

    Parameters
    ----------
    constituents
        (R, 6), ``CONSTITUENT_COLUMNS``, each with a pT above 0.
    jet
        (N, 6), ``JET_COLUMNS``.
    counts
        int64 (N,): constituents of each jet.
    """

    def __init__(self, constituents: Tensor, jet: Tensor, counts: Tensor) -> None:
        self.segments = Segments(counts)
        super().__init__(constituents.t().contiguous().t(), jet)

    def of_jet(self, column: Tensor) -> Tensor:
        """(N,) -> (R,)."""
        return self.segments.of_rows(column)

    def total(self, values: Tensor) -> Tensor:
        """(R,) -> (N,)."""
        return self.segments.total(values)

    @property
    def multiplicity(self) -> Tensor:
        """(N,)."""
        return self.segments.counts.to(self.raw_pt.dtype)
