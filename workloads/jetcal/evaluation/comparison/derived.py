"""Quantities of a jet that networks made elsewhere read, worked out from its constituents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import Jets

CHARGED = (211, 11, 13)
SOFT_NEUTRAL = 1.0
"""pT in GeV below which neutral constituents do not enter ``qg_multiplicity``."""


def derived(jets: Jets) -> dict[str, NDArray[np.float64]]:
    """Quark-gluon variables (CMS PAS JME-13-002), shapes (N,), zero for a jet without constituents.

    Returns
    -------
    dict
        ``multiplicity``, the number of constituents; ``qg_multiplicity``, without neutral ones below 1 GeV;
        ``pt_dispersion`` = sqrt(sum pt^2) / sum pt; ``axis2``, the root of the smaller eigenvalue of the second
        moments of (deta, dphi) about their mean, all weighted with pt^2.
    """
    counts = np.diff(jets.offsets)
    jet = np.repeat(np.arange(len(jets)), counts)
    pt, deta, dphi = (jets.constituents[name].astype(np.float64) for name in ("pt", "deta", "dphi"))
    charged = np.isin(np.abs(jets.constituents["id"]), CHARGED)

    def total(values: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(jet, values, len(jets)).astype(np.float64)

    weight = np.maximum(total(pt**2), 1e-12)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return total(pt**2 * values) / weight

    along, across = mean(deta), mean(dphi)
    a, b, c = mean(deta**2) - along**2, mean(dphi**2) - across**2, mean(deta * dphi) - along * across
    minor = (a + b - np.sqrt((a - b) ** 2 + 4 * c**2)) / 2
    return {
        "multiplicity": counts.astype(np.float64),
        "qg_multiplicity": total(charged | (pt > SOFT_NEUTRAL)),
        "pt_dispersion": np.sqrt(total(pt**2)) / np.maximum(total(pt), 1e-12),
        "axis2": np.sqrt(np.maximum(minor, 0.0)),
    }
