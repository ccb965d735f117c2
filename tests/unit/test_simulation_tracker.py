"""The tracker: efficiency, resolution, and the way through the magnetic field."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.simulation.generator import CHARGED_HADRON, MUON
from jetcal.simulation.tracker import TRACKER, arrival, efficiency, resolution


def found(pt, eta=0.0, kind=CHARGED_HADRON, neighbours=0):
    return efficiency(*(np.array([value]) for value in (pt, eta, kind, neighbours)))[0]


def test_a_lone_central_hadron_of_high_pt_is_nearly_always_found():
    assert found(20.0) == pytest.approx(TRACKER.efficiency, abs=1e-3)


def test_efficiency_falls_at_low_pt_at_the_edge_and_in_dense_cores():
    assert found(0.3) < found(1.0) < found(10.0)
    assert found(10.0, eta=2.4) < found(10.0, eta=0.0)
    assert found(300.0, neighbours=5) < found(300.0)
    assert found(10.0, kind=MUON, neighbours=20) > found(10.0, neighbours=20)


def test_nothing_is_found_outside_the_tracker():
    assert found(50.0, eta=2.6) == 0
    assert found(0.15) == 0


def test_resolution_is_constant_at_low_pt_and_grows_with_pt():
    low, high, highest = resolution(np.array([1.0, 500.0, 1000.0]), np.zeros(3))
    assert low == pytest.approx(TRACKER.multiple_scattering, rel=0.01)
    assert highest == pytest.approx(2 * high, rel=0.02)


def test_neutral_particles_fly_straight():
    phi, reaches = arrival(np.array([0.3]), np.array([0.5]), np.array([1.0]), np.array([0]))
    assert phi[0] == pytest.approx(1.0)
    assert reaches[0]


def test_soft_charged_particles_curl_up_before_the_barrel():
    limit = 0.15 * TRACKER.field * TRACKER.calorimeter_radius
    _, reaches = arrival(np.array([limit - 0.01, limit + 0.01]), np.zeros(2), np.zeros(2), np.ones(2, dtype=int))
    assert reaches.tolist() == [False, True]


@pytest.mark.parametrize("eta", [0.0, 1.0, 2.0])
def test_the_bend_is_that_of_a_helix(eta):
    pt = 2.0
    phi, _ = arrival(np.array([pt]), np.array([eta]), np.array([0.0]), np.array([1]))
    radius = pt / (0.3 * TRACKER.field)
    turned = np.linspace(0, np.pi, 200_001)
    x, y, z = radius * np.sin(turned), -radius * (1 - np.cos(turned)), radius * turned * np.sinh(eta)
    step = np.argmax((np.hypot(x, y) > TRACKER.calorimeter_radius) | (z > TRACKER.calorimeter_z))
    assert phi[0] == pytest.approx(np.arctan2(y[step], x[step]), abs=1e-3)


def test_opposite_charges_bend_to_opposite_sides():
    phi, _ = arrival(np.full(2, 3.0), np.full(2, 0.7), np.zeros(2), np.array([1, -1]))
    assert phi[0] == pytest.approx(-phi[1])
    assert phi[0] < 0
