"""The whole network: raw columns in, three ordered quantiles of the log-correction out."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES, constituent_features, jet_features
from jetcal.models.layers import linear
from jetcal.models.mixed import perceptron
from jetcal.models.raw import Raw
from jetcal.models.segments import Grid, Segments, Slots
from jetcal.models.standardisation import Standardisation

SMALLEST_WIDTH = 1e-3
"""Least distance of a quantile from the median, in units of the target's spread."""
_OUTWARD = torch.tensor([-1.0, 1.0])


class Encoder(Protocol):
    """What makes an architecture: constituents to one vector a jet, whatever their order."""

    width: int

    def __call__(self, x: Tensor, position: Tensor, jets: Segments) -> Tensor:
        """Features (R, F) and (eta, phi) (R, 2) of the constituents of ``jets`` -> (N, width) of any float."""
        ...


@runtime_checkable
class RaggedEncoder(Protocol):
    """An encoder that never pads in training on a CPU.

    Attributes
    ----------
    constituents_at_once
        How many it is given at most, unless one jet has more.
    """

    constituents_at_once: int


class Features(NamedTuple):
    """What a network computes with; networks that answer on the same jets can share it.

    Attributes
    ----------
    constituents
        (F, R) or (F, N, P): ``CONSTITUENT_FEATURES`` of rows or slots, not yet standardised.
    jet
        (J, N): ``JET_FEATURES``, not yet standardised.
    position
        (2, R) or (2, N, P): eta and phi of the constituents from the jet's axis.
    jets
        Which constituent belongs to which jet; ``jets.as_rows`` gives the rows of the first and the third.
    """

    constituents: Tensor
    jet: Tensor
    position: Tensor
    jets: Segments

    @classmethod
    def of(cls, constituents: Tensor, jet: Tensor, jets: Segments) -> Self:
        """From the raw columns (R, 6) and (N, 6)."""
        raw = Raw(constituents.t().contiguous(), jet.t(), jets)
        return cls(constituent_features(raw), jet_features(raw), raw.position, jets)

    @classmethod
    def of_padded(cls, constituents: Tensor, jet: Tensor) -> Self:
        """From the raw columns (N, P, 6), zero-padded, and (N, 6); can be exported."""
        real = _real(constituents)
        columns = _columns(constituents.flatten(0, 1)).view(constituents.shape[2], *real.shape)
        raw = Raw(torch.where(real, columns, 0.0), _columns(jet), Grid(real))
        return cls(constituent_features(raw), jet_features(raw), raw.position, Slots(real))


def _columns(rows: Tensor) -> Tensor:
    """(M, k) -> (k, M), as a product with the identity.

    ONNX Runtime's optimiser would push a transpose through all that follows, into shapes (M, 1), which it computes
    several times slower.
    """
    return torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device) @ rows.t()


def _real(constituents: Tensor) -> Tensor:
    """Bool (N, P): which slots of (N, P, 6) hold a constituent; one that is not a number does."""
    return (constituents[..., 0] <= 0).logical_not()


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
        if self.training:
            real = _real(constituents)
            return self.ragged(constituents[real], jet, real.sum(1))
        return self.quantiles(Features.of_padded(constituents, jet))

    def quantiles(self, features: Features) -> Tensor:
        """The answer to features that are computed already: (N, 3) as ``forward``."""
        jets = features.jets
        rows = jets.as_rows(self.constituent_scale(features.constituents))
        encoded = self.encoder(rows, jets.as_rows(features.position), jets)
        hidden = torch.cat([encoded, self.jet_scale(features.jet).t().to(encoded.dtype)], dim=-1)
        if hidden.dtype == features.jet.dtype:
            hidden = self.jet_network(hidden)
        else:
            layers = [step for step in self.jet_network if isinstance(step, nn.Linear)]
            hidden = perceptron(hidden, layers, self.dropout).to(features.jet.dtype)
        answer = self.answer(hidden)
        median, widths = answer[:, :1], softplus(answer[:, 1:]) + SMALLEST_WIDTH
        outer = median + widths * _OUTWARD.to(answer)
        return self.target_centre + self.target_spread * torch.cat([median, outer], dim=-1)

    @property
    def constituents_at_once(self) -> int:
        """How many ``ragged`` may be given at a time; 0 if padded jets of similar multiplicity suit it better."""
        return self.encoder.constituents_at_once if isinstance(self.encoder, RaggedEncoder) else 0

    def ragged(self, constituents: Tensor, jet: Tensor, counts: Tensor) -> Tensor:
        """What ``forward`` answers, for jets without padding.

        Parameters
        ----------
        constituents
            (R, 6): raw ``CONSTITUENT_COLUMNS``, one jet's constituents after the other's.
        jet
            (N, 6): raw ``JET_COLUMNS``.
        counts
            int64 (N,): constituents of each jet, any may be 0.
        """
        return self.quantiles(Features.of(constituents, jet, Segments(counts)))
