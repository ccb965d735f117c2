"""A measured number that knows how it scatters: arithmetic on it keeps what two numbers of the same jets share."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap replicas.

    Estimates whose replicas come from the same weights (``jetcal.evaluation.bootstrap``) are paired: the error of their
    difference or ratio is that of the fluctuations that they do not share.

    Attributes
    ----------
    value
        The number, measured with every jet once.
    replicas
        float64 of shape (B,): the same number in each of B bootstrap replicas of the sample.
    """

    value: float
    replicas: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Standard deviation of the replicas, in the unit of the value."""
        return float(np.std(self.replicas, ddof=1))

    def _combined(self, other: Estimate | float, combine: Callable[..., NDArray[np.float64]]) -> Estimate:
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


def spread(estimates: list[Estimate]) -> Estimate:
    """Largest minus smallest of the estimates, in their unit; at least one is needed.

    The spread of noisy numbers is positive even where the true ones agree: compare it with its error.
    """
    values = np.array([estimate.value for estimate in estimates])
    replicas = np.stack([estimate.replicas for estimate in estimates])
    return Estimate(float(np.ptp(values)), np.ptp(replicas, axis=0))
