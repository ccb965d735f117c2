"""The whole network: raw columns in, three ordered quantiles of the log-correction out."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES, constituent_features, jet_features
from jetcal.models.layers import linear
from jetcal.models.mixed import perceptron
from jetcal.models.raw import RaggedJets, RawJets
from jetcal.models.standardisation import Standardisation

SMALLEST_WIDTH = 1e-3
"""Least distance of a quantile from the median, in units of the target's spread."""


class Encoder(Protocol):
    """What makes an architecture: constituents to one vector a jet, whatever their order and the padding."""

    width: int

    def __call__(self, constituents: Tensor, position: Tensor, real: Tensor) -> Tensor:
        """Features (N, P, F), (eta, phi) (N, P, 2), 1 or 0 for padding (N, P) -> (N, width)."""
        ...


@runtime_checkable
class RaggedEncoder(Protocol):
    """An encoder that in training takes jets without padding too, with the same answer.

    Attributes
    ----------
    constituents_at_once
        How many it is given at most, unless one jet has more.
    """

    constituents_at_once: int

    def of_constituents(self, x: Tensor, position: Tensor, counts: Tensor) -> Tensor:
        """Features (R, F), (eta, phi) (R, 2), one jet's after the other's, int64 (N,) -> (N, width) of any float."""
        ...


class Features(NamedTuple):
    """What a network computes with; networks that answer on the same jets can share it.

    Attributes
    ----------
    constituents
        (N, P, F): ``CONSTITUENT_FEATURES``, not yet standardised.
    jet
        (N, J): ``JET_FEATURES``, not yet standardised.
    position
        (N, P, 2): eta and phi of the constituents from the jet's axis.
    real
        (N, P): 1 for a constituent, 0 for padding.
    """

    constituents: Tensor
    jet: Tensor
    position: Tensor
    real: Tensor

    @classmethod
    def of(cls, constituents: Tensor, jet: Tensor) -> Self:
        """From the raw columns (N, P, 6) and (N, 6)."""
        raw = RawJets(constituents, jet)
        return cls(constituent_features(raw), jet_features(raw), raw.position, raw.real)


class Network(nn.Module):
    """Quantiles of y = ln(pT_gen / pT_raw).

    The 16 % and 84 % quantiles are the median minus and plus a positive width, so they never cross.

    Parameters
    ----------
    encoder
        The architecture, a module.
    fc_layers, fc_dim, dropout
        Network of the jet: layers, their width, probability of dropping a unit in training.
    symmetric
        Whether both widths are the same: then the outputs are a mean and its standard deviation.
    """

    target_centre: Tensor
    target_spread: Tensor

    def __init__(
        self, encoder: Encoder, *, fc_layers: int, fc_dim: int, dropout: float, symmetric: bool = False
    ) -> None:
        super().__init__()
        self.constituent_scale = Standardisation(CONSTITUENT_FEATURES)
        self.jet_scale = Standardisation(JET_FEATURES)
        self.encoder = encoder
        layers: list[nn.Module] = []
        inputs = encoder.width + len(JET_FEATURES)
        for _ in range(fc_layers):
            layers += [linear(inputs, fc_dim), nn.ReLU(), nn.Dropout(dropout)]
            inputs = fc_dim
        self.jet_network = nn.Sequential(*layers)
        self.answer = nn.Linear(inputs, 2 if symmetric else 3)
        self.dropout = dropout
        self.symmetric = symmetric
        self.register_buffer("target_centre", torch.zeros(()))
        self.register_buffer("target_spread", torch.ones(()))

    def forward(self, constituents: Tensor, jet: Tensor) -> Tensor:
        """Median, 16 % and 84 % quantile of y.

        Parameters
        ----------
        constituents
            (N, P, 6): raw ``CONSTITUENT_COLUMNS``, zero-padded; any P, also 0.
        jet
            (N, 6): raw ``JET_COLUMNS``.

        Returns
        -------
        Tensor
            (N, 3), in the order of ``jetcal.data.jets.OUTPUTS``.
        """
        return self.quantiles(Features.of(constituents, jet))

    def quantiles(self, features: Features) -> Tensor:
        """The answer to features that are computed already: (N, 3) as ``forward``."""
        particles = self.constituent_scale(features.constituents) * features.real.unsqueeze(-1)
        return self._answer(self.encoder(particles, features.position, features.real), features.jet)

    @property
    def constituents_at_once(self) -> int:
        """How many ``ragged`` may be given at a time; 0 if it cannot be asked."""
        return self.encoder.constituents_at_once if isinstance(self.encoder, RaggedEncoder) else 0

    def ragged(self, constituents: Tensor, jet: Tensor, counts: Tensor) -> Tensor:
        """What ``forward`` answers, for jets without padding and for training alone, in its precision.

        Parameters
        ----------
        constituents
            (R, 6): raw ``CONSTITUENT_COLUMNS``, one jet's constituents after the other's.
        jet
            (N, 6): raw ``JET_COLUMNS``.
        counts
            int64 (N,): constituents of each jet, any may be 0.

        Raises
        ------
        TypeError
            If the encoder needs padded jets.
        """
        if not isinstance(self.encoder, RaggedEncoder):
            error = f"{type(self.encoder).__name__} needs padded jets"
            raise TypeError(error)
        with torch.no_grad():
            raw = RaggedJets(constituents, jet, counts)
            rows = self.constituent_scale(constituent_features(raw))
            whole = jet_features(raw)
        return self._answer(self.encoder.of_constituents(rows, raw.position, counts), whole)

    def _answer(self, encoded: Tensor, jet: Tensor) -> Tensor:
        """(N, 3) from the encoded constituents and the features of the jet."""
        hidden = torch.cat([encoded, self.jet_scale(jet).to(encoded.dtype)], dim=-1)
        if hidden.dtype == jet.dtype:
            hidden = self.jet_network(hidden)
        else:
            layers = [step for step in self.jet_network if isinstance(step, nn.Linear)]
            hidden = perceptron(hidden, layers, self.dropout).to(jet.dtype)
        answer = self.answer(hidden)
        median = self.target_centre + self.target_spread * answer[:, 0]
        widths = self.target_spread * (softplus(answer[:, 1:]) + SMALLEST_WIDTH)
        return torch.stack([median, median - widths[:, 0], median + widths[:, -1]], dim=-1)
