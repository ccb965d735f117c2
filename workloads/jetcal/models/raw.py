"""Raw columns by their names, and what several features make of them.

``clamp`` keeps logarithms finite where a column is zero: in padding, and for massless particles and jets.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS

_SMALLEST_PT = 1e-3


class RawJets:
    """Raw columns by their names, with what several features share.

    Parameters
    ----------
    constituents
        (N, P, 6), ``CONSTITUENT_COLUMNS``, zero-padded.
    jet
        (N, 6), ``JET_COLUMNS``.
    """

    def __init__(self, constituents: Tensor, jet: Tensor) -> None:
        self.particle = dict(zip(CONSTITUENT_COLUMNS, constituents.unbind(-1), strict=True))
        self.jet = dict(zip(JET_COLUMNS, jet.unbind(-1), strict=True))
        self.real = (self.particle["pt"] > 0).to(constituents.dtype)
        """(N, P): 1 for a constituent, 0 for padding."""
        self.raw_pt = self.jet["raw_pt"].clamp(min=_SMALLEST_PT)
        """(N,), GeV."""
        self.pt = self.particle["pt"].clamp(min=_SMALLEST_PT)
        """(N, P), GeV."""
        self.outward = torch.where(self.jet["eta"] < 0, -1.0, 1.0).unsqueeze(-1) * self.particle["deta"]
        """(N, P): deta, positive away from the detector's centre, about which the detector is symmetric."""

    @property
    def position(self) -> Tensor:
        """(N, P, 2): deta, dphi."""
        return torch.stack([self.particle["deta"], self.particle["dphi"]], dim=-1)

    @cached_property
    def distance(self) -> Tensor:
        """(N, P): sqrt(deta^2 + dphi^2)."""
        return (self.particle["deta"] ** 2 + self.particle["dphi"] ** 2).sqrt()

    @cached_property
    def number(self) -> Tensor:
        """(N, P): absolute PDG number."""
        return self.particle["id"].abs()

    def is_particle(self, number: int) -> Tensor:
        """(N, P): 1 where the absolute PDG number is ``number``."""
        return (self.number == number).to(self.pt.dtype)

    def share(self, weight: Tensor) -> Tensor:
        """(N,): sum of weight (N, P) times pT over the constituents, divided by the raw pT."""
        return (weight * self.real * self.particle["pt"]).sum(-1) / self.raw_pt

    @cached_property
    def axes(self) -> tuple[Tensor, Tensor]:
        """(N,) each: roots of the larger and the smaller eigenvalue of the covariance of (deta, dphi), weights pT^2."""
        weight = self.real * self.particle["pt"] ** 2
        weight = weight / weight.sum(-1, keepdim=True).clamp(min=_SMALLEST_PT**2)
        deta, dphi = self.particle["deta"], self.particle["dphi"]
        deta = deta - (weight * deta).sum(-1, keepdim=True)
        dphi = dphi - (weight * dphi).sum(-1, keepdim=True)
        a, b, c = ((weight * product).sum(-1) for product in (deta**2, dphi**2, deta * dphi))
        apart = ((a - b) ** 2 + 4 * c**2).sqrt()
        return ((a + b + apart) / 2).sqrt(), ((a + b - apart) / 2).clamp(min=0).sqrt()
