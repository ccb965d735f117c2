"""The ranges of pT and |eta| in which jets are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

PT_EDGES = (
    *(15.0, 17.0, 20.0, 23.0, 27.0, 30.0, 35.0, 40.0, 45.0, 57.0, 72.0, 90.0, 120.0, 150.0, 200.0, 300.0, 400.0, 550.0),
    *(750.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0, 3500.0, 4000.0, 4500.0, 5000.0),
)
"""pT bins in which the CMS collaboration derives and tests jet energy corrections, GeV."""

WIDE_PT_EDGES = (30.0, 50.0, 100.0, 300.0, 1000.0, math.inf)
"""Wide pT ranges of published comparisons (doi 10.1007/s41781-023-00103-y), GeV."""

INCLUSIVE_MIN_PT = 30.0
"""Inclusive figures count jets with pT_gen above this, GeV."""

ABS_ETA_EDGES = (0.0, 1.3, 2.5, 2.7, 3.0, 5.0)
"""The collaboration's inclusive ranges: barrel, endcap within the tracker, its edge, endcap outside, forward."""

PILE_UP_EDGES = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0, math.inf)
"""Bins of the event's pT density rho (GeV per unit area) and of its number of vertices."""

MIN_JETS = 50
"""Fewer jets in a range are counted but not measured."""


@dataclass(frozen=True, order=True)
class Range:
    """Values from ``low``, included, to ``high``, excluded; ``high`` may be infinite."""

    low: float
    high: float

    def contains(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each of the values lies in the range, same shape."""
        chosen: NDArray[np.bool_] = (values >= self.low) & (values < self.high)
        return chosen

    def __str__(self) -> str:
        return f"> {self.low:g}" if math.isinf(self.high) else f"{self.low:g}-{self.high:g}"


PT_BINS = tuple(Range(low, high) for low, high in pairwise(PT_EDGES))
WIDE_PT_RANGES = tuple(Range(low, high) for low, high in pairwise(WIDE_PT_EDGES))
INCLUSIVE_PT = Range(INCLUSIVE_MIN_PT, math.inf)
ALL_ETA = Range(0.0, 5.2)
"""As far out as jets are selected; beyond 5.0 they count only here and in the finest bins."""

PILE_UP_BINS = tuple(Range(low, high) for low, high in pairwise(PILE_UP_EDGES))
ANY_PILE_UP = Range(0.0, math.inf)

PUBLISHED_ETA = (Range(0.0, 2.5), Range(2.5, 5.0))
"""Ranges of |eta| that published figures use beside ``ABS_ETA_EDGES``."""

PUBLISHED_PT = (Range(30.0, 100.0),)
"""Ranges of generator pT that published figures use beside ``WIDE_PT_EDGES``, GeV."""


def eta_ranges(eta: NDArray[np.floating]) -> tuple[Range, ...]:
    """The ranges of |eta| that hold at least one of the jets; ``eta`` of shape (N,)."""
    ranges = (Range(low, high) for low, high in pairwise(ABS_ETA_EDGES))
    return tuple(each for each in ranges if each.contains(np.abs(eta)).any())
