"""The points that a residual correction goes through: inverse median responses in bins of generator pT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.binning import PT_BINS
from jetcal.evaluation.response import RAW, STANDARD, Sample, response
from jetcal.evaluation.statistics.bootstrap import median

MIN_ENTRIES = 50
"""Jets of a point; fewer are left out."""

_SIGMAS = 2.0
"""A cut on measured pT so many spreads below the typical one moves the median by less than 0.03 spreads."""

_SMALLEST_ERROR = 1e-4
"""No point counts as better known than this, not even in a sample whose responses are all alike."""


@dataclass(frozen=True)
class Points:
    """Inverse responses against pT.

    Attributes
    ----------
    pt
        Mean corrected pT, GeV, shape (n,), rising.
    factor, error
        1 / median response and its bootstrap error (no unit), shape (n,).
    replicas
        The factor in each bootstrap replica, shape (n, B).
    """

    pt: NDArray[np.float64]
    factor: NDArray[np.float64]
    error: NDArray[np.float64]
    replicas: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pt)


def softest(sample: Sample) -> dict[str, float]:
    """Smallest raw and standard pT of the sample, GeV: where a cut on measured pT lies if it has one."""
    names = [name for name in (RAW, STANDARD) if name in sample.corrected and len(sample)]
    return {name: float(sample.corrected[name].min()) for name in names}


def measure(
    sample: Sample,
    correction: str,
    chosen: NDArray[np.integer],
    weights: NDArray[np.uint8],
    cuts: dict[str, float],
) -> Points:
    """The points of the chosen jets in the collaboration's bins of generator pT.

    Left out are bins with fewer than ``MIN_ENTRIES`` jets and those into which a cut on measured pT reaches: where jets
    that fluctuate down are missing, the median response is that of the cut, not of the jets.

    Parameters
    ----------
    sample
        N jets.
    correction
        The correction that the response is that of.
    chosen
        Indices of the jets.
    weights
        Bootstrap weights of all jets, shape (N, B).
    cuts
        From :func:`softest` of the whole sample.
    """
    gen_pt, corrected = sample.gen_pt[chosen], sample.corrected[correction][chosen]
    responses = response(corrected, gen_pt)
    rows = []
    for pt in PT_BINS:
        inside = np.flatnonzero(pt.contains(gen_pt))
        if len(inside) < MIN_ENTRIES or cut_into(sample, chosen[inside], pt.low, cuts):
            continue
        middle = median(responses[inside], weights[chosen[inside]])
        mean = float(corrected[inside].mean(dtype=np.float64))
        rows.append((mean, 1 / middle.value, 1 / middle.replicas))
    rows.sort(key=lambda row: row[0])
    replicas = np.stack([row[2] for row in rows]) if rows else np.empty((0, weights.shape[1]))
    return Points(
        pt=np.array([row[0] for row in rows]),
        factor=np.array([row[1] for row in rows]),
        error=np.maximum(replicas.std(axis=1, ddof=1), _SMALLEST_ERROR),
        replicas=replicas,
    )


def cut_into(sample: Sample, jets: NDArray[np.integer], low: float, cuts: dict[str, float]) -> bool:
    """Whether the softest jets of the bin would lie below a cut; their spread is measured above the median."""
    for name, cut in cuts.items():
        middle, high = np.quantile(response(sample.corrected[name][jets], sample.gen_pt[jets]), [0.5, 0.84])
        if low * (middle - _SIGMAS * (high - middle)) < cut:
            return True
    return False
