"""Mean and spread of the training set, taken out of the features and stored with the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jetcal.models.features import Feature

LIMIT = 6.0
"""Standardised features are cut off at this many spreads, so that an outlier cannot drive the network far outside the
range it has learned."""


class Standardisation(nn.Module):
    """(x - centre) / spread, cut off at ``LIMIT``; indicators pass unchanged.

    Parameters
    ----------
    features
        The F features that lie along the first axis.
    """

    centre: Tensor
    spread: Tensor
    standardised: Tensor

    def __init__(self, features: Sequence[Feature]) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(len(features)))
        self.register_buffer("spread", torch.ones(len(features)))
        self.register_buffer(
            "standardised", torch.tensor([feature.standardised for feature in features]), persistent=False
        )

    def learn(self, mean: Tensor, variance: Tensor) -> None:
        """Take over mean and variance (F,); a feature that never varies keeps its unit."""
        spread = variance.clamp(min=0).sqrt()
        spread = torch.where(spread > 1e-6 * mean.abs().clamp(min=1e-3), spread, 1.0)
        self.centre.copy_(torch.where(self.standardised, mean, 0.0))
        self.spread.copy_(torch.where(self.standardised, spread, 1.0))

    def forward(self, features: Tensor) -> Tensor:
        """(F, ...) -> (F, ...)."""
        shape = (-1, *[1] * (features.ndim - 1))
        return ((features - self.centre.view(shape)) / self.spread.view(shape)).clamp(-LIMIT, LIMIT)
