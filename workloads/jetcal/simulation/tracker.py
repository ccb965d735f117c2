"""The tracker: which charged particles are found, how well, and where they reach the calorimeter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetcal.simulation.flat import Bools, Floats, Ints, groups, wrapped
from jetcal.simulation.generator import CHARGED_HADRON, ELECTRON, MUON
from jetcal.simulation.overlay import Overlay


@dataclass(frozen=True)
class TrackerModel:
    """Parameters of the tracker; after CMS, JINST 9 (2014) P10009 and JINST 12 (2017) P10003.

    Momenta in GeV, lengths in m, field in T.
    """

    max_abs_eta: float = 2.5
    min_pt: float = 0.2
    field: float = 3.8
    calorimeter_radius: float = 1.29
    calorimeter_z: float = 3.17
    efficiency: float = 0.985
    """Of a lone hadron of high pT in the centre."""
    efficiency_slope: float = 0.005
    """Loss for each eta squared: 0.03 at the edge; nuclear interactions take more (:mod:`.flight`)."""
    turn_on: float = 0.25
    """Efficiency lost at the threshold; falls with ``turn_on_scale``."""
    turn_on_scale: float = 0.4
    crowding: float = 0.003
    """Loss for each further charged particle in the same cell, by merged hits."""
    crowding_cell: float = 0.02
    electron_efficiency: float = 0.85
    muon_efficiency: float = 0.98
    multiple_scattering: float = 0.008
    """Relative resolution of low momenta in the centre; doubles towards the edge."""
    curvature: float = 1.2e-4
    """Relative resolution for each GeV of pT in the centre; triples towards the edge."""
    angle: float = 0.0005
    """Resolution of eta and phi."""


TRACKER = TrackerModel()


@dataclass(frozen=True)
class Tracks:
    """Reconstructed tracks; ``row`` is the particle's row, ordered."""

    row: Ints
    pt: Floats
    eta: Floats
    phi: Floats


def efficiency(pt: Floats, eta: Floats, kind: Ints, neighbours: Ints, model: TrackerModel = TRACKER) -> Floats:
    """Probability that a charged particle is found.

    ``e = (e0 - s eta^2) (1 - t exp(-(pT - pT_min) / p)) / (1 + c n)`` for hadrons with n charged neighbours in the same
    cell of the innermost layers; a constant for electrons and muons.

    Parameters
    ----------
    pt, eta
        True transverse momentum (GeV) and pseudorapidity.
    kind
        Kind of particle.
    neighbours
        Number of other charged particles in the same cell.
    """
    plateau = model.efficiency - model.efficiency_slope * eta**2
    turn_on = 1 - model.turn_on * np.exp(-np.maximum(pt - model.min_pt, 0) / model.turn_on_scale)
    hadron = plateau * turn_on / (1 + model.crowding * neighbours)
    found = np.select(
        [kind == CHARGED_HADRON, kind == ELECTRON, kind == MUON],
        [hadron, model.electron_efficiency, model.muon_efficiency],
        0.0,
    )
    return np.where((pt > model.min_pt) & (np.abs(eta) < model.max_abs_eta), found, 0.0)


def resolution(pt: Floats, eta: Floats, model: TrackerModel = TRACKER) -> Floats:
    """Relative resolution of pT: ``a (1 + x) (+) b (1 + 2 x) pT`` with ``x = (eta / 2.5)^2``, added in quadrature."""
    edge = (eta / model.max_abs_eta) ** 2
    return np.hypot(model.multiple_scattering * (1 + edge), model.curvature * (1 + 2 * edge) * pt)


def arrival(pt: Floats, eta: Floats, phi: Floats, charge: Ints, model: TrackerModel = TRACKER) -> tuple[Floats, Bools]:
    """Where particles from the centre meet the calorimeter, and which of them do.

    On a helix of radius ``r = pT / (0.3 B)`` the azimuth moves by ``asin(R / 2r)`` on the way to a barrel of radius R,
    and by ``z / (2 r sinh|eta|)`` on the way to an endcap at z; below ``pT = 0.15 B R`` a particle curls up before the
    barrel, and its energy is lost if it leaves no track.

    Returns
    -------
    Azimuth at the calorimeter (rad), and whether the calorimeter is reached.
    """
    bend = 0.15 * model.field / np.maximum(pt, 1e-6)
    depth = model.calorimeter_z / np.maximum(np.sinh(np.abs(eta)), 1e-6)
    barrel = depth > model.calorimeter_radius
    sine = bend * model.calorimeter_radius
    reaches = (charge == 0) | ~barrel | (sine < 1)
    turn = np.where(barrel, np.arcsin(np.minimum(sine, 1.0)), np.minimum(bend * depth, np.pi))
    return wrapped(phi - charge * turn), reaches


def track(particles: Overlay, rng: np.random.Generator, model: TrackerModel = TRACKER) -> Tracks:
    """Find and measure the charged particles."""
    rows = np.flatnonzero(particles.charge != 0)
    pt, eta, phi = particles.pt[rows], particles.eta[rows], particles.phi[rows]
    found = rng.random(len(rows)) < efficiency(
        pt, eta, particles.kind[rows], _neighbours(particles, rows, model), model
    )
    smear = rng.normal(0.0, 1.0, (3, len(rows)))
    measured = pt * np.maximum(1 + resolution(pt, eta, model) * smear[0], 0.1)
    return Tracks(
        row=rows[found],
        pt=measured[found],
        eta=(eta + model.angle * smear[1])[found],
        phi=(wrapped(phi + model.angle * smear[2]))[found],
    )


def _neighbours(particles: Overlay, rows: Ints, model: TrackerModel) -> Ints:
    eta = ((particles.eta[rows] + 10) / model.crowding_cell).astype(np.int64)
    phi = ((particles.phi[rows] + np.pi) / model.crowding_cell).astype(np.int64)
    group, _, count = groups((particles.event[rows] * 2**12 + eta) * 2**12 + phi)
    return np.bincount(group, minlength=count)[group] - 1
