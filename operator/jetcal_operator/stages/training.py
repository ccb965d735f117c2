"""The final training: PyTorchJob, TrainJob or Job."""

from __future__ import annotations

from typing import Any

from jetcal_api.documents import OBJECTIVE, TrainInput, TrainResult
from jetcal_api.spec import ModelSpec
from jetcal_api.spec import Training as TrainingSpec
from jetcal_operator import naming
from jetcal_operator.stages import jobs, pods
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.scope import Scope

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

    def __init__(self, scope: Scope, spec: TrainingSpec, dataset: str, model: ModelSpec) -> None:
        self.spec = spec
        document = TrainInput(storage=scope.storage, dataset=dataset, model=model, epochs=spec.epochs)
        super().__init__(scope, document)

    @property
    def kind(self) -> tuple[str, str]:
        """As ``spec.training.runtime`` says."""
        return KINDS[self.spec.runtime]

    @property
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
