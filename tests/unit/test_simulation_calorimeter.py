"""The calorimeters on toys: response, resolution, calibration, and where a shower's energy goes."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.simulation.calorimeter import (
    CALORIMETER,
    Showers,
    calibrated,
    deposit,
    hadron_resolution,
    hadron_response,
    photon_resolution,
)

COUNT = 4000
NOTHING = Showers(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def one_each(energy, eta=0.3, phi=0.4, count=COUNT):
    """One particle in each event."""
    return Showers(np.arange(count), np.full(count, energy), np.full(count, eta), np.full(count, phi))


def test_the_hadron_response_is_below_one_and_rises_with_energy():
    response = hadron_response(np.geomspace(1, 2000, 30))
    assert (np.diff(response) > 0).all()
    assert response[0] == pytest.approx(CALORIMETER.hadron_to_electron)
    assert response[-1] < 1


def test_calibration_undoes_the_mean_response():
    energy = np.geomspace(2, 2000, 30)
    np.testing.assert_allclose(calibrated(energy * hadron_response(energy)), energy, rtol=0.01)


def test_noise_below_zero_is_no_energy():
    assert calibrated(np.array([-0.5, 0.0])).tolist() == [0.0, 0.0]


def test_resolutions_improve_with_energy():
    energy = np.geomspace(1, 1000, 20)
    assert (np.diff(hadron_resolution(energy)) < 0).all()
    assert (np.diff(photon_resolution(energy)) < 0).all()
    assert (photon_resolution(energy) < hadron_resolution(energy)).all()


def test_photons_leave_their_energy_at_their_place(rng):
    seen = deposit(one_each(50.0), NOTHING, np.zeros(0), rng)
    assert seen.electromagnetic.energy.mean() == pytest.approx(50.0, rel=0.005)
    assert seen.electromagnetic.energy.std() / 50 == pytest.approx(photon_resolution(np.array([50.0]))[0], rel=0.1)
    np.testing.assert_allclose(seen.electromagnetic.eta, 0.3)
    assert len(seen.hadronic.energy) == 0


def test_hadrons_leave_their_visible_energy_in_both_calorimeters(rng):
    seen = deposit(NOTHING, one_each(100.0), np.zeros(COUNT), rng)
    total = np.bincount(seen.electromagnetic.event, seen.electromagnetic.energy, COUNT)
    assert 0 < np.count_nonzero(total) < COUNT
    total += np.bincount(seen.hadronic.event, seen.hadronic.energy, COUNT)
    assert total.mean() / 100 == pytest.approx(hadron_response(np.array([100.0]))[0], rel=0.02)
    assert (seen.hadronic.energy >= 0).all()


def test_only_hadrons_with_a_track_point_at_the_calorimeter(rng):
    momentum = np.where(np.arange(COUNT) % 2 == 0, 30.0, 0.0)
    seen = deposit(NOTHING, one_each(30.0), momentum, rng)
    assert seen.tracks.event.tolist() == list(range(0, COUNT, 2))
    assert (seen.momentum == 30).all()


def test_no_particles_leave_nothing(rng):
    seen = deposit(NOTHING, NOTHING, np.zeros(0), rng)
    assert len(seen.electromagnetic.energy) + len(seen.hadronic.energy) + len(seen.momentum) == 0
