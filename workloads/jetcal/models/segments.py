"""Sums over the constituents of each jet where these stand one after the other, without padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Segments:
    """Which of R rows belong to which of N jets.

    Parameters
    ----------
    counts
        int64 (N,): rows of each jet, in their order; any may be 0.

    Attributes
    ----------
    counts
        As given.
    offsets
        (N + 1,): where the rows of each jet begin, and where the last ones end.
    owner
        (R,): the jet of each row.
    """

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts
        self.offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        self.owner = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    def of_rows(self, values: Tensor) -> Tensor:
        """Values of the jets (N, ...) at each of their rows (R, ...)."""
        return values.index_select(0, self.owner)

    def total(self, values: Tensor) -> Tensor:
        """Sums (N,) of float32 (R,) that need no gradient."""
        return torch.segment_reduce(values, "sum", offsets=self.offsets, unsafe=True)

    def pooled(self, rows: Tensor) -> Tensor:
        """Sums (N, W) of (R, W) in their type; rows beyond the last jet's are left out."""
        answer: Tensor = _Pooled.apply(rows, self.offsets, self.owner)
        return answer


class _Pooled(torch.autograd.Function):
    """The sum of an embedding bag, whose own gradient is made for sparse rows of a large table and slow here."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, offsets: Tensor, owner: Tensor) -> Tensor:
        ctx.save_for_backward(owner)
        ctx.count = len(rows)
        if not len(owner):
            return rows.new_zeros(len(offsets) - 1, rows.shape[1])
        every = torch.arange(len(owner), device=rows.device)
        return torch.nn.functional.embedding_bag(every, rows, offsets[:-1], mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (owner,) = ctx.saved_tensors
        answer = gradient.new_empty(ctx.count, gradient.shape[1])
        torch.index_select(gradient, 0, owner, out=answer[: len(owner)])
        answer[len(owner) :].zero_()
        return answer, None, None
