from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from tests.support.evaluation import gaussian_sample

from jetcal.evaluation import statements
from jetcal.evaluation.binning import ALL_ETA, INCLUSIVE_PT, PT_BINS, WIDE_PT_RANGES, Range
from jetcal.evaluation.cells import Cell, Measured, MeasuredCoverage
from jetcal.evaluation.flavour import ALL, GROUPS
from jetcal.evaluation.measurement import Measurements, evaluate
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.intervals import Coverage
from jetcal.evaluation.statistics.summary import STATISTICS, Summary

BARREL, ENDCAP = Range(0.0, 1.3), Range(1.3, 2.5)


def known(value, error=0.002):
    replicas = np.array([-1.0, 1.0]) * error / np.sqrt(2) + value
    return Estimate(value, replicas)


def summary(median, resolution, error):
    numbers = dict.fromkeys(STATISTICS, known(0.1, error)) | {
        "median": known(median, error),
        "resolution": known(resolution, error),
    }
    return Summary(**numbers)


def told(medians=None, *, jets=None, resolutions=None, error=0.002, flavours=GROUPS, covered=None):
    """Measurements with median 1 and resolution 0.09, 0.1 after the standard correction, but for what is given."""
    medians, jets, resolutions = medians or {}, jets or {}, resolutions or {}
    cells = {}
    for eta, flavour, pt in product(
        (ALL_ETA, BARREL, ENDCAP), (ALL, *GROUPS), (INCLUSIVE_PT, *WIDE_PT_RANGES, *PT_BINS)
    ):
        cell = Cell(eta, pt, flavour)
        count = jets.get(cell, 1000 if flavour == ALL or flavour in flavours else 0)
        found = {
            "standard": summary({"uds": 1.03, "g": 0.98}.get(flavour, 1.0), 0.1, 1e-9),
            "network": summary(
                medians.get(cell, {"uds": 1.01, "g": 1.0}.get(flavour, 1.0)), resolutions.get(cell, 0.09), error
            ),
        }
        cells[cell] = Measured(count, pt.low, found if count >= 50 else {})
    coverages = tuple(
        MeasuredCoverage(cell, "network", 1000, Coverage(known(share, 0.01), known(0.16), known(0.16)))
        for cell, share in (covered or {}).items()
    )
    return Measurements(9000, 2, ("standard", "network"), (BARREL, ENDCAP), cells, coverages, {})


def test_closure_names_the_range_and_its_exceptions():
    off = {Cell(BARREL, pt): 1.05 for pt in PT_BINS if pt.high <= 57 or pt.low >= 1500}
    found = told(off | {Cell(BARREL, Range(300, 400)): 1.02, Cell(ENDCAP, Range(15, 17)): 0.95})
    assert statements.closure(found, "network") == (
        "The network closes within 1 % for 57 < pT < 1500 GeV, |η| < 1.3, except 300-400 GeV (1.020 ± 0.002); "
        "for 17 < pT < 5000 GeV, 1.3 < |η| < 2.5."
    )


def test_a_bin_closes_if_it_does_within_its_error():
    within = told({Cell(BARREL, Range(72, 90)): 1.0119})
    beyond = told({Cell(BARREL, Range(72, 90)): 1.0121})
    assert "except" not in statements.closure(within, "network")
    assert "except 72-90 GeV" in statements.closure(beyond, "network")


def test_a_bin_that_nobody_tested_ends_the_range():
    found = told(jets={Cell(BARREL, Range(200, 300)): 49, Cell(BARREL, Range(23, 27)): 0})
    assert "for 300 < pT < 5000 GeV, |η| < 1.3" in statements.closure(found, "network")


def test_closure_that_cannot_be_told_is_said():
    found = told({Cell(ENDCAP, pt): 1.2 for pt in PT_BINS})
    assert "in no bin at 1.3 < |η| < 2.5" in statements.closure(found, "network")
    assert "(too few jets)" in statements.closure(told(error=0.011), "network")


