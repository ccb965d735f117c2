"""What a person sees who opens report.html in a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.browser import DESKTOP, PHONE, opened
from tests.support.evaluation import PROVENANCE, gaussian_sample, toy_history

from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.corrections import residual, uncertainty
from jetcal.evaluation.measurement import evaluate
from jetcal.evaluation.page import report
from jetcal.evaluation.page.facts import facts
from jetcal_api.spec import Acceptance

pytestmark = pytest.mark.browser
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
ACCEPTANCE = Acceptance()
CARDS = ["Closure", "Resolution gain", "Flavour spread", "Interval"]
STATEMENTS = [
    "It closes within 1 % for 57 < pT < 1500 GeV, |η| < 1.3; for 90 < pT < 1500 GeV, 1.3 < |η| < 2.5.",
    "Above 30 GeV the resolution is 17.5 ± 1.1 % better than that of the standard correction.",
]
LIMITS = ["Do not use it where the median response is more than 2 % from 1: 30-50 GeV at |η| < 1.3."]


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    path = tmp_path_factory.mktemp("accepted") / "report.html"
    found = residual.derive(gaussian_sample(6000, seed=2))
    sample = found.applied(gaussian_sample(8000, baseline_width=0.11))
    sample = replace(sample, spreads={name: np.full(8000, 0.004) for name in ("network", "calibrated")})
    measurements = evaluate(sample, replicas=20)
    made = report.page(
        measurements,
        title="Jet energy correction cccc",
        statements=STATEMENTS,
        limits=LIMITS,
        judgement=report.Judgement(judge(measurements, ACCEPTANCE), ACCEPTANCE),
        residual=found,
        uncertainties=uncertainty.estimate(sample, found),
        history=toy_history(12),
        provenance=facts(PROVENANCE),
        model_card="# Card",
    )
    path.write_text(made.html)
    return path


@pytest.fixture(scope="module")
def rejected(tmp_path_factory):
    path = tmp_path_factory.mktemp("rejected") / "report.html"
    measurements = evaluate(gaussian_sample(2500, scale=1.06, min_pt=400.0), replicas=20)
    judgement = report.Judgement(judge(measurements, ACCEPTANCE), ACCEPTANCE)
    path.write_text(report.page(measurements, title="Jet energy correction cccc", judgement=judgement).html)
    return path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    path = tmp_path_factory.mktemp("comparison") / "report.html"
    measurements = evaluate(gaussian_sample(2500), replicas=20)
    path.write_text(
        report.page(measurements, title="Comparison of a, b", statements=STATEMENTS, limits=8 * LIMITS).html
    )
    return path


def unfold(view):
    view.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


@SIZES
def test_verdict_and_four_figures_are_on_the_first_screen(accepted, size):
    with opened(accepted, size) as view:
        assert view.page.locator("#verdict strong").inner_text() == "✓ Accepted"
        cards = view.page.locator("#figures .card")
        assert [card.locator("dt").inner_text() for card in cards.all()] == CARDS
        for card in cards.all():
            box = card.bounding_box()
            assert box["y"] + box["height"] <= size[1]
            assert any(letter.isdigit() for letter in card.locator(".value").inner_text())
        said = view.page.locator("#statements li")
        assert said.all_inner_texts() == STATEMENTS
        assert said.first.bounding_box()["y"] < size[1]
        assert view.page.locator("#limits li").all_inner_texts() == LIMITS


@SIZES
def test_a_comparison_begins_with_all_corrections_side_by_side_and_uses_the_page_s_width(comparison, size):
    with opened(comparison, size) as view:
        assert view.page.locator("#figures").count() == 0
        tops = [
            view.page.locator(name).bounding_box()["y"]
            for name in ("#verdict", "#glance table", "#statements", "#limits")
        ]
        assert tops == sorted(tops)
        assert tops[1] < size[1] / 2
        width = view.page.locator("main").bounding_box()["width"]
        for name in ("#verdict", "#statements", "#limits"):
            assert view.page.locator(name).bounding_box()["width"] > 0.85 * width


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
        unfold(view)
        plots = view.page.locator("figure svg")
        assert plots.count() >= 25
        for box, ink in plots.evaluate_all(
            "all => all.map(one => [one.getBoundingClientRect(), one.querySelectorAll('path').length])"
        ):
            assert box["width"] > 250
            assert box["height"] > 120
            assert ink > 20


@SIZES
def test_nothing_is_wider_than_the_window(accepted, size):
    with opened(accepted, size) as view:
        unfold(view)
        assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_details_are_folded_and_open_at_a_click(accepted):
    with opened(accepted) as view:
        for each in view.page.locator("main > section > details").all():
            content = each.locator(":scope > :not(summary)").first
            assert not content.is_visible()
            each.locator("summary").first.click()
            assert content.is_visible()
            assert content.inner_text().strip()


@SIZES
def test_the_page_needs_nothing_else_and_complains_of_nothing(accepted, size):
    with opened(accepted, size) as view:
        unfold(view)
        view.page.wait_for_load_state("networkidle")
        assert [url for url in view.requests if not url.startswith("data:")] == [accepted.as_uri()]
        assert view.complaints == []


def test_links_lead_to_their_sections(accepted):
    with opened(accepted) as view:
        for link in view.page.locator("nav a").all():
            link.click()
            target = view.page.locator(link.get_attribute("href"))
            assert target.bounding_box()["y"] < DESKTOP[1]


def test_a_correction_can_be_hidden_in_all_plots_at_once(accepted):
    with opened(accepted) as view:
        curves = view.page.locator('#closure > .plots [data-series="standard"]')
        others = view.page.locator('#closure > .plots [data-series="network"]')
        assert curves.count() > 4
        box = view.page.locator("#shown").get_by_label("standard correction")
        box.uncheck()
        assert not any(curve.is_visible() for curve in curves.all())
        assert others.first.is_visible()
        box.check()
        assert curves.first.is_visible()


def test_a_trial_that_is_pointed_at_tells_its_numbers(accepted):
    with opened(accepted) as view:
        figure = view.page.locator("#figure-trials")
        figure.scroll_into_view_if_needed()
        assert "Point at" in figure.locator("output").inner_text()
        last = figure.locator("[data-trial='toy-03'] path").last
        place = last.evaluate(
            """path => {
                const point = path.getPointAtLength(path.getTotalLength()).matrixTransform(path.getScreenCTM());
                return [point.x, point.y];
            }"""
        )
        view.page.mouse.move(*place)
        told = figure.locator("output").inner_text()
        chosen = figure.locator("[data-trial].chosen").first.get_attribute("data-trial")
        assert told.startswith(f"{chosen}: validation loss")
        assert "learningRate" in told


def test_on_a_phone_a_trial_is_tapped(accepted):
    with opened(accepted, PHONE) as view:
        figure = view.page.locator("#figure-trials")
        figure.locator("[data-trial='toy-05']").last.dispatch_event("click")
        assert figure.locator("output").inner_text().startswith("toy-05: validation loss")
        assert figure.locator("[data-trial='toy-05'].chosen").count() > 0
        assert figure.locator("[data-trial='toy-06'].chosen").count() == 0


def test_rows_of_tables_can_be_filtered(accepted):
    with opened(accepted) as view:
        unfold(view)
        rows = view.page.locator("#numbers .filtered tbody tr")
        shown = rows.evaluate_all("all => all.filter(row => row.checkVisibility()).length")
        view.page.locator("#filter").fill("100-300 b")
        left = rows.evaluate_all("all => all.filter(row => row.checkVisibility()).map(row => row.cells[0].textContent)")
        assert 0 < len(left) < shown
        assert all("100-300" in name and "b" in name for name in left)


def test_hashes_are_selected_by_one_click(accepted):
    with opened(accepted) as view:
        unfold(view)
        sha256 = view.page.get_by_text("0" * 64, exact=True)
        sha256.click()
        assert view.page.evaluate("getSelection().toString().trim()") == "0" * 64


def test_without_scripts_everything_is_there(accepted):
    with opened(accepted, scripts=False) as view:
        assert not view.page.locator("#shown").is_visible()
        assert not view.page.locator("#filter").is_visible()
        assert not view.page.locator("output.tells").is_visible()
        assert view.page.locator('#closure > .plots [data-series="network"]').first.is_visible()
        assert view.page.locator("[data-trial='toy-05'] title").first.text_content().startswith("toy-05")
        assert view.page.locator("#statements li").count() == len(STATEMENTS)


def test_it_prints_on_paper_without_what_is_only_for_screens(accepted):
    with opened(accepted) as view:
        view.page.emulate_media(media="print")
        assert not view.page.locator("nav").is_visible()
        assert not view.page.locator("#shown").is_visible()
        assert view.page.locator("#closure figure").first.is_visible()
        view.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert view.page.locator("#distributions figure").first.is_visible()
        paper = view.page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
