"""Messages along the edges of a graph in training: what ``EdgeConvolution.messages`` computes, and its gradient.

Edges are many times as many as constituents, and most of what happens to them waits for memory. So they are worked on
in tiles that stay in a core's cache, in the type of the products, and the gradient takes the place of the activations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from jetcal.models.graph import Graph
from jetcal.models.relu import linear_relu, relu_, through_relu_

EDGES = 8192
"""Edges in a tile, about."""


def mean_messages(centre: Tensor, other: Tensor, graph: Graph, layers: Sequence[nn.Linear]) -> Tensor:
    """Mean over the edges of each row of layers(ReLU(centre(row) + other(source))), each layer followed by ReLU.

    Parameters
    ----------
    centre, other
        (R, C) on the CPU, bfloat16 or float32: the type that is computed in.
    graph
        Edges.
    layers
        From C to C; their weights and the gradients that they get are float32.

    Returns
    -------
    Tensor
        float32 (R, C), zero for a row without edges.
    """
    parameters = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    answer: Tensor = _MeanMessages.apply(centre, other, graph, *parameters)
    return answer


class _Tile(NamedTuple):
    """Some rows and their edges."""

    rows: slice
    edges: slice


class _MeanMessages(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, centre: Tensor, other: Tensor, graph: Graph, *parameters: Tensor) -> Tensor:
        weights = [weight.to(centre.dtype) for weight in parameters[::2]]
        biases = [bias.to(centre.dtype) for bias in parameters[1::2]]
        every = torch.arange(len(graph.owner))
        first = centre.new_empty(len(every), centre.shape[1])
        outputs: list[list[Tensor]] = []
        total = torch.zeros_like(centre)
        for rows, edges in _tiles(graph):
            hidden = torch.index_select(other, 0, graph.source[edges], out=first[edges])
            relu_(hidden.add_(centre.index_select(0, graph.owner[edges])))
            outputs.append([hidden])
            for weight, bias in zip(weights, biases, strict=True):
                hidden = linear_relu(hidden, weight, bias)
                outputs[-1].append(hidden)
            starts = graph.first[rows] - edges.start
            total[rows] = embedding_bag(every[: len(hidden)], hidden, starts, mode="sum")
        ctx.share = 1 / graph.first.diff().clamp(min=1).to(torch.float32).unsqueeze(1)
        ctx.graph, ctx.weights, ctx.first, ctx.outputs = graph, weights, first, outputs
        return total.float().mul_(ctx.share)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        graph, weights, first, outputs = ctx.graph, ctx.weights, ctx.first, ctx.outputs
        del ctx.first, ctx.outputs  # they do not survive what follows
        gradient = (gradient * ctx.share).to(first.dtype)
        found = [torch.zeros(shape) for weight in weights for shape in (weight.shape, weight.shape[:1])]
        for (_, edges), hidden in zip(_tiles(graph), outputs, strict=True):
            given = gradient.index_select(0, graph.owner[edges])
            for layer in reversed(range(len(weights))):
                kept = through_relu_(hidden.pop(), given)
                found[2 * layer] += kept.t() @ hidden[layer]
                found[2 * layer + 1] += kept.sum(0)
                torch.mm(kept, weights[layer], out=given)
            through_relu_(hidden.pop(), given)
        if not len(first):
            nothing = torch.zeros_like(gradient)
            return nothing, nothing, None, *found
        centre = embedding_bag(torch.arange(len(first)), first, graph.first[:-1], mode="sum")
        other = embedding_bag(graph.back, first, graph.back_first[:-1], mode="sum")
        return centre, other, None, *found


def _tiles(graph: Graph) -> Iterator[_Tile]:
    rows = len(graph.first) - 1
    if not len(graph.owner):
        return
    step = max(1, EDGES * rows // len(graph.owner))
    bounds = [*range(0, rows, step), rows]
    ends = graph.first[bounds].tolist()
    for number in range(len(bounds) - 1):
        if ends[number] < ends[number + 1]:
            yield _Tile(slice(*bounds[number : number + 2]), slice(*ends[number : number + 2]))
