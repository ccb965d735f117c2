"""What particles meet on their way to the calorimeters: decays in flight, conversions, nuclear interactions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from jetcal.simulation.flat import Floats, Ints, wrapped
from jetcal.simulation.generator import CHARGED_HADRON, NEUTRAL_HADRON, PHOTON
from jetcal.simulation.overlay import Overlay
from jetcal.simulation.tracker import TRACKER

KAON_SHORT, LAMBDA = 310, 3122

_COLUMNS = tuple(field.name for field in fields(Overlay) if field.name != "interactions")


@dataclass(frozen=True)
class FlightModel:
    """Material in front of the calorimeters and the volume that decays are seen in.

    Material after the CMS tracker, JINST 3 (2008) S08004: 0.4 radiation lengths in the centre, up to 1.8 at the end of
    the barrel; about a third as many interaction lengths. Lengths in m.
    """

    radiation_lengths: float = 0.5
    radiation_slope: float = 0.7
    """More material for each eta squared."""
    radiation_most: float = 1.9
    interaction_share: float = 0.65
    """Interaction lengths for each radiation length: twice that of the material, as it stands for other losses too."""
    lost_in_interaction: tuple[float, float] = (5.0, 1.0)
    """Beta distribution of the part of a soft hadron's energy that an interaction takes off its way."""
    loss_scale: float = 22.0
    """The loss falls with energy as ``1 / (1 + E / loss_scale)``: fast secondaries stay together; GeV."""
    broken_tracks: float = 0.3
    """Part of the interactions of soft hadrons that leave no track; falls with energy as the loss does."""
    tracked_radius: float = 0.5
    """Decays farther from the beam than this leave no tracks: the parent showers as a neutral hadron."""


FLIGHT = FlightModel()


@dataclass(frozen=True)
class _Decay:
    """Two-body decay in flight; masses in GeV, c tau in m; daughters are (kind, charge, mass)."""

    parent: int
    mass: float
    c_tau: float
    charged: float
    """Branching fraction into the charged pair; the rest goes to ``neutral``."""
    pair: tuple[tuple[int, int, float], tuple[int, int, float]]
    neutral: tuple[tuple[int, int, float], tuple[int, int, float]]


_PION, _PION_ZERO, _PROTON, _NEUTRON = 0.13957, 0.13498, 0.93827, 0.93957
_DECAYS = (
    _Decay(
        *(KAON_SHORT, 0.49761, 0.02684, 0.692),
        ((CHARGED_HADRON, 1, _PION), (CHARGED_HADRON, -1, _PION)),
        ((PHOTON, 0, _PION_ZERO), (PHOTON, 0, _PION_ZERO)),
    ),
    _Decay(
        *(LAMBDA, 1.11568, 0.0789, 0.641),
        ((CHARGED_HADRON, 1, _PROTON), (CHARGED_HADRON, -1, _PION)),
        ((NEUTRAL_HADRON, 0, _NEUTRON), (PHOTON, 0, _PION_ZERO)),
    ),
)
"""The neutral kaon and hyperon that the generator leaves to the detector (PDG 2024); a neutral pion counts as a photon,
since its two photons nearly always share a cluster."""


def fly(particles: Overlay, rng: np.random.Generator, model: FlightModel = FLIGHT) -> Overlay:
    """Particles as tracker and calorimeters meet them.

    Decays replace the parent by its daughters. A converted photon becomes two electrons' worth of photon, apart in phi
    by the field. A hadron that interacts keeps its momentum for the tracker and loses part of its energy for the
    calorimeter.
    """
    flown = _decay(particles, rng, model)
    return _interact(_convert(flown, rng, model), rng, model)


def radiation_lengths(eta: Floats, model: FlightModel = FLIGHT) -> Floats:
    """Material in front of the calorimeters at ``eta``."""
    return np.minimum(model.radiation_lengths + model.radiation_slope * eta**2, model.radiation_most)


def _decay(particles: Overlay, rng: np.random.Generator, model: FlightModel) -> Overlay:
    code = np.abs(particles.pdg)
    gone = np.zeros(len(code), dtype=bool)
    daughters = []
    for decay in _DECAYS:
        rows = np.flatnonzero(code == decay.parent)
        radius = particles.pt[rows] / decay.mass * decay.c_tau * rng.exponential(1.0, len(rows))
        rows = rows[radius < model.tracked_radius]
        charged = rng.random(len(rows)) < decay.charged
        gone[rows] = True
        daughters += _two_bodies(particles, rows[charged], decay.mass, decay.pair, rng)
        daughters += _two_bodies(particles, rows[~charged], decay.mass, decay.neutral, rng)
    return _joined([_rows(particles, np.flatnonzero(~gone)), *daughters])


