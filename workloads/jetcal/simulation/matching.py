"""Which generator jet, parton and hadron a reconstructed jet stems from."""

from __future__ import annotations

import numpy as np

from jetcal.simulation.clustering import ClusteredJets
from jetcal.simulation.flat import Bools, Floats, Ints, best_of, delta_phi, pairs
from jetcal.simulation.generator import BOTTOM, CHARM, HardEvents, Truth
from jetcal.simulation.settings import JET_RADIUS

MATCHING_DISTANCE = 0.2
"""A generator jet belongs to a reconstructed one within this distance."""

GENERATOR_JET_MIN_PT = 8.0
"""Generator jets below this pT (GeV) are not stored by CMS, and matched by nothing."""

GLUON = 21


def match(jets: ClusteredJets, rows: Ints, generated: ClusteredJets) -> Ints:
    """Row of the nearest generator jet within 0.2 of each jet in ``rows``, -1 without one."""
    left, right = pairs(jets.event[rows], generated.offsets)
    distance = _distance(jets, rows[left], generated.eta[right], generated.phi[right])
    near = distance < MATCHING_DISTANCE
    owner, best = best_of(left[near], -distance[near])
    matched = np.full(len(rows), -1)
    matched[owner] = right[near][best]
    return matched


def hadron_flavour(jets: ClusteredJets, rows: Ints, events: HardEvents) -> Ints:
    """5 for jets with a bottom hadron within 0.4, else 4 for those with a charm hadron, else 0."""
    return _heaviest(jets, rows, events.heavy_hadrons, allowed=(CHARM, BOTTOM))


def parton_flavour(jets: ClusteredJets, rows: Ints, events: HardEvents) -> Ints:
    """Signed flavour by partons within 0.4 as they enter hadronisation: b, else c, else the hardest; 0 without any."""
    heavy = _heaviest(jets, rows, events.partons, allowed=(CHARM, BOTTOM))
    hardest = _hardest(jets, rows, events.partons)
    return np.where(heavy != 0, heavy, hardest)


def hard_parton(jets: ClusteredJets, rows: Ints, events: HardEvents) -> Ints:
    """Signed code of the hardest outgoing parton of the hard process within 0.4, 0 without one."""
    return _hardest(jets, rows, events.hard_partons)


def _heaviest(jets: ClusteredJets, rows: Ints, truth: Truth, allowed: tuple[int, ...]) -> Ints:
    return _best(jets, rows, truth, np.isin(np.abs(truth.code), allowed), np.abs(truth.code) * 1e6 + truth.pt)


def _hardest(jets: ClusteredJets, rows: Ints, truth: Truth) -> Ints:
    return _best(jets, rows, truth, np.ones(len(truth.code), dtype=bool), truth.pt)


def _best(jets: ClusteredJets, rows: Ints, truth: Truth, allowed: Bools, score: Floats) -> Ints:
    left, right = pairs(jets.event[rows], truth.offsets)
    keep = allowed[right]
    left, right = left[keep], right[keep]
    near = _distance(jets, rows[left], truth.eta[right], truth.phi[right]) < JET_RADIUS
    left, right = left[near], right[near]
    owner, best = best_of(left, score[right])
    code = np.zeros(len(rows), dtype=np.int64)
    code[owner] = truth.code[right[best]]
    return code


def _distance(jets: ClusteredJets, rows: Ints, eta: Floats, phi: Floats) -> Floats:
    return np.hypot(eta - jets.eta[rows], delta_phi(phi, jets.phi[rows]))
