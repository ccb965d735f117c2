"""Particle flow on toys: granularity, thresholds, what tracks hide and what their towers have in excess."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetcal.simulation.calorimeter import CALORIMETER, Deposits, Showers, hadron_response
from jetcal.simulation.particle_flow import COARSE, TOWER, link

COUNT = 500
QUIET = replace(CALORIMETER, tower_noise=1e-6)
NOTHING = Showers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
CELL = TOWER / CALORIMETER.cells


def one_each(energy, eta=0.3, phi=0.4):
    """One deposit, or track, in each event."""
    return Showers(np.arange(COUNT), np.full(COUNT, energy), np.full(COUNT, eta), np.full(COUNT, phi))


def together(*showers):
    return Showers(*(np.concatenate([getattr(s, name) for s in showers]) for name in ("event", "energy", "eta", "phi")))


def linked(light=NOTHING, hadronic=NOTHING, tracks=NOTHING, model=QUIET):
    """Photons and neutral hadrons; a track's energy is its momentum."""
    return link(Deposits(light, hadronic, tracks, tracks.energy), COUNT, np.random.default_rng(3), model)


def visible(energy):
    return energy * hadron_response(np.array([energy]))[0]


def test_a_photon_is_a_candidate_at_its_place():
    photons, hadrons = linked(one_each(20.0))
    np.testing.assert_allclose(photons.energy, 20.0)
    np.testing.assert_allclose(photons.eta, 0.3)
    np.testing.assert_allclose(photons.phi, 0.4)
    assert len(photons.energy) == COUNT
    assert len(hadrons.energy) == 0


def test_photons_in_one_cell_make_one_cluster_and_in_two_cells_two():
    edge = np.floor(0.3 / CELL) * CELL
    merged, _ = linked(together(one_each(20.0, eta=edge + 0.25 * CELL), one_each(20.0, eta=edge + 0.75 * CELL)))
    np.testing.assert_allclose(merged.energy, 40.0)
    np.testing.assert_allclose(merged.eta, edge + 0.5 * CELL)
    apart, _ = linked(together(one_each(20.0, eta=edge + 0.25 * CELL), one_each(20.0, eta=edge + 1.25 * CELL)))
    assert len(apart.energy) == 2 * COUNT


@pytest.mark.parametrize("eta", [0.3, 2.2])
def test_soft_photons_are_lost(eta):
    threshold = CALORIMETER.photon_threshold if eta < CALORIMETER.barrel_edge else CALORIMETER.photon_threshold_endcap
    assert len(linked(one_each(0.9 * threshold, eta))[0].energy) == 0
    assert len(linked(one_each(1.1 * threshold, eta))[0].energy) == COUNT


def test_clusters_at_the_edge_of_phi_keep_their_place():
    photons, hadrons = linked(one_each(30.0, phi=np.pi - 0.001), one_each(30.0, phi=-np.pi + 0.001))
    np.testing.assert_allclose(np.abs(photons.phi), np.pi - 0.001, atol=1e-6)
    np.testing.assert_allclose(np.abs(hadrons.phi), np.pi - 0.001, atol=1e-6)


@pytest.mark.parametrize("eta", [-2.9, -1.0, 0.3, COARSE + 0.1, 2.9])
def test_a_hadronic_deposit_without_track_is_a_calibrated_neutral_hadron(eta):
    photons, hadrons = linked(hadronic=one_each(visible(50.0), eta))
    np.testing.assert_allclose(hadrons.energy, 50.0, rtol=0.01)
    np.testing.assert_allclose(hadrons.eta, eta)
    assert len(photons.energy) == 0


def test_towers_are_twice_as_large_in_the_endcap():
    for eta, hadrons_each in ((TOWER, 2), (COARSE + TOWER, 1)):
        pair = together(one_each(visible(50.0), eta - 0.01), one_each(visible(50.0), eta + 0.01))
        assert len(linked(hadronic=pair)[1].energy) == hadrons_each * COUNT


def test_a_hadron_with_the_energy_of_its_track_leaves_no_candidate():
    photons, hadrons = linked(hadronic=one_each(visible(30.0)), tracks=one_each(30.0))
    assert len(photons.energy) + len(hadrons.energy) == 0


def test_a_soft_photon_in_the_cell_of_a_hard_track_is_lost():
    photons, hadrons = linked(one_each(3.0), one_each(visible(60.0)), one_each(60.0))
    assert len(photons.energy) + len(hadrons.energy) == 0


def test_a_photon_beside_a_track_is_seen():
    photons, _ = linked(one_each(3.0, eta=0.3 + 2 * CELL), one_each(visible(60.0)), one_each(60.0))
    np.testing.assert_allclose(photons.energy, 3.0)


def test_a_hard_photon_in_the_cell_of_a_soft_track_is_seen():
    photons, _ = linked(one_each(80.0), one_each(visible(3.0)), one_each(3.0))
    np.testing.assert_allclose(photons.energy, 80.0)


def test_a_hard_neutral_hadron_behind_a_soft_track_is_seen_less_the_track():
    _, hadrons = linked(hadronic=together(one_each(visible(3.0)), one_each(visible(200.0))), tracks=one_each(3.0))
    np.testing.assert_allclose(hadrons.energy, 200.0, rtol=0.03)


def test_noise_alone_makes_no_candidates():
    photons, hadrons = linked(model=CALORIMETER)
    assert len(photons.energy) + len(hadrons.energy) == 0
