"""Clustering, areas, density and matching on toys with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from fastjet import _swig as fastjet

from jetcal.simulation import matching
from jetcal.simulation.clustering import areas, cluster
from jetcal.simulation.density import density
from jetcal.simulation.flat import offsets_of
from jetcal.simulation.generator import HardEvents, Particles, Truth

DISC = np.pi * 0.4**2


def jets_of(*events, min_pt=5.0):
    """Jets of massless particles (pt, eta, phi) of each event."""
    pt, eta, phi = np.array([row for event in events for row in event], dtype=float).T
    offsets = offsets_of(np.array([len(event) for event in events]))
    return cluster(offsets, pt, eta, phi, pt * np.cosh(eta), min_pt=min_pt)


def truth(*rows):
    """Truth of one event: (pt, eta, phi, code)."""
    pt, eta, phi, code = np.array(rows, dtype=float).reshape(-1, 4).T
    return Truth(np.array([0, len(rows)]), pt, eta, phi, code.astype(int))


def event_with(partons=(), hard_partons=(), heavy_hadrons=()):
    empty = np.zeros(0)
    particles = Particles(np.array([0, 0]), empty, empty, empty, empty, empty, empty, empty)
    return HardEvents(particles, truth(*partons), truth(*hard_partons), truth(*heavy_hadrons), np.ones(1), np.ones(1))


def test_jets_are_ordered_by_event_and_falling_pt_with_their_members():
    jets = jets_of(
        [(20, 0.0, 0.0), (5, 0.1, 0.1), (60, 2.0, 2.0), (1, -1.0, -1.0)],
        [(8, 1.0, 3.1), (8, 1.0, -3.1)],
    )
    assert jets.event.tolist() == [0, 0, 1]
    np.testing.assert_allclose(jets.pt, [60, 25, 16], rtol=0.01)
    assert [sorted(jets.members[jets.member_jet == jet].tolist()) for jet in range(3)] == [[2], [0, 1], [4, 5]]
    assert abs(jets.phi[2]) == pytest.approx(np.pi)
    assert jets.mass[0] == pytest.approx(0, abs=1e-3)


def test_a_lone_jet_has_the_area_of_a_disc():
    assert areas(jets_of([(50, 0.0, 0.0)]), np.array([0]))[0] == pytest.approx(DISC)


def test_areas_agree_with_ghosts():
    """Against the active area of fastjet, which clusters thousands of ghost particles with the event.

    Jets with one hard core; where two equal ones merge late, the area is no disc any more.
    """
    rng = np.random.default_rng(2)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4)
    ghosts = fastjet.GhostedAreaSpec(5.0, 1, 0.003)
    kind = fastjet.AreaDefinition(fastjet.active_area, ghosts)
    differences = []
    for _ in range(8):
        pt, eta, phi = rng.exponential(20, 12) + 6, rng.uniform(-1, 1, 12), rng.uniform(0, 2, 12)
        jets = jets_of(list(zip(pt, eta, phi, strict=True)))
        columns = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=1)
        particles = [fastjet.PseudoJet(*map(float, row)) for row in columns]
        sequence = fastjet.ClusterSequenceArea(particles, definition, kind)
        reference = sorted(sequence.inclusive_jets(5.0), key=lambda jet: -jet.pt())
        np.testing.assert_allclose(jets.pt, [jet.pt() for jet in reference], rtol=1e-6)
        difference = areas(jets, np.arange(len(jets))) - [sequence.area(jet) for jet in reference]
        differences.append(difference[np.diff(jets.member_offsets) == 1])
    assert len(np.concatenate(differences)) > 30
    assert np.abs(np.concatenate(differences)).max() < 0.06 * DISC
    assert abs(np.concatenate(differences).mean()) < 0.01 * DISC


def test_density_finds_the_uniform_level_below_a_hard_jet():
    rng = np.random.default_rng(3)
    count = 200_000
    eta, phi = rng.uniform(-2.5, 2.5, count), rng.uniform(-np.pi, np.pi, count)
    pt = np.full(count, 15 * 5 * 2 * np.pi / count)
    event = np.zeros(count, dtype=int)
    hard = np.append(pt, 500.0), np.append(eta, 0.3), np.append(phi, 0.2)
    with_jet = density(np.append(event, 0), *hard, events=2, max_abs_eta=2.5)
    np.testing.assert_allclose(with_jet, [15, 0], rtol=0.03)


def test_the_nearest_generator_jet_within_reach_is_the_match():
    jets = jets_of([(50, 0.0, 0.0), (40, 1.5, 1.0), (30, -1.5, 3.1)])
    generated = jets_of([(55, 0.05, 0.0), (45, 1.5, 1.25), (35, -1.5, -3.1)])
    assert matching.match(jets, np.arange(3), generated).tolist() == [0, -1, 2]


def test_flavours_prefer_heavy_quarks():
    jets = jets_of([(50, 0.0, 0.0), (40, 1.5, 1.0), (30, -1.5, 3.1)])
    event = event_with(
        partons=[(40, 0.0, 0.1, 21), (8, 0.1, 0.0, -5), (30, 1.5, 1.0, 2), (10, 1.4, 1.0, 21)],
        hard_partons=[(50, 0.1, 0.0, 21)],
        heavy_hadrons=[(20, 0.0, 0.0, 4), (6, 0.1, 0.1, 5), (9, 1.5, 1.1, 4)],
    )
    rows = np.arange(3)
    assert matching.parton_flavour(jets, rows, event).tolist() == [-5, 2, 0]
    assert matching.hadron_flavour(jets, rows, event).tolist() == [5, 4, 0]
    assert matching.hard_parton(jets, rows, event).tolist() == [21, 0, 0]
