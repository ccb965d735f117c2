"""Particle-flow candidates of all five types: what the detector makes of the particles of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation import calorimeter, tracker, vertices
from jetcal.simulation.flat import Bools, Floats, Ints, offsets_of
from jetcal.simulation.generator import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from jetcal.simulation.overlay import Overlay

PION, ELECTRON_CODE, MUON_CODE, PHOTON_CODE, KAON_LONG = 211, 11, 13, 22, 130
MASSES = {PION: 0.13957, ELECTRON_CODE: 0.000511, MUON_CODE: 0.10566, PHOTON_CODE: 0.0, KAON_LONG: 0.0}
"""Mass that each type is given, GeV; neutral hadrons are taken as massless."""

ELECTRON_MIN_PT = 2.0
MUON_MIN_PT = 3.0
"""Leptons below these pT (GeV) are not identified and count as charged hadrons."""

TRACK_DETAILS_PT = 0.95
"""CMS keeps the track's details, and sorts such candidates first, above this pT (GeV)."""


@dataclass(frozen=True)
class Candidates:
    """Candidates ordered by event, in the order in which CMS packs them.

    pt and mass in GeV; ``pdg`` signed by charge; ``from_pv`` 0-3; ``event`` counts rows of ``offsets``.
    """

    offsets: Ints
    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    pdg: Ints
    from_pv: Ints

    @property
    def charged(self) -> Bools:
        """Whether a candidate has a track."""
        return ~np.isin(self.pdg, (PHOTON_CODE, KAON_LONG))

    @property
    def kept_by_chs(self) -> Bools:
        """Whether charged-hadron subtraction keeps a candidate: all but tracks used in the fit of another vertex."""
        return self.from_pv != vertices.OTHER_VERTEX


def reconstruct(particles: Overlay, rng: np.random.Generator) -> tuple[Candidates, Ints]:
    """Run the parametrised detector.

    Returns
    -------
    The candidates, and the number of reconstructed vertices of each event.
    """
    events = particles.interactions.events
    tracks = tracker.track(particles, rng)
    interaction = particles.interaction[tracks.row]
    found = vertices.find(particles.interactions, np.bincount(interaction, minlength=len(particles.interactions.event)))
    from_pv = vertices.from_primary(found, interaction, rng)
    photons, hadrons = _showers(particles, tracks, rng)
    code = _track_code(particles.kind[tracks.row], tracks.pt)
    key = np.where(found.primary[interaction], 0, interaction)
    neutral = [(cluster, pdg) for cluster, pdg in ((photons, PHOTON_CODE), (hadrons, KAON_LONG))]
    pdg = np.concatenate([code, *(np.full(len(cluster.event), pdg) for cluster, pdg in neutral)])
    sign = np.concatenate([_pdg_sign(code, particles.charge[tracks.row]), *(np.ones_like(cluster.event) for cluster, _ in neutral)])
    event = np.concatenate([particles.event[tracks.row], *(cluster.event for cluster, _ in neutral)])
    pt = np.concatenate([tracks.pt, *(cluster.energy / np.cosh(cluster.eta) for cluster, _ in neutral)])
    eta = np.concatenate([tracks.eta, *(cluster.eta for cluster, _ in neutral)])
    phi = np.concatenate([tracks.phi, *(cluster.phi for cluster, _ in neutral)])
    vertex = np.concatenate([key, *(np.zeros_like(cluster.event) for cluster, _ in neutral)])
    from_pv = np.concatenate([from_pv, *(np.full(len(cluster.event), vertices.TIGHT) for cluster, _ in neutral)])
    order = _packing_order(event, pdg, pt, vertex, eta)
    masses = np.zeros(max(MASSES) + 1)
    masses[list(MASSES)] = list(MASSES.values())
    candidates = Candidates(
        offsets=offsets_of(np.bincount(event, minlength=events)),
        event=event[order],
        pt=pt[order],
        eta=eta[order],
        phi=phi[order],
        mass=masses[pdg[order]],
        pdg=(pdg * sign)[order],
        from_pv=from_pv[order],
    )
    return candidates, found.count


def _showers(
    particles: Overlay, tracks: tracker.Tracks, rng: np.random.Generator
) -> tuple[calorimeter.Clusters, calorimeter.Clusters]:
    phi, reaches = tracker.arrival(particles.pt, particles.eta, particles.phi, particles.charge)
    momentum = np.zeros(len(particles.pt))
    momentum[tracks.row] = tracks.pt * np.cosh(tracks.eta)
    light = (particles.kind == PHOTON) | ((particles.kind == ELECTRON) & (momentum == 0))
    electromagnetic = np.flatnonzero(light & reaches)
    hadronic = np.flatnonzero(((particles.kind == CHARGED_HADRON) | (particles.kind == NEUTRAL_HADRON)) & reaches)
    return (
        calorimeter.photons(
            particles.event[electromagnetic],
            particles.energy[electromagnetic],
            particles.eta[electromagnetic],
            phi[electromagnetic],
            rng,
        ),
        calorimeter.hadrons(
            particles.event[hadronic],
            particles.energy[hadronic],
            particles.eta[hadronic],
            phi[hadronic],
            momentum[hadronic],
            rng,
        ),
    )


def _track_code(kind: Ints, pt: Floats) -> Ints:
    return np.select(
        [(kind == ELECTRON) & (pt > ELECTRON_MIN_PT), (kind == MUON) & (pt > MUON_MIN_PT)], [ELECTRON_CODE, MUON_CODE], PION
    )


def _pdg_sign(code: Ints, charge: Ints) -> Ints:
    return np.where(code == PION, charge, -charge)


def _packing_order(event: Ints, pdg: Ints, pt: Floats, vertex: Ints, eta: Floats) -> Ints:
    """Order of ``PATPackedCandidateProducer``: charged first, with track details first, by vertex, then by falling eta."""
    neutral = np.isin(pdg, (PHOTON_CODE, KAON_LONG))
    block = (event * 2 + neutral) * 2 + (~neutral & (pt < TRACK_DETAILS_PT))
    key = block * (vertex.max(initial=0) + 1) + vertex
    falling_eta = ((10.0 - eta) * 2**14).astype(np.int64)
    return np.argsort(key * 2**19 + falling_eta, kind="stable")
