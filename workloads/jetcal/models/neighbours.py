"""Nearest neighbours among the constituents of each jet."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

FAR = 1e9
"""Squared distance that stands for 'no neighbour'."""


def nearest(points: Tensor, real: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` nearest other real constituents of each constituent.

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
    shortest, index = nobody.topk(count, dim=-1, largest=False)
    found = shortest < FAR
    return index * found, found.to(points.dtype)


def _squared_distances(points: Tensor) -> Tensor:
    """(N, P, D) -> (N, P, P), from |a|^2 + |b|^2 - 2 ab."""
    square = (points**2).sum(-1)
    mixed = torch.bmm(points, points.transpose(1, 2))
    return square.unsqueeze(1) + square.unsqueeze(2) - 2 * mixed
