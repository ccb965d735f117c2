"""Perceptrons in training, in the type of their input: bfloat16 products with float32 weights and gradients.

Automatic mixed precision would convert activations between layers and keep more of them. Here a whole perceptron is one
step of the graph: each layer keeps its output alone, in which the zeros tell what ReLU and dropout have cut off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jetcal.models.relu import linear_relu, through_relu

ROWS = 1024
"""Products have a multiple of so many rows: the library prepares itself for each new shape, which takes as long as a
fifth of a step, and batches without padding would nearly all be of different ones."""


def filled(rows: Tensor, kind: torch.dtype) -> Tensor:
    """Rows (R, F) in another type, followed by zeros up to a multiple of ``ROWS``."""
    count = -(-len(rows) // ROWS) * ROWS
    answer = torch.zeros(rows.shape[1], count, dtype=kind, device=rows.device).t()
    answer[: len(rows)] = rows
    return answer


def perceptron(rows: Tensor, layers: Sequence[nn.Linear], dropout: float = 0.0) -> Tensor:
    """Linear layers, each followed by ReLU and dropout.

    Parameters
    ----------
    rows
        (R, inputs), of the type that is to be computed in.
    layers
        At least one; their weights are float32, and so are the gradients that they get.
    dropout
        Probability of setting an output to zero.

    Returns
    -------
    Tensor
        (R, width) in the type of ``rows``.
    """
    parameters = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    answer: Tensor = _Perceptron.apply(rows, dropout, *parameters)
    return answer


class _Perceptron(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, dropout: float, *parameters: Tensor) -> Tensor:
        weights = [weight.to(rows.dtype) for weight in parameters[::2]]
        ctx.scale = 1.0
        outputs = []
        hidden = rows
        for weight, bias in zip(weights, parameters[1::2], strict=True):
            hidden = linear_relu(hidden, weight, bias.to(rows.dtype))
            if dropout:
                ctx.scale = _drop_(hidden, dropout)
            outputs.append(hidden)
        ctx.save_for_backward(rows, *outputs, *weights)
        return hidden

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        count = len(ctx.saved_tensors) // 2
        inputs, weights = ctx.saved_tensors[:count], ctx.saved_tensors[count + 1 :]
        outputs = ctx.saved_tensors[1 : count + 1]
        ones = gradient.new_ones(1, len(gradient))
        found: list[Tensor] = []
        for layer in reversed(range(count)):
            gradient = through_relu(outputs[layer], gradient.contiguous())
            if ctx.scale != 1:
                gradient.mul_(ctx.scale)
            weight = inputs[layer].t() @ gradient  # in this order a third faster than its transpose
            found += [
                (ones @ gradient).squeeze(0).float(),
                weight.t().to(torch.float32, memory_format=torch.contiguous_format),
            ]
            if layer or ctx.needs_input_grad[0]:
                gradient = gradient @ weights[layer]
        return gradient if ctx.needs_input_grad[0] else None, None, *reversed(found)


def _drop_(hidden: Tensor, probability: float) -> float:
    """Dropout in place; the factor by which it has multiplied what stays.

    From one dropped output to the next it is a geometrically distributed number of steps, so that only as many numbers
    are drawn as outputs are dropped.
    """
    size, last = hidden.numel(), -1
    expected = size * probability
    while last < size - 1:
        gaps = torch.empty(int(expected + 5 * math.sqrt(expected)) + 16, dtype=torch.float64, device=hidden.device)
        places = last + gaps.geometric_(probability).cumsum_(0).clamp_(max=size).long()
        last = int(places[-1])
        hidden.view(-1).index_fill_(0, places[places < size], 0)
    scale = 1 / (1 - probability)
    hidden.mul_(scale)
    return scale
