"""A measured number that knows how it scatters: arithmetic on it keeps what two numbers of the same jets share."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap replicas.

    Estimates whose replicas come from the same weights are paired: the error of their difference or ratio is that of
    the fluctuations that they do not share.

    Attributes
    ----------
    value
        The number, measured with every jet once.
    replicas
        Shape (B,): the same number in each of B bootstrap replicas of the sample.
    """

    value: float
    replicas: NDArray[np.floating]

    @property
    def error(self) -> float:
        """Standard deviation of the replicas, in the unit of the value."""
        return float(np.std(self.replicas, ddof=1, dtype=np.float64))

    def _combined(self, other: Estimate | float, combine: Callable[..., NDArray[np.floating]]) -> Estimate:
        if isinstance(other, Estimate):
            return Estimate(float(combine(self.value, other.value)), combine(self.replicas, other.replicas))
        return Estimate(float(combine(self.value, other)), combine(self.replicas, other))

    def __add__(self, other: Estimate | float) -> Estimate:
        return self._combined(other, operator.add)

    def __sub__(self, other: Estimate | float) -> Estimate:
        return self._combined(other, operator.sub)

    def __rsub__(self, other: float) -> Estimate:
        return self._combined(other, lambda mine, number: number - mine)

    def __truediv__(self, other: Estimate | float) -> Estimate:
        return self._combined(other, np.divide)


def spread(estimates: Sequence[Estimate]) -> Estimate:
    """Largest minus smallest of the estimates, in their unit; at least one is needed.

    The spread of noisy numbers is positive even where the true ones agree: compare it with its error.
    """
    values, replicas = _stacked(estimates)
    return Estimate(float(np.ptp(values)), np.ptp(replicas, axis=0))


def scatter(estimates: Sequence[Estimate]) -> Estimate:
    """Sum of the distances of the estimates from their mean, in their unit; at least one is needed."""
    values, replicas = _stacked(estimates)
    return Estimate(
        float(np.abs(values - values.mean()).sum()),
        np.abs(replicas - replicas.mean(axis=0)).sum(axis=0),
    )


def _stacked(estimates: Sequence[Estimate]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    return np.array([each.value for each in estimates]), np.stack([each.replicas for each in estimates])
