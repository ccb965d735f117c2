"""Documents that pass between planner and worker: each stage's input, whose hash is its fingerprint, and its result."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from jetcal_api.base import Model
from jetcal_api.hyperparameters import SearchSpace
from jetcal_api.spec import Acceptance, Algorithm, EarlyStopping, JetSelection, ModelSpec, Split
from jetcal_api.status import JetCounts

OBJECTIVE = "validation_loss"
"""Metric that trials minimise."""
ADDITIONAL_METRICS = ("train_loss", "validation_mae")
"""Metrics that are recorded beside the objective."""
MODEL_NAME = "jetcal"
"""Name of the model in the Triton repository."""
MESSAGE_LIMIT = 4096
"""Bytes that Kubernetes keeps of a container's termination message."""


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
    """Seed of initialisation and shuffling."""


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


class EvaluateInput(StageInput):
    """Judge a candidate on its test jets, beside the baseline."""

    stage: Literal["evaluation"] = "evaluation"
    dataset: str
    candidate: str
    """Fingerprint of the candidate's export stage."""
    baseline: str | None = None
    """Fingerprint of the export stage of the revision accepted before."""
    acceptance: Acceptance


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


class Result(Model):
    """What a stage has made; published once as ``result.json``."""

    long_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that only result.json holds, because the termination message has room for 4 KiB."""

    uri: str
    """Where this result.json lies."""

    def message(self) -> str:
        """The result as a termination message of at most 4 KiB.

        Raises
        ------
        ValueError
            If even the shortened document is longer.
        """
        text = self.model_dump_json(by_alias=True, exclude_none=True, exclude=set(self.long_fields))
        if len(text.encode()) > MESSAGE_LIMIT:
            error = (
                f"{type(self).__name__} takes {len(text.encode())} bytes, a termination message holds {MESSAGE_LIMIT}"
            )
            raise ValueError(error)
        return text


class Source(Model):
    """One input file as it was found."""

    uri: str
    size: int
    """Bytes."""
    version: str
    """ETag or time of last change."""


class InventoryResult(Result):
    """The files that the globs matched."""

    sources: str
    """Content fingerprint of the file list; the list itself lies at ``<storage>/sources/<sources>.json``."""
    files: int
    size: int
    """Bytes in all."""
    shards: int
    """Parts that ``prepare`` is divided into."""


class Cut(Model):
    """How many jets one requirement removed."""

    name: str
    removed: int


class PrepareResult(Result):
    """The shards and what went into them."""

    long_fields: ClassVar[frozenset[str]] = frozenset({"shards", "sources"})

    fingerprint: str
    folder: str
    """Folder that the shards' paths start from: ``<storage>/dataset/<fp>``."""
    jets: JetCounts
    read: int
    """Jets read."""
    cuts: list[Cut]
    """Requirements in their order, with the jets that each removed."""
    dropped_constituents: int = 0
    """Constituents that the jets do without: a value was not finite, or pT not positive."""
    truncated_jets: int = 0
    """Jets of which only the hardest 1000 constituents were kept."""
    sources: list[Source] = []
    """The files that were read."""
    shards: dict[str, list[Shard]] = {}
    """``train``, ``validation``, ``test`` -> files."""


class Shard(Model):
    """One Arrow file of prepared jets."""

    path: str
    """Relative to the dataset's folder."""
    jets: int
    constituents: int


class TrainResult(Result):
    """A trained network."""

    long_fields: ClassVar[frozenset[str]] = frozenset({"history"})

    checkpoint: str
    """Uri of best.pt."""
    trial: str | None = None
    hyperparameters: dict[str, str]
    """By their names in the search space."""
    epochs: int
    best_epoch: int
    """Counted from 1."""
    metrics: dict[str, float]
    """Metrics of the best epoch."""
    parameters: int
    """Weights of the network."""
    history: list[dict[str, float | str]] = []
    """Metrics of each epoch with its ``timestamp``."""


class ExportResult(Result):
    """A model repository that Triton can load."""

    repository: str
    """Uri of the folder that Triton is pointed at."""
    model: str
    """Name of the model in it."""
    sha256: str
    """Checksum of model.onnx."""
    opset: int
    ir: int
    golden: str
    """Uri of golden.npz: inputs and expected outputs."""
    card: str
    """Uri of model-card.md."""
    parity: dict[str, float]
    """``max_relative`` and ``share_within_1e5`` between torch and ONNX Runtime on the golden sample."""


class EvaluateResult(Result):
    """The judgement."""

    accepted: bool
    reasons: list[str]
    """One sentence with its number for each threshold that was missed."""
    figures: dict[str, float]
    """The figures that decided."""
    report: str
    """Uri of report.html."""
    metrics: str
    """Uri of metrics.json."""


class VerifyResult(Result):
    """The endpoint's answer."""

    revision: str
    """Revision that the endpoint serves."""
    server_version: str
    """Version that the server reports."""
    jets: int
    max_relative: float
    """Largest relative difference from the golden predictions."""


PrepareResult.model_rebuild()


def fingerprint(document: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of the canonical JSON of ``document``."""
    return hashlib.sha256(_canonical(document).encode()).hexdigest()[:16]


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
