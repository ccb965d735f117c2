"""What is measured of the jets, each number with its statistical error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jetcal.simulation.flat import Bools, Floats
from jetcal.simulation.validation.sample import Jets

MIN_JETS = 50
"""A bin with fewer jets is not measured."""

PT_EDGES = (20, 30, 50, 72, 100, 150, 200, 300, 400, 550, 750, 1000, 1500, 2500)
ETA_EDGES = (0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.5)
ETA_PT_BINS = ((30, 50), (50, 100), (100, 300), (300, 1000))
FLAVOURS = {"u, d": (1, 2), "s": (3,), "c": (4,), "b": (5,), "g": (21,)}


@dataclass(frozen=True)
class Measured:
    """A number and its statistical error, in the same unit, from ``jets`` jets."""

    value: float
    error: float
    jets: int


Statistic = Callable[[Floats], Measured]


def mean(values: Floats) -> Measured:
    """Mean, error RMS / sqrt(N)."""
    return Measured(float(values.mean()), float(values.std() / np.sqrt(len(values))), len(values))


def median(values: Floats) -> Measured:
    """Median, error 1.253 sigma / sqrt(N) with the robust sigma IQR / 1.349."""
    q25, q50, q75 = np.quantile(values, (0.25, 0.5, 0.75))
    return Measured(float(q50), float(1.253 * (q75 - q25) / 1.349 / np.sqrt(len(values))), len(values))


def resolution(values: Floats) -> Measured:
    """IQR / 1.349 / median, error 1.17 times it / sqrt(N), as for a Gaussian."""
    q25, q50, q75 = np.quantile(values, (0.25, 0.5, 0.75))
    width = float((q75 - q25) / 1.349 / q50)
    return Measured(width, 1.17 * width / float(np.sqrt(len(values))), len(values))


@dataclass(frozen=True)
class Curve:
    """A statistic in bins: the middle of each measured bin, and what was measured there."""

    x: list[float]
    points: list[Measured]


def curve(values: Floats, by: Floats, edges: Sequence[float], statistic: Statistic, selected: Bools) -> Curve:
    """The statistic of the selected ``values`` in bins of ``by``; bins below ``MIN_JETS`` are left out."""
    x, points = [], []
    for low, high in pairwise(edges):
        inside = values[selected & (by >= low) & (by < high)]
        if len(inside) >= MIN_JETS:
            x.append((low * high) ** 0.5 if low > 0 and high / low > 1.2 else (low + high) / 2)  # noqa: PLR2004  # log bins
            points.append(statistic(inside))
    return Curve(x, points)


def flavour_shares(jets: Jets) -> dict[str, Curve]:
    """Part of the jets with a known flavour that each has, in bins of generator pT."""
    known = np.isin(jets.flavour, [code for codes in FLAVOURS.values() for code in codes])
    return {
        name: curve(np.isin(jets.flavour, codes).astype(float), jets.generated, PT_EDGES, mean, known)
        for name, codes in FLAVOURS.items()
    }


def around(jets: Jets, pt: float, most_eta: float = 2.5) -> Measured | None:
    """Resolution of jets within 20 % of a generator pT (GeV).

    None where too few jets are there.
    """
    inside = (jets.generated > pt / 1.2) & (jets.generated < pt * 1.2) & (np.abs(jets.eta) < most_eta)
    return resolution(jets.response[inside]) if inside.sum() >= MIN_JETS else None


def of(values: Floats, selected: Bools, statistic: Statistic) -> Measured | None:
    """The statistic of the selected values, None where too few are there."""
    return statistic(values[selected]) if selected.sum() >= MIN_JETS else None
