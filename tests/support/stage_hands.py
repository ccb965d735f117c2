"""Plays controllers and workers on a real API server: what the operator creates is answered within milliseconds."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread, Timer
from typing import Any

from tests.support.kube_client import KubeClient, KubeError
from tests.support.played_status import (
    CONFIG_MAP,
    EXPERIMENT,
    INFERENCE_SERVICE,
    JOB,
    PYTORCH_JOB,
    TRIAL,
    condition,
    ended,
    endings,
    now,
    pod_labels,
    terminated,
)
from tests.support.scripted_cluster import ScriptedCluster, config_maps
from urllib3.exceptions import HTTPError

from jetcal_api.documents import parse_input
from jetcal_operator import naming
from jetcal_operator.kube.kinds import POD, Kind, kind_of

STAND_INS = (PYTORCH_JOB, EXPERIMENT, TRIAL, INFERENCE_SERVICE)
"""Kinds that an open schema stands in for."""
_PASSING = {0, 404, 409, 422}
"""What is no mistake: an API server that restarts, an object that is gone, is another one, or has ended already."""
_TAKEN = ("POST", "pods", 409, "the Pod of a job that is gone still has the name")
PLAYED = (JOB, PYTORCH_JOB, EXPERIMENT, INFERENCE_SERVICE)


def open_crd(kind: Kind) -> dict[str, Any]:
    """A CRD that takes any content, as Katib's own do."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower()}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


@dataclass
class Failure:
    """How the next worker of a stage ends instead of answering."""

    exit_code: int = 1
    message: str = "no file matches"
    reason: str = "Error"
    """``OOMKilled``, for one."""
    times: int = 1
    """How many of its jobs fail."""


