"""The evaluation stage: models and jets from storage in; judgement, report and corrections back."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal import storage, worker
from jetcal.data import shards
from jetcal.data.shards import Part
from jetcal.evaluation import metrics, statements
from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.corrections import delivery, residual, resolution, systematics, uncertainty
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.uncertainty import Uncertainties
from jetcal.evaluation.events import event_numbers
from jetcal.evaluation.measurement import evaluate
from jetcal.evaluation.page import history, report
from jetcal.evaluation.page.facts import facts
from jetcal.evaluation.page.provenance import provenance
from jetcal.evaluation.predictions import Scored, score
from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, Sample
from jetcal.serving.inference import OnnxModel
from jetcal_api.documents import EvaluateInput
from jetcal_api.results import EvaluateResult, ExportResult, PrepareResult

PUBLISHED_PLOTS = "plots"
"""Folder of the report's plots as single files."""

DELIVERED = "corrections"
"""Folder of what analyses take beside the network."""


@dataclass(frozen=True)
class Scale:
    """The calibrated scale: test jets with every correction, the residual among them, and how wrong it may be."""

    sample: Sample
    invalid: dict[str, int]
    residual: Residual
    uncertainties: Uncertainties


def run(document: EvaluateInput) -> EvaluateResult:
    """Judge the candidate, write report.html, metrics.json, plots/ and corrections/ under this attempt, and publish.

    A rejected candidate is a result like any other.

    Raises
    ------
    JetcalError
        If an earlier stage's result is missing, or its artefacts are not what they should be.
    """
    dataset = worker.load_result(document.storage, "dataset", document.dataset, PrepareResult)
    exports = {NETWORK: worker.load_result(document.storage, "export", document.candidate, ExportResult)}
    if document.baseline is not None:
        exports[BASELINE] = worker.load_result(document.storage, "export", document.baseline, ExportResult)
    models = {name: load_model(export) for name, export in exports.items()}
    told = history.load(document.storage, document.tuning, models[NETWORK].metadata.get(history.TRAINING_PROPERTY))

    scale = calibrate(document, dataset, models)
    measurements = evaluate(scale.sample)
    verdict = judge(measurements, document.acceptance, invalid=scale.invalid[NETWORK])
    origin = provenance(document, dataset, exports, models[NETWORK].metadata, told.training)
    numbers = metrics.document(measurements, verdict, document.acceptance, origin) | {
        "uncertainty": scale.uncertainties.rows(),
        "uncertainty_definitions": {name: each.definition for name, each in scale.uncertainties.sources.items()},
    }
    limits = statements.limits(measurements, CALIBRATED)
    page = report.page(
        measurements,
        title=f"Jet energy correction {document.candidate}",
        statements=[each for each in statements.statements(measurements) if each not in limits],
        limits=limits,
        judgement=report.Judgement(verdict, document.acceptance),
        residual=scale.residual,
        uncertainties=scale.uncertainties,
        history=told,
        provenance=facts(origin),
        model_card=storage.read_bytes(exports[NETWORK].card).decode(),
    )

    result = EvaluateResult(
        uri=worker.result_uri(document),
        accepted=verdict.accepted,
        reasons=list(verdict.reasons),
        figures=verdict.figures,
        report=worker.attempt_uri(document, "report.html"),
        metrics=worker.attempt_uri(document, "metrics.json"),
        corrections=worker.attempt_uri(document, DELIVERED),
    )
    delivery.write(
        worker.attempt_uri(document, DELIVERED),
        document.candidate,
        scale.residual,
        scale.uncertainties,
        resolution.derive(scale.sample),
    )
    storage.write_bytes(result.metrics, metrics.to_json(numbers).encode())
    for plot in page.plots:
        storage.write_bytes(worker.attempt_uri(document, PUBLISHED_PLOTS, f"{plot.key}.svg"), plot.svg.encode())
    storage.write_bytes(result.report, page.html.encode())
    return worker.publish(result)


def calibrate(document: EvaluateInput, dataset: PrepareResult, models: dict[str, OnnxModel]) -> Scale:
    """Correct the test jets; derive the residual from the validation jets, on which closure is not judged."""
    validation = _scored(dataset, "validation", {NETWORK: models[NETWORK]})
    found = residual.derive(validation.sample, NETWORK)
    test = _scored(dataset, "test", models)
    sample = found.applied(test.sample, NETWORK)
    others = systematics.calibrated_samples(document.systematics, document.reading, models[NETWORK], found)
    return Scale(sample, test.invalid, found, uncertainty.estimate(sample, found, others))


def load_model(export: ExportResult) -> OnnxModel:
    """The exported network, fetched if it lies in a bucket."""
    return OnnxModel(storage.localize(storage.join(export.repository, export.model, "1", "model.onnx")))


def _scored(dataset: PrepareResult, part: Part, models: dict[str, OnnxModel]) -> Scored:
    return score(shards.open_part(dataset, part), models, events=event_numbers(shards.open_events(dataset, part)))
