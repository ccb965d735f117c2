from __future__ import annotations

import json

import numpy as np
import pytest
from tests.support.evaluation import PROVENANCE, gaussian_sample

from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.measurement import INCLUSIVE, evaluate
from jetcal.evaluation.metrics import document, to_json
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
    for name in ("median", "resolution", "resolution_68", "tails", "gain", "difference", "flavour_spread", "coverage"):
        assert metrics["definitions"][name]


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
