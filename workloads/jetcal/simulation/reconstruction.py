"""From particles of a batch of events to jets: detector, charged-hadron subtraction, clustering, densities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jetcal.simulation import density
from jetcal.simulation.candidates import Candidates, reconstruct
from jetcal.simulation.clustering import ClusteredJets, cluster
from jetcal.simulation.flat import Bools, Floats, Ints, offsets_of
from jetcal.simulation.generator import Particles
from jetcal.simulation.overlay import Interactions, Overlay
from jetcal.simulation.settings import JET_MAX_ABS_ETA, MAX_ABS_ETA
from jetcal.simulation.variations import Detector
from jetcal.simulation.vertices import OTHER_VERTEX

NOMINAL_DETECTOR = Detector()

JET_MIN_RAW_PT = 5.0
"""Jets below this uncorrected pT (GeV) are not looked at."""

NEUTRAL_MIN_PT = 0.5
"""Neutral candidates enter ``rhoCentralNeutral`` above this pT (GeV)."""


@dataclass(frozen=True)
class Reconstruction:
    """A batch of events as the detector sees it.

    ``jets.members`` are rows of ``candidates``; the densities (GeV per unit area) and ``vertices`` have one value for
    each event.
    """

    interactions: Interactions
    candidates: Candidates
    jets: ClusteredJets
    vertices: Ints
    rho: Floats
    rho_central: Floats
    rho_central_neutral: Floats
    rho_central_charged_pileup: Floats


def reconstruct_events(
    particles: Overlay, rng: np.random.Generator, detector: Detector = NOMINAL_DETECTOR
) -> Reconstruction:
    """Detector, vertices, CHS jets and densities of all events of ``particles``."""
    candidates, vertices = reconstruct(particles, rng, detector)
    events = particles.interactions.events

    def rho(selected: Bools | slice, max_abs_eta: float) -> Floats:
        return density.density(
            candidates.event[selected],
            candidates.pt[selected],
            candidates.eta[selected],
            candidates.phi[selected],
            events=events,
            max_abs_eta=max_abs_eta,
        )

    charged = candidates.charged
    return Reconstruction(
        interactions=particles.interactions,
        candidates=candidates,
        jets=chs_jets(candidates),
        vertices=vertices,
        rho=rho(slice(None), MAX_ABS_ETA),
        rho_central=rho(slice(None), JET_MAX_ABS_ETA),
        rho_central_neutral=rho(~charged & (candidates.pt > NEUTRAL_MIN_PT), JET_MAX_ABS_ETA),
        rho_central_charged_pileup=rho(charged & (candidates.from_pv == OTHER_VERTEX), JET_MAX_ABS_ETA),
    )


def chs_jets(candidates: Candidates) -> ClusteredJets:
    """Jets of the candidates that charged-hadron subtraction keeps; members are rows of ``candidates``."""
    rows = np.flatnonzero(candidates.kept_by_chs)
    pt, eta = candidates.pt[rows], candidates.eta[rows]
    energy = np.hypot(pt * np.cosh(eta), candidates.mass[rows])
    counts = np.bincount(candidates.event[rows], minlength=len(candidates.offsets) - 1)
    jets = cluster(offsets_of(counts), pt, eta, candidates.phi[rows], energy, min_pt=JET_MIN_RAW_PT)
    return replace(jets, members=rows[jets.members])


def generator_jets(particles: Particles, min_pt: float) -> ClusteredJets:
    """Jets of the stable visible particles of the hard interaction; members are rows of ``particles``."""
    return cluster(particles.offsets, particles.pt, particles.eta, particles.phi, particles.energy, min_pt=min_pt)
