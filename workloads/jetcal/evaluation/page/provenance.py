"""Where the judged model and the test jets come from, as plain JSON types."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from jetcal.evaluation.response import BASELINE, NETWORK
from jetcal_api.documents import EvaluateInput
from jetcal_api.results import ExportResult, PrepareResult, TrainResult

PACKAGES = ("jetcal", "correctionlib", "matplotlib", "mplhep", "numpy", "onnxruntime")


def provenance(
    document: EvaluateInput,
    dataset: PrepareResult,
    exports: Mapping[str, ExportResult],
    metadata: dict[str, str],
    training: TrainResult | None,
) -> dict[str, Any]:
    """Lineage of an evaluation.

    Parameters
    ----------
    document
        The stage's input.
    dataset
        Result of the stage that it names.
    exports
        Results of the export stages: ``network`` and, where there is one, ``baseline``.
    metadata
        What the exporter wrote into model.onnx.
    training
        The training behind the model, where it is known.
    """
    return {
        "evaluation": document.fingerprint,
        "candidate": document.candidate,
        "baseline": document.baseline,
        "tuning": document.tuning,
        "dataset": {
            "fingerprint": document.dataset,
            "folder": dataset.folder,
            "sources": [source.model_dump() for source in dataset.sources],
            "read": dataset.read,
            "cuts": [{"name": cut.name, "removed": cut.removed} for cut in dataset.cuts],
            "dropped_constituents": dataset.dropped_constituents,
            "truncated_jets": dataset.truncated_jets,
            "jets": dataset.jets.model_dump(),
            "shards": {
                part: [{"path": shard.path, "jets": shard.jets} for shard in files]
                for part, files in dataset.shards.items()
            },
        },
        "systematics": [{"name": each.name, "files": each.files} for each in document.systematics],
        "model": _model(exports[NETWORK]) | {"metadata": metadata},
        "served": _model(exports[BASELINE]) if BASELINE in exports else None,
        "training": None if training is None else _training(training),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def _model(export: ExportResult) -> dict[str, Any]:
    return {
        "repository": export.repository,
        "sha256": export.sha256,
        "opset": export.opset,
        "ir": export.ir,
        "members": export.members,
        "parity": export.parity,
    }


def _training(training: TrainResult) -> dict[str, Any]:
    return {
        "result": training.uri,
        "trial": training.trial,
        "checkpoint": training.checkpoint,
        "parameters": training.parameters,
        "epochs": training.epochs,
        "best_epoch": training.best_epoch,
        "metrics": training.metrics,
        "hyperparameters": training.hyperparameters,
        "members": [
            {"seed": member.seed, "best_epoch": member.best_epoch, "metrics": member.metrics}
            for member in training.members
        ],
    }
