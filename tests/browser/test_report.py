"""What a person sees who opens report.html in a browser."""

from __future__ import annotations

import pytest
from tests.support.browser import DESKTOP, PHONE, opened
from tests.support.evaluation import PROVENANCE, gaussian_sample

from jetcal.evaluation import report
from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.facts import facts
from jetcal.evaluation.measurement import evaluate
from jetcal_api.spec import Acceptance

pytestmark = pytest.mark.browser
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
ACCEPTANCE = Acceptance()
CARDS = ["Closure", "Resolution gain", "Flavour spread", "Interval"]


def page_of(scale, **more):
    measurements = evaluate(gaussian_sample(8000, scale=scale, baseline_width=0.11), replicas=20)
    judgement = report.Judgement(judge(measurements, ACCEPTANCE), ACCEPTANCE)
    return report.page(measurements, title="Jet energy correction cccc", judgement=judgement, **more).html


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    path = tmp_path_factory.mktemp("accepted") / "report.html"
    path.write_text(page_of(scale=1.0, provenance=facts(PROVENANCE), model_card="# Card"))
    return path


@pytest.fixture(scope="module")
def rejected(tmp_path_factory):
    path = tmp_path_factory.mktemp("rejected") / "report.html"
    path.write_text(page_of(scale=1.06))
    return path


@SIZES
def test_verdict_and_four_figures_are_on_the_first_screen(accepted, size):
    with opened(accepted, size) as view:
        verdict = view.page.get_by_text("Accepted", exact=False).first
        assert verdict.is_visible()
        cards = view.page.locator("#figures .card")
        assert [card.locator("dt").inner_text() for card in cards.all()] == CARDS
        for card in cards.all():
            box = card.bounding_box()
            assert box["y"] + box["height"] <= size[1]
            assert any(letter.isdigit() for letter in card.locator(".value").inner_text())


def test_a_rejection_says_why_on_the_first_screen(rejected):
    with opened(rejected, PHONE) as view:
        reason = view.page.locator("#verdict li").first
        assert "maxNonClosure 0.02" in reason.inner_text()
        box = reason.bounding_box()
        assert box["y"] + box["height"] <= PHONE[1]
        assert view.page.title().endswith("rejected")


@SIZES
def test_plots_have_a_size_and_ink(accepted, size):
    with opened(accepted, size) as view:
        plots = view.page.locator("figure svg")
        assert plots.count() >= 10
        for plot in plots.all():
            box = plot.bounding_box()
            assert box["width"] > 250
            assert box["height"] > 150
            assert plot.locator("path").count() > 20


@SIZES
def test_nothing_is_wider_than_the_window(accepted, size):
    with opened(accepted, size) as view:
        for summary in view.page.locator("summary").all():
            summary.click()
        assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_details_open_and_show_their_numbers(accepted):
    with opened(accepted) as view:
        details = view.page.locator("details")
        assert details.count() >= 8
        for each in details.all():
            content = each.locator("table, pre").first
            assert not content.is_visible()
            each.locator("summary").click()
            assert content.is_visible()
            assert content.inner_text().strip()


def test_the_page_needs_nothing_else_and_complains_of_nothing(accepted):
    with opened(accepted) as view:
        view.page.wait_for_load_state("networkidle")
        assert [url for url in view.requests if not url.startswith("data:")] == [accepted.as_uri()]
        assert view.complaints == []


def test_links_lead_to_their_sections(accepted):
    with opened(accepted) as view:
        for link in view.page.locator("nav a").all():
            link.click()
            target = view.page.locator(link.get_attribute("href"))
            assert target.bounding_box()["y"] < DESKTOP[1]


def test_it_prints_on_paper(accepted):
    with opened(accepted) as view:
        view.page.emulate_media(media="print")
        paper = view.page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
