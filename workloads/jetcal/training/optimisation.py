"""How weights move: optimiser, learning rate over the training, bound on the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn, optim

from jetcal_api.hyperparameters import Optimizer, OptimizerName

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
FINAL = 0.01
"""Learning rate at the end, as a share of its peak."""
MAX_GRADIENT_NORM = 1.0

_OPTIMISERS: dict[OptimizerName, Callable[..., optim.Optimizer]] = {
    "AdamW": optim.AdamW,
    "Adam": optim.Adam,
    "RAdam": optim.RAdam,
    "RMSprop": optim.RMSprop,
    "Adagrad": optim.Adagrad,
}

_FUSED: tuple[OptimizerName, ...] = ("AdamW", "Adam")
"""Those that can move all weights in one pass, several times as fast."""


def make_optimiser(spec: Optimizer, network: nn.Module) -> optim.Optimizer:
    """The optimiser over all weights; only matrices decay, biases and norms do not."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": spec.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    fused = {"fused": True} if spec.name in _FUSED else {}
    return _OPTIMISERS[spec.name](groups, lr=spec.learning_rate, **fused)


def learning_rate(peak: float, step: int, steps: int) -> float:
    """The rate of ``step`` (from 0) of ``steps``: a linear rise, then half a cosine down to ``FINAL`` of the peak."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return peak * (step + 1) / rise
    progress = (step - rise) / max(1, steps - rise)
    return peak * (FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * progress)))
