"""The status as a whole, from how far each stage is and what the endpoint does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jetcal_api.resource import JetCalibration
from jetcal_api.results import EvaluateResult, ExportResult, PrepareResult, TrainResult
from jetcal_api.status import (
    BestTrial,
    ConditionType,
    DatasetStatus,
    EvaluationStatus,
    ModelStatus,
    ServingStatus,
    Status,
    TrainingStatus,
    TrialCounts,
    TuningStatus,
)
from jetcal_operator.conditions import Verdict, merge
from jetcal_operator.rollout import Endpoint
from jetcal_operator.stages.progress import Failed, Lost, Progress, Running, Succeeded
from jetcal_operator.stages.records import Choice, Records

CHAIN_CONDITIONS: dict[str, ConditionType] = {
    "inventory": "DatasetReady",
    "dataset": "DatasetReady",
    "tuning": "Tuned",
    "training": "Trained",
    "export": "Exported",
    "evaluation": "Accepted",
}
SHOWN = {"inventory": "Dataset", "dataset": "Dataset", "tuning": "Tuning", "training": "Training", "export": "Export"}
"""Stage as printer columns show it; others by their capitalised names."""


@dataclass
class Findings:
    """What a walk along the chain has found."""

    reached: dict[str, Progress] = field(default_factory=dict)
    """Progress of each visited stage, by its name."""
    skipped: set[str] = field(default_factory=set)
    """Stages that the spec leaves out."""
    obstacle: Failed | None = None
    """What keeps the walk from beginning."""
    counts: TrialCounts = field(default_factory=TrialCounts)

    @property
    def last(self) -> tuple[str, Progress] | None:
        """The stage that the walk ended at."""
        name = next(reversed(self.reached), None)
        return (name, self.reached[name]) if name else None

    @property
    def results(self) -> dict[str, object]:
        """What the succeeded stages have made, by their names."""
        return {name: progress.result for name, progress in self.reached.items() if isinstance(progress, Succeeded)}


def build(resource: JetCalibration, findings: Findings, endpoint: Endpoint, records: Records, now: datetime) -> Status:
    """The new status; what has not changed keeps its time."""
    previous = resource.status.conditions if resource.status else []
    generation = resource.metadata.generation
    verdicts = [*_summary(resource, findings, endpoint), *_stages(findings), _serving(endpoint)]
    results = findings.results.get
    prepared, choice, trained = results("dataset"), results("tuning"), results("training")
    model, verdict = results("export"), results("evaluation")
    return Status(
        observed_generation=generation,
        stage=_shown(resource, findings, endpoint),
        conditions=merge(previous, verdicts, generation, now),
        dataset=DatasetStatus(fingerprint=prepared.fingerprint, jets=prepared.jets)
        if isinstance(prepared, PrepareResult)
        else None,
        tuning=_tuning(findings, choice),
        training=TrainingStatus(epochs=trained.epochs, best_epoch=trained.best_epoch, metrics=trained.metrics)
        if isinstance(trained, TrainResult)
        else None,
        model=ModelStatus(uri=model.repository, sha256=model.sha256, opset=model.opset)
        if isinstance(model, ExportResult)
        else None,
        evaluation=EvaluationStatus(report=verdict.report, corrections=verdict.corrections, figures=verdict.figures)
        if isinstance(verdict, EvaluateResult)
        else None,
        serving=ServingStatus(url=endpoint.url, revision=endpoint.revision)
        if endpoint.url or endpoint.revision
        else None,
        history=[entry.revision for entry in reversed(records.accepted)][: resource.spec.history_limit],
    )


def _tuning(findings: Findings, choice: object) -> TuningStatus | None:
    if isinstance(choice, Choice):
        best = choice.result
        chosen = BestTrial(name=best.trial or "", hyperparameters=best.hyperparameters, metrics=best.metrics)
        return TuningStatus(trials=choice.trials, best=chosen)
    return TuningStatus(trials=findings.counts) if "tuning" in findings.reached else None


def _stages(findings: Findings) -> list[Verdict]:
    """Of two stages with one condition the later one has the last word."""
    skipped = [
        Verdict(CHAIN_CONDITIONS[name], "False", "NotRequested", f"spec.{name} is left out")
        for name in findings.skipped
    ]
    return skipped + [_verdict(name, CHAIN_CONDITIONS[name], progress) for name, progress in findings.reached.items()]


def _verdict(name: str, kind: ConditionType, progress: Progress) -> Verdict:
    if isinstance(progress, Failed):
        return Verdict(kind, "False", progress.reason, progress.message)
    if isinstance(progress, Lost):
        return Verdict(kind, "Unknown", "AnswerLost", progress.message)
    if not isinstance(progress, Succeeded):
        return Verdict(kind, "Unknown", progress.reason, progress.message)
    if name == "inventory":
        return Verdict(kind, "Unknown", "Running", f"{progress.result.files} files found")
    if name == "evaluation" and not progress.result.accepted:
        return Verdict(kind, "False", "Rejected", "; ".join(progress.result.reasons) or "no threshold was named")
    return Verdict(kind, "True", "Succeeded", progress.message or _told(progress.result))


def _told(result: object) -> str:
    if isinstance(result, PrepareResult):
        jets = result.jets
        return f"{jets.train} jets for training, {jets.validation} for validation, {jets.test} for test"
    if isinstance(result, TrainResult):
        return f"epoch {result.best_epoch} of {result.epochs} is the best"
    if isinstance(result, ExportResult):
        return f"ONNX model with operator set {result.opset} at {result.repository}"
    return f"accepted; see {result.report}" if isinstance(result, EvaluateResult) else ""


def _serving(endpoint: Endpoint) -> Verdict:
    return Verdict("Serving", endpoint.status, endpoint.reason, endpoint.message)


def _summary(resource: JetCalibration, findings: Findings, endpoint: Endpoint) -> list[Verdict]:
    """Ready, Reconciling and Stalled."""
    stall = _stall(findings, endpoint)
    busy = _busy(findings, endpoint) if not resource.spec.suspend else None
    verdicts = [_ready(resource, endpoint, stall, busy)]
    if busy:
        verdicts.append(Verdict("Reconciling", "True", *busy))
    if stall:
        verdicts.append(Verdict("Stalled", "True", *stall))
    return verdicts


def _ready(
    resource: JetCalibration, endpoint: Endpoint, stall: tuple[str, str] | None, busy: tuple[str, str] | None
) -> Verdict:
    if endpoint.settled and not stall:
        reason = {"Verified": "Serving", "RollingOut": "Serving", "NotRequested": "Accepted"}
        return Verdict("Ready", "True", reason.get(endpoint.reason, endpoint.reason), endpoint.message)
    if stall:
        return Verdict("Ready", "False", *stall)
    if resource.spec.suspend:
        return Verdict("Ready", "False", "Suspended", "spec.suspend is set and nothing is served yet")
    return Verdict("Ready", "False", *(busy or (endpoint.reason, endpoint.message)))


def _stall(findings: Findings, endpoint: Endpoint) -> tuple[str, str] | None:
    if findings.obstacle:
        return findings.obstacle.reason, findings.obstacle.message
    for progress in findings.reached.values():
        if isinstance(progress, Failed) and not progress.retryable:
            return progress.reason, progress.message
    if endpoint.stalled:
        return endpoint.reason, endpoint.message
    evaluation = findings.reached.get("evaluation")
    if isinstance(evaluation, Succeeded) and not evaluation.result.accepted and not endpoint.settled:
        return "Rejected", "; ".join(evaluation.result.reasons) or "no threshold was named"
    return None


def _busy(findings: Findings, endpoint: Endpoint) -> tuple[str, str] | None:
    last = findings.last
    if last and not isinstance(last[1], Succeeded):
        name, progress = last
        if isinstance(progress, Failed):
            return ("Retrying", progress.message) if progress.retryable else None
        reason = progress.reason if isinstance(progress, Running) else "Progressing"
        return (reason if reason != "Running" else f"{_title(name)}Running"), progress.message
    if not endpoint.busy:
        return None
    return "Retrying" if endpoint.retried else "RollingOut", endpoint.message


def _shown(resource: JetCalibration, findings: Findings, endpoint: Endpoint) -> str:
    last = findings.last
    if resource.spec.suspend:
        return "Suspended"
    if last is None:
        return "Stalled"
    name, progress = last
    if not isinstance(progress, Succeeded):
        return _title(name)
    if name == "evaluation" and not progress.result.accepted:
        return "Rejected"
    return "Serving" if endpoint.busy or endpoint.status == "True" else "Done"


def _title(name: str) -> str:
    return SHOWN.get(name, name.capitalize())


def unreadable(metadata: Mapping[str, Any], problem: str, previous: Status | None, now: datetime) -> Status:
    """The status of a resource whose spec this operator's models refuse; what was known of it stays.

    Parameters
    ----------
    metadata
        Of the resource, as the API server has it.
    problem
        What the models find wrong.
    """
    before = previous or Status()
    generation: int = metadata.get("generation", 1)
    message = (
        f"this operator cannot read the resource: {problem}; correct the spec, or use an operator and a "
        "CustomResourceDefinition of the same version"
    )
    verdicts = [Verdict("Ready", "False", "InvalidSpec", message), Verdict("Stalled", "True", "InvalidSpec", message)]
    known = {entry.type: entry for entry in before.conditions}
    decided = {verdict.type for verdict in verdicts}
    conditions = [
        entry if entry.type in decided else known.get(entry.type, entry)
        for entry in merge(before.conditions, verdicts, generation, now)
    ]
    update = {"observed_generation": generation, "stage": "Stalled", "conditions": conditions}
    return before.model_copy(update=update)
