"""ParticleNet (Qu, Gouskos, arXiv:1902.08570): edge convolutions over a graph that is drawn anew before each."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from jetcal.models.graph import Graph, Jets
from jetcal.models.layers import Perceptron, linear
from jetcal.models.messages import mean_messages
from jetcal.models.neighbours import nearest
from jetcal.models.precision import autocast, training_type
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
        """Constituents (R, inputs), neighbours (R, K) as ``nearest`` gives them -> (R, width)."""
        normalised: Tensor = self.norm(self.messages(x, index, found) + self.shortcut(x))
        return normalised.relu()

    def messages(self, x: Tensor, index: Tensor, found: Tensor) -> Tensor:
        """Mean over the neighbours of h, zero for a constituent without any: (R, width)."""
        own, other = self.first.weight.chunk(2, dim=1)
        centre = nn.functional.linear(x, own - other, self.first.bias)
        neighbour = nn.functional.linear(x, other).index_select(0, index.flatten())
        shape = (-1, index.shape[1], self.first.out_features)
        edges = torch.relu(centre.unsqueeze(1) + neighbour.view(shape))
        edges = self.rest(edges.flatten(0, 1)).view(shape)
        share = found / found.sum(1, keepdim=True).clamp(min=1)
        return torch.bmm(share.unsqueeze(1), edges).squeeze(1)

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

    def forward(self, x: Tensor, position: Tensor, jets: Segments) -> Tensor:
        """Features (R, F) and (eta, phi) (R, 2) of the constituents of ``jets`` -> (N, width)."""
        points = position
        if self.training and x.device.type == "cpu":
            kind, searched = training_type(x.device), Jets(jets.counts)
            for block in self.convolutions:
                x = block.along(searched.nearest(points, self.neighbours), x, kind)
                points = x.detach()
        else:
            for block in self.convolutions:
                neighbours = nearest(points, jets, self.neighbours)
                with autocast(x.device) if self.training else nullcontext():
                    x = block(x, *neighbours)
                x = points = x.to(position.dtype)
        return jets.pooled(x) / jets.counts.clamp(min=1).unsqueeze(1)

    @property
    def convolutions(self) -> list[EdgeConvolution]:
        """The blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, EdgeConvolution)]
