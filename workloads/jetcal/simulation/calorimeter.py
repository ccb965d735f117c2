"""The calorimeters: what particles leave in them, and how much energy a deposit stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Floats, Ints, wrapped


@dataclass(frozen=True)
class CalorimeterModel:
    """Parameters of the calorimeters; energies in GeV.

    Electromagnetic resolution and noise after CMS, JINST 8 (2013) P09009; hadronic resolution after Eur. Phys. J. C 60
    (2009) 359; hadron response after Groom, NIM A 572 (2007) 633; linking after CMS, JINST 12 (2017) P10003.
    Granularity is that of CMS; what no source gives was chosen so that jets come out as in CMS (docs/simulation.md).
    """

    barrel_edge: float = 1.479
    photon_stochastic: float = 0.03
    photon_noise: float = 0.12
    photon_constant: float = 0.01
    photon_threshold: float = 0.25
    photon_threshold_endcap: float = 0.5
    cells: int = 5
    """Cells along a tower's edge, one crystal each: particles in one cell make one cluster."""
    hadron_stochastic: float = 1.2
    hadron_constant: float = 0.03
    hadron_to_electron: float = 0.6
    """h/e: response to the hadronic part of a shower relative to its electromagnetic part."""
    hadron_scale: float = 1.0
    photon_scale: float = 1.0
    """True over assumed response; the calibration knows nothing of it."""
    shower_scale: float = 1.0
    shower_power: float = 0.85
    early_showers: float = 0.25
    """Part of the hadrons whose shower starts in the electromagnetic calorimeter."""
    leak: tuple[float, float] = (1.0, 100.0)
    """Beta distribution of the part of a hadron's deposit that lies aside."""
    leak_distance: float = 0.06
    """Width in eta and in phi of the distance of that part."""
    tower_noise: float = 0.25
    """Electronics, and what out-of-time pile-up leaves."""
    hadron_threshold: float = 7.0
    hadron_threshold_endcap: float = 7.0
    excess: float = 0.8
    """Towers with tracks yield neutral candidates where they exceed their tracks by this many standard deviations."""
    excess_soft: float = 3.2
    """That many more at low momentum; falls with ``excess_scale``."""
    excess_scale: float = 40.0


CALORIMETER = CalorimeterModel()


@dataclass(frozen=True)
class Showers:
    """Particles where they meet the calorimeter, or what is seen of them: event, energy (GeV), direction."""

    event: Ints
    energy: Floats
    eta: Floats
    phi: Floats


@dataclass(frozen=True)
class Deposits:
    """Energy left in both calorimeters, uncalibrated, and the tracks that point at them.

    ``momentum`` has one row for each row of ``tracks``: measured momenta in GeV.
    """

    electromagnetic: Showers
    hadronic: Showers
    tracks: Showers
    momentum: Floats


def hadron_response(energy: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Mean visible fraction of a hadron's energy.

    ``1 - (1 - h/e) (E / E0)^(m - 1)``: the electromagnetic part of a shower grows with energy (Groom 2007).

    Parameters
    ----------
    energy
        Energy in GeV; below ``E0`` the response at ``E0`` holds.
    """
    scaled = np.maximum(energy / model.shower_scale, 1.0)
    return 1 - (1 - model.hadron_to_electron) * scaled ** (model.shower_power - 1)


def calibrated(visible: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Energy of the hadron that leaves ``visible`` (GeV) on average: the inverse of the mean response."""
    energy = np.maximum(visible, 0.0)
    for _ in range(4):
        energy = np.maximum(visible, 0.0) / hadron_response(energy, model)
    return energy


def hadron_resolution(energy: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Relative width of a hadron's deposit: stochastic and constant term in quadrature."""
    return np.hypot(model.hadron_stochastic / np.sqrt(np.maximum(energy, 0.1)), model.hadron_constant)


def photon_resolution(energy: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Relative width of a photon's deposit: stochastic, noise and constant term in quadrature."""
    energy = np.maximum(energy, 0.05)
    stochastic = model.photon_stochastic / np.sqrt(energy)
    return np.sqrt(stochastic**2 + (model.photon_noise / energy) ** 2 + model.photon_constant**2)


def deposit(
    light: Showers, hadrons: Showers, momentum: Floats, rng: np.random.Generator, model: CalorimeterModel = CALORIMETER
) -> Deposits:
    """Deposits of photons and electrons, ``light``, and of hadrons.

    Parameters
    ----------
    light, hadrons
        Particles at the calorimeter.
    momentum
        Measured momentum of each hadron's track in GeV, 0 without a track.
    """
    smear = 1 + photon_resolution(light.energy, model) * rng.normal(0.0, 1.0, len(light.energy))
    energy = hadrons.energy
    fluctuation = np.maximum(1 + hadron_resolution(energy, model) * rng.normal(0.0, 1.0, len(energy)), 0.0)
    visible = model.hadron_scale * energy * hadron_response(energy, model) * fluctuation
    early = rng.random(len(energy)) < model.early_showers
    in_front = np.where(early, rng.uniform(0.0, 1.0, len(energy)), 0.0) * visible
    behind = visible - in_front
    aside = behind * rng.beta(*model.leak, len(energy))
    away = model.leak_distance * rng.normal(0.0, 1.0, (2, len(energy)))
    tracked = np.flatnonzero(momentum > 0)
    return Deposits(
        electromagnetic=Showers(
            np.concatenate([light.event, hadrons.event[early]]),
            np.concatenate([model.photon_scale * light.energy * np.maximum(smear, 0.0), in_front[early]]),
            np.concatenate([light.eta, hadrons.eta[early]]),
            np.concatenate([light.phi, hadrons.phi[early]]),
        ),
        hadronic=Showers(
            np.tile(hadrons.event, 2),
            np.concatenate([behind - aside, aside]),
            np.concatenate([hadrons.eta, hadrons.eta + away[0]]),
            np.concatenate([hadrons.phi, wrapped(hadrons.phi + away[1])]),
        ),
        tracks=Showers(hadrons.event[tracked], energy[tracked], hadrons.eta[tracked], hadrons.phi[tracked]),
        momentum=momentum[tracked],
    )
