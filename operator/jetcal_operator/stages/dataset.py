"""The data: an inventory of the files, then shards prepared in parallel and named by the files' content."""

from __future__ import annotations

from typing import Any

from jetcal_api.columns import Columns
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import InventoryResult, PrepareResult
from jetcal_api.status import JetCounts
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.scope import Scope

UNKNOWN = "known-after"
"""Stands in rendered manifests for what only a run knows."""


class Inventory(Stage):
    """Finds the files that the globs match; looks again after a failure, for files may have arrived."""

    condition = "DatasetReady"
    result_type = InventoryResult
    retries_permanent_failures = True

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, InventoryInput(storage=scope.storage, files=scope.spec.dataset.files))

    def child_spec(self) -> dict[str, Any]:
        """A Job with one Pod."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "inventory"])
        return spec

    def placeholder(self) -> InventoryResult:
        """One shard of unknown content."""
        return InventoryResult(uri=UNKNOWN, sources=f"{UNKNOWN}-inventory", files=1, size=0, shards=1)


class Prepare(Stage):
    """Reads the files once into shards; an indexed Job with one Pod a shard."""

    condition = "DatasetReady"
    result_type = PrepareResult

    def __init__(self, scope: Scope, inventory: InventoryResult) -> None:
        dataset = scope.spec.dataset
        document = PrepareInput(
            storage=scope.storage,
            sources=inventory.sources,
            shards=inventory.shards,
            tree=dataset.tree,
            columns=dataset.columns or Columns(),
            jets=dataset.jets,
            split=dataset.split,
        )
        super().__init__(scope, document)
        self.shards = inventory.shards

    def child_spec(self) -> dict[str, Any]:
        """An indexed Job."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "prepare"], parts=self.shards)
        return spec

    def placeholder(self) -> PrepareResult:
        """No jets."""
        return PrepareResult(
            uri=UNKNOWN,
            fingerprint=self.fingerprint,
            folder=f"{self.scope.storage}/dataset/{self.fingerprint}",
            jets=JetCounts(train=0, validation=0, test=0),
            read=0,
            cuts=[],
        )
