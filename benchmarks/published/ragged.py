"""The published ParticleNet in training, without working through padding: the same function, several times as fast.

All slots of padding hold zeros, are joined with padding and so carry the same numbers from layer to layer. One row
stands for all of them and counts in the statistics of a batch as often as there are such slots. (Where a jet leaves
fewer than 17 slots empty, these have to be joined with constituents too, equally far ones; they are counted here as if
joined with padding.) A test holds outputs, gradients and running statistics to those of ``ParticleNet``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from benchmarks.published.networks import FAR, EdgeConvolution, ParticleNet, nearest
from torch import Tensor, nn

ROWS = 4096
"""Rows at a time where whole tensors are walked through: they stay in a core's cache."""


def forward(network: ParticleNet, features: Tensor, mask: Tensor, jet: Tensor) -> Tensor:
    """What ``network`` in training mode answers for features (N, 6, P), mask (N, 1, P) and jet (N, 8): (N, 1)."""
    jets, _, slots = features.shape
    real = mask.squeeze(1) > 0
    padding = int((~real).sum())
    number = torch.full((jets, slots), int(real.sum()))
    number[real] = torch.arange(int(real.sum()))
    shift = (~real).unsqueeze(-1) * FAR
    rows = features.transpose(1, 2)[real]
    steps = tuple(network.embed)
    before, linear, after, _ = cast("tuple[nn.BatchNorm1d, nn.Linear, nn.BatchNorm1d, nn.ReLU]", steps)
    x, zero = _normalised(before, rows, rows.new_zeros(rows.shape[1]), padding, relu=False)
    x, _ = _normalised(after, x @ linear.weight.T, linear.weight @ zero, padding, relu=True)
    place = features[:, 2:4].transpose(1, 2)
    for block in cast("Iterable[EdgeConvolution]", network.blocks):
        index = nearest(place + shift, network.neighbours)
        neighbours = number.gather(1, index.flatten(1)).view(index.shape)[real]
        x = _convolved(block, x, neighbours, padding)
        place = x.new_zeros(jets, slots, x.shape[1])
        place[real] = x.detach()
    owner = torch.arange(jets).repeat_interleave(real.sum(1))
    mean = x.new_zeros(jets, x.shape[1]).index_add(0, owner, x) / slots
    answer: Tensor = network.head(torch.cat([mean, jet], dim=1))
    return answer


def _convolved(block: EdgeConvolution, x: Tensor, neighbours: Tensor, padding: int) -> Tensor:
    """Constituents (R, C), rows of their neighbours (R, K) with R for padding -> (R, width)."""
    count = neighbours.shape[1]
    (first, first_norm), *layers = block.layers
    own, other = first.weight.chunk(2, dim=1)
    projected = nn.functional.pad(x @ other.T, (0, 0, 0, 1))
    edges = (nn.functional.embedding(neighbours, projected) + (x @ (own - other).T).unsqueeze(1)).flatten(0, 1)
    edges, zero = _normalised(first_norm, edges, x.new_zeros(edges.shape[1]), padding * count, relu=True)
    for linear, norm in layers:
        edges, zero = _normalised(norm, edges @ linear.weight.T, linear.weight @ zero, padding * count, relu=True)
    mean = edges.view(len(x), count, -1).mean(1)
    if isinstance(block.shortcut, nn.Sequential):
        linear, norm = cast("tuple[nn.Linear, nn.BatchNorm1d]", tuple(block.shortcut))
        straight = x @ linear.weight.T
        x, _ = _normalised(norm, straight, straight.new_zeros(straight.shape[1]), padding, relu=False)
    return torch.relu(mean + x)


def _normalised(norm: nn.BatchNorm1d, rows: Tensor, zero: Tensor, weight: int, *, relu: bool) -> tuple[Tensor, Tensor]:
    """Batch normalisation of ``rows`` (R, C) and of ``zero`` (C,), which counts ``weight`` times; ReLU if asked for."""
    count = len(rows) + weight
    mean, variance = _moments(rows.detach(), zero.detach(), weight)
    with torch.no_grad():
        unbiased = variance * count / max(count - 1, 1)
        momentum = cast("float", norm.momentum)  # none of these networks asks for None, a mean over all batches
        norm.get_buffer("running_mean").lerp_(mean, momentum)
        norm.get_buffer("running_var").lerp_(unbiased, momentum)
        norm.get_buffer("num_batches_tracked").add_(1)
    scale = torch.rsqrt(variance + norm.eps)
    answer: tuple[Tensor, Tensor] = _Normalise.apply(rows, zero, norm.weight, norm.bias, mean, scale, weight, relu)
    return answer


def _moments(rows: Tensor, zero: Tensor, weight: int) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,), summed about the mean of the first rows so that nothing cancels."""
    centre = rows[:ROWS].mean(0)
    total, square = weight * (zero - centre), weight * (zero - centre) ** 2
    for chunk in torch.split(rows, ROWS):
        away = chunk - centre
        total = total + away.sum(0)
        square = square + away.square_().sum(0)
    count = len(rows) + weight
    shift = total / count
    return centre + shift, (square / count - shift**2).clamp(min=0)


class _Normalise(torch.autograd.Function):
    """(x - mean) scale gamma + beta, of rows and of the one that stands for padding, with ReLU if asked for."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch hands over positions, of anything
        ctx: Any,
        rows: Tensor,
        zero: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor,
        scale: Tensor,
        weight: int,
        relu: bool,  # noqa: FBT001  # as above
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(rows, zero, gamma, beta, mean, scale)
        ctx.weight, ctx.relu = weight, relu
        factor = scale * gamma
        offset = beta - mean * factor
        answer = torch.empty_like(rows)
        for chunk, into in zip(torch.split(rows, ROWS), torch.split(answer, ROWS), strict=True):
            torch.addcmul(offset, chunk, factor, out=into)
            if relu:
                into.relu_()
        last = torch.addcmul(offset, zero, factor)
        return answer, last.relu() if relu else last

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, last: Tensor) -> tuple[Tensor | None, ...]:
        rows, zero, gamma, beta, mean, scale = ctx.saved_tensors
        count = len(rows) + ctx.weight
        gradient = gradient.contiguous()

        def gated(chunk: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
            unit = (chunk - mean).mul_(scale)
            before = torch.addcmul(beta, unit, gamma)
            return unit, torch.ops.aten.threshold_backward(given, before, 0) if ctx.relu else given

        unit_last, last = gated(zero, last)
        total, moment = last, last * unit_last
        pieces = list(zip(torch.split(rows, ROWS), torch.split(gradient, ROWS), strict=True))
        for chunk, given in pieces:
            unit, kept = gated(chunk, given)
            total = total + kept.sum(0)
            moment = moment + unit.mul_(kept).sum(0)
        factor = gamma * scale
        answer = torch.empty_like(rows)
        for (chunk, given), into in zip(pieces, torch.split(answer, ROWS), strict=True):
            unit, kept = gated(chunk, given)
            torch.sub(kept, total / count, out=into)
            into.addcmul_(unit, moment / count, value=-1).mul_(factor)
        from_last = factor * (last - ctx.weight * (total + unit_last * moment) / count)
        return answer, from_last, moment, total, None, None, None, None
