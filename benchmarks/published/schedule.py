"""How long a training lasts and how its learning rate falls: flat, then exponentially over the last three tenths."""

from __future__ import annotations

DECAYING = 0.3
FINAL = 0.01
"""Learning rate of the last epoch as a share of the first one's."""


def decaying_epochs(epochs: int) -> int:
    """Epochs at the end in which the learning rate falls."""
    return max(1, int(epochs * DECAYING))


def learning_rate(start: float, epoch: int, epochs: int) -> float:
    """The rate of ``epoch`` (from 0) of ``epochs``."""
    decaying = decaying_epochs(epochs)
    return float(start * FINAL ** (max(0, epoch - (epochs - decaying) + 1) / decaying))


def fitting_epochs(seconds: float, spent: float, done: int, most: int) -> int:
    """Epochs that fit into ``seconds`` if they go on as the ``done`` ones, which took ``spent``; one to ``most``."""
    return max(done, min(most, int(seconds * done / spent)), 1)
