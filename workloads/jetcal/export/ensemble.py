"""Networks of different seeds as one: their mean is the answer, their spread tells how far the training decides it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jetcal.models import Network
from jetcal.models.network import Features


class Ensemble(nn.Module):
    """The mean of its members' quantiles of y = ln(pT_gen / pT_raw), and the standard deviation of their medians.

    Each member's quantiles estimate those of the jets. Their mean estimates the same with less noise, so the interval
    stays the resolution of the jets; the quantiles of all members' distributions taken together would add the members'
    scatter to it and cover too much (Lichtendahl et al., Management Science 59 (2013) 1594). The scatter is told apart.

    Parameters
    ----------
    members
        At least two networks.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, constituents: Tensor, jet: Tensor) -> Tensor:
        """(N, P, 6) and (N, 6) -> (N, 4): median, 16 % and 84 % quantile of y, standard deviation of the medians."""
        features = Features.of_padded(constituents, jet)
        answers = torch.stack([member.quantiles(features) for member in self.members])  # type: ignore[operator]  # nn.ModuleList forgets that they are networks
        mean = answers.mean(dim=0)
        variance = (answers[:, :, 0] - mean[:, 0]).square().sum(dim=0) / (len(self.members) - 1)
        return torch.cat([mean, variance.sqrt().unsqueeze(-1)], dim=-1)
