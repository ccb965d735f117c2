"""What a person sees of a calibration: a row for each stage and each trial. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from jetcal_api.documents import OBJECTIVE
from jetcal_api.resource import JetCalibration
from jetcal_api.status import Condition, ConditionType
from jetcal_operator.cluster import Manifest
from jetcal_operator.local.controllers.metrics import objective_value
from jetcal_operator.local.controllers.trial import TRIAL_ENDS
from jetcal_operator.local.status import is_true

State = Literal["waiting", "running", "done", "failed", "left out"]
Reports = Callable[[str], Mapping[str, Sequence[float]]]
"""Name of a Pod -> the metrics that it has reported."""

STAGES: tuple[tuple[str, ConditionType], ...] = (
    ("Dataset", "DatasetReady"),
    ("Tuning", "Tuned"),
    ("Training", "Trained"),
    ("Export", "Exported"),
    ("Evaluation", "Accepted"),
    ("Serving", "Serving"),
)
_GOOD_ENOUGH = {"NotKept"}
"""Reasons with which a condition that does not hold is no failure."""
_LEFT_OUT = {"Skipped", "NotRequested"}


class StageRow(NamedTuple):
    """How far one stage is."""

    name: str
    state: State
    detail: str


class TrialRow(NamedTuple):
    """How far one trial is."""

    name: str
    hyperparameters: str
    state: str
    epochs: int
    loss: float | None


def stage_rows(resource: JetCalibration) -> list[StageRow]:
    """A row for each stage, in their order."""
    status = resource.status
    if status is None:
        return [StageRow(name, "waiting", "") for name, _ in STAGES]
    conditions = {entry.type: entry for entry in status.conditions}
    rows = []
    for name, kind in STAGES:
        condition = conditions.get(kind)
        state = _state(condition, is_current=status.stage == name, is_stalled="Stalled" in conditions)
        detail = condition.message if condition and condition.reason != "NotReached" else ""
        rows.append(StageRow(name, state, _summary(resource, name) if state == "done" else detail))
    return rows


def _state(condition: Condition | None, *, is_current: bool, is_stalled: bool) -> State:
    if condition is None:
        return "waiting"
    if condition.reason in _LEFT_OUT:
        return "left out"
    if condition.status == "True" or condition.reason in _GOOD_ENOUGH:
        return "done"
    if is_current and not is_stalled:
        return "running"
    failed = condition.status == "False" and (is_stalled or condition.reason in {"Unavailable", "Rejected"})
    return "failed" if failed and condition.reason != "NothingAccepted" else "waiting"


def _summary(resource: JetCalibration, stage: str) -> str:
    """What a finished stage has brought."""
    status = resource.status
    assert status is not None  # noqa: S101  # a stage has finished
    text = ""
    if stage == "Dataset" and status.dataset:
        jets = status.dataset.jets
        text = f"{jets.train} jets to train, {jets.validation} to validate, {jets.test} to test"
    elif stage == "Tuning" and status.tuning and status.tuning.best:
        best = status.tuning.best
        space: Any = resource.spec.tuning.search_space if resource.spec.tuning else None
        tuned = space.model_dump(by_alias=True, exclude_none=True) if space else {}
        chosen = {name: value for name, value in best.hyperparameters.items() if name in tuned}
        text = f"{best.name}: {_short(chosen)}, loss {_number(best.metrics.get(OBJECTIVE))}"
    elif stage == "Training" and status.training:
        training = status.training
        loss = _number(training.metrics.get(OBJECTIVE))
        text = f"best epoch {training.best_epoch} of {training.epochs}, loss {loss}"
    elif stage == "Export" and status.model:
        text = f"ONNX opset {status.model.opset}, {status.model.uri}"
    elif stage == "Evaluation" and status.evaluation:
        figures = status.evaluation.figures.items()
        text = _short({name: repr(value) for name, value in figures if not name.endswith("_error")})
    messages = {entry.type: entry.message for entry in status.conditions}
    return text or messages.get(dict(STAGES)[stage], "")


def trial_rows(trials: Iterable[Manifest], pods: Iterable[Manifest], reports: Reports) -> list[TrialRow]:
    """A row for each trial of the newest search, in the order of their making."""
    trials = list(trials)
    newest = _owner(trials[-1]) if trials else ""
    workers = {_owner(pod): pod["metadata"]["name"] for pod in pods}
    return [_trial_row(trial, workers, reports) for trial in trials if _owner(trial) == newest]


def _trial_row(trial: Manifest, workers: Mapping[str, str], reports: Reports) -> TrialRow:
    name = trial["metadata"]["name"]
    state = next((kind for kind in (*TRIAL_ENDS, "Running") if is_true(trial, kind)), "Pending")
    losses = reports(workers[name]).get(OBJECTIVE, []) if name in workers else []
    assignments = {entry["name"]: entry["value"] for entry in trial["spec"]["parameterAssignments"]}
    best = objective_value(trial) if state in TRIAL_ENDS else min(losses, default=None)
    return TrialRow(name, _short(assignments), state, len(losses), best)


class WorkerRow(NamedTuple):
    """What one running worker reports."""

    job: str
    epoch: int
    loss: float | None


def worker_rows(pods: Iterable[Manifest], reports: Reports) -> list[WorkerRow]:
    """The running workers that have reported anything; trials have rows of their own."""
    rows = []
    for pod in pods:
        owner = _owner(pod)
        losses = reports(pod["metadata"]["name"]).get(OBJECTIVE, []) if pod["status"]["phase"] == "Running" else []
        if losses:
            rows.append(WorkerRow(owner, len(losses), losses[-1]))
    return rows


def verdict(resource: JetCalibration) -> str:
    """Why the resource is, or is not, Ready."""
    conditions = {entry.type: entry for entry in resource.status.conditions} if resource.status else {}
    entry = conditions.get("Stalled") or conditions.get("Ready")
    return entry.message or entry.reason if entry else "nothing has been done yet"


def presentable(stored: Manifest) -> dict[str, Any]:
    """A stored object as ``kubectl get -o yaml`` shows it."""
    hidden = {"managedFields"}
    metadata = {name: value for name, value in stored["metadata"].items() if name not in hidden}
    return {"apiVersion": stored["apiVersion"], "kind": stored["kind"], "metadata": metadata} | {
        name: value for name, value in stored.items() if name in ("spec", "status")
    }


def _owner(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["ownerReferences"][0]["name"]
    return name


def _short(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {_trimmed(text)}" for name, text in values.items())


def _trimmed(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.4g}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.5g}"
