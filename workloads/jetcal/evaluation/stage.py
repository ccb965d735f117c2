"""The evaluation stage: models and test jets from storage in, judgement and report back."""

from __future__ import annotations

from jetcal import storage, worker
from jetcal.data import shards
from jetcal.evaluation import metrics, report
from jetcal.evaluation.acceptance import judge
from jetcal.evaluation.events import event_numbers
from jetcal.evaluation.facts import facts
from jetcal.evaluation.measurement import evaluate
from jetcal.evaluation.predictions import score
from jetcal.evaluation.provenance import provenance
from jetcal.evaluation.response import BASELINE, NETWORK
from jetcal.serving.inference import OnnxModel
from jetcal_api.documents import EvaluateInput
from jetcal_api.results import EvaluateResult, ExportResult, PrepareResult

PUBLISHED_PLOTS = "plots"
"""Folder of the report's plots as single files."""


def run(document: EvaluateInput) -> EvaluateResult:
    """Judge the candidate, write report.html, metrics.json and plots/ under this attempt, and publish.

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

    scored = score(shards.open_part(dataset, "test"), models, events=event_numbers(shards.open_events(dataset, "test")))
    measurements = evaluate(scored.sample)
    verdict = judge(measurements, document.acceptance, invalid=scored.invalid[NETWORK])
    origin = provenance(document, dataset, exports[NETWORK], models[NETWORK].metadata)
    numbers = metrics.document(measurements, verdict, document.acceptance, origin)
    page = report.page(
        measurements,
        title=f"Jet energy correction {document.candidate}",
        judgement=report.Judgement(verdict, document.acceptance),
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
    )
    storage.write_bytes(result.metrics, metrics.to_json(numbers).encode())
    for plot in page.plots:
        storage.write_bytes(worker.attempt_uri(document, PUBLISHED_PLOTS, f"{plot.key}.svg"), plot.svg.encode())
    storage.write_bytes(result.report, page.html.encode())
    return worker.publish(result)


def load_model(export: ExportResult) -> OnnxModel:
    """The exported network, fetched if it lies in a bucket."""
    return OnnxModel(storage.localize(storage.join(export.repository, export.model, "1", "model.onnx")))
