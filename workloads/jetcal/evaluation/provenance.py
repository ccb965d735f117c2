"""Where the judged model and the test jets come from, as plain JSON types."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from jetcal_api.documents import EvaluateInput
from jetcal_api.results import ExportResult, PrepareResult

PACKAGES = ("jetcal", "numpy", "onnxruntime", "matplotlib", "mplhep")


def provenance(
    document: EvaluateInput, dataset: PrepareResult, candidate: ExportResult, metadata: dict[str, str]
) -> dict[str, Any]:
    """Lineage of an evaluation.

    Parameters
    ----------
    document
        The stage's input.
    dataset, candidate
        Results of the stages that it names.
    metadata
        What the exporter wrote into model.onnx.
    """
    return {
        "evaluation": document.fingerprint,
        "candidate": document.candidate,
        "baseline": document.baseline,
        "dataset": {
            "fingerprint": document.dataset,
            "folder": dataset.folder,
            "sources": [source.model_dump() for source in dataset.sources],
            "read": dataset.read,
            "cuts": [{"name": cut.name, "removed": cut.removed} for cut in dataset.cuts],
            "jets": dataset.jets.model_dump(),
            "test_files": [shard.path for shard in dataset.shards.get("test", [])],
        },
        "model": {
            "repository": candidate.repository,
            "sha256": candidate.sha256,
            "opset": candidate.opset,
            "ir": candidate.ir,
            "parity": candidate.parity,
            "metadata": metadata,
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
