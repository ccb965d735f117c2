"""The final training: PyTorchJob, TrainJob or Job."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from jetcal_api.documents import OBJECTIVE, TrainInput
from jetcal_api.results import TrainResult
from jetcal_operator import naming
from jetcal_operator.stages import jobs, pods
from jetcal_operator.stages.additions import INIT_PYTORCH
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.preflight import addition_is_admitted
from jetcal_operator.stages.progress import Failed, Progress, Succeeded
from jetcal_operator.stages.records import Records
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.world import World

KINDS = {
    "PyTorchJob": (jobs.KUBEFLOW, "PyTorchJob"),
    "TrainJob": (jobs.TRAINER, "TrainJob"),
    "Job": (jobs.BATCH, "Job"),
}
"""API version and kind of each runtime."""
COMMAND = ["jetcal", "train"]


class Training(Stage):
    """Trains the chosen network from scratch."""

    condition = "Trained"
    result_type = TrainResult

    def __init__(self, scope: Scope, dataset: str, hyperparameters: tuple[tuple[str, str], ...]) -> None:
        spec = scope.spec.training
        assert spec is not None  # noqa: S101  # the chain has looked
        self.spec = spec
        document = TrainInput(
            storage=scope.storage,
            dataset=dataset,
            model=scope.spec.model.with_hyperparameters(dict(hyperparameters)),
            epochs=spec.epochs,
            ensemble=spec.ensemble,
        )
        super().__init__(scope, document)

    @property
    def kind(self) -> tuple[str, str]:
        """As ``spec.training.runtime`` says."""
        return KINDS[self.spec.runtime]

    @cached_property
    def child_name(self) -> str:
        """Shorter for a TrainJob, whose Pods add much to it."""
        limit = naming.EXPERIMENT_NAME_LIMIT if self.spec.runtime == "TrainJob" else naming.NAME_LIMIT
        return naming.child_name(self.scope.name, self.name, self.fingerprint, limit)

    def child_spec(self) -> dict[str, Any]:
        """Spec of the runtime's object."""
        spec = self.spec
        if spec.runtime == "TrainJob":
            return jobs.train_spec(
                self.scope,
                command=COMMAND,
                document=self.child_name,
                resources=spec.resources,
                labels=self.labels,
                workers=spec.workers,
                processes=spec.processes_per_worker,
            )
        is_pytorch = spec.runtime == "PyTorchJob"
        template = pods.worker_template(
            self.scope,
            container=jobs.PYTORCH if is_pytorch else jobs.WORKER,
            command=COMMAND,
            document=self.child_name,
            resources=spec.resources,
            labels=self.labels,
            variables={"JETCAL_PROCESSES": str(spec.processes_per_worker)},
            restart_policy=None if is_pytorch else "Never",
            training=True,
        )
        if is_pytorch:
            workers, processes = spec.workers, spec.processes_per_worker
            return jobs.pytorch_spec(self.scope, template, workers=workers, processes=processes)
        return jobs.batch_spec(self.scope, template)

    def preflight(self, world: World) -> Failed | None:
        """The training operator adds a container to each Pod but the master's."""
        if self.spec.runtime != "PyTorchJob" or self.spec.workers == 1:
            return None
        return addition_is_admitted(self.scope, world, INIT_PYTORCH)

    def remembered(self, records: Records) -> Progress | None:
        """The result from which a revision was made that has been accepted."""
        found = records.training(self.fingerprint)
        return Succeeded(found) if found else None

    def placeholder(self) -> TrainResult:
        """A checkpoint of unknown quality."""
        uri = f"{self.scope.storage}/training/{self.fingerprint}"
        return TrainResult(
            uri=uri,
            checkpoint=f"{uri}/attempts/{UNKNOWN}-training/best.pt",
            hyperparameters={},
            epochs=self.spec.epochs,
            best_epoch=1,
            metrics={OBJECTIVE: 0.0},
            parameters=0,
        )