def test_the_gain_is_told_with_its_best_and_worst_bin():
    found = told(resolutions={Cell(BARREL, Range(300, 400)): 0.08, Cell(ENDCAP, Range(30, 35)): 0.105}, error=0.0004)
    (sentence,) = statements.gain(found, "network")
    assert sentence.startswith(
        "Above 30 GeV the resolution of the network is 10.0 ± 0.4 % better than that of the standard correction;"
    )
    assert "best at 300-400 GeV, |η| < 1.3 (20.0 ±" in sentence
    assert "worst at 30-35 GeV, 1.3 < |η| < 2.5 (-5.0 ±" in sentence


def test_flavours_are_told_with_what_is_missing():
    sentence, missing = statements.flavours(told(flavours=("uds", "b", "g")), "network")
    assert "the median responses of uds, b and g jets lie within 1.0 ±" in sentence
    assert "within 5.0 ± 0.0 % after the standard correction: closer by a factor 5.0 ±" in sentence
    assert missing == "Fewer than 50 jets of c: nothing is known of their response."


def test_a_factor_over_a_spread_that_agrees_with_zero_is_told_as_a_limit(monkeypatch):
    found = told(flavours=("uds", "b", "g"))
    replicas = np.linspace(4.0, 200.0, 1001)
    monkeypatch.setattr(type(found), "spread_reduction", lambda *_, **__: Estimate(115.0, replicas))
    (sentence, _) = statements.flavours(found, "network")
    assert "closer by a factor above 13.8 (95 %)" in sentence


def test_coverage_is_told_by_flavour_and_for_the_worst_bin():
    shares = {Cell(): 0.67, Cell(flavour="g"): 0.66, Cell(BARREL, PT_BINS[3]): 0.6, Cell(ENDCAP, PT_BINS[9]): 0.7}
    (sentence,) = statements.coverage(told(covered=shares), "network")
    assert "67.0 ± 1.0 % have their true pT inside the interval predicted to hold 68 % (g 66.0 ± 1.0 %)" in sentence
    assert "furthest off at corrected 23-27 GeV, |η| < 1.3 (60.0 ± 1.0 %)" in sentence
    assert statements.coverage(told(), "network") == ()


def test_where_not_to_use_it_is_named():
    found = told(
        {Cell(BARREL, Range(15, 17)): 1.03, Cell(BARREL, Range(17, 20)): 0.97},
        resolutions={Cell(ENDCAP, Range(30, 35)): 0.11, Cell(ENDCAP, Range(35, 40)): 0.101},
        jets={Cell(ENDCAP, Range(4500, 5000)): 12, Cell(BARREL, Range(4500, 5000)): 0},
        error=0.001,
    )
    worse, off, untested = statements.limits(found, "network")
    assert worse.endswith("by more than 2 errors: 30-35 GeV at 1.3 < |η| < 2.5.")
    assert off.endswith("more than 2 % from 1 beyond its error: 15-20 GeV at |η| < 1.3.")
    assert untested.endswith("fewer than 50 jets could test it: 4500-5000 GeV at 1.3 < |η| < 2.5.")
    (fine,) = statements.limits(told(), "network")
    assert fine == "No bin of pT and |η| speaks against using the network."


def test_the_calibrated_correction_is_told_to_close_before_the_network():
    sample = gaussian_sample(6000)
    sample.corrected["calibrated"] = sample.corrected["network"]
    sentences = statements.statements(evaluate(sample, replicas=20))
    assert sentences[0].startswith("The network with its residual correction closes within 1 % for")
    assert sentences[1].startswith("The network closes within 1 % for")
    assert any("interval predicted to hold 68 %" in sentence for sentence in sentences)


@pytest.mark.parametrize("jets", [0, 20])
def test_hardly_any_jets_are_told(jets):
    sentences = statements.statements(evaluate(gaussian_sample(20).restricted(np.arange(20) < jets), replicas=2))
    assert any(sentence.startswith("Too few jets above 30 GeV") for sentence in sentences)
    assert not any(sentence.startswith("No bin of pT") for sentence in sentences)
