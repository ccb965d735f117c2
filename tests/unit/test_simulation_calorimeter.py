"""The calorimeters on toys: response, resolution, granularity, thresholds, and what tracks hide."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.simulation.calorimeter import (
    CALORIMETER,
    Showers,
    hadron_resolution,
    hadron_response,
    hadrons,
    photon_resolution,
    photons,
)

COUNT = 4000


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def one_each(energy, eta=0.3, phi=0.4, count=COUNT):
    """One particle in each event."""
    return Showers(np.arange(count), np.full(count, energy), np.full(count, eta), np.full(count, phi))


def together(*showers):
    return Showers(*(np.concatenate([getattr(s, name) for s in showers]) for name in ("event", "energy", "eta", "phi")))


def test_the_hadron_response_is_below_one_and_rises_with_energy():
    response = hadron_response(np.geomspace(1, 2000, 30))
    assert (np.diff(response) > 0).all()
    assert response[0] == pytest.approx(CALORIMETER.hadron_to_electron)
    assert response[-1] < 1


def test_resolutions_improve_with_energy():
    energy = np.geomspace(1, 1000, 20)
    assert (np.diff(hadron_resolution(energy)) < 0).all()
    assert (np.diff(photon_resolution(energy)) < 0).all()
    assert (photon_resolution(energy) < hadron_resolution(energy)).all()


def test_photons_are_measured_at_their_energy_and_place(rng):
    seen = photons(one_each(50.0), rng)
    assert len(seen.energy) == COUNT
    assert seen.energy.mean() == pytest.approx(50.0, rel=0.005)
    assert seen.energy.std() / 50 == pytest.approx(photon_resolution(np.array([50.0]))[0], rel=0.1)
    np.testing.assert_allclose(seen.eta, 0.3)
    np.testing.assert_allclose(seen.phi, 0.4)


def test_soft_photons_are_lost(rng):
    assert len(photons(one_each(0.1), rng).energy) < 0.05 * COUNT


def test_photons_in_one_cell_make_one_cluster_and_in_two_cells_two(rng):
    half_cell = CALORIMETER.photon_cell / 2
    column = np.floor((0.3 + 4) / CALORIMETER.photon_cell) * CALORIMETER.photon_cell - 4
    inside = together(one_each(20.0, eta=column + 0.5 * half_cell), one_each(20.0, eta=column + 1.5 * half_cell))
    merged = photons(inside, rng)
    assert len(merged.energy) == COUNT
    assert merged.energy.mean() == pytest.approx(40.0, rel=0.01)
    assert merged.eta.mean() == pytest.approx(column + half_cell, abs=1e-3)
    apart = together(one_each(20.0), one_each(20.0, eta=0.3 + 3 * half_cell))
    assert len(photons(apart, rng).energy) == 2 * COUNT


def test_a_cell_at_the_edge_of_phi_keeps_its_place(rng):
    seen = photons(one_each(30.0, phi=np.pi - 0.001), rng)
    np.testing.assert_allclose(np.abs(seen.phi), np.pi - 0.001, atol=1e-6)


def test_neutral_hadrons_show_the_hadron_response(rng):
    seen = hadrons(one_each(100.0), np.zeros(COUNT), rng)
    assert seen.energy.mean() / 100 == pytest.approx(hadron_response(np.array([100.0]))[0], rel=0.02)


def test_most_charged_hadrons_leave_no_neutral_candidate_besides_their_track(rng):
    seen = hadrons(one_each(30.0), np.full(COUNT, 30.0), rng)
    assert len(seen.energy) < 0.02 * COUNT


def test_a_hadron_without_track_becomes_a_neutral_one(rng):
    assert len(hadrons(one_each(30.0), np.zeros(COUNT), rng).energy) > 0.95 * COUNT


def test_a_soft_neutral_hadron_is_lost_behind_a_hard_track(rng):
    particles = together(one_each(100.0), one_each(8.0))
    momentum = np.concatenate([np.full(COUNT, 100.0), np.zeros(COUNT)])
    assert len(hadrons(particles, momentum, rng).energy) < 0.1 * COUNT


def test_a_hard_neutral_hadron_behind_a_soft_track_is_seen_less_the_track(rng):
    particles = together(one_each(3.0), one_each(200.0))
    momentum = np.concatenate([np.full(COUNT, 3.0), np.zeros(COUNT)])
    seen = hadrons(particles, momentum, rng)
    assert len(seen.energy) == COUNT
    assert seen.energy.mean() / 200 == pytest.approx(hadron_response(np.array([200.0]))[0], rel=0.02)


def test_no_particles_give_no_clusters(rng):
    nothing = Showers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
    assert len(photons(nothing, rng).energy) == 0
    assert len(hadrons(nothing, np.zeros(0), rng).energy) == 0
