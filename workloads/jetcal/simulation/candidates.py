"""Particle-flow candidates of all five types: what the detector makes of the particles of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation import calorimeter, flight, particle_flow, tracker, vertices
from jetcal.simulation.flat import Bools, Floats, Ints, offsets_of
from jetcal.simulation.generator import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from jetcal.simulation.overlay import Overlay
from jetcal.simulation.variations import Detector

PION, ELECTRON_CODE, MUON_CODE, PHOTON_CODE, KAON_LONG = 211, 11, 13, 22, 130
MASSES = {PION: 0.13957, ELECTRON_CODE: 0.000511, MUON_CODE: 0.10566, PHOTON_CODE: 0.0, KAON_LONG: 0.0}
"""Mass that each type is given, GeV; neutral hadrons are taken as massless."""

ELECTRON_MIN_PT = 2.0
MUON_MIN_PT = 3.0
"""Leptons below these pT (GeV) are not identified and count as charged hadrons."""

TRACK_DETAILS_PT = 0.95
"""CMS keeps the track's details, and sorts such candidates first, above this pT (GeV)."""


def is_neutral(pdg: Ints) -> Bools:
    """Whether candidates of these codes have no track."""
    return np.asarray((pdg == PHOTON_CODE) | (pdg == KAON_LONG))


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
        return np.asarray(~is_neutral(self.pdg))

    @property
    def kept_by_chs(self) -> Bools:
        """Whether charged-hadron subtraction keeps a candidate: all but tracks used in the fit of another vertex."""
        return np.asarray(self.from_pv != vertices.OTHER_VERTEX)


def reconstruct(particles: Overlay, rng: np.random.Generator, detector: Detector) -> tuple[Candidates, Ints]:
    """Run the parametrised detector.

    Returns
    -------
    The candidates, and the number of reconstructed vertices of each event.
    """
    events = particles.interactions.events
    particles = flight.fly(particles, rng, detector.flight)
    tracks = tracker.track(particles, rng, detector.tracker)
    interaction = particles.interaction[tracks.row]
    found = vertices.find(particles.interactions, np.bincount(interaction, minlength=len(particles.interactions.event)))
    from_pv = vertices.from_primary(found, interaction, rng)
    photons, hadrons = _showers(particles, tracks, rng, detector)
    charged = {
        "event": particles.event[tracks.row],
        "pt": tracks.pt,
        "eta": tracks.eta,
        "phi": tracks.phi,
        "pdg": _track_code(particles.kind[tracks.row], particles.charge[tracks.row], tracks.pt),
        "from_pv": from_pv,
        "vertex": np.where(found.primary[interaction], 0, interaction),
    }
    blocks = [charged, _neutral(photons, PHOTON_CODE), _neutral(hadrons, KAON_LONG)]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in charged}
    vertex = columns.pop("vertex")
    order = _packing_order(columns["event"], columns["pdg"], columns["pt"], vertex, columns["eta"])
    columns = {name: column[order] for name, column in columns.items()}
    offsets = offsets_of(np.bincount(columns["event"], minlength=events))
    return Candidates(offsets=offsets, mass=_mass(columns["pdg"]), **columns), found.count


def _showers(
    particles: Overlay, tracks: tracker.Tracks, rng: np.random.Generator, detector: Detector
) -> tuple[calorimeter.Showers, calorimeter.Showers]:
    """Photons and neutral hadrons of the calorimeters."""
    phi, reaches = tracker.arrival(particles.pt, particles.eta, particles.phi, particles.charge, detector.tracker)
    momentum = np.zeros(len(particles.pt))
    momentum[tracks.row] = tracks.pt * np.cosh(tracks.eta)

    def arriving(selected: Bools) -> tuple[Ints, calorimeter.Showers]:
        rows = np.flatnonzero(selected & reaches)
        return rows, calorimeter.Showers(particles.event[rows], particles.energy[rows], particles.eta[rows], phi[rows])

    _, light = arriving((particles.kind == PHOTON) | ((particles.kind == ELECTRON) & (momentum == 0)))
    rows, hadronic = arriving((particles.kind == CHARGED_HADRON) | (particles.kind == NEUTRAL_HADRON))
    deposits = calorimeter.deposit(light, hadronic, momentum[rows], rng, detector.calorimeter)
    return particle_flow.link(deposits, particles.interactions.events, rng, detector.calorimeter)


def _track_code(kind: Ints, charge: Ints, pt: Floats) -> Ints:
    """PDG code of tracks, signed by charge; leptons have the opposite sign of their charge."""
    return np.select(
        [(kind == ELECTRON) & (pt > ELECTRON_MIN_PT), (kind == MUON) & (pt > MUON_MIN_PT)],
        [-charge * ELECTRON_CODE, -charge * MUON_CODE],
        charge * PION,
    )


def _neutral(clusters: calorimeter.Showers, pdg: int) -> dict[str, np.ndarray]:
    """Columns of neutral candidates; like CMS, they are taken as coming from the primary vertex."""
    count = len(clusters.event)
    return {
        "event": clusters.event,
        "pt": clusters.energy / np.cosh(clusters.eta),
        "eta": clusters.eta,
        "phi": clusters.phi,
        "pdg": np.full(count, pdg),
        "from_pv": np.full(count, vertices.TIGHT),
        "vertex": np.zeros(count, dtype=np.int64),
    }


def _mass(pdg: Ints) -> Floats:
    masses = np.zeros(max(MASSES) + 1)
    masses[list(MASSES)] = list(MASSES.values())
    return masses[np.abs(pdg)]


def _packing_order(event: Ints, pdg: Ints, pt: Floats, vertex: Ints, eta: Floats) -> Ints:
    """Order in which CMS packs candidates: charged first, with track details first, by vertex, then by falling eta."""
    neutral = is_neutral(pdg)
    block = (event * 2 + neutral) * 2 + (~neutral & (pt < TRACK_DETAILS_PT))
    key = block * (vertex.max(initial=0) + 1) + vertex
    falling_eta = ((10.0 - eta) * 2**14).astype(np.int64)
    return np.argsort(key * 2**19 + falling_eta, kind="stable")
