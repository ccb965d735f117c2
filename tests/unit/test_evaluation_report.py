from __future__ import annotations

import copy
import re
from collections import Counter

import numpy as np
import pytest
from tests.support.evaluation import PROVENANCE, gaussian_sample

from jetcal.evaluation import report
from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.facts import facts
from jetcal.evaluation.measurement import evaluate
from jetcal_api.spec import Acceptance

ACCEPTANCE = Acceptance()


def page_of(sample, provenance=PROVENANCE, **more):
    measurements = evaluate(sample, replicas=10)
    judgement = report.Judgement(judge(measurements, ACCEPTANCE), ACCEPTANCE)
    return report.page(
        measurements, title="Jet energy correction cccc", judgement=judgement, provenance=facts(provenance), **more
    ).html


@pytest.fixture(scope="module")
def page():
    return page_of(gaussian_sample(4000, baseline_width=0.11), model_card="# A card")


def test_nothing_is_fetched_from_elsewhere(page):
    addresses = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in page


def test_every_id_is_unique_and_every_reference_finds_one(page):
    ids = Counter(re.findall(r'\bid="([^"]+)"', page))
    assert [name for name, count in ids.items() if count > 1] == []
    references = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert references <= set(ids)


def test_every_plot_has_words_for_those_who_cannot_see_it(page):
    alternatives = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(alternatives) == page.count("<svg")
    assert len(alternatives) >= 10
    assert all(re.search(r"\d", text) for text in alternatives)


def test_the_verdict_and_its_reason_are_on_the_page():
    page = page_of(gaussian_sample(8000, scale=1.06))
    assert "Rejected" in page
    assert "maxNonClosure 0.02" in page


def test_the_served_revision_is_compared(page):
    assert re.search(r"accepted before: resolution \d+\.\d.± .*better", page.replace("\N{NO-BREAK SPACE}", " "))


def test_names_from_outside_cannot_become_markup():
    provenance = copy.deepcopy(PROVENANCE)
    provenance["dataset"]["cuts"][0]["name"] = "<script>alert(1)</script>"
    page = page_of(gaussian_sample(300), provenance, model_card="<img src=x>")
    assert "alert(1)" not in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0]
    assert page.count("<script>") == 1
    assert "<img" not in page


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
