"""Nearest neighbours among the constituents of each jet, in operations that can be exported."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from jetcal.models.segments import Segments

FAR = 1e9
"""Squared distance that stands for 'no neighbour'."""


def nearest(points: Tensor, jets: Segments, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` nearest others of each constituent in its jet; of two as near, the one that comes first.

    Candidates of one calorimeter cell lie at the same place, so that order must be settled, and in the same way by
    every runtime.

    Parameters
    ----------
    points
        (R, D): coordinates.
    jets
        Which row belongs to which jet.
    count
        Neighbours K to find; a jet may have fewer constituents than that, or none.

    Returns
    -------
    index
        int64 (R, K): row of the neighbour; 0 where there is none.
    found
        (R, K): 1 where there is such a neighbour, else 0.
    """
    distance = _squared_distances(points, jets)
    itself = torch.arange(distance.shape[1], device=points.device) == jets.slot.unsqueeze(1)
    # Slots that stand for nobody make top-k well defined for jets with fewer than K others.
    distance = pad(distance.masked_fill(itself, FAR), (0, count), value=FAR)
    shortest, slot = _least(distance, count)
    found = shortest < FAR / 2
    return (jets.start.unsqueeze(1) + slot) * found, found.to(points.dtype)


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


def _squared_distances(points: Tensor, jets: Segments) -> Tensor:
    """(R, D) -> (R, P), from |a|^2 + |b|^2 - 2 ab, which rounding must not make negative; ``FAR`` to padding."""
    dense = jets.padded(points)
    square = (dense**2).sum(2)
    of_others = square + jets.real.logical_not() * FAR
    mixed = torch.bmm(dense, dense.transpose(1, 2))
    distance = (square.unsqueeze(2) + of_others.unsqueeze(1) - 2 * mixed).clamp(min=0)
    return distance.flatten(0, 1).index_select(0, jets.place)
