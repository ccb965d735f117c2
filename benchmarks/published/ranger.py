"""Ranger: RAdam (arXiv:1908.03265) whose weights look ahead (arXiv:1907.08610)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim


class Ranger(optim.RAdam):
    """RAdam that every ``every`` steps draws slow weights a share towards the fast ones and goes on from there.

    slow <- slow + share (fast - slow); fast <- slow. The slow weights start where training starts.

    Parameters
    ----------
    weights
        What moves.
    lr
        Learning rate.
    every, share
        k and alpha of the paper.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, every: int = 6, share: float = 0.5) -> None:
        super().__init__(weights, lr=lr, betas=(0.95, 0.999), eps=1e-5)
        self.every = every
        self.share = share

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of RAdam; each ``every``-th one looks ahead."""
        starts = {weight: weight.clone() for weight in self._weights() if not self.state[weight]}
        loss = super().step(closure)
        for weight in self._weights():
            state = self.state[weight]
            slow = state.setdefault("slow", starts.get(weight))
            if int(state["step"]) % self.every == 0:
                weight.copy_(slow.lerp_(weight, self.share))
        return loss

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
