"""The standard correction: what each level removes, how it is derived, and that the table fits the detector."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from jetcal.simulation.derive_standard import ABS_ETA, Sample, derive
from jetcal.simulation.standard import TABLE, StandardCorrection, provenance, save


def test_the_table_was_derived_with_the_present_generator_and_detector():
    """If this fails: python -m jetcal.simulation.derive_standard --events 30000, and measure the closure anew."""
    table = json.loads(resources.files("jetcal.simulation").joinpath(TABLE).read_text())
    assert table["made_by"]["fingerprint"] == provenance()["fingerprint"]


def test_the_offset_is_density_times_area():
    correction = StandardCorrection(
        np.array([0, 1, 2.5]), np.array([[0.0, 0.5], [1.0, 0.4]]), np.ones((2, 1)), np.ones(1), (10, 1000)
    )
    pt, area, rho = np.full(3, 50.0), np.full(3, 0.5), np.full(3, 20.0)
    removed = pt - pt * correction.l1(pt, np.array([0.5, -1.5, 2.6]), area, rho)
    np.testing.assert_allclose(removed, [5.0, 4.5, 4.5])


def test_the_offset_never_takes_a_whole_jet():
    correction = StandardCorrection(np.array([0, 2.5]), np.array([[0.0, 1.0]]), np.ones((1, 1)), np.ones(1), (10, 1000))
    assert correction.l1(np.array([5.0]), np.zeros(1), np.array([0.5]), np.array([60.0]))[0] > 0


def test_a_known_offset_and_response_are_found_again():
    """Toy jets with offset 0.4 rho A and a response that falls with |eta| and rises with pT."""
    rng = np.random.default_rng(4)
    count = 200_000
    gen_pt = np.exp(rng.uniform(np.log(12), np.log(2500), count))
    eta = rng.uniform(-2.5, 2.5, count)
    area, rho = rng.normal(0.5, 0.01, count), rng.uniform(5, 40, count)
    response = (0.75 + 0.05 * np.log10(gen_pt)) * (1 - 0.02 * np.abs(eta))
    clean = gen_pt * response * rng.normal(1, 0.08, count)
    sample = Sample(gen_pt, clean + 0.4 * rho * area, clean, eta, area, rho)
    correction = derive(sample)
    np.testing.assert_allclose(correction.offset[:, 1], 0.4, atol=0.01)
    corrected = sample.pt * correction.factor(sample.pt, eta, area, rho)
    for low in (30, 100, 400):
        for edge in (0.0, 1.0, 2.0):
            inside = (gen_pt > low) & (gen_pt < 2 * low) & (np.abs(eta) > edge) & (np.abs(eta) < edge + 0.5)
            assert np.median((corrected / gen_pt)[inside]) == pytest.approx(1, abs=0.006)


def test_a_table_survives_writing(tmp_path):
    table = StandardCorrection.load()
    save(table, {"command": "test"}, tmp_path / TABLE)
    again = StandardCorrection.from_document(json.loads((tmp_path / TABLE).read_text()))
    columns = np.array([30.0, 300.0]), np.array([0.3, 2.2]), np.full(2, 0.5), np.full(2, 20.0)
    np.testing.assert_array_equal(again.factor(*columns), table.factor(*columns))


def test_the_correction_is_smooth_over_all_jets_that_occur():
    table = StandardCorrection.load()
    pt = np.geomspace(10, 3000, 400)
    for eta in np.add(ABS_ETA[:-1], 0.01):
        factor = table.factor(pt, np.full(400, eta), np.full(400, 0.5), np.zeros(400))
        assert ((factor > 0.95) & (factor < 1.4)).all()
        assert np.abs(np.diff(factor)).max() < 0.02
