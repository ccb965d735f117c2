"""The published networks as described: dense tensors of 100 slots, no standardisation, one output.

Needs nothing but torch. Layers and their order are those of the description; the defaults are the best trials of its
search.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

SLOTS = 100
"""Constituents of a jet; fewer are filled up with zeros, more are cut off."""
CONSTITUENT_FEATURES = 6
JET_FEATURES = 8
FAR = 1e9
"""Added to the coordinates of padding, so that nobody finds it near."""


class Pfn(nn.Module):
    """Particle Flow Network (arXiv:1810.05165): F(sum over the slots of phi(constituent), jet features).

    Parameters
    ----------
    phi_layers, phi_width, layers, width
        Layers of phi and of F, and their widths.
    dropout
        After each layer of F.
    """

    def __init__(
        self,
        *,
        phi_layers: int = 5,
        phi_width: int = 50,
        layers: int = 3,
        width: int = 400,
        dropout: float = 0.0094,
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for layer in range(phi_layers):
            steps += [nn.Linear(phi_width if layer else CONSTITUENT_FEATURES, phi_width), nn.ReLU(inplace=True)]
        self.phi = nn.Sequential(*steps)
        self.head = _head(phi_width + JET_FEATURES, layers, width, dropout)

    def forward(self, features: Tensor, mask: Tensor, jet: Tensor) -> Tensor:
        """Features (N, 6, P), 1 or 0 for padding (N, 1, P), jet (N, 8) -> (N, 1)."""
        latent = self.phi(features.transpose(1, 2)).transpose(1, 2)
        answer: Tensor = self.head(torch.cat([(latent * mask).sum(-1), jet], dim=1))
        return answer


class EdgeConvolution(nn.Module):
    """x_i -> ReLU(mean over neighbours j of h(x_i, x_j - x_i) + shortcut(x_i)), normalised over the batch's edges.

    The first layer of h has no bias and is linear in (x_i, x_j - x_i), so it is worked out for slots instead of edges:
    W (x_i, x_j - x_i) = (W_1 - W_2) x_i + W_2 x_j. That changes no number and saves the widest tensor.

    Parameters
    ----------
    inputs, width, layers
        Width of x_i, width and number of the layers of h.
    """

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.linear = nn.ModuleList(
            nn.Linear(width if layer else 2 * inputs, width, bias=False) for layer in range(layers)
        )
        self.norm = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers))
        self.shortcut = (
            nn.Identity()
            if inputs == width
            else nn.Sequential(nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width))
        )

    @property
    def layers(self) -> list[tuple[nn.Linear, nn.BatchNorm1d]]:
        """The layers of h, each with its normalisation."""
        pairs = list(zip(self.linear, self.norm, strict=True))
        return cast("list[tuple[nn.Linear, nn.BatchNorm1d]]", pairs)  # nn.ModuleList forgets what it holds

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        """Slots (N, P, inputs), neighbours (N, P, K) -> (N, P, width)."""
        jets, slots, inputs = x.shape
        rows = x.reshape(-1, inputs)
        (first, first_norm), *layers = self.layers
        own, other = first.weight.chunk(2, dim=1)
        start = torch.arange(jets, device=x.device).view(-1, 1, 1) * slots
        neighbour = nn.functional.embedding((index + start).flatten(1), rows @ other.T)
        edges = (neighbour.view(jets * slots, index.shape[2], -1) + (rows @ (own - other).T).unsqueeze(1)).flatten(0, 1)
        edges = torch.relu_(first_norm(edges))
        for linear, norm in layers:
            edges = torch.relu_(norm(linear(edges)))
        mean = edges.view(jets * slots, index.shape[2], -1).mean(1)
        return torch.relu(mean + self.shortcut(rows)).view(jets, slots, -1)


class ParticleNet(nn.Module):
    """ParticleNet (arXiv:1902.08570) with the mean taken over all slots, padding among them.

    Parameters
    ----------
    blocks, conv_layers, conv_width
        Edge convolutions, layers of each and their width.
    neighbours
        Nearest slots that a slot is joined with.
    layers, width, dropout
        Of the perceptron behind the mean.
    """

    def __init__(
        self,
        *,
        blocks: int = 3,
        conv_layers: int = 3,
        conv_width: int = 50,
        neighbours: int = 16,
        layers: int = 3,
        width: int = 200,
        dropout: float = 0.0116,
    ) -> None:
        super().__init__()
        embedding = 32
        self.neighbours = neighbours
        self.embed = nn.Sequential(
            nn.BatchNorm1d(CONSTITUENT_FEATURES),
            nn.Linear(CONSTITUENT_FEATURES, embedding, bias=False),
            nn.BatchNorm1d(embedding),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.ModuleList(
            EdgeConvolution(conv_width if block else embedding, conv_width, conv_layers) for block in range(blocks)
        )
        self.head = _head(conv_width + JET_FEATURES, layers, width, dropout)

    def forward(self, points: Tensor, features: Tensor, mask: Tensor, jet: Tensor) -> Tensor:
        """Coordinates (N, 2, P), features (N, 6, P), 1 or 0 for padding (N, 1, P), jet (N, 8) -> (N, 1)."""
        real = mask.transpose(1, 2)
        shift = (real == 0).to(features.dtype) * FAR
        rows = (features * mask).transpose(1, 2)
        x = self.embed(rows.reshape(-1, CONSTITUENT_FEATURES)).view(*rows.shape[:2], -1) * real
        place = points.transpose(1, 2)
        for block in self.blocks:
            x = block(x, nearest(place + shift, self.neighbours)) * real
            place = x
        answer: Tensor = self.head(torch.cat([x.mean(1), jet], dim=1))
        return answer


@torch.no_grad()
def nearest(points: Tensor, count: int) -> Tensor:
    """Places (N, P, K) of the ``count`` nearest others of each of the points (N, P, D); each is its own nearest."""
    square = (points**2).sum(-1)
    distance = square.unsqueeze(1) + square.unsqueeze(2) - 2 * torch.bmm(points, points.transpose(1, 2))
    return distance.topk(count + 1, dim=-1, largest=False).indices[:, :, 1:]


def _head(inputs: int, layers: int, width: int, dropout: float) -> nn.Sequential:
    steps: list[nn.Module] = []
    for layer in range(layers):
        steps += [nn.Linear(width if layer else inputs, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    return nn.Sequential(*steps, nn.Linear(width, 1))
