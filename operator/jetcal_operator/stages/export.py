"""The ONNX model that the chosen Triton release can load."""

from __future__ import annotations

from typing import Any

from jetcal_api.documents import MODEL_NAME, ExportInput, ModelSource
from jetcal_api.results import ExportResult
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.scope import Scope


class Export(Stage):
    """Turns the checkpoint into a model repository; its fingerprint is the revision."""

    condition = "Exported"
    result_type = ExportResult

    def __init__(self, scope: Scope, dataset: str, source: ModelSource, opset: int, ir: int) -> None:
        self.opset, self.ir = opset, ir
        document = ExportInput(storage=scope.storage, dataset=dataset, source=source, opset=opset, ir=ir)
        super().__init__(scope, document)

    def child_spec(self) -> dict[str, Any]:
        """A Job with one Pod."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "export"])
        return spec

    def placeholder(self) -> ExportResult:
        """A repository of an attempt that has not been made."""
        folder = f"{self.scope.storage}/export/{self.fingerprint}/attempts/{UNKNOWN}-export"
        return ExportResult(
            uri=f"{self.scope.storage}/export/{self.fingerprint}/result.json",
            repository=f"{folder}/repository",
            model=MODEL_NAME,
            sha256=f"{UNKNOWN}-export",
            opset=self.opset,
            ir=self.ir,
            golden=f"{folder}/golden.npz",
            card=f"{folder}/model-card.md",
            parity={},
        )
