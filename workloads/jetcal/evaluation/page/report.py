"""report.html: one page that needs nothing else, from the verdict down to every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from jetcal.evaluation.acceptance import MIN_JETS_JUDGED, Verdict, judged_range
from jetcal.evaluation.binning import INCLUSIVE_MIN_PT, MIN_JETS
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.uncertainty import Uncertainties
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.page import cards, tables
from jetcal.evaluation.page.facts import Facts
from jetcal.evaluation.page.history import History
from jetcal.evaluation.page.plots.looks import looks, name_of
from jetcal.evaluation.page.plots.svg import Plot
from jetcal.evaluation.page.sections import sections
from jetcal.evaluation.page.tables import Table
from jetcal_api.spec import Acceptance


@dataclass(frozen=True)
class Judgement:
    """How the network was judged, and by which thresholds."""

    verdict: Verdict
    acceptance: Acceptance


@dataclass(frozen=True)
class Report:
    """The page, and its plots for whoever wants them as files."""

    html: str
    plots: tuple[Plot, ...]


def page(
    measurements: Measurements,
    *,
    title: str,
    statements: Sequence[str] = (),
    limits: Sequence[str] = (),
    compared: Sequence[Table] = (),
    judgement: Judgement | None = None,
    residual: Residual | None = None,
    uncertainties: Uncertainties | None = None,
    history: History | None = None,
    provenance: Sequence[Facts] = (),
    model_card: str = "",
) -> Report:
    """The whole report.

    Parameters
    ----------
    measurements
        What the test jets say about any number of corrections.
    title
        Name of what is reported on.
    statements
        The result in words, one sentence each, most important first.
    limits
        Where it must not be used, one sentence each.
    compared
        Tables that say how the models stand to each other.
    judgement
        Verdict and thresholds; without them the page is a comparison that judges nobody.
    residual
        The correction that follows the network; None without one.
    uncertainties
        Of the scale after it.
    history
        Trials and training that led to the model.
    provenance
        Where jets and models come from.
    model_card
        The exported model's card.
    """
    found = sections(
        measurements,
        judgement.acceptance.max_non_closure if judgement else None,
        residual=residual,
        uncertainties=uncertainties,
        history=history,
    )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jetcal.evaluation.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup
    html = environment.get_template("report.html").render(
        title=title,
        names=[name_of(name) for name in measurements.corrections],
        compared=compared,
        shown=looks(measurements.corrections),
        glance=tables.glance(measurements),
        verdict=judgement.verdict if judgement else None,
        thresholds=judgement.acceptance.model_dump(by_alias=True) if judgement else None,
        statements=statements,
        limits=limits,
        cards=cards.cards(measurements, judgement.verdict, judgement.acceptance) if judgement else [],
        served=cards.beside_served(measurements),
        sections=found,
        tables=tables.tables(measurements),
        jets=measurements.jets,
        replicas=measurements.replicas,
        provenance=provenance,
        model_card=model_card,
        min_jets=MIN_JETS,
        min_jets_judged=MIN_JETS_JUDGED,
        judged_from=judged_range().low,
        inclusive_from=INCLUSIVE_MIN_PT,
    )
    return Report(html, tuple(plot for section in found for plot in (*section.plots, *section.more)))
