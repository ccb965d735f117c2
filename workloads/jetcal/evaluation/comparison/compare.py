"""Any number of models on the same jets: report.html, metrics.json and plots of all of them side by side."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jetcal.errors import JetcalError
from jetcal.evaluation import metrics
from jetcal.evaluation import statements as sentences
from jetcal.evaluation.comparison import standing
from jetcal.evaluation.comparison.compared_jets import ComparedJets
from jetcal.evaluation.comparison.compared_models import ComparedModel
from jetcal.evaluation.measurement import Measurements, evaluate
from jetcal.evaluation.page import report
from jetcal.evaluation.page.facts import Facts
from jetcal.evaluation.page.provenance import PACKAGES
from jetcal.evaluation.predictions import Scored, score
from jetcal.storage import local

PLOTS = "plots"


@dataclass(frozen=True)
class Comparison:
    """What was written: the page, and what it says in words."""

    report: Path
    statements: tuple[str, ...]


def compare(jets: ComparedJets, models: Mapping[str, ComparedModel], reference: str, folder: Path) -> Comparison:
    """Measure all models on the same jets and write report.html, metrics.json and plots/ to a folder.

    Parameters
    ----------
    jets
        Jets with truth.
    models
        By name, in the order of tables and plots.
    reference
        The one of them that the others are compared with, beside the standard correction.
    folder
        Where to write.

    Raises
    ------
    JetcalError
        If a model cannot answer, or gives no usable correction at all.
    """
    scored = score(jets.parts, {name: each.model for name, each in models.items()}, events=jets.events)
    _check_usable(scored)
    measurements = evaluate(scored.sample)
    others = [name for name in models if name != reference]
    limits = (
        *_left_out(scored, measurements),
        *_outside(jets, models),
        *(each for name in models for each in sentences.limits(measurements, name)),
    )
    statements = (
        *(standing.sentence(measurements, reference, other) for other in others),
        *(each for each in sentences.statements(measurements, reference) if each not in limits),
        *(sentences.closure(measurements, other) for other in others),
    )
    origins = [
        jets.facts,
        *(Facts(f"Model {name}", each.origin) for name, each in models.items()),
        Facts("Versions of packages", tuple(_versions().items())),
    ]
    page = report.page(
        measurements,
        title=f"Comparison of {', '.join(models)}",
        statements=statements,
        limits=limits,
        provenance=origins,
        compared=standing.tables(measurements, reference, others),
    )
    provenance = {each.title: dict(each.rows) for each in origins}
    numbers = metrics.document(measurements, provenance=provenance, reference=reference)
    local.write_bytes(folder / "metrics.json", metrics.to_json(numbers).encode())
    for plot in page.plots:
        local.write_bytes(folder / PLOTS / f"{plot.key}.svg", plot.svg.encode())
    local.write_bytes(folder / "report.html", page.html.encode())
    return Comparison(folder / "report.html", (*statements, *limits))


def _check_usable(scored: Scored) -> None:
    if len(scored.sample):
        return
    worst = max(scored.invalid, key=lambda name: scored.invalid[name])
    message = f"no jet has a usable correction of every model; {worst} gives none for {scored.invalid[worst]} jets"
    raise JetcalError(message)


def _left_out(scored: Scored, measurements: Measurements) -> list[str]:
    return [
        f"{name} gives no finite, positive correction for {count} jets; they are left out for every model, "
        f"which leaves {measurements.jets}."
        for name, count in scored.invalid.items()
        if count
    ]


def _outside(jets: ComparedJets, models: Mapping[str, ComparedModel]) -> list[str]:
    sentences = []
    for name, each in models.items():
        if columns := each.outside(jets.parts):
            told = ", ".join(f"{column} of {count}" for column, count in columns.items())
            sentences.append(
                f"{each.any_outside(jets.parts)} of {len(jets.events)} jets lie outside the range that {name} was "
                f"trained on ({told}); its corrections level off there and nothing vouches for them."
            )
    return sentences


def _versions() -> dict[str, Any]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
