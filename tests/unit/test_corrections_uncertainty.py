"""Each source of uncertainty against a case that is known by hand or by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.evaluation import gaussian_sample

from jetcal.evaluation.binning import Range
from jetcal.evaluation.corrections import residual, resolution, sources, uncertainty
from jetcal.evaluation.statistics.bootstrap import draw, quantiles
from jetcal.evaluation.statistics.estimate import Estimate

WIDTH = 0.1


def known(value, error):
    return Estimate(value, value + error * np.array([-1, 1]) / 2**0.5)


@pytest.fixture(scope="module")
def calibrated():
    found = residual.derive(gaussian_sample(60_000, 1))
    return found, found.applied(gaussian_sample(60_000, 2))


@pytest.fixture(scope="module")
def uncertainties(calibrated):
    found, test = calibrated
    shifted = replace(test, corrected={**test.corrected, "calibrated": 1.02 * test.corrected["calibrated"]})
    few = gaussian_sample(300, 4)
    few = replace(few, eta=np.full(300, 0.1), gen_pt=np.full(300, 60.0))
    spread = replace(test, spreads={"calibrated": np.full(len(test), 0.03)})
    return uncertainty.estimate(spread, found, {"detuned": shifted, "few": found.applied(few)})


def test_replicas_of_ten_jets_are_what_their_weights_say():
    values = np.array([5.0, 1, 4, 2, 3, 10, 6, 9, 7, 8])
    weights = np.ones((10, 3), np.uint8)
    weights[values == 10, 1] = 9  # of 18, the ninth is still 9
    weights[values < 10, 2] = 0
    median, lower = quantiles(values, weights, (0.5, 0.25))
    assert median.value == 5.5
    assert median.replicas.tolist() == [5, 9, 10]
    assert lower.value == 3.25
    assert lower.replicas.tolist() == [3, 5, 10]


def test_weights_have_mean_and_variance_one_and_jets_of_an_event_share_them():
    weights = draw(40_000, np.random.default_rng(1), np.arange(40_000) // 2, replicas=20)
    assert (weights[::2] == weights[1::2]).all()
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.02)


def test_the_bootstrap_error_of_a_median_is_that_of_a_gaussian():
    rng = np.random.default_rng(2)
    median = quantiles(rng.normal(1, WIDTH, 5000), draw(5000, rng, replicas=400))[0]
    assert median.error == pytest.approx(1.2533 * WIDTH / 5000**0.5, rel=0.15)


def test_closure_is_what_the_error_does_not_explain_on_the_side_of_the_truth():
    assert sources.closure(known(1.005, 0.003)).down == pytest.approx(0.004)
    assert sources.closure(known(1.005, 0.003)).up == 0
    assert sources.closure(known(0.995, 0.003)).up == pytest.approx(0.004)
    assert sources.closure(known(1.002, 0.003)).down == 0
    assert sources.statistical(known(0.5, 0.003)).up == pytest.approx(0.006)


def test_a_systematic_difference_is_relative_and_to_both_sides():
    found = sources.systematic(known(0.98, 0.003), known(1.0, 0.004))
    assert found.up == found.down == pytest.approx(1 / 0.98 - 1)
    assert found.error == pytest.approx(0.005, rel=0.03)


def test_flavour_is_half_the_way_to_the_outermost_flavours():
    response = np.repeat([0.97, 1.0, 1.04], [60, 100, 60])
    flavours = np.repeat([21, 1, 5], [60, 100, 60])
    weights = np.ones((220, 2), np.uint8)
    found = sources.flavour(known(1.0, 0.001), response, flavours, weights)
    assert (found.up, found.down) == (pytest.approx(0.015, rel=1e-3), pytest.approx(0.02, rel=1e-3))
    noisy = sources.flavour(known(1.0, 0.036), response, flavours, weights)
    assert noisy.up == 0
    assert noisy.down == pytest.approx(np.sqrt(0.02**2 - (1.04 * 0.018) ** 2), rel=0.02)
    assert sources.flavour(known(1.0, 0.001), response[:40], flavours[:40], weights[:40]) is None


def test_prior_shifts_the_median_by_the_square_of_the_resolution():
    rng = np.random.default_rng(3)
    gen_pt = np.exp(rng.uniform(np.log(20), np.log(1000), 200_000))
    response = np.exp(rng.normal(0, WIDTH, len(gen_pt)))
    chosen = np.abs(response * gen_pt / 100 - 1) < 0.05
    count = int(chosen.sum())
    found = sources.prior(response[chosen], gen_pt[chosen], draw(count, rng, replicas=50))
    assert found.up == pytest.approx(WIDTH**2, abs=4 * found.error)
    assert found.down == pytest.approx(WIDTH**2, abs=4 * found.error)
    assert found.error < 0.2 * WIDTH**2


def test_the_fit_is_as_uncertain_as_its_replicas(calibrated):
    found, _ = calibrated
    first, last = found.bins[0], found.bins[-1]
    each = [np.std(one.replicas(np.array([100.0])), ddof=1) for one in (first, last)]
    eta = np.array([0.01, -last.eta.low - 0.01])
    assert sources.fit(found, eta, 100.0).up == pytest.approx(np.sqrt(np.mean(np.square(each))), rel=0.02)


def test_a_known_shift_of_another_sample_is_found_in_every_bin(uncertainties):
    assert uncertainties.sources["detuned"].up == pytest.approx(np.full(len(uncertainties.bins), 0.02), abs=1e-9)


def test_bins_cover_eta_and_pt_without_gaps(uncertainties):
    bins = uncertainties.bins
    assert {each.eta for each in bins} == {Range(0, 1.3), Range(1.3, 2.5)}
    for eta in {each.eta for each in bins}:
        ranges = [each.pt for each in bins if each.eta == eta]
        assert (ranges[0].low, ranges[-1].high) == (0, 7000)
        assert [each.low for each in ranges[1:]] == [each.high for each in ranges[:-1]]
    assert sum(each.jets for each in bins) == 60_000


def test_the_total_is_the_quadratic_sum_without_what_is_in_the_resolution(uncertainties):
    assert not uncertainties.sources["ensemble"].in_total
    assert (uncertainties.sources["ensemble"].up == 0.03).all()
    counted = [source for name, source in uncertainties.sources.items() if name != "ensemble"]
    assert uncertainties.total.up == pytest.approx(np.sqrt(sum(source.up**2 for source in counted)))
    assert uncertainties.total.down == pytest.approx(np.sqrt(sum(source.down**2 for source in counted)))
    assert "ensemble" not in uncertainties.total.definition


def test_a_bin_with_too_few_jets_takes_over_from_a_measured_one_and_says_so(uncertainties):
    few = uncertainties.sources["few"]
    assert few.measured.sum() == 1
    assert np.isfinite(few.up).all()
    assert (few.up == few.up[few.measured]).all()
    assert np.isnan(few.error[~few.measured]).all()
    assert not uncertainties.total.measured.all()


def test_a_sample_with_too_few_jets_everywhere_is_left_out_in_words(calibrated):
    found, test = calibrated
    made = uncertainty.estimate(test, found, {"tiny": found.applied(gaussian_sample(30, 5))})
    assert "tiny" not in made.sources
    assert any("tiny" in note for note in made.notes)


def test_rows_are_plain_and_complete(uncertainties):
    rows = uncertainties.rows()
    assert len(rows) == len(uncertainties.bins) * (len(uncertainties.sources) + 1)
    row = next(row for row in rows if row["source"] == "detuned")
    assert row["up"] == pytest.approx(0.02)
    assert row["error"] > 0
    assert next(row for row in rows if row["source"] == "fit")["error"] is None


def test_a_resolution_of_known_terms_is_found_again():
    pt = np.exp(np.linspace(np.log(20), np.log(1500), 15))
    value = np.sqrt(3.0**2 / pt**2 + 0.8**2 / pt + 0.04**2)
    parameters, chi2 = resolution.fit(pt, value, np.full(15, 1e-4))
    assert parameters == pytest.approx([3.0, 0.8, 0.04, -1.0], rel=1e-6)
    assert chi2 == pytest.approx(0, abs=1e-6)


def test_a_negative_noise_term_is_kept_and_a_constant_is_a_constant():
    pt = np.exp(np.linspace(np.log(20), np.log(1500), 15))
    value = np.sqrt(-(2.0**2) / pt**2 + 0.8**2 / pt + 0.04**2)
    assert resolution.fit(pt, value, np.full(15, 1e-4))[0][0] == pytest.approx(-2)
    assert resolution.fit(pt[:1], np.array([0.1]), np.array([0.01]))[0] == pytest.approx([0, 0, 0.1, -1])


def test_the_resolution_of_gaussian_jets_is_their_width(calibrated):
    _, test = calibrated
    for each in resolution.derive(test):
        assert each(np.array([30.0, 100, 1000])) == pytest.approx(np.full(3, WIDTH), rel=0.06)
        assert each.chi2 / len(each.pt) < 2.5
