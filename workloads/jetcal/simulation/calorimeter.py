"""The calorimeters: deposits summed in cells, and what particle flow makes of them besides the tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Bools, Floats, Ints, delta_phi, groups, wrapped


@dataclass(frozen=True)
class CalorimeterModel:
    """Parameters of the calorimeters; energies in GeV.

    Electromagnetic resolution and noise after CMS, JINST 8 (2013) P09009; hadronic resolution after Eur. Phys. J. C 60
    (2009) 359; hadron response after Groom, NIM A 572 (2007) 633. Granularity is that of CMS; thresholds are chosen so
    that response and resolution of jets come out as in CMS (docs/simulation.md).
    """

    barrel_edge: float = 1.479
    photon_stochastic: float = 0.03
    photon_noise: float = 0.15
    photon_constant: float = 0.01
    photon_cell: float = 2 * np.pi / 180
    """Two crystals: photons nearer to each other make one cluster."""
    photon_threshold: float = 0.5
    photon_threshold_endcap: float = 1.0
    hadron_stochastic: float = 1.2
    hadron_constant: float = 0.08
    hadron_cell: float = 2 * np.pi / 72
    hadron_cell_endcap: float = 2 * np.pi / 36
    """Towers are coarser beyond ``coarse_edge``."""
    coarse_edge: float = 1.74
    hadron_threshold: float = 2.5
    hadron_threshold_endcap: float = 3.5
    excess: float = 2.5
    """A tower with tracks yields a neutral hadron where it exceeds their deposit by this many standard deviations."""
    hadron_to_electron: float = 0.4
    """h/e: response to the hadronic part of a shower relative to its electromagnetic part."""
    shower_scale: float = 1.0
    shower_power: float = 0.85


CALORIMETER = CalorimeterModel()


@dataclass(frozen=True)
class Showers:
    """Particles where they meet the calorimeter, or what is seen of them: event, energy (GeV), direction."""

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


def photons(particles: Showers, rng: np.random.Generator, model: CalorimeterModel = CALORIMETER) -> Showers:
    """Clusters of the electromagnetic calorimeter.

    Parameters
    ----------
    particles
        Particles that shower there.
    """
    energy = particles.energy
    deposit = np.maximum(energy * (1 + photon_resolution(energy, model) * rng.normal(0.0, 1.0, len(energy))), 0.0)
    cells = _Cells(particles, np.full(len(energy), model.photon_cell))
    threshold = np.where(cells.barrel(model), model.photon_threshold, model.photon_threshold_endcap)
    total = cells.sum(deposit)
    return cells.clusters(total, deposit, total > threshold)


def hadrons(
    particles: Showers, momentum: Floats, rng: np.random.Generator, model: CalorimeterModel = CALORIMETER
) -> Showers:
    """Neutral hadrons of particle flow from all hadrons that reach the calorimeter.

    In each tower the deposits are summed and the expected deposit of its tracks is taken away. What is left becomes a
    neutral hadron if it passes the threshold and cannot be a fluctuation of the tracks' deposits; otherwise it is lost,
    neutral hadrons behind tracks with it.

    Parameters
    ----------
    particles
        Hadrons, charged and neutral.
    momentum
        Measured momentum of each one's track in GeV, 0 without a track.
    """
    energy = particles.energy
    fluctuation = 1 + hadron_resolution(energy, model) * rng.normal(0.0, 1.0, len(energy))
    deposit = energy * hadron_response(energy, model) * np.maximum(fluctuation, 0.0)
    coarse = np.abs(particles.eta) >= model.coarse_edge
    cells = _Cells(particles, np.where(coarse, model.hadron_cell_endcap, model.hadron_cell))
    expected = momentum * hadron_response(momentum, model)
    spread = expected * hadron_resolution(momentum, model)
    left = cells.sum(deposit - expected)
    threshold = np.where(cells.barrel(model), model.hadron_threshold, model.hadron_threshold_endcap)
    seen = left > np.maximum(threshold, model.excess * np.sqrt(cells.sum(spread**2)))
    return cells.clusters(left, deposit, seen)


class _Cells:
    """Showers grouped by the cell that they hit."""

    def __init__(self, showers: Showers, size: Floats) -> None:
        column = np.floor((showers.eta + 4) / size).astype(np.int64)
        row = np.floor((showers.phi + np.pi) / size).astype(np.int64)
        coarse = (size > size.min(initial=np.inf)).astype(np.int64)
        key = ((showers.event * 2 + coarse) * 2**10 + column) * 2**10 + row
        self._showers = showers
        self._cell, self._first, self._count = groups(key)

    def barrel(self, model: CalorimeterModel) -> Bools:
        """Whether each cell lies in the barrel."""
        return np.asarray(np.abs(self._showers.eta[self._first]) < model.barrel_edge)

    def sum(self, values: Floats) -> Floats:
        """Sum in each cell."""
        return np.bincount(self._cell, values, self._count).astype(np.float64)

    def clusters(self, energy: Floats, deposit: Floats, seen: Bools) -> Showers:
        """Clusters of the cells that are seen, at the mean position of their deposits."""
        weight = np.maximum(deposit, 1e-9)
        total = self.sum(weight)
        eta, phi = self._showers.eta, self._showers.phi
        turn = delta_phi(phi, phi[self._first][self._cell])
        mean_phi = wrapped(phi[self._first] + self.sum(weight * turn) / total)
        event = self._showers.event[self._first]
        return Showers(event[seen], energy[seen], (self.sum(weight * eta) / total)[seen], mean_phi[seen])
