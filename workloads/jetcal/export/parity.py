"""How far two runtimes' answers on the same jets may lie apart, and whether they do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import OUTPUTS
from jetcal.errors import JetcalError

CLOSE = 1e-5
"""Relative difference that FP32 arithmetic in another order explains."""


@dataclass(frozen=True)
class Limits:
    """What is demanded of an architecture.

    Attributes
    ----------
    share_within_1e5
        Smallest share of the jets whose factors agree within 1e-5.
    max_relative
        Largest relative difference of any factor. The spread of an ensemble is one of logarithms: its difference is
        relative to the factor as it stands.
    """

    share_within_1e5: float
    max_relative: float


LIMITS = defaultdict(lambda: Limits(1.0, CLOSE), particleNet=Limits(0.99, 1e-3))
"""By architecture. In ParticleNet a neighbour may flip at equal distance."""


@dataclass(frozen=True)
class Parity:
    """How well two sets of factors agree; the attributes as in ``Limits``."""

    share_within_1e5: float
    max_relative: float

    @classmethod
    def of(cls, expected: NDArray[np.float32], found: NDArray[np.float32]) -> Parity:
        """Compare factors of shape (N, 3) or (N, 4); what is not finite or of another shape agrees with nothing."""
        if found.shape != expected.shape:
            return cls(0.0, float("inf"))
        factors = slice(len(OUTPUTS))
        with np.errstate(invalid="ignore"):
            relative = np.abs(found.astype(np.float64) - expected)
            relative[:, factors] /= expected[:, factors]
        relative = np.where(np.isfinite(relative), relative, np.inf)
        return cls(float((relative.max(axis=1) <= CLOSE).mean()), float(relative.max()))

    def require(self, limits: Limits, who: str) -> None:
        """Raise ``JetcalError`` with the numbers if ``who`` misses the limits."""
        if self.max_relative <= limits.max_relative and self.share_within_1e5 >= limits.share_within_1e5:
            return
        message = (
            f"{who} does not reproduce the golden predictions: {self.share_within_1e5:.2%} of the jets agree within "
            f"1e-5 (wanted {limits.share_within_1e5:.0%}), the largest relative difference is {self.max_relative:.2g} "
            f"(allowed {limits.max_relative:g})"
        )
        raise JetcalError(message)
