"""Models of ``JetCalibration.status``: what the operator reports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jetcal_api.base import Model

SIGNIFICANT_DIGITS = 6


def _shortened(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


Figure = Annotated[float, AfterValidator(_shortened)]
"""A measured number, in as many digits as people read; the report has them all."""

ConditionType = Literal[
    "Ready",
    "Reconciling",
    "Stalled",
    "DatasetReady",
    "Tuned",
    "Trained",
    "Exported",
    "Accepted",
    "Serving",
]


class Condition(Model):
    """One observation, after the Kubernetes conventions."""

    type: ConditionType
    """What is observed."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024)]
    """One CamelCase word for machines."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """One sentence for people: object, cause, remedy."""
    observed_generation: int
    """Generation of the spec that was looked at."""
    last_transition_time: str
    """When the status last changed (RFC 3339)."""


class JetCounts(Model):
    """Jets in each part."""

    train: int
    """Jets for training."""
    validation: int
    """Jets for validation."""
    test: int
    """Jets for the evaluation."""


class DatasetStatus(Model):
    """The prepared data."""

    fingerprint: str
    """Fingerprint of files and selection."""
    jets: JetCounts
    """Jets in each part."""


class TrialCounts(Model):
    """Trials by their state."""

    succeeded: int = 0
    """Ended with a result."""
    failed: int = 0
    """Ended without one."""
    running: int = 0
    """Under way."""


class BestTrial(Model):
    """The chosen trial."""

    name: str
    """Name of the trial."""
    hyperparameters: dict[str, str]
    """Hyperparameters by their names in the search space."""
    metrics: dict[str, Figure]
    """Metrics of its best epoch."""


class TuningStatus(Model):
    """The search."""

    trials: TrialCounts = TrialCounts()
    """Trials by their state."""
    best: BestTrial | None = None
    """The chosen trial, once the search has ended."""


class TrainingStatus(Model):
    """The final training."""

    epochs: int
    """Epochs made."""
    best_epoch: int
    """Epoch whose weights were kept, counted from 1."""
    metrics: dict[str, Figure]
    """Metrics of the best epoch."""


class ModelStatus(Model):
    """The exported model."""

    uri: str
    """Triton model repository."""
    sha256: str
    """Checksum of model.onnx."""
    opset: int
    """ONNX operator set."""


class EvaluationStatus(Model):
    """The judgement."""

    report: str
    """Uri of report.html."""
    corrections: str | None = None
    """Uri of the folder with L2Relative text and correctionlib JSON."""
    figures: dict[str, Figure]
    """The figures that decided."""


class ServingStatus(Model):
    """The endpoint."""

    url: str | None = None
    """Where the model answers."""
    revision: str | None = None
    """Fingerprint of the served model."""


class Revision(Model):
    """An accepted model with its lineage."""

    revision: str
    """Fingerprint of the exported model."""
    accepted_at: str
    """When it was accepted (RFC 3339)."""
    model_uri: str
    """Triton model repository."""
    sha256: str
    """Checksum of model.onnx."""
    dataset: str
    """Fingerprint of the dataset."""
    trial: str | None = None
    """Trial whose hyperparameters it has."""
    report: str
    """Uri of its report."""
    figures: dict[str, Figure]
    """The figures that decided."""


class Status(Model):
    """What the operator has seen and done."""

    observed_generation: int = 0
    """Generation of the spec that this status speaks of."""
    stage: str = ""
    """Stage under way, for people; never read back."""
    conditions: list[Condition] = []
    """Observations by type."""
    dataset: DatasetStatus | None = None
    """The prepared data."""
    tuning: TuningStatus | None = None
    """The search."""
    training: TrainingStatus | None = None
    """The final training."""
    model: ModelStatus | None = None
    """The exported model."""
    evaluation: EvaluationStatus | None = None
    """The judgement."""
    serving: ServingStatus | None = None
    """The endpoint."""
    history: list[Revision] = []
    """Accepted revisions, newest first."""
