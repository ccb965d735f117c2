"""Raw columns by their names, and what several features make of them.

``clamp`` keeps logarithms finite where a column is zero: for massless particles and jets.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.models.segments import Grid, Segments

CHARGED = {"charged_hadron": 211, "electron": 11, "muon": 13}
PARTICLES = {**CHARGED, "photon": 22, "neutral_hadron": 130}
"""Particle types by their absolute PDG number; any other number is none of them."""
_SMALLEST_PT = 1e-3
_NUMBERS = torch.tensor(list(PARTICLES.values()), dtype=torch.float32)


class Raw:
    """Raw columns by their names, with what several features share.

    Constituents are R rows or N x P slots; ``...`` stands for either below. Columns lie: one of the constituents is
    (1, ...), one of the jets (1, N). What is computed from several columns at once is (k, ...) or (k, N), so that k
    features cost as many operations as one.

    Parameters
    ----------
    constituents
        (6, R) or (6, N, P): ``CONSTITUENT_COLUMNS``, 0 in empty slots; every other pT is above 0.
    jet
        (6, N), ``JET_COLUMNS``.
    jets
        Which row or slot belongs to which jet.
    """

    def __init__(self, constituents: Tensor, jet: Tensor, jets: Segments | Grid) -> None:
        self.jets = jets
        self.particle = dict(zip(CONSTITUENT_COLUMNS, constituents.chunk(len(CONSTITUENT_COLUMNS)), strict=True))
        self.jet = dict(zip(JET_COLUMNS, jet.chunk(len(JET_COLUMNS)), strict=True))
        self.raw_pt = self.jet["raw_pt"].clamp(min=_SMALLEST_PT)
        """(1, N), GeV."""
        self.pt = self.particle["pt"].clamp(min=_SMALLEST_PT)
        """(1, ...), GeV."""

    @property
    def multiplicity(self) -> Tensor:
        """(1, N): number of constituents."""
        return self.jets.counts.to(self.raw_pt.dtype).unsqueeze(0)

    @cached_property
    def abs_eta(self) -> Tensor:
        """(1, N)."""
        return self.jet["eta"].abs()

    @cached_property
    def outward(self) -> Tensor:
        """(1, ...): deta, positive away from the detector's centre, about which the detector is symmetric."""
        return self.jets.of_rows(torch.where(self.jet["eta"] < 0, -1.0, 1.0)) * self.particle["deta"]

    @cached_property
    def position(self) -> Tensor:
        """(2, ...): deta, dphi."""
        return torch.cat([self.particle["deta"], self.particle["dphi"]])

    @cached_property
    def distance(self) -> Tensor:
        """(1, ...): sqrt(deta^2 + dphi^2)."""
        return (self.position**2).sum(0, keepdim=True).sqrt()

    @cached_property
    def types(self) -> Tensor:
        """(5, ...): 1 where it is the particle, for each of ``PARTICLES``."""
        return equal(self.particle["id"].abs(), _NUMBERS)

    @property
    def charged(self) -> Tensor:
        """(1, ...): 1 where it is one of ``CHARGED``."""
        return self.types[: len(CHARGED)].sum(0, keepdim=True)

    def shares(self, values: Tensor) -> Tensor:
        """(k, N): sums of ``values`` (k, ...) times pT over the constituents, divided by the raw pT."""
        return self.jets.total(values * self.particle["pt"]) / self.raw_pt

    @cached_property
    def squared_pt(self) -> Tensor:
        """(1, ...), GeV^2."""
        return self.particle["pt"] ** 2

    @cached_property
    def total_squared_pt(self) -> Tensor:
        """(1, N), GeV^2: sum of pT^2 over the constituents."""
        return self.jets.total(self.squared_pt)

    @cached_property
    def variances(self) -> Tensor:
        """(2, N): the larger and the smaller eigenvalue of the covariance of (deta, dphi), weights pT^2."""
        weight = self.squared_pt / self.jets.of_rows(self.total_squared_pt.clamp(min=_SMALLEST_PT**2))
        centred = self.position - self.jets.of_rows(self.jets.total(weight * self.position))
        products = torch.cat([centred**2, centred.prod(0, keepdim=True)])
        a, b, c = self.jets.total(weight * products).chunk(3)
        apart = ((a - b) ** 2 + 4 * c**2).sqrt()
        return torch.cat([a + b + apart, a + b - apart]) / 2


def equal(column: Tensor, values: Tensor) -> Tensor:
    """(k, ...): 1 where a column (1, ...) is equal to one of k values (k,)."""
    return (column == values.to(column).view(-1, *[1] * (column.ndim - 1))).to(column.dtype)
