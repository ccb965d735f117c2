"""The ordered chain of stages, written as one generator: it yields a stage and is sent that stage's result."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from jetcal_api.documents import ModelSource
from jetcal_api.results import EvaluateResult, ExportResult, PrepareResult, TrainResult
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import Inventory, Prepare
from jetcal_operator.stages.evaluation import Evaluation
from jetcal_operator.stages.export import Export
from jetcal_operator.stages.records import Choice, Records
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.training import Training
from jetcal_operator.stages.tuning import Tuning

STAGES = ("inventory", "dataset", "tuning", "training", "export", "evaluation")
"""Names of the chain's stages in their order."""
DEFAULT_TRITON = "26.06-py3"
"""Release that a model is exported for where nothing is to be served."""


@dataclass(frozen=True)
class Candidate:
    """A judged revision with its lineage."""

    revision: str
    dataset: str
    tuning: str | None
    choice: Choice | None
    training: str | None
    trained: TrainResult | None
    model: ExportResult
    evaluation: str
    verdict: EvaluateResult
    triton_version: str


def triton_version(scope: Scope) -> str:
    """The release that models are made for."""
    return scope.spec.serving.triton_version if scope.spec.serving else DEFAULT_TRITON


def chain(scope: Scope, records: Records) -> Generator[Stage, Any, Candidate]:
    """All stages up to the judgement, each built from the results of those before it.

    Raises
    ------
    jetcal_operator.platform.UnknownTritonError
        If nobody has written down what the wanted Triton release can load.
    """
    spec = scope.spec
    opset, ir = scope.platform.export_target(triton_version(scope))
    inventory = yield once(Inventory, scope)
    prepare = once(Prepare, scope, inventory)
    dataset: PrepareResult = yield prepare
    tuning = once(Tuning, scope, dataset.fingerprint) if spec.tuning else None
    choice: Choice | None = (yield tuning) if tuning else None
    trained: TrainResult | None = None
    training: Training | None = None
    if spec.training:
        found = tuple(choice.result.hyperparameters.items()) if choice else ()
        training = once(Training, scope, dataset.fingerprint, found)
        trained = yield training
        source = ModelSource(stage="training", fingerprint=training.fingerprint)
    elif tuning and choice:
        source = ModelSource(stage="tuning", fingerprint=tuning.fingerprint, trial=choice.result.trial)
    else:
        message = "a calibration without tuning and training is refused by its model"
        raise AssertionError(message)
    export = once(Export, scope, dataset.fingerprint, source, opset, ir)
    model: ExportResult = yield export
    searched = tuning.fingerprint if tuning else None
    evaluation = Evaluation.of(scope, dataset.fingerprint, export.fingerprint, records, searched)
    verdict: EvaluateResult = yield evaluation
    return Candidate(
        revision=export.fingerprint,
        dataset=dataset.fingerprint,
        tuning=searched,
        choice=choice,
        training=training.fingerprint if training else None,
        trained=trained,
        model=model,
        evaluation=evaluation.fingerprint,
        verdict=verdict,
        triton_version=triton_version(scope),
    )
