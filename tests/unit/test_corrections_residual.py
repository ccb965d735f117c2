"""A residual undoes a response that is known, says what it cannot know, and leaves alone what it must."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.evaluation.binning import PT_BINS, Range
from jetcal.evaluation.corrections.eta_bins import JME_ABS_ETA_EDGES, merged, merged_abs_eta, mirrored
from jetcal.evaluation.corrections.polynomial import fit
from jetcal.evaluation.corrections.residual import derive
from jetcal.evaluation.response import Sample

WIDTH = 0.1


def scale(gen_pt, eta):
    """A network that is 3 % low at 30 GeV and less above, and 1 % high in the endcap."""
    return 1 - 0.03 * (30 / gen_pt) ** 0.5 + 0.01 * (np.abs(eta) > 1.305)


def sample(jets: int, seed: int, *, min_standard_pt: float = 0.0) -> Sample:
    rng = np.random.default_rng(seed)
    gen_pt = np.exp(rng.uniform(np.log(20), np.log(2000), jets))
    eta = rng.uniform(-2.49, 2.49, jets)
    smear = rng.normal(1, WIDTH, jets)
    network = gen_pt * scale(gen_pt, eta) * smear
    kept = gen_pt * smear > min_standard_pt
    return Sample(
        gen_pt=gen_pt,
        eta=eta,
        flavour=np.full(jets, 21),
        corrected={"raw": 0.8 * gen_pt * smear, "standard": gen_pt * smear, "network": network, "other": gen_pt},
        intervals={"network": (0.9 * network, 1.1 * network)},
        spreads={"network": np.full(jets, 0.01)},
    ).restricted(kept)


@pytest.fixture(scope="module")
def residual():
    return derive(sample(60_000, 1), replicas=100)


def test_the_response_closes_on_jets_that_it_was_not_derived_from(residual):
    test = residual.applied(sample(400_000, 2))
    before, after = test.response("network"), test.response("calibrated")
    pulls, worst = [], 0.0
    for eta in (Range(0, 1.305), Range(1.305, 2.5)):
        for pt in PT_BINS:
            if not 30 <= pt.low < 1500:
                continue
            chosen = pt.contains(test.gen_pt) & eta.contains(np.abs(test.eta))
            error = np.hypot(1.253 * WIDTH / chosen.sum() ** 0.5, 0.001)
            pulls.append((np.median(after[chosen]) - 1) / error)
            worst = max(worst, abs(np.median(before[chosen]) - 1))
    assert worst > 0.02
    assert np.abs(pulls).max() < 4
    assert np.sqrt(np.mean(np.square(pulls))) < 1.6


def test_fits_describe_their_points_with_few_parameters(residual):
    chi2 = sum(each.fit.chi2 for each in residual.bins)
    freedom = sum(each.fit.degrees_of_freedom for each in residual.bins)
    assert chi2 / freedom == pytest.approx(1, abs=0.3)
    assert np.mean([len(each.fit.coefficients) for each in residual.bins]) < 4


def test_replicas_scatter_as_much_as_the_factor_is_wrong(residual):
    pulls = []
    for each in residual.bins:
        gen_pt = np.array([100.0])
        pt = gen_pt * scale(gen_pt, np.array([each.eta.low + 0.01]))
        wrong = each.factor(pt) - gen_pt / pt
        pulls.append(wrong[0] / each.replicas(pt).std())
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.7


def test_both_signs_of_eta_get_the_same_factor(residual):
    eta, pt = np.array([0.3, 1.9]), np.array([40.0, 300.0])
    assert (residual(eta, pt) == residual(-eta, pt)).all()
    assert (residual(eta, pt) != 1).all()


def test_the_factor_is_constant_beyond_the_fitted_pt_and_one_beyond_the_fitted_eta(residual):
    low, high = residual.bins[0].pt_range
    inside = residual(np.zeros(2), np.array([low, high]))
    assert residual(np.zeros(2), np.array([low / 5, high * 5])) == pytest.approx(inside)
    assert residual.max_abs_eta == 2.5
    assert residual(np.array([2.5, -4.0, 4.0]), np.full(3, 40.0)).tolist() == [1, 1, 1]


def test_interval_and_spread_go_with_the_calibrated_pt(residual):
    test = residual.applied(sample(100, 3))
    assert list(test.corrected) == ["raw", "standard", "network", "calibrated", "other"]
    for end, factor in zip(test.intervals["calibrated"], (0.9, 1.1), strict=True):
        assert end == pytest.approx(factor * test.corrected["calibrated"])
    assert (test.spreads["calibrated"] == 0.01).all()


def test_a_cut_on_measured_pt_does_not_pass_for_a_response():
    found = derive(sample(60_000, 4, min_standard_pt=30), replicas=50)
    assert min(each.pt_range[0] for each in found.bins) > 35
    assert max(each.factor(np.array([45.0]))[0] for each in found.bins) == pytest.approx(1.02, abs=0.015)


def test_a_response_of_one_needs_no_more_than_a_constant():
    jets = sample(20_000, 5)
    perfect = Sample(jets.gen_pt, jets.eta, jets.flavour, {"network": jets.gen_pt})
    found = derive(perfect, replicas=50)
    assert all(each.fit.coefficients == pytest.approx([1]) for each in found.bins)


@pytest.mark.parametrize("jets", [0, 1, 40])
def test_too_few_jets_leave_the_network_alone_and_say_so(jets):
    few = sample(jets, 6)
    found = derive(few)
    assert "no residual" in found.notes[0]
    assert (found.applied(few).corrected["calibrated"] == few.corrected["network"]).all()


def test_few_jets_make_a_constant():
    found = derive(sample(1500, 7), replicas=50)
    assert len(found.bins) == 1
    assert found.bins[0].fit.degrees_of_freedom >= 1
    assert found.bins[0].factor(np.array([100.0]))[0] == pytest.approx(1.01, abs=0.02)


def test_bins_are_joined_until_they_hold_enough():
    edges, values = np.array([0, 1, 2, 3, 4, 5.0]), np.array([0.5, 1.5, 1.6, 3.5, 3.6, 3.7, 4.5, 9])
    assert merged(edges, values, 3) == (Range(0, 2), Range(2, 5))
    assert merged(edges, values, 100) == (Range(0, 5),)
    assert merged(edges, values, 1) == (Range(0, 1), Range(1, 2), Range(2, 4), Range(4, 5))


def test_bins_of_eta_end_at_the_first_edge_beyond_the_jets():
    edges = JME_ABS_ETA_EDGES
    assert len(edges) == 42
    assert merged_abs_eta(edges, np.array([-2.4, 0.1]), 100) == (Range(0, 2.5),)
    assert merged_abs_eta(edges, np.array([2.5]), 100) == (Range(0, 2.65),)
    assert merged_abs_eta(edges, np.array([7.0]), 100) == (Range(0, 5.191),)
    assert merged_abs_eta((0, 1.3, 3, 5), np.array([1.0, 1.4]), 1) == (Range(0, 1.3), Range(1.3, 1.479))
    assert merged_abs_eta(edges, np.empty(0), 1) == ()


def test_ranges_lie_on_both_sides_of_zero():
    edges, order = mirrored([Range(0, 1.3), Range(1.3, 2.5)])
    assert edges.tolist() == [-2.5, -1.3, 0, 1.3, 2.5]
    assert order == [1, 0, 0, 1]


def test_a_fit_of_degree_zero_is_the_weighted_mean():
    x, y, error = np.arange(4.0), np.array([1.0, 1.2, 1.0, 1.2]), np.array([0.1, 0.2, 0.1, 0.2])
    found = fit(x, y, error, y[:, None] + [0, 1], 0)
    assert found.coefficients == pytest.approx([(100 * 2 + 25 * 2.4) / 250])
    assert found.replicas[:, 0] == pytest.approx(found.coefficients[0] + np.array([0, 1]))
    assert found.chi2 == pytest.approx(2 * 0.4**2 + 2 * 0.8**2, abs=1e-9)
    assert found.degrees_of_freedom == 3


def test_a_slope_is_fitted_only_where_the_errors_show_it():
    x = np.linspace(-1, 1, 8)
    y = 1 + 0.1 * x
    assert len(fit(x, y, np.full(8, 0.01), y[:, None], 6).coefficients) == 2
    assert len(fit(x, y, np.full(8, 0.5), y[:, None], 6).coefficients) == 1
