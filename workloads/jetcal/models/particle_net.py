"""ParticleNet (Qu, Gouskos, arXiv:1902.08570): edge convolutions over a graph that is drawn anew before each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetcal.models.graph import Graph, Jets
from jetcal.models.layers import Perceptron, linear
from jetcal.models.messages import mean_messages
from jetcal.models.neighbours import nearest
from jetcal.models.precision import training_type
from jetcal.models.segments import Segments
from jetcal_api.hyperparameters import ParticleNet

CONSTITUENTS = 8192
"""Constituents that are trained on at a time: the activations of their edges are what a training keeps most of."""


class EdgeConvolution(nn.Module):
    """x_i -> ReLU(norm(mean over neighbours j of h(x_i, x_j - x_i) + shortcut(x_i))).

    The first layer of h is linear in (x_i, x_j - x_i), so it is worked out for constituents instead of edges:
    W (x_i, x_j - x_i) = (W_1 - W_2) x_i + W_2 x_j. The rest of h acts on the edges.

    The mean is over real neighbours only. Instead of the paper's batch normalisation on the edges each constituent is
    normalised over its own channels (arXiv:1607.06450) where the sums meet: it knows nothing of padding, of other jets
    or of other processes, and costs a neighbours' count less.
    """

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.first = linear(2 * inputs, width)
        self.rest = Perceptron(width, width, layers - 1)
        self.shortcut = nn.Linear(inputs, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, index: Tensor, found: Tensor) -> Tensor:
        """Constituents (N, P, inputs), neighbours (N, P, K) as ``nearest`` gives them -> (N, P, width)."""
        normalised: Tensor = self.norm(self.messages(x, index, found) + self.shortcut(x))
        return normalised.relu()

    def messages(self, x: Tensor, index: Tensor, found: Tensor) -> Tensor:
        """Mean over the neighbours of h, zero for a constituent without any: (N, P, width)."""
        own, other = self.first.weight.chunk(2, dim=1)
        centre = nn.functional.linear(x, own - other, self.first.bias)
        edges = torch.relu(centre.unsqueeze(2) + at_neighbours(nn.functional.linear(x, other), index))
        edges = self.rest(edges) * found.unsqueeze(-1)
        total: Tensor = edges.sum(2)
        return total / found.sum(2, keepdim=True).clamp(min=1)

    def along(self, graph: Graph, x: Tensor, kind: torch.dtype) -> Tensor:
        """What ``forward`` answers, for constituents without padding, in training on a CPU.

        Parameters
        ----------
        graph
            Neighbours of the R constituents.
        x
            float32 (R, inputs).
        kind
            Type of the operands of products.

        Returns
        -------
        Tensor
            float32 (R, width).
        """
        own, other = self.first.weight.chunk(2, dim=1)
        operand = x.to(kind)
        centre = nn.functional.linear(operand, (own - other).to(kind), self.first.bias.to(kind))
        neighbour = nn.functional.linear(operand, other.to(kind))
        straight = nn.functional.linear(operand, self.shortcut.weight.to(kind), self.shortcut.bias.to(kind))
        normalised: Tensor = self.norm(mean_messages(centre, neighbour, graph, self.rest.linear) + straight)
        return normalised.relu()


def at_neighbours(x: Tensor, index: Tensor) -> Tensor:
    """Rows (N, P, C) at ``index`` (N, P, K) of the same jet: (N, P, K, C)."""
    jets, slots, width = x.shape
    start = torch.arange(jets, device=x.device).view(-1, 1, 1) * slots
    return nn.functional.embedding(index + start, x.reshape(-1, width))


class ParticleNetEncoder(nn.Module):
    """Edge convolutions, then the mean over the real constituents.

    The first graph joins neighbours in (eta, phi), each later one neighbours in the space of the features so far.

    Parameters
    ----------
    spec
        Blocks, neighbours, layers and width.
    features
        Features of a constituent.
    """

    def __init__(self, spec: ParticleNet, features: int) -> None:
        super().__init__()
        self.neighbours = spec.neighbours
        self.constituents_at_once = CONSTITUENTS
        self.blocks = nn.ModuleList(
            EdgeConvolution(spec.conv_dim if block else features, spec.conv_dim, spec.conv_layers)
            for block in range(spec.blocks)
        )
        self.width = spec.conv_dim

    def forward(self, constituents: Tensor, position: Tensor, real: Tensor) -> Tensor:
        """Features (N, P, F), (eta, phi) (N, P, 2), 1 or 0 for padding (N, P) -> (N, width)."""
        if self.training and constituents.device.type == "cpu":
            kept = real > 0
            return self.of_constituents(constituents[kept], position[kept], kept.sum(1))
        x, points = constituents, position
        for block in self.blocks:
            index, found = nearest(points, real, self.neighbours)
            x = points = block(x, index, found)
        total = torch.bmm(real.unsqueeze(1), x).squeeze(1)
        return total / real.sum(1, keepdim=True).clamp(min=1)

    def of_constituents(self, x: Tensor, position: Tensor, counts: Tensor) -> Tensor:
        """What ``forward`` answers, for jets without padding, in training on a CPU.

        Parameters
        ----------
        x
            float32 (R, F): features, one jet's constituents after the other's.
        position
            (R, 2): (eta, phi).
        counts
            int64 (N,): constituents of each jet.
        """
        kind = training_type(x.device)
        jets, points = Jets(counts), position
        for block in self.convolutions:
            x = block.along(jets.nearest(points, self.neighbours), x, kind)
            points = x.detach()
        return Segments(counts).pooled(x) / counts.clamp(min=1).unsqueeze(1)

    @property
    def convolutions(self) -> list[EdgeConvolution]:
        """The blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, EdgeConvolution)]
