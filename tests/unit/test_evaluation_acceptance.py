from __future__ import annotations

import numpy as np
import pytest
from tests.support.evaluation import gaussian_sample

from jetcal.evaluation.acceptance import MIN_JETS_JUDGED, judge, worst_closure
from jetcal.evaluation.binning import Range
from jetcal.evaluation.measurement import INCLUSIVE, evaluate
from jetcal_api.spec import Acceptance

LENIENT = Acceptance(max_non_closure=1.0, min_resolution_gain=-1.0, must_beat_served=False)


@pytest.fixture(scope="module")
def good():
    return evaluate(gaussian_sample(), replicas=50)


def test_a_good_candidate_is_accepted_with_its_figures(good):
    verdict = judge(good, Acceptance())
    assert verdict.accepted
    assert verdict.reasons == ()
    assert verdict.figures["resolution_gain"] == pytest.approx(1 - 0.10 / 0.12, abs=0.03)
    assert verdict.figures["resolution_network"] < verdict.figures["resolution_standard"]
    assert verdict.figures["flavour_spread_network"] < verdict.figures["flavour_spread_standard"]
    assert verdict.figures["coverage_68"] == pytest.approx(0.68, abs=0.02)
    assert verdict.figures["max_non_closure"] < 0.02 + verdict.figures["max_non_closure_error"]
    assert "baseline_gain" not in verdict.figures


def test_closure_is_missed_only_beyond_the_statistical_error(good):
    worst = worst_closure(good, "network")
    assert 0 < worst.beyond_error < worst.non_closure
    limits = {"at": worst.beyond_error, "below": worst.beyond_error - 1e-6}
    verdicts = {
        name: judge(good, LENIENT.model_copy(update={"max_non_closure": limit})) for name, limit in limits.items()
    }
    assert verdicts["at"].accepted
    assert not verdicts["below"].accepted
    (reason,) = verdicts["below"].reasons
    assert f"{worst.median.value:.4f}" in reason
    assert f"{worst.cell.pt} GeV" in reason


def test_a_scale_that_is_off_is_named_with_its_number():
    verdict = judge(evaluate(gaussian_sample(scale=1.05), replicas=50), Acceptance())
    assert not verdict.accepted
    (reason,) = verdict.reasons
    assert reason.startswith("Closure: the median response is 1.0")
    assert "maxNonClosure 0.02" in reason
    assert verdict.figures["max_non_closure"] > 0.04


def test_closure_below_50_gev_is_not_judged():
    sample = gaussian_sample()
    sample.corrected["network"][sample.gen_pt < 50] *= 1.2
    verdict = judge(evaluate(sample, replicas=50), Acceptance())
    assert verdict.accepted
    assert verdict.worst.cell.pt.low >= 50


def test_each_range_of_eta_is_judged_on_its_own():
    sample = gaussian_sample()
    endcap = np.abs(sample.eta) > 1.3
    sample.corrected["network"][endcap] *= 1.04
    sample.corrected["network"][~endcap] *= 0.96
    verdict = judge(evaluate(sample, replicas=50), Acceptance())
    assert not verdict.accepted
    assert verdict.worst.cell.eta in {Range(0.0, 1.3), Range(1.3, 2.5)}


def test_the_gain_is_missed_only_beyond_its_error(good):
    gain = good.gain(INCLUSIVE, "network", "standard")
    at = LENIENT.model_copy(update={"min_resolution_gain": gain.value + gain.error})
    above = LENIENT.model_copy(update={"min_resolution_gain": gain.value + gain.error + 1e-6})
    assert judge(good, at).accepted
    verdict = judge(good, above)
    assert not verdict.accepted
    assert f"{gain.value:.4f}" in verdict.reasons[0]


@pytest.mark.parametrize(("baseline_width", "accepted"), [(0.11, True), (0.09, False)])
def test_the_served_revision_must_not_be_better(baseline_width, accepted):
    measurements = evaluate(gaussian_sample(baseline_width=baseline_width), replicas=50)
    verdict = judge(measurements, Acceptance(max_non_closure=0.1))
    assert verdict.accepted is accepted
    assert np.sign(verdict.figures["baseline_gain"]) == (1 if accepted else -1)
    assert verdict.figures["baseline_gain_error"] < 0.01
    if not accepted:
        assert verdict.reasons[0].startswith("Served revision:")
        assert judge(measurements, Acceptance(max_non_closure=0.1, must_beat_served=False)).accepted


def test_every_missed_threshold_has_its_own_reason():
    sample = gaussian_sample(scale=1.1, network_width=0.2, baseline_width=0.1)
    reasons = judge(evaluate(sample, replicas=20), Acceptance()).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["Closure", "Resolution", "Served revision"]


def test_unusable_predictions_reject(good):
    verdict = judge(good, Acceptance(), invalid=3)
    assert not verdict.accepted
    assert "3 of 20003 test jets" in verdict.reasons[0]


@pytest.mark.parametrize("jets", [0, 60, MIN_JETS_JUDGED - 1])
def test_too_few_jets_accept_nobody_and_say_so(jets):
    sample = gaussian_sample(max(jets, 1), min_pt=40)
    if not jets:
        sample = sample.restricted(np.zeros(1, bool))
    verdict = judge(evaluate(sample, replicas=10), LENIENT)
    assert not verdict.accepted
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["Closure", "Resolution"]
    assert all("more data" in reason for reason in verdict.reasons)
    assert "max_non_closure" not in verdict.figures
    assert all(np.isfinite(figure) for figure in verdict.figures.values())


def test_the_calibrated_correction_is_told_but_not_judged():
    sample = gaussian_sample()
    sample.corrected["calibrated"] = sample.corrected["network"] * 1.1
    verdict = judge(evaluate(sample, replicas=50), Acceptance())
    assert verdict.accepted
    assert verdict.figures["max_non_closure_calibrated"] == pytest.approx(0.1, abs=0.04)
    assert verdict.figures["resolution_calibrated"] == pytest.approx(verdict.figures["resolution_network"])


def test_figures_tell_flavours_and_tails(good):
    figures = judge(good, Acceptance()).figures
    assert figures["spread_reduction"] == pytest.approx(4, abs=3 * figures["spread_reduction_error"])
    assert figures["flavour_improvement"] == pytest.approx(0.75, abs=3 * figures["flavour_improvement_error"])
    assert 0 <= figures["tails_network"] < 0.01
