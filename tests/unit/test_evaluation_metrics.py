from __future__ import annotations

import json

import numpy as np
import pytest
from tests.support.evaluation import PROVENANCE, gaussian_sample

from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.measurement import INCLUSIVE, evaluate
from jetcal.evaluation.metrics import document, to_json
from jetcal.evaluation.statements import statements
from jetcal_api.spec import Acceptance

ACCEPTANCE = Acceptance()


def written(sample, replicas=20):
    measurements = evaluate(sample, replicas)
    text = to_json(document(measurements, judge(measurements, ACCEPTANCE), ACCEPTANCE, PROVENANCE))
    return measurements, text


@pytest.fixture(scope="module")
def case():
    measurements, text = written(gaussian_sample(5000, baseline_width=0.11))
    return measurements, json.loads(text)


def rows(metrics, table, **wanted):
    return [row for row in metrics[table] if all(row[name] == value for name, value in wanted.items())]


def test_the_inclusive_row_holds_value_error_and_count(case):
    measurements, metrics = case
    (row,) = rows(metrics, "response", abs_eta=[0.0, 5.2], pt=[30.0, None], flavour="all", correction="network")
    summary = measurements.summary(INCLUSIVE, "network")
    assert row["jets"] == measurements.cells[INCLUSIVE].jets
    assert row["median"] == pytest.approx(summary.median.value, rel=1e-6)
    assert row["median_error"] == pytest.approx(summary.median.error, rel=1e-6)
    assert row["resolution_68"] == pytest.approx(summary.resolution_68.value, rel=1e-6)
    assert row["tails_error"] == pytest.approx(summary.tails.error, rel=1e-6)


def test_every_correction_has_every_row(case):
    _, metrics = case
    assert metrics["corrections"] == ["raw", "standard", "network", "baseline"]
    counts = {name: len(rows(metrics, "response", correction=name)) for name in metrics["corrections"]}
    assert len(set(counts.values())) == 1
    assert min(counts.values()) > 100


def test_gains_compare_models_with_standard_and_baseline(case):
    _, metrics = case
    pairs = {(row["correction"], row["reference"]) for row in metrics["gain"]}
    assert pairs == {("network", "standard"), ("baseline", "standard"), ("network", "baseline")}


def test_all_pairs_of_flavours_are_there(case):
    _, metrics = case
    assert len({tuple(row["pair"]) for row in metrics["flavour_difference"]}) == 6


def test_the_order_of_keys_is_stable():
    assert written(gaussian_sample(2000))[1] == written(gaussian_sample(2000))[1]


@pytest.mark.parametrize("jets", [1, 49, 700])
def test_no_nan_is_written(jets):
    _, text = written(gaussian_sample(jets))

    def refuse(constant):
        pytest.fail(f"{constant} in metrics.json")

    metrics = json.loads(text, parse_constant=refuse)
    assert metrics["sample"]["jets"] == jets
    assert any(row["median"] is None for row in metrics["response"])


def test_an_empty_sample_makes_a_document_too():
    _, text = written(gaussian_sample(5).restricted(np.zeros(5, bool)))
    metrics = json.loads(text)
    assert metrics["response"] == []
    assert metrics["verdict"]["accepted"] is False


def test_every_quantity_is_defined(case):
    _, metrics = case
    quantities = {
        name.removesuffix("_error")
        for table in ("response", "response_against", "gain", "flavour_difference", "flavour_spread")
        for name in metrics[table][0]
        if name.endswith("_error")
    }
    assert {"core_resolution", "resolution_87", "tails_low", "flavour_improvement", "gain"} <= quantities
    assert quantities <= metrics["definitions"].keys()
    assert metrics["schema"] == 2


def test_the_result_is_told_in_words(case):
    measurements, metrics = case
    assert metrics["statements"] == list(statements(measurements))
    assert metrics["statements"][0].startswith("The network closes within 1 %")


def test_narrow_bins_have_a_table_of_their_own(case):
    measurements, metrics = case
    assert {tuple(row["abs_eta"]) for row in metrics["response_against"]} == {
        (eta.low, eta.high) for eta in measurements.eta_bins
    }
    assert all(row["rho"] is None and row["n_vertices"] is None for row in metrics["response_against"])
    assert all(tuple(row["abs_eta"]) != (0.0, 0.087) for row in metrics["response"])


def test_a_comparison_without_a_verdict_tells_how_the_reference_stands(case):
    measurements, _ = case
    metrics = document(measurements, reference="baseline")
    assert "verdict" not in metrics
    assert ("baseline", "network") in {(row["correction"], row["reference"]) for row in metrics["gain"]}
    assert metrics["statements"][0].startswith("The revision accepted before")


def test_the_verdict_names_thresholds_and_figures(case):
    _, metrics = case
    verdict = metrics["verdict"]
    assert verdict["thresholds"] == {"maxNonClosure": 0.02, "minResolutionGain": 0.0, "mustBeatServed": True}
    assert {"max_non_closure", "resolution_gain", "flavour_spread_network", "coverage_68"} <= set(verdict["figures"])
    assert metrics["provenance"]["versions"]["jetcal"] == "0.1.0"


def test_coverage_has_its_rows(case):
    _, metrics = case
    (row,) = rows(metrics, "coverage", abs_eta=[0.0, 5.2], pt=[30.0, None], flavour="all")
    assert row["inside"] + row["below"] + row["above"] == pytest.approx(1)
