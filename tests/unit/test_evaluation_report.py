"""What stands on the page, whatever was measured and whatever is missing."""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.support.evaluation import PROVENANCE, gaussian_sample, toy_history

from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.corrections import residual, uncertainty
from jetcal.evaluation.measurement import evaluate
from jetcal.evaluation.page import report
from jetcal.evaluation.page.facts import facts
from jetcal.evaluation.page.history import History
from jetcal.evaluation.response import Sample
from jetcal_api.spec import Acceptance

ACCEPTANCE = Acceptance()


def page_of(sample, provenance=PROVENANCE, **more):
    measurements = evaluate(sample, replicas=10)
    judgement = report.Judgement(judge(measurements, ACCEPTANCE), ACCEPTANCE)
    return report.page(
        measurements, title="Jet energy correction cccc", judgement=judgement, provenance=facts(provenance), **more
    ).html


def hard(jets, **more):
    """Jets in three bins of pT only: enough for every kind of plot, and quick."""
    return gaussian_sample(jets, min_pt=750.0, **more)


@pytest.fixture(scope="module")
def page():
    found = residual.derive(hard(4000, seed=2))
    sample = found.applied(hard(4000, baseline_width=0.11))
    pile_up = np.random.default_rng(1).uniform(5, 40, len(sample))
    sample = replace(
        sample,
        rho=pile_up,
        n_vertices=pile_up,
        spreads={name: np.full(len(sample), 0.004) for name in ("network", "calibrated")},
    )
    return page_of(
        sample,
        statements=["It closes."],
        limits=["Do not use it below 750 GeV."],
        residual=found,
        uncertainties=uncertainty.estimate(sample, found, {"other-tune": found.applied(hard(3000, seed=3))}),
        history=toy_history(9),
        model_card="# A card",
    )


def test_nothing_is_fetched_from_elsewhere(page):
    addresses = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in page
    assert "fetch(" not in page


def test_every_id_is_unique_and_every_reference_finds_one(page):
    ids = Counter(re.findall(r'\bid="([^"]+)"', page))
    assert [name for name, count in ids.items() if count > 1] == []
    references = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert references <= set(ids)


def test_every_plot_has_words_for_those_who_cannot_see_it(page):
    alternatives = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(alternatives) == page.count("<svg")
    assert len(alternatives) >= 20
    assert all(re.search(r"\d", text) for text in alternatives)


def test_everything_that_is_known_has_its_section(page):
    found = re.findall(r'<section id="([a-z]+)"', page)
    physics = ["closure", "resolution", "flavour", "interval", "distributions", "uncertainty", "residual"]
    assert found == ["glance", *physics, "training", "numbers", "provenance"]
    for told in ("It closes.", "Do not use it below 750 GeV.", "other-tune", "ensemble", "A card"):
        assert told in page


def test_pile_up_is_shown_where_it_is_known(page):
    assert 'id="figure-rho-30-inf"' in page
    assert 'id="figure-vertices-30-inf"' in page


def test_the_verdict_and_its_reason_are_on_the_page():
    page = page_of(hard(3000, scale=1.06))
    assert "Rejected" in page
    assert "maxNonClosure 0.02" in page


def test_the_served_revision_is_compared(page):
    assert re.search(r"accepted before: resolution \d+\.\d.± .*better", page.replace("\N{NO-BREAK SPACE}", " "))


def test_names_from_outside_cannot_become_markup():
    provenance = copy.deepcopy(PROVENANCE)
    provenance["dataset"]["cuts"][0]["name"] = "<script>alert(1)</script>"
    sample = hard(300)
    odd = '"><img src=x>'
    sample.corrected[odd] = sample.corrected["network"]
    page = page_of(sample, provenance, model_card="<img src=x>", statements=["<img src=x>"])
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert 'data-series="&quot;&gt;&lt;img src=x&gt;"' in page


def test_six_corrections_have_six_looks_and_judge_nobody_without_a_judgement():
    sample = hard(1500)
    names = ["a", "b", "a model with quite a long name, told by its author", "d"]
    network = sample.corrected["network"]
    compared = Sample(
        sample.gen_pt,
        sample.eta,
        sample.flavour,
        {"raw": sample.corrected["raw"], "standard": sample.corrected["standard"], **dict.fromkeys(names, network)},
    )
    made = report.page(evaluate(compared, replicas=10), title="Comparison")
    assert "<strong>Comparison</strong>" in made.html
    assert "Accepted" not in made.html
    assert "Rejected" not in made.html
    assert 'id="provenance"' not in made.html
    assert 'id="figures"' not in made.html
    colours = re.findall(r'<span style="color: (#[0-9a-f]{6})" aria-hidden="true">', made.html)
    assert len(set(colours)) == 6
    for name in names:
        assert f'data-series="{name}"' in made.html


def test_a_missing_flavour_is_said_to_be_missing():
    sample = hard(3000)
    page = page_of(sample.restricted(sample.flavour != 4))
    assert 'id="figure-difference-c-g"' not in page
    assert 'id="figure-difference-b-g"' in page
    assert "too few jets" in page


def test_few_jets_without_intervals_make_a_report_that_says_so():
    sample = gaussian_sample(120)
    sample.intervals.clear()
    page = page_of(sample)
    assert "Rejected" in page
    assert "not measured" in page
    assert 'id="closure"' in page
    assert 'id="interval"' not in page
    assert "predicts no interval" in page


def test_no_jets_make_a_report_without_plots():
    page = page_of(gaussian_sample(3).restricted(np.zeros(3, bool)))
    assert "<svg" not in page
    assert "Rejected" in page
    assert "0 test jets" in page


def test_without_a_search_the_page_says_so():
    page = page_of(gaussian_sample(60), history=History())
    assert "No search of hyperparameters." in page
    assert 'id="figure-trials"' not in page


def test_two_trials_are_drawn_but_rank_nothing():
    page = page_of(gaussian_sample(60), history=toy_history(2))
    assert 'id="figure-trials"' in page
    assert 'id="figure-importance"' not in page
    assert "Importance needs 8 finished trials." in page
