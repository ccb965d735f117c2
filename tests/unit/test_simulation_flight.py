"""On the way to the calorimeters: decays keep momentum, conversions and interactions lose what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetcal.simulation.flight import FLIGHT, KAON_SHORT, fly, radiation_lengths
from jetcal.simulation.generator import CHARGED_HADRON, NEUTRAL_HADRON, PHOTON
from jetcal.simulation.overlay import Interactions, Overlay

COUNT = 4000
NO_MATERIAL = replace(FLIGHT, radiation_lengths=0.0, radiation_slope=0.0)
KAON_MASS = 0.49761


def particles(pt, kind, pdg, *, eta=0.4, charge=0, mass=0.0):
    """One particle in each event, all alike."""
    events = np.arange(COUNT)
    zeros = np.zeros(COUNT)
    return Overlay(
        interactions=Interactions(events, zeros, zeros, zeros.astype(int)),
        interaction=events,
        event=events,
        pt=np.full(COUNT, pt),
        eta=np.full(COUNT, eta),
        phi=np.full(COUNT, 0.7),
        energy=np.full(COUNT, np.hypot(pt * np.cosh(eta), mass)),
        kind=np.full(COUNT, kind),
        charge=np.full(COUNT, charge),
        pdg=np.full(COUNT, pdg),
    )


def sums(flown):
    """Energy and momentum of each event's particles."""
    columns = (
        flown.energy,
        flown.pt * np.cos(flown.phi),
        flown.pt * np.sin(flown.phi),
        flown.pt * np.sinh(flown.eta),
    )
    return np.stack([np.bincount(flown.event, column, COUNT) for column in columns])


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_decays_keep_energy_momentum_and_charge(rng):
    kaons = particles(5.0, NEUTRAL_HADRON, KAON_SHORT, mass=KAON_MASS)
    flown = fly(kaons, rng, NO_MATERIAL)
    np.testing.assert_allclose(sums(flown), sums(kaons), rtol=1e-6, atol=1e-6)
    assert (np.bincount(flown.event, flown.charge) == 0).all()


def test_a_short_lived_kaon_decays_to_charged_pions_as_often_as_it_should(rng):
    flown = fly(particles(1.0, NEUTRAL_HADRON, KAON_SHORT, mass=KAON_MASS), rng, NO_MATERIAL)
    decayed = np.bincount(flown.event) == 2
    assert decayed.mean() == pytest.approx(1, abs=0.01)
    assert (flown.kind == CHARGED_HADRON).sum() / (2 * COUNT) == pytest.approx(0.692, abs=0.02)


def test_a_fast_kaon_mostly_reaches_the_calorimeter(rng):
    flown = fly(particles(200.0, NEUTRAL_HADRON, KAON_SHORT, mass=KAON_MASS), rng, NO_MATERIAL)
    flies_on = np.exp(-FLIGHT.tracked_radius * KAON_MASS / (200.0 * 0.02684))
    assert (np.bincount(flown.event) == 1).mean() == pytest.approx(flies_on, abs=0.01)


def test_other_particles_pass_where_there_is_no_material(rng):
    photons = particles(5.0, PHOTON, 22)
    np.testing.assert_array_equal(fly(photons, rng, NO_MATERIAL).energy, photons.energy)


def test_photons_convert_by_the_material_and_hard_ones_keep_their_energy(rng):
    flown = fly(particles(300.0, PHOTON, 22), rng)
    converted = np.bincount(flown.event, minlength=COUNT) == 2
    expected = 1 - np.exp(-7 / 9 * radiation_lengths(np.array([0.4]))[0])
    assert converted.mean() == pytest.approx(expected, abs=0.03)
    np.testing.assert_allclose(sums(flown)[0], 300.0 * np.cosh(0.4), rtol=0.02)


def test_legs_of_a_soft_conversion_part_in_phi_or_curl_up(rng):
    flown = fly(particles(0.6, PHOTON, 22), rng)
    assert flown.energy.sum() < 0.98 * COUNT * 0.6 * np.cosh(0.4)
    assert np.abs(flown.phi - 0.7).max() > 0.3


def test_interactions_take_energy_and_tracks_more_often_from_soft_hadrons(rng):
    lost, broken = [], []
    for pt in (2.0, 100.0):
        pions = particles(pt, CHARGED_HADRON, 211, charge=1)
        flown = fly(pions, rng)
        lost.append(1 - flown.energy.sum() / pions.energy.sum())
        broken.append((flown.charge == 0).mean())
    assert lost[0] > 2 * lost[1] > 0
    assert broken[0] > 2 * broken[1] > 0


def test_material_grows_towards_the_endcaps():
    assert (np.diff(radiation_lengths(np.array([0.0, 0.5, 1.0, 1.4]))) > 0).all()
