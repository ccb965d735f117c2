"""Particle Flow Network (Komiske, Metodiev, Thaler, arXiv:1810.05165)."""

from __future__ import annotations

from torch import Tensor, nn

from jetcal.models import mixed
from jetcal.models.layers import Perceptron
from jetcal.models.precision import training_type
from jetcal.models.segments import Segments
from jetcal_api.hyperparameters import Pfn

TYPICAL_CONSTITUENTS = 32.0
"""Unit of the pooled sum: it keeps the sum of a typical jet near one, as initialisation expects."""


class PfnEncoder(nn.Module):
    """Sum over the constituents of phi(constituent): any function of a set can be written as F of such a sum.

    Parameters
    ----------
    spec
        Layers and width of phi.
    features
        Features of a constituent.
    """

    constituents_at_once = 65_536
    """Those of a usual batch; 1 GB of activations in the widest network that can be asked for."""

    def __init__(self, spec: Pfn, features: int) -> None:
        super().__init__()
        self.phi = Perceptron(features, spec.phi_dim, spec.phi_layers)
        self.width = spec.phi_dim

    def forward(self, x: Tensor, position: Tensor, jets: Segments) -> Tensor:  # noqa: ARG002  # no geometry here
        """Features (R, F) and (eta, phi) (R, 2) of the constituents of ``jets`` -> (N, width).

        In training it is of the type that products are made in.
        """
        if not self.training:
            return jets.pooled(self.phi(x)) / TYPICAL_CONSTITUENTS
        kind = training_type(x.device)
        rows = mixed.filled(x, kind)
        phi = self.phi(rows) if kind == x.dtype else mixed.perceptron(rows, self.phi.linear)
        return jets.pooled(phi) / TYPICAL_CONSTITUENTS
