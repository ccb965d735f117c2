"""Nearest neighbours among the constituents of each jet."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

FAR = 1e9
"""Squared distance that stands for 'no neighbour'."""


def nearest(points: Tensor, real: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` nearest other real constituents of each constituent; of two as near, the one that comes first.

    Candidates of one calorimeter cell lie at the same place, so that order must be settled, and in the same way by
    every runtime.

    Parameters
    ----------
    points
        (N, P, D): coordinates.
    real
        (N, P): 1 for a constituent, 0 for padding.
    count
        Neighbours K to find; P may be smaller than that, and zero.

    Returns
    -------
    index
        int64 (N, P, K): place of the neighbour in its jet; 0 where there is none.
    found
        (N, P, K): 1 where there is such a neighbour, else 0.
    """
    distance = _squared_distances(points)
    slots = torch.arange(points.shape[1], device=points.device)
    itself = slots.unsqueeze(0) == slots.unsqueeze(1)
    no_neighbour = itself | (real < 0.5).unsqueeze(1)  # noqa: PLR2004  # between the two values
    distance = distance.masked_fill(no_neighbour, FAR)
    # Slots that stand for nobody make top-k well defined for jets with fewer than K others.
    nobody = pad(distance, (0, count), value=FAR)
    shortest, index = _least(nobody, count)
    found = shortest < FAR
    return index * found, found.to(points.dtype)


def _least(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest of values >= 0 (..., M) and where they are, both (..., K); of equal ones the first.

    ONNX's TopK settles ties so by itself, torch's does not: here the place stands in the lower half of a whole number,
    of which the bits of the value, ordered like values that are not negative, are the upper half.
    """
    if torch.onnx.is_in_onnx_export() or values.dtype != torch.float32:
        return values.topk(count, dim=-1, largest=False)
    place = torch.arange(values.shape[-1], device=values.device)
    packed = values.view(torch.int32).to(torch.int64).bitwise_left_shift(32).bitwise_or(place)
    index = packed.topk(count, dim=-1, largest=False).values.bitwise_and(0xFFFFFFFF)
    return values.gather(-1, index), index


def _squared_distances(points: Tensor) -> Tensor:
    """(N, P, D) -> (N, P, P), from |a|^2 + |b|^2 - 2 ab, which rounding must not make negative."""
    square = (points**2).sum(-1)
    mixed = torch.bmm(points, points.transpose(1, 2))
    return (square.unsqueeze(1) + square.unsqueeze(2) - 2 * mixed).clamp(min=0)