def _two_bodies(
    parents: Overlay,
    rows: Ints,
    mass: float,
    kinds: tuple[tuple[int, int, float], tuple[int, int, float]],
    rng: np.random.Generator,
) -> list[Overlay]:
    """Isotropic decay in the rest frame, boosted along the parent."""
    parent = _rows(parents, rows)
    masses = kinds[0][2], kinds[1][2]
    first_energy = (mass**2 + masses[0] ** 2 - masses[1] ** 2) / (2 * mass)
    momentum = np.sqrt(first_energy**2 - masses[0] ** 2)
    cosine, angle = rng.uniform(-1.0, 1.0, len(rows)), rng.uniform(0.0, 2 * np.pi, len(rows))
    sine = np.sqrt(1 - cosine**2)
    direction = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine])
    vector = np.stack([parent.pt * np.cos(parent.phi), parent.pt * np.sin(parent.phi), parent.pt * np.sinh(parent.eta)])
    energy = np.sqrt((vector**2).sum(axis=0) + mass**2)
    sign = rng.choice([-1, 1], len(rows))
    made = []
    for (kind, charge, daughter_mass), side in zip(kinds, (1.0, -1.0), strict=True):
        rest_energy = np.hypot(momentum, daughter_mass)
        along = side * momentum * (direction * vector).sum(axis=0)
        lab = side * momentum * direction + vector * (along / (energy + mass) + rest_energy) / mass
        pt = np.maximum(np.hypot(lab[0], lab[1]), 1e-6)
        made.append(
            replace(
                parent,
                pt=pt,
                eta=np.arcsinh(lab[2] / pt),
                phi=np.arctan2(lab[1], lab[0]),
                energy=(energy * rest_energy + along) / mass,
                kind=np.full(len(rows), kind),
                charge=charge * sign,
            )
        )
    return made


def _convert(particles: Overlay, rng: np.random.Generator, model: FlightModel) -> Overlay:
    """Pair production in the tracker's material, at an even radius, with an even share of the energy.

    From radius r on, the field turns each leg by ``0.15 B R (1 - r / R)^2 / pT``; a leg that would turn by more than
    a radian curls up before the calorimeter and is lost.
    """
    photon = particles.kind == PHOTON
    depth = rng.exponential(9 / 7, len(photon))
    converted = np.flatnonzero(photon & (depth < radiation_lengths(particles.eta, model)))
    kept = np.ones(len(photon), dtype=bool)
    kept[converted] = False
    pair = _rows(particles, converted)
    share, radius = rng.uniform(0.0, 1.0, (2, len(converted)))
    lever = np.minimum(TRACKER.calorimeter_radius, TRACKER.calorimeter_z / np.maximum(np.sinh(np.abs(pair.eta)), 1e-6))
    legs = []
    for part, side in ((share, 1.0), (1 - share, -1.0)):
        pt = np.maximum(pair.pt * part, 1e-6)
        turn = 0.15 * TRACKER.field * lever * (1 - radius) ** 2 / pt
        leg = replace(pair, pt=pt, energy=pair.energy * part, phi=wrapped(pair.phi + side * turn))
        legs.append(_rows(leg, np.flatnonzero(turn < 1)))
    return _joined([_rows(particles, np.flatnonzero(kept)), *legs])


def _interact(particles: Overlay, rng: np.random.Generator, model: FlightModel) -> Overlay:
    """Nuclear interactions: part of the energy leaves the hadron's way, in secondaries too soft or too wide to see."""
    hadron = (particles.kind == CHARGED_HADRON) | (particles.kind == NEUTRAL_HADRON)
    lengths = model.interaction_share * radiation_lengths(particles.eta, model)
    hit = np.flatnonzero(hadron & (rng.exponential(1.0, len(hadron)) < lengths))
    energy, kind, charge = particles.energy.copy(), particles.kind.copy(), particles.charge.copy()
    softness = 1 / (1 + energy[hit] / model.loss_scale)
    broken = hit[rng.random(len(hit)) < model.broken_tracks * softness]
    energy[hit] *= 1 - rng.beta(*model.lost_in_interaction, len(hit)) * softness
    kind[broken], charge[broken] = NEUTRAL_HADRON, 0
    return replace(particles, energy=energy, kind=kind, charge=charge)


def _rows(particles: Overlay, rows: Ints) -> Overlay:
    return _with_columns(particles, {name: getattr(particles, name)[rows] for name in _COLUMNS})


def _joined(parts: list[Overlay]) -> Overlay:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return _with_columns(parts[0], columns)


def _with_columns(particles: Overlay, columns: dict[str, Any]) -> Overlay:
    return replace(particles, **columns)
