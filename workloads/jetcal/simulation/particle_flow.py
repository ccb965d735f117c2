"""Particle flow: deposits summed in cells and towers, linked to tracks; what is left becomes neutral candidates."""

from __future__ import annotations

import numpy as np

from jetcal.simulation.calorimeter import (
    CALORIMETER,
    CalorimeterModel,
    Deposits,
    Showers,
    calibrated,
    hadron_resolution,
)
from jetcal.simulation.flat import Bools, Floats, Ints, delta_phi, groups, wrapped

TOWER = 2 * np.pi / 72
"""Edge of a tower; beyond ``COARSE`` in |eta| towers are twice as large."""
COARSE = 20 * TOWER
COLUMNS, ROWS = 72, 72


def link(
    deposits: Deposits, events: int, rng: np.random.Generator, model: CalorimeterModel = CALORIMETER
) -> tuple[Showers, Showers]:
    """Photons and neutral hadrons of particle flow.

    A cell of the electromagnetic calorimeter that no track hits is a photon. Cells that tracks hit count with the tower
    behind them: where its calibrated energy exceeds the tracks' momenta by more than they fluctuate, the excess is a
    photon up to the energy of those cells and a neutral hadron beyond; otherwise it is lost, whatever it came from. A
    tower without tracks is a neutral hadron.

    Parameters
    ----------
    deposits
        What the calorimeters saw.
    events
        Number of events.
    """
    light = deposits.electromagnetic
    hit = _hit(light, deposits.tracks, model.cells)
    photons = _photons(_select(light, ~hit), model)
    excess, hadrons = _towers(deposits, _select(light, hit), events, rng, model)
    return _joined(photons, excess), hadrons


def _hit(light: Showers, tracks: Showers, division: int) -> Bools:
    """Whether a track points at the cell of each deposit."""
    cells = np.concatenate([_cell(light, division), _cell(tracks, division)])
    group, _, count = groups(cells)
    pointing = np.bincount(group[len(light.event) :], minlength=count) > 0
    return np.asarray(pointing[group[: len(light.event)]])


def _photons(light: Showers, model: CalorimeterModel) -> Showers:
    """One cluster for each cell above threshold, at the mean position of its deposits."""
    group, first, count = groups(_cell(light, model.cells))
    energy = _sum(group, light.energy, count)
    turn = delta_phi(light.phi, light.phi[first][group])
    weight = np.maximum(light.energy, 1e-9)
    total = _sum(group, weight, count)
    eta = _sum(group, weight * light.eta, count) / total
    phi = wrapped(light.phi[first] + _sum(group, weight * turn, count) / total)
    barrel = np.abs(eta) < model.barrel_edge
    seen = energy > np.where(barrel, model.photon_threshold, model.photon_threshold_endcap)
    return _select(Showers(light.event[first], energy, eta, phi), seen)


def _towers(
    deposits: Deposits, linked: Showers, events: int, rng: np.random.Generator, model: CalorimeterModel
) -> tuple[Showers, Showers]:
    """What the towers yield: photons behind tracks, and neutral hadrons."""
    size = events * COLUMNS * ROWS
    together = _joined(deposits.hadronic, linked)
    tower, of_track = _tower(together), _tower(deposits.tracks)
    in_front = _sum(tower[len(deposits.hadronic.event) :], linked.energy, size)
    visible = _sum(tower, together.energy, size) + rng.normal(0.0, model.tower_noise, size)
    momentum = _sum(of_track, deposits.momentum, size)
    rows = np.flatnonzero(visible > model.tower_noise)
    visible, in_front, momentum = visible[rows], in_front[rows], momentum[rows]
    width = deposits.momentum * hadron_resolution(deposits.momentum, model)
    spread = np.sqrt(_sum(of_track, width**2, size)[rows])
    least = (model.excess + model.excess_soft * np.exp(-momentum / model.excess_scale)) * spread
    excess = calibrated(visible, model) - momentum
    light = np.minimum(excess, in_front)
    eta, phi = _places(rows, together, tower, size)
    barrel = np.abs(eta) < model.barrel_edge
    exceeds = excess > least
    photon = exceeds & (light > np.where(barrel, model.photon_threshold, model.photon_threshold_endcap))
    hadron = exceeds & (excess - light > np.where(barrel, model.hadron_threshold, model.hadron_threshold_endcap))
    event = rows // (COLUMNS * ROWS)
    return (
        _select(Showers(event, light, eta, phi), photon),
        _select(Showers(event, excess - light, eta, phi), hadron),
    )


def _places(rows: Ints, showers: Showers, tower: Ints, size: int) -> tuple[Floats, Floats]:
    """Mean position of the deposits in the towers ``rows``, the tower's centre without any."""
    column, row = rows // ROWS % COLUMNS, rows % ROWS
    centre_eta, centre_phi = (column - COLUMNS / 2 + 0.5) * TOWER, _middle(row)
    weight = np.maximum(showers.energy, 0.0)
    total = np.maximum(_sum(tower, weight, size)[rows], 1e-9)
    filled = total > 1e-6  # noqa: PLR2004  # GeV: nothing but noise
    eta = _sum(tower, weight * showers.eta, size)[rows] / total
    turn = _sum(tower, weight * delta_phi(showers.phi, _middle(tower % ROWS)), size)[rows] / total
    return np.where(filled, eta, centre_eta), wrapped(centre_phi + np.where(filled, turn, 0.0))


def _middle(row: Ints) -> Floats:
    """Azimuth of the middle of a row of towers."""
    return np.asarray((row + 0.5) * TOWER - np.pi, dtype=np.float64)


def _sum(number: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values of each number below ``size``."""
    return np.asarray(np.bincount(number, values, size), dtype=np.float64)


def _cell(showers: Showers, division: int) -> Ints:
    """Number of the electromagnetic cell that each deposit lies in."""
    column = np.floor((showers.eta + COLUMNS / 2 * TOWER) * division / TOWER).astype(np.int64)
    row = np.floor((showers.phi + np.pi) * division / TOWER).astype(np.int64) % (ROWS * division)
    return (showers.event * 2**10 + column) * 2**10 + row


def _tower(showers: Showers) -> Ints:
    """Number of the tower that each deposit lies in; of a coarse tower, only its lower left quarter has a number."""
    column = np.clip(np.floor(showers.eta / TOWER).astype(np.int64) + COLUMNS // 2, 0, COLUMNS - 1)
    row = np.floor((showers.phi + np.pi) / TOWER).astype(np.int64) % ROWS
    coarse = np.abs(column - COLUMNS // 2 + 0.5) > COARSE / TOWER
    column, row = np.where(coarse, column // 2 * 2, column), np.where(coarse, row // 2 * 2, row)
    return (showers.event * COLUMNS + column) * ROWS + row


def _select(showers: Showers, rows: Bools) -> Showers:
    return Showers(showers.event[rows], showers.energy[rows], showers.eta[rows], showers.phi[rows])


def _joined(first: Showers, second: Showers) -> Showers:
    names = ("event", "energy", "eta", "phi")
    return Showers(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in names))
