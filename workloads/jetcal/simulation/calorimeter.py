"""The calorimeters: deposits summed in cells, and what particle flow makes of them besides the tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Floats, Ints, groups


@dataclass(frozen=True)
class CalorimeterModel:
    """Parameters of the calorimeters; energies in GeV.

    Electromagnetic resolution and noise after CMS, JINST 8 (2013) P09009; hadronic resolution after Eur. Phys. J. C 60 (2009) 359;
    hadron response after Groom, NIM A 572 (2007) 633.
    """

    barrel_edge: float = 1.479
    photon_stochastic: float = 0.03
    photon_noise: float = 0.15
    photon_constant: float = 0.01
    photon_cell: float = 2 * np.pi / 180
    """Two crystals: photons nearer to each other make one cluster."""
    photon_threshold: float = 0.4
    photon_threshold_endcap: float = 0.9
    hadron_stochastic: float = 1.1
    hadron_constant: float = 0.08
    hadron_cell: float = 2 * np.pi / 72
    hadron_cell_endcap: float = 2 * np.pi / 36
    """Towers are coarser beyond ``coarse_edge``."""
    coarse_edge: float = 1.74
    hadron_threshold: float = 1.0
    hadron_threshold_endcap: float = 1.5
    excess: float = 1.4
    """A tower with tracks yields a neutral hadron where it exceeds their expected deposit by this many standard deviations."""
    hadron_to_electron: float = 0.55
    """h/e: response to the hadronic part of a shower relative to its electromagnetic part."""
    shower_scale: float = 1.0
    shower_power: float = 0.85


CALORIMETER = CalorimeterModel()


@dataclass(frozen=True)
class Clusters:
    """Neutral candidates: energy in GeV, position, event."""

    event: Ints
    energy: Floats
    eta: Floats
    phi: Floats


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


def hadron_resolution(energy: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Relative width of a hadron's deposit: stochastic and constant term in quadrature."""
    return np.hypot(model.hadron_stochastic / np.sqrt(np.maximum(energy, 0.1)), model.hadron_constant)


def photon_resolution(energy: Floats, model: CalorimeterModel = CALORIMETER) -> Floats:
    """Relative width of a photon's deposit: stochastic, noise and constant term in quadrature."""
    energy = np.maximum(energy, 0.05)
    stochastic = model.photon_stochastic / np.sqrt(energy)
    return np.sqrt(stochastic**2 + (model.photon_noise / energy) ** 2 + model.photon_constant**2)


def photons(
    event: Ints, energy: Floats, eta: Floats, phi: Floats, rng: np.random.Generator, model: CalorimeterModel = CALORIMETER
) -> Clusters:
    """Clusters of the electromagnetic calorimeter from particles that shower in it.

    Parameters
    ----------
    event, energy, eta, phi
        One row for each particle; energy in GeV.
    """
    deposit = np.maximum(energy * (1 + photon_resolution(energy, model) * rng.normal(0.0, 1.0, len(energy))), 0.0)
    group, first, count = groups(_cell(event, eta, phi, np.full(len(eta), model.photon_cell)))
    total = np.bincount(group, deposit, count)
    threshold = np.where(np.abs(eta[first]) < model.barrel_edge, model.photon_threshold, model.photon_threshold_endcap)
    seen = total > threshold
    return _clusters(event[first], total, _centre(group, count, deposit, eta, phi, first), seen)


def hadrons(
    event: Ints,
    energy: Floats,
    eta: Floats,
    phi: Floats,
    momentum: Floats,
    rng: np.random.Generator,
    model: CalorimeterModel = CALORIMETER,
) -> Clusters:
    """Neutral hadrons of particle flow from all hadrons that reach the calorimeter.

    In each tower the deposits are summed and the expected deposit of its tracks is taken away. What is left becomes a neutral
    hadron if it passes the threshold and cannot be a fluctuation of the tracks' deposits; otherwise it is lost, neutral hadrons
    behind tracks with it.

    Parameters
    ----------
    event, energy, eta, phi
        One row for each hadron, where it meets the calorimeter; energy in GeV.
    momentum
        Measured momentum of its track in GeV, 0 without one.
    """
    fluctuation = 1 + hadron_resolution(energy, model) * rng.normal(0.0, 1.0, len(energy))
    deposit = energy * hadron_response(energy, model) * np.maximum(fluctuation, 0.0)
    cell = np.where(np.abs(eta) < model.coarse_edge, model.hadron_cell, model.hadron_cell_endcap)
    group, first, count = groups(_cell(event, eta, phi, cell))
    expected = momentum * hadron_response(momentum, model)
    spread = expected * hadron_resolution(momentum, model)
    left = np.bincount(group, deposit - expected, count)
    uncertainty = np.sqrt(np.bincount(group, spread**2, count))
    threshold = np.where(np.abs(eta[first]) < model.barrel_edge, model.hadron_threshold, model.hadron_threshold_endcap)
    seen = left > np.maximum(threshold, model.excess * uncertainty)
    return _clusters(event[first], left, _centre(group, count, deposit, eta, phi, first), seen)


def _cell(event: Ints, eta: Floats, phi: Floats, size: Floats) -> Ints:
    column = np.floor((eta + 4) / size).astype(np.int64)
    row = np.floor((phi + np.pi) / size).astype(np.int64)
    coarse = (size > size.min()).astype(np.int64) if len(size) else column
    return ((event * 2 + coarse) * 2**10 + column) * 2**10 + row


def _centre(group: Ints, count: int, deposit: Floats, eta: Floats, phi: Floats, first: Ints) -> tuple[Floats, Floats]:
    """Mean position of each cell weighted by deposits, with phi taken relative to the cell's first row."""
    weight = np.maximum(deposit, 1e-9)
    total = np.bincount(group, weight, count)
    turn = np.mod(phi - phi[first][group] + np.pi, 2 * np.pi) - np.pi
    mean_eta = np.bincount(group, weight * eta, count) / total
    mean_phi = phi[first] + np.bincount(group, weight * turn, count) / total
    return mean_eta, np.mod(mean_phi + np.pi, 2 * np.pi) - np.pi


def _clusters(event: Ints, energy: Floats, centre: tuple[Floats, Floats], seen: np.ndarray) -> Clusters:
    return Clusters(event=event[seen], energy=energy[seen], eta=centre[0][seen], phi=centre[1][seen])