@dataclass
class StageHands:
    """Controllers and workers of one namespace, from `working` on.

    Attributes
    ----------
    held
        Stages whose jobs go on running; `release` lets them end.
    failures
        By stage, how its next jobs fail.
    """

    api: KubeClient
    namespace: str
    held: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of results to replace, by stage."""
    done: list[tuple[str, str]] = field(default_factory=list)
    """(stage, name) of what has ended."""

    def __post_init__(self) -> None:
        self._stopped = Event()
        self._inbox: queue.Queue[tuple[Kind, dict[str, Any]] | None] = queue.Queue()
        self._script = ScriptedCluster({"metadata": {}}, answers=self.answers)

    @contextmanager
    def working(self) -> Iterator[StageHands]:
        """The hands at work."""
        threads = [Thread(target=self._listen, args=(kind,), daemon=True) for kind in PLAYED]
        threads.append(Thread(target=self._work, daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            self._inbox.put(None)

    def release(self, *stages: str) -> None:
        """Let the stages (none: all) go on."""
        self.held -= set(stages) or set(self.held)
        self.look()

    def look(self) -> None:
        """Look at everything once more."""
        for kind in PLAYED:
            for thing in self.api.items(kind.path(self.namespace)):
                self._inbox.put((kind, thing))

    def _listen(self, kind: Kind) -> None:
        for event in self.api.watch(kind.path(self.namespace), self._stopped):
            if event["type"] in {"ADDED", "MODIFIED"}:
                self._inbox.put((kind, event["object"]))

    def _work(self) -> None:
        while (task := self._inbox.get()) is not None:
            try:
                self._move(*task)
            except (KubeError, HTTPError) as error:
                if getattr(error, "status", 0) not in _PASSING:
                    raise
                Timer(0.1, self._again, task).start()

    def _again(self, kind: Kind, thing: dict[str, Any]) -> None:
        """Look once more at what met something on its way out."""
        try:
            found = self.api.find(kind.path(self.namespace, thing["metadata"]["name"]))
        except HTTPError:
            found = thing
        if found and not self._stopped.is_set():
            self._inbox.put((kind, {"apiVersion": kind.api_version, "kind": kind.kind} | found))

    def _move(self, kind: Kind, thing: dict[str, Any]) -> None:
        metadata = thing["metadata"]
        stage = naming.label(thing, naming.STAGE)
        if metadata.get("deletionTimestamp") or stage in self.held or ScriptedCluster.is_suspended(thing):
            return
        if kind == INFERENCE_SERVICE:
            self._serve(thing)
        elif stage and not endings(thing) and self._is_news(kind, thing):
            if kind == EXPERIMENT:
                self._search(thing)
            elif naming.label(thing, naming.KATIB_EXPERIMENT) == "" and not self._is_trial_job(thing):
                self._end(kind, thing)

    def _is_news(self, kind: Kind, thing: dict[str, Any]) -> bool:
        """Whether it is still so: a watch that begins anew tells of what has been moved on meanwhile."""
        found = self.api.find(kind.path(self.namespace, thing["metadata"]["name"]))
        return found is not None and found["metadata"]["uid"] == thing["metadata"]["uid"] and not endings(found)

    def _end(self, kind: Kind, job: dict[str, Any], answer: dict[str, Any] | None = None) -> bool:
        """The worker of a job ends, well or as `failures` says; whether it ended well."""
        stage, name = naming.label(job, naming.STAGE), job["metadata"]["name"]
        failure = self.failures.get(stage)
        is_well = failure is None or failure.times <= 0
        if is_well:
            self.pod(kind, job, terminated(json.dumps(answer or self._script.answer(self.document(job)))))
            self.status(kind, job, ended(kind, job))
        else:
            failure.times -= 1
            self.pod(kind, job, terminated(failure.message, failure.exit_code, failure.reason))
            self.status(kind, job, ended(kind, job, failure.exit_code))
        self.done.append((stage, name))
        return is_well

    def pod(
        self, kind: Kind, job: dict[str, Any], state: dict[str, Any], *, phase: str | None = None
    ) -> dict[str, Any]:
        """The Pod of a job with its one container in that state, made or moved."""
        template = (
            job["spec"]["pytorchReplicaSpecs"]["Master"]["template"] if kind == PYTORCH_JOB else job["spec"]["template"]
        )
        container = template["spec"]["containers"][0]
        suffix = "master-0" if kind == PYTORCH_JOB else job["metadata"]["uid"][:5]
        name = f"{job['metadata']['name']}-{suffix}"
        owner = {"apiVersion": kind.api_version, "kind": kind.kind, "controller": True, "blockOwnerDeletion": True}
        owner |= {name: job["metadata"][name] for name in ("name", "uid")}
        labels = template["metadata"].get("labels", {}) | pod_labels(kind, job)
        path = POD.path(self.namespace, name)
        found = self.api.find(path)
        if found and found["metadata"]["ownerReferences"][0]["uid"] != owner["uid"]:
            raise KubeError(*_TAKEN)
        if found is None:
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": labels,
                    "annotations": {"batch.kubernetes.io/job-completion-index": "0"},
                    "ownerReferences": [owner],
                },
                "spec": template["spec"] | {"restartPolicy": "Never"},
            }
            self.api.create(POD.path(self.namespace), body)
        code = state.get("terminated", {}).get("exitCode")
        phase = phase or ("Pending" if code is None else "Failed" if code else "Succeeded")
        status = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        status |= {"ready": "running" in state, "state": state}
        change = {"status": {"phase": phase, "startTime": now(), "containerStatuses": [status]}}
        return self.api.merge(f"{path}/status", change)

    def status(self, kind: Kind, thing: dict[str, Any], status: dict[str, Any]) -> None:
        """Set an object's status as its controller would."""
        self.api.merge(f"{kind.path(self.namespace, thing['metadata']['name'])}/status", {"status": status})

    def document(self, job: dict[str, Any]) -> Any:
        """The document that a job's worker reads."""
        name = next(config_maps(job))
        found = self.api.get(CONFIG_MAP.path(self.namespace, name))
        return parse_input(found["data"]["calibration.json"])

    def _search(self, experiment: dict[str, Any]) -> None:
        """Katib makes all Trials and their jobs, and they end."""
        spec, name = experiment["spec"], experiment["metadata"]["name"]
        succeeded = 0
        for index in range(spec["maxTrialCount"]):
            trial_name = f"{name}-{index:08x}"
            labels = experiment["metadata"]["labels"] | {naming.KATIB_EXPERIMENT: name}
            trial = self._ensure(TRIAL, trial_name, labels, experiment, {"spec": {}})
            text = json.dumps(spec["trialTemplate"]["trialSpec"]).replace("${trialParameters.trialName}", trial_name)
            job = json.loads(text)
            kind = kind_of(job)
            made = self._ensure(kind, trial_name, job["metadata"]["labels"], trial, {"spec": job["spec"]})
            answer = self._script.answer(
                self.document(made),
                trial_name,
                objective=0.5 - 0.1 * index,
                hyperparameters={"learningRate": f"{0.001 * (index + 1)}"},
            )
            is_well = self._end(kind, made, answer)
            succeeded += is_well
            word = "Succeeded" if is_well else "Failed"
            self.status(TRIAL, trial, {"conditions": [condition(word, f"Trial{word}")]})
        end = condition("Succeeded", "ExperimentMaxTrialsReached")
        if not succeeded:
            end = condition("Failed", "ExperimentMaxFailedTrialsReached")
        self.status(EXPERIMENT, experiment, {"conditions": [end]})

    def _ensure(
        self, kind: Kind, name: str, labels: dict[str, str], owner: dict[str, Any], content: dict[str, Any]
    ) -> dict[str, Any]:
        reference = {name: owner[name] for name in ("apiVersion", "kind")} | {"controller": True}
        reference |= {name: owner["metadata"][name] for name in ("name", "uid")}
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        metadata = {"name": name, "labels": labels, "ownerReferences": [reference]}
        found = self.api.find(kind.path(self.namespace, name))
        return found or self.api.create(kind.path(self.namespace), head | {"metadata": metadata} | content)

    def _serve(self, service: dict[str, Any]) -> None:
        metadata = service["metadata"]
        if "serving" in self.held or (service.get("status") or {}).get("observedGeneration") == metadata["generation"]:
            return
        address = {"url": f"http://{metadata['name']}-predictor.{self.namespace}.svc.cluster.local"}
        status = {
            "conditions": [condition("Ready", "Ready")],
            "observedGeneration": metadata["generation"],
            "url": f"http://{metadata['name']}.example",
            "address": address,
        }
        self.status(INFERENCE_SERVICE, service, status)

    @staticmethod
    def _is_trial_job(job: dict[str, Any]) -> bool:
        return any(owner["kind"] == "Trial" for owner in job["metadata"].get("ownerReferences", []))
