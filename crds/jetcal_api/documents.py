"""Documents that planner hands to worker: each stage's input, whose hash is its fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from jetcal_api.base import Model
from jetcal_api.columns import Columns
from jetcal_api.hyperparameters import SearchSpace
from jetcal_api.spec import Acceptance, Algorithm, EarlyStopping, JetSelection, ModelSpec, Split, SystematicSample

OBJECTIVE = "validation_loss"
"""Metric that trials minimise."""
ADDITIONAL_METRICS = ("train_loss", "validation_mae")
"""Metrics that are recorded beside the objective."""
MODEL_NAME = "jetcal"
"""Name of the model in the Triton repository."""


class StageInput(Model):
    """What one stage's worker reads; its hash names the stage's artefacts and children."""

    stage: str
    """Name of the stage; each document fixes its own."""
    storage: str
    """Folder of all artefacts."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the canonical document."""
        return fingerprint(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def to_json(self) -> str:
        """The canonical document, as it is hashed and handed to the worker."""
        return _canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class InventoryInput(StageInput):
    """Find the files that the globs match."""

    stage: Literal["inventory"] = "inventory"
    files: list[str]
    """Uris or globs."""


class PrepareInput(StageInput):
    """Read the files once into shards."""

    stage: Literal["dataset"] = "dataset"
    sources: str
    """Content fingerprint of the file list, which lies at ``<storage>/sources/<sources>.json``."""
    shards: int
    """Parts that are prepared independently."""
    tree: str
    columns: Columns = Columns()
    jets: JetSelection
    split: Split


class TrainInput(StageInput):
    """Train the given network from scratch."""

    stage: Literal["training"] = "training"
    dataset: str
    """Fingerprint of the dataset stage."""
    model: ModelSpec
    epochs: int
    seed: int = 1
    """Seed of initialisation and shuffling; an ensemble's later members count on from it."""
    ensemble: int = 1
    """Members to train."""


class TrialInput(StageInput):
    """Train one trial of a search; the trial's own hyperparameters come on the command line."""

    stage: Literal["tuning"] = "tuning"
    dataset: str
    model: ModelSpec
    epochs: int
    seed: int = 1
    algorithm: Algorithm
    early_stopping: EarlyStopping | None = None
    search_space: SearchSpace  # type: ignore[valid-type]  # made by create_model from the table


class ModelSource(Model):
    """The training whose checkpoint is exported."""

    stage: Literal["tuning", "training"]
    fingerprint: str
    trial: str | None = None
    """Name of the trial; only with stage ``tuning``."""


class ExportInput(StageInput):
    """Turn a checkpoint into a Triton model repository."""

    stage: Literal["export"] = "export"
    dataset: str
    source: ModelSource
    opset: int
    """ONNX operator set that the Triton release can load."""
    ir: int
    """ONNX IR version that the Triton release can load."""


class Reading(Model):
    """How jets are read from ntuples without being prepared."""

    tree: str
    columns: Columns
    jets: JetSelection


class EvaluateInput(StageInput):
    """Judge a candidate on its test jets, beside the baseline."""

    stage: Literal["evaluation"] = "evaluation"
    dataset: str
    candidate: str
    """Fingerprint of the candidate's export stage."""
    baseline: str | None = None
    """Fingerprint of the export stage of the revision accepted before."""
    tuning: str | None = None
    """Fingerprint of the search whose trials the report shows."""
    acceptance: Acceptance
    systematics: list[SystematicSample] = []
    reading: Reading | None = None
    """How the systematic samples are read; given with them."""


class VerifyInput(StageInput):
    """Ask the served endpoint for the golden predictions."""

    stage: Literal["verification"] = "verification"
    export: str
    """Fingerprint of the export stage; the served model's config carries it as the parameter ``revision``."""
    url: str
    """HTTP address of the endpoint."""
    triton_version: str
    """Wanted release; the server's own version is reported beside it."""


AnyInput = Annotated[
    InventoryInput | PrepareInput | TrainInput | TrialInput | ExportInput | EvaluateInput | VerifyInput,
    Field(discriminator="stage"),
]
_inputs: TypeAdapter[Any] = TypeAdapter(AnyInput)


def parse_input(text: str) -> AnyInput:
    """The document in ``text``; raises ``pydantic.ValidationError``."""
    document: AnyInput = _inputs.validate_json(text)
    return document


def fingerprint(document: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of the canonical JSON of ``document``."""
    return hashlib.sha256(_canonical(document).encode()).hexdigest()[:16]


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
