"""The plain bootstrap: events drawn with replacement, and every figure measured again on the jets drawn."""

from __future__ import annotations

import numpy as np

from jetcal.evaluation.measurement import INCLUSIVE
from jetcal.evaluation.response import NETWORK, STANDARD, Sample


def inclusive_gains(sample: Sample, replicas: int) -> np.ndarray:
    """Gain in resolution of the network above the inclusive cell's least pT, of each replica."""
    rng = np.random.default_rng(1)
    chosen = np.flatnonzero(sample.gen_pt >= INCLUSIVE.pt.low)
    event = (np.arange(len(sample)) if sample.events is None else sample.events)[chosen]
    order = np.argsort(event, kind="stable")
    chosen, event = chosen[order], event[order]
    events, first, jets = np.unique(event, return_index=True, return_counts=True)
    responses = [sample.response(name)[chosen] for name in (NETWORK, STANDARD)]
    gains = []
    for _ in range(replicas):
        drawn = rng.integers(0, len(events), len(events))
        start = np.repeat(first[drawn] - np.cumsum(jets[drawn]) + jets[drawn], jets[drawn])
        rows = start + np.arange(len(start))
        widths = []
        for response in responses:
            q25, q50, q75 = np.quantile(response[rows], (0.25, 0.5, 0.75))
            widths.append((q75 - q25) / q50)
        gains.append(1 - widths[0] / widths[1])
    return np.array(gains)
