"""What a jet's constituents say about it: energy fractions, identification, quark-gluon variables."""

from __future__ import annotations

import numpy as np

from jetcal.simulation.candidates import ELECTRON_CODE, KAON_LONG, PHOTON_CODE, PION
from jetcal.simulation.flat import Bools, Floats, Ints

TRACKER_EDGE = 2.4
SOFT_NEUTRAL = 1.0
"""Neutral constituents below this pT (GeV) do not enter ``QG_mult``."""


def energy_fractions(jet: Ints, energy: Floats, code: Ints, jets: int) -> dict[int, Floats]:
    """Share of each jet's energy by |PDG code| of its constituents.

    Parameters
    ----------
    jet, energy, code
        Constituents: jet, energy in GeV, |PDG code|.
    jets
        Number of jets.
    """
    total = np.maximum(np.bincount(jet, energy, jets), 1e-9)
    return {
        kind: np.bincount(jet, energy * (code == kind), jets) / total
        for kind in (PION, KAON_LONG, PHOTON_CODE, ELECTRON_CODE)
    }


def identification(fractions: dict[int, Floats], charged: Ints, neutral: Ints, eta: Floats) -> tuple[Bools, Bools]:
    """Loose and tight jet identification of CMS for 2016 (CMS PAS JME-16-003), |eta| < 2.7.

    Parameters
    ----------
    fractions
        Energy fractions of :func:`energy_fractions`.
    charged, neutral
        Numbers of charged and of neutral constituents.
    eta
        Pseudorapidity of the jets.
    """
    inside = np.abs(eta) < TRACKER_EDGE
    tracked = (fractions[PION] > 0) & (charged > 0) & (fractions[ELECTRON_CODE] < 0.99)  # noqa: PLR2004  # CMS's cut
    common = (charged + neutral > 1) & (tracked | ~inside)
    largest = np.maximum(fractions[KAON_LONG], fractions[PHOTON_CODE])
    return common & (largest < 0.99), common & (largest < 0.90)  # noqa: PLR2004  # CMS's cuts


def quark_gluon_variables(
    jet: Ints, pt: Floats, deta: Floats, dphi: Floats, charged: Bools, *, jets: int
) -> tuple[Floats, Floats, Ints]:
    """Fragmentation ``pTD``, minor axis and multiplicity (CMS PAS JME-13-002), with weights pT^2.

    ``pTD = sqrt(sum pT^2) / sum pT``; the minor axis is the root of the smaller eigenvalue of the matrix of second
    moments of (deta, dphi).

    Parameters
    ----------
    jet, pt, deta, dphi, charged
        Constituents: jet, GeV, distance from the axis, whether charged.
    jets
        Number of jets.
    """
    weight = pt**2
    total = np.maximum(np.bincount(jet, weight, jets), 1e-12)

    def mean(values: Floats) -> Floats:
        return np.bincount(jet, weight * values, jets) / total

    centre = mean(deta), mean(dphi)
    a = mean(deta**2) - centre[0] ** 2
    b = mean(dphi**2) - centre[1] ** 2
    c = mean(deta * dphi) - centre[0] * centre[1]
    minor = (a + b - np.sqrt((a - b) ** 2 + 4 * c**2)) / 2
    counted = charged | (pt > SOFT_NEUTRAL)
    return (
        np.sqrt(total) / np.maximum(np.bincount(jet, pt, jets), 1e-12),
        np.sqrt(np.maximum(minor, 0.0)),
        np.bincount(jet, counted, jets).astype(np.int64),
    )
