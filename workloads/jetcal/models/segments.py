"""Which constituents belong to which jet: in rows, one jet's after the other's, or in slots of which some are empty."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor


class Segments:
    """R rows of N jets, known by the number of each jet's.

    Parameters
    ----------
    counts
        int64 (N,): rows of each jet, in their order; any may be 0.

    Attributes
    ----------
    counts
        As given.
    owner
        int64 (R,): the jet of each row.
    """

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts
        self.owner = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    @cached_property
    def first(self) -> Tensor:
        """(N,): where the rows of each jet begin."""
        return self.counts.cumsum(0) - self.counts

    @cached_property
    def offsets(self) -> Tensor:
        """(N + 1,): where the rows of each jet begin, and where the last ones end."""
        return torch.nn.functional.pad(self.counts.cumsum(0), (1, 0))

    @cached_property
    def start(self) -> Tensor:
        """(R,): where the rows of each row's jet begin."""
        return self.first.index_select(0, self.owner)

    @cached_property
    def slot(self) -> Tensor:
        """(R,): place of each row in its jet."""
        return torch.arange(self.owner.shape[0], device=self.owner.device) - self.start

    @cached_property
    def slots(self) -> int:
        """P: as many as the largest jet has rows, or more."""
        return int(self.counts.max()) if len(self.counts) else 0

    @cached_property
    def real(self) -> Tensor:
        """Bool (N, P): which of the slots of each jet have a row."""
        return torch.arange(self.slots, device=self.counts.device) < self.counts.unsqueeze(1)

    @cached_property
    def row(self) -> Tensor:
        """(N P,): which row is in each slot, counted from 1; 0 for an empty one."""
        rows = self.first.unsqueeze(1) + torch.arange(1, self.slots + 1, device=self.counts.device)
        return (rows * self.real).flatten()

    @cached_property
    def place(self) -> Tensor:
        """(R,): place of each row among all N P slots."""
        return self.owner * self.slots + self.slot

    def as_rows(self, values: Tensor) -> Tensor:
        """Values (k, R) as rows (R, k)."""
        return values.t()

    def of_rows(self, values: Tensor) -> Tensor:
        """Values of the jets (k, N) at each of their rows (k, R)."""
        return values.index_select(1, self.owner)

    def total(self, values: Tensor) -> Tensor:
        """Sums (k, N) of float32 (k, R) that need no gradient."""
        return torch.stack(
            [torch.segment_reduce(each, "sum", offsets=self.offsets, unsafe=True) for each in values.unbind()]
        )

    def pooled(self, rows: Tensor) -> Tensor:
        """Sums (N, W) of (R, W) in their type; rows beyond the last jet's are left out."""
        answer: Tensor = _Pooled.apply(rows, self.offsets, self.owner)
        return answer

    def padded(self, rows: Tensor) -> Tensor:
        """Rows (R, W) in the slots of their jets, zeros elsewhere: (N, P, W)."""
        nothing = rows.new_zeros(1, rows.shape[1])
        return torch.cat([nothing, rows]).index_select(0, self.row).view(*self.real.shape, rows.shape[1])


class Grid:
    """N jets of P slots each, empty ones too: plain operations, that can be exported.

    Parameters
    ----------
    real
        Bool (N, P): which slots hold a constituent.

    Attributes
    ----------
    counts
        int64 (N,): constituents of each jet.
    """

    def __init__(self, real: Tensor) -> None:
        self.counts = real.sum(1)

    def of_rows(self, values: Tensor) -> Tensor:
        """Values of the jets (k, N) beside those of their slots (k, N, P): (k, N, 1)."""
        return values.unsqueeze(2)

    def total(self, values: Tensor) -> Tensor:
        """Sums (k, N) of (k, N, P)."""
        return values.sum(2)


class Slots(Segments):
    """R rows of N jets that come from P slots each: plain operations, that can be exported.

    Parameters
    ----------
    real
        Bool (N, P): which slots have a row.

    Attributes
    ----------
    taken
        int64 (R,): from which of all N P slots each row comes; in ``place`` the rows of each jet have its first slots.
    """

    def __init__(self, real: Tensor) -> None:
        self.counts = real.sum(1)
        self.slots = real.shape[1]
        self.owner, column = real.nonzero().unbind(1)
        self.taken = self.owner * self.slots + column

    def as_rows(self, values: Tensor) -> Tensor:
        """Values (k, N, P) of the slots as rows (R, k)."""
        return values.flatten(1).t().index_select(0, self.taken)

    def pooled(self, rows: Tensor) -> Tensor:
        """Sums (N, W) of (R, W)."""
        return self.padded(rows).sum(1)


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
