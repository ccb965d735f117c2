"""The network of the published size made of torch-geometric's parts, as its users make it: ``EdgeConv`` on real edges.

Neighbours are sought in dense tensors, for the library's own search needs extensions that are not on PyPI.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # its import asks torch for what torch is about to drop
    from torch_geometric.nn import MLP, EdgeConv, global_mean_pool
    from torch_geometric.utils import to_dense_batch

BLOCKS, LAYERS, WIDTH, NEIGHBOURS = 3, 3, 50, 16
EMBEDDING = 32
HEAD = (200, 200, 200)


class EdgeConvNetwork(nn.Module):
    """Edge convolutions with shortcuts, the mean over the constituents, a perceptron.

    Parameters
    ----------
    constituent, jet
        Features of each.
    """

    def __init__(self, constituent: int, jet: int) -> None:
        super().__init__()
        self.embed = nn.Linear(constituent, EMBEDDING)
        widths = [EMBEDDING, *[WIDTH] * BLOCKS]
        self.blocks = nn.ModuleList(
            EdgeConv(MLP([2 * inputs, *[WIDTH] * LAYERS], norm=None, plain_last=False), aggr="mean")
            for inputs in widths[:-1]
        )
        self.shortcuts = nn.ModuleList(nn.Linear(inputs, WIDTH) for inputs in widths[:-1])
        self.head = MLP([WIDTH + jet, *HEAD, 1], norm=None)

    def forward(self, constituents: Tensor, position: Tensor, owner: Tensor, jet: Tensor) -> Tensor:
        """Constituents (R, F), (eta, phi) (R, 2), the jet of each (R,), jets (N, J) -> (N, 1)."""
        x = self.embed(constituents).relu()
        points = position
        for block, shortcut in zip(self.blocks, self.shortcuts, strict=True):
            x = points = (block(x, edges(points, owner)) + shortcut(x)).relu()
        pooled = global_mean_pool(x, owner, len(jet))
        answer: Tensor = self.head(torch.cat([pooled, jet], dim=1))
        return answer


@torch.no_grad()
def edges(points: Tensor, owner: Tensor) -> Tensor:
    """(2, E): from each of the nearest others of a point (R, D) of the same jet to the point."""
    dense, real = to_dense_batch(points, owner)
    distance = torch.cdist(dense, dense).masked_fill(~real.unsqueeze(1), torch.inf)
    distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    nearest = distance.topk(min(NEIGHBOURS, distance.shape[-1]), largest=False)
    row = torch.zeros(real.shape, dtype=torch.int64)
    row[real] = torch.arange(len(points))
    source = row.gather(1, nearest.indices.flatten(1)).view(nearest.indices.shape)
    there = (nearest.values < torch.inf) & real.unsqueeze(-1)
    return torch.stack([source[there], row.unsqueeze(-1).expand_as(source)[there]])
