"""One machine as a cluster: the protocol that the planner's plans are carried out by."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jetcal_api.resource import API_VERSION, KIND, JetCalibration
from jetcal_api.status import Status
from jetcal_operator import naming
from jetcal_operator.cluster import Deletion, Manifest, ObjectKey, Observed
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.controllers.base import Controllers
from jetcal_operator.local.controllers.deployment import ADDRESS, DeploymentController
from jetcal_operator.local.controllers.endpoint import (
    STOP,
    EndpointController,
    is_stopped,
    mark_starting,
)
from jetcal_operator.local.controllers.experiment import ExperimentController
from jetcal_operator.local.controllers.job import JobController
from jetcal_operator.local.controllers.training import TrainingController
from jetcal_operator.local.controllers.trial import TrialController
from jetcal_operator.local.kubelet import Kubelet, answer
from jetcal_operator.local.machine import Machine
from jetcal_operator.local.objects import ObjectStore
from jetcal_operator.local.status import is_true

STATE = ".jetcal"
"""Folder in the storage that holds objects, logs and the lock."""
ENDPOINT_KIND = "InferenceService"
_STORED_KINDS = {("v1", "ConfigMap"), ("v1", "Service")}
_JOBS = ("Job", "PyTorchJob", "TrainJob")


def state_folder(storage: Path) -> Path:
    """Where ``jetcal run`` keeps its state in a storage."""
    return storage / STATE


def resource_key(name: str) -> ObjectKey:
    """Key of a JetCalibration."""
    return ObjectKey(API_VERSION, KIND, name)


def parse_stored(stored: Manifest) -> JetCalibration:
    """A stored JetCalibration; a status that an older jetcal wrote and this one cannot read is left out."""
    try:
        return JetCalibration.parse(stored)
    except ValidationError:
        return JetCalibration.parse({name: value for name, value in stored.items() if name != "status"})


class LocalCluster:
    """Objects in a storage folder and the processes that they ask for.

    Parameters
    ----------
    storage
        Folder of the artefacts; the caller holds its lock.
    machine
        What may be used at once.
    tell
        Is told, one line each, what a user wants to know beside the status.
    port
        HTTP port of the endpoint; 0 for any free one.
    retry_seconds
        Pause before a failed worker is tried again; doubled each time.
    """

    def __init__(
        self, storage: Path, machine: Machine, tell: Callable[[str], None], port: int = 0, retry_seconds: float = 1.0
    ) -> None:
        state = state_folder(storage)
        self.changes = Changes()
        self.store = ObjectStore(state / "objects", self.changes)
        self.kubelet = Kubelet(self.store, machine, self.changes, state)
        self.controllers = Controllers(
            self.store,
            self.changes,
            [
                JobController(self.store, self.kubelet, retry_seconds),
                TrainingController(self.store, self.kubelet, retry_seconds),
                TrialController(self.store, self.kubelet, self.changes),
                ExperimentController(self.store, self.kubelet, self.changes),
                DeploymentController(self.store, self.kubelet, self.changes, tell, retry_seconds),
                EndpointController(self.store, self.changes, state / "serving", tell, port),
            ],
        )

    def begin(self) -> None:
        """Put right what an earlier program, however it ended, has left behind as running."""
        self.kubelet.clean()
        for entry in self.store.list(ENDPOINT_KIND):
            if not is_true(entry, "Stopped"):
                mark_starting(self.store, ObjectKey.of(entry))
        for entry in self.store.list("Deployment"):
            self.store.annotate(ObjectKey.of(entry), ADDRESS, None)

    def submit(self, manifest: Manifest) -> None:
        """Store a JetCalibration as ``kubectl apply`` would: its status stays, a new spec is a new generation."""
        self.store.apply(manifest)

    def resource(self, name: str) -> JetCalibration | None:
        """The stored JetCalibration."""
        stored = self.store.get(resource_key(name))
        return parse_stored(stored) if stored else None

    @property
    def is_working(self) -> bool:
        """Whether any Pod runs or waits for room."""
        return any(pod["status"]["phase"] in ("Pending", "Running") for pod in self.store.list("Pod"))

    async def observe(self, namespace: str, name: str) -> Observed | None:  # noqa: ARG002  # one namespace
        """The world around one resource; None once it is gone."""
        resource = self.resource(name)
        if resource is None:
            return None
        children = {
            ObjectKey.of(entry): entry
            for entry in self.store.list()
            if entry["kind"] != "Pod" and naming.label(entry, naming.CALIBRATION) == name
        }
        pods: dict[str, list[Manifest]] = {}
        for pod in self.store.list("Pod"):
            pods.setdefault(pod["metadata"]["ownerReferences"][0]["uid"], []).append(pod)
        jobs = {key: pods.get(entry["metadata"]["uid"], []) for key, entry in children.items() if key.kind in _JOBS}
        return Observed(
            resource=resource,
            children=children,
            results={key: found for key, made in jobs.items() if (found := _result(made)) is not None},
            kinds=self.controllers.kinds | _STORED_KINDS,
            now=datetime.now(UTC),
            failures={
                key: self.kubelet.failure(made[-1])
                for key, made in jobs.items()
                if made and made[-1]["status"]["phase"] == "Failed"
            },
        )

    async def create(self, manifest: Manifest) -> None:
        """Create an object; one that exists already is left as it is."""
        self.store.create(manifest)

    async def apply(self, manifest: Manifest) -> None:
        """Make the named fields of an object as given; an endpoint with another model is started to be verified."""
        key = ObjectKey.of(manifest)
        before = self.store.get(key)
        self.store.apply(manifest)
        if key.kind == ENDPOINT_KIND and before and _model(before) != _model(self.store.get(key) or before):
            self._start(key)

    async def delete(self, deletion: Deletion) -> None:
        """Delete an object with what it owns, unless it is another one by now."""
        self.store.delete(deletion.key, deletion.uid)

    async def write_status(self, resource: JetCalibration, status: Status) -> None:
        """Replace the resource's status."""
        stored = self.store.get(resource_key(resource.metadata.name))
        if stored:
            self.store.write_status(stored, status.model_dump(mode="json", by_alias=True, exclude_none=True))

    def endpoint(self, name: str) -> Manifest | None:
        """The InferenceService of a resource."""
        found = (entry for entry in self.store.list(ENDPOINT_KIND) if naming.label(entry, naming.CALIBRATION) == name)
        return next(found, None)

    def keep_endpoint(self, name: str, *, up: bool) -> None:
        """Ask for a resource's endpoint to be up, or to be stopped."""
        endpoint = self.endpoint(name)
        if endpoint is None or is_stopped(endpoint) != up:
            return
        if up:
            self._start(ObjectKey.of(endpoint))
        else:
            self.store.annotate(ObjectKey.of(endpoint), STOP, "true")

    def forget_lost_results(self) -> None:
        """Drop the records of results that somebody has deleted from the storage, so that they are made again."""
        for entry in self.store.list("ConfigMap"):
            if naming.label(entry, naming.RECORD) and not all(map(Path.exists, _recorded_results(entry))):
                self.store.delete(ObjectKey.of(entry))

    def _start(self, key: ObjectKey) -> None:
        self.store.annotate(key, STOP, None)
        mark_starting(self.store, key)


def _result(pods: list[Manifest]) -> str | None:
    return next((found for pod in pods if (found := answer(pod)) is not None), None)


def _model(endpoint: Manifest) -> Any:
    return endpoint["spec"]["predictor"]["model"]


def _recorded_results(record: Manifest) -> list[Path]:
    """Where the results lie that a record repeats."""
    try:
        documents = [json.loads(text) for text in record.get("data", {}).values()]
    except ValueError:
        return []
    uris = [part.get("uri", "") for document in documents for part in document.values() if isinstance(part, dict)]
    return [Path(uri) for uri in uris if uri.startswith("/")]
