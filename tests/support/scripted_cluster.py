"""A cluster in memory that plays the controllers' parts, one move at a time, spelling status as they do."""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jetcal_api.documents import OBJECTIVE, fingerprint, parse_input
from jetcal_api.resource import JetCalibration, JetCalibrationSpec
from jetcal_operator import naming
from jetcal_operator.cluster import Deletion, Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.kube.refusals import wait
from jetcal_operator.planner import plan
from jetcal_operator.platform import Platform

KINDS = frozenset(
    {
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("kubeflow.org/v1", "PyTorchJob"),
        ("kubeflow.org/v1beta1", "Experiment"),
        ("kubeflow.org/v1beta1", "Trial"),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
        ("serving.kserve.io/v1beta1", "InferenceService"),
    }
)
SUCCESS = {"Job": "Complete", "TrainJob": "Complete", "PyTorchJob": "Succeeded", "Experiment": "Succeeded"}
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass
class ScriptedCluster:
    """Objects of one namespace; `settle` lets every controller finish its work until the planner wants nothing more."""

    resource: dict[str, Any]
    platform: Platform = field(default_factory=Platform)
    kinds: frozenset[tuple[str, str]] = KINDS
    now: datetime = START
    objects: dict[ObjectKey, Manifest] = field(default_factory=dict)
    results: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    failures: dict[ObjectKey, str] = field(default_factory=dict)
    occupied: set[ObjectKey] = field(default_factory=set)
    refusing: str | None = None
    """Kind that the API server refuses to write; a quota is used up."""
    refused: dict[ObjectKey, Refusal] = field(default_factory=dict)
    namespace_labels: dict[str, str] | None = None
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of results to replace, by stage."""
    spec: JetCalibrationSpec | None = None
    """As it was last read."""
    content: str = "c0ffee"
    """Content fingerprint of the data."""
    attempts: dict[ObjectKey, int] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    """(verb, kind, name) of every write."""

    def __post_init__(self):
        self.resource["metadata"].setdefault("uid", "resource-uid")
        self.resource["metadata"].setdefault("namespace", "jec")

    # what a shell does

    def observe(self):
        return Observed(
            resource=self._read(),
            children=copy.deepcopy(self.objects),
            results={key: json.dumps(answer) for key, answer in self.results.items()},
            kinds=self.kinds,
            now=self.now,
            failures=dict(self.failures),
            occupied=frozenset(self.occupied),
            refused=dict(self.refused),
            namespace_labels=self.namespace_labels,
        )

    def _read(self):
        """The resource; its spec is the same object until it is edited, as a shell has it."""
        resource = JetCalibration.parse(self.resource)
        if self.spec == resource.spec:
            return resource.model_copy(update={"spec": self.spec})
        self.spec = resource.spec
        return resource

    def reconcile(self, calls=None):
        """One reconcile, killed after so many calls if that is given; returns its plan."""
        decided = plan(self.observe(), self.platform)
        steps = [
            *((self.delete, deletion) for deletion in decided.delete),
            *((self.create, manifest) for manifest in decided.create),
            *((self.apply, manifest) for manifest in decided.apply),
        ]
        for act, argument in steps[:calls]:
            if self._refuses(act, argument):
                return decided
            act(argument)
        if calls is not None and calls <= len(steps):
            return decided
        self.resource["status"] = decided.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        return decided

    def _refuses(self, act, argument):
        """Whether the write is refused: nothing more of the plan is carried out then, as a shell does."""
        if act == self.delete:
            return False
        key = ObjectKey.of(argument)
        if key.kind != self.refusing:
            self.refused.pop(key, None)
            return False
        self.attempts[key] = self.attempts.get(key, -1) + 1
        again = self.now + wait(self.attempts[key])
        self.refused[key] = Refusal("QuotaExceeded", f"{key.kind} {key.name} cannot be written", again)
        self.log.append(("refused", key.kind, key.name))
        return True

    def create(self, manifest):
        key = ObjectKey.of(manifest)
        if key in self.objects:
            return
        self.log.append(("create", key.kind, key.name))
        made = copy.deepcopy(manifest)
        made["metadata"] |= {
            "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{key}{len(self.log)}")),
            "generation": 1,
            "creationTimestamp": self.now.isoformat(),
        }
        self.objects[key] = made

    def apply(self, manifest):
        key = ObjectKey.of(manifest)
        assert manifest["metadata"]["uid"] == self.objects[key]["metadata"]["uid"], "applied to another object"
        self.log.append(("apply", key.kind, key.name))
        before = copy.deepcopy(self.objects[key].get("spec"))
        _merge(self.objects[key], copy.deepcopy(manifest))
        if self.objects[key].get("spec") != before:
            self.objects[key]["metadata"]["generation"] += 1

    def delete(self, deletion: Deletion):
        found = self.objects.get(deletion.key)
        if found is None or found["metadata"]["uid"] != deletion.uid:
            return
        self.log.append(("delete", deletion.key.kind, deletion.key.name))
        self.vanish(deletion.key)

    def vanish(self, key):
        """An object and what it owns are gone, whoever did it."""
        gone = self.objects.pop(key)
        self.results.pop(key, None)
        self.failures.pop(key, None)
        for other, child in list(self.objects.items()):
            owners = {reference["uid"] for reference in child["metadata"].get("ownerReferences", [])}
            if gone["metadata"]["uid"] in owners and other in self.objects:
                self.vanish(other)

    # what controllers and workers do

    def settle(self, rounds=60, **kwargs):
        """Reconcile and let controllers work until nothing changes; returns the last plan."""
        for _ in range(rounds):
            count = len(self.log)
            decided = self.reconcile()
            moved = self.work(**kwargs)
            self.now += timedelta(seconds=10)
            if len(self.log) == count and not moved:
                return decided
        message = f"the cluster does not settle: {self.log[-8:]}"
        raise AssertionError(message)

    def work(self, stop_at=()):
        """Every controller makes one move; stages of ``stop_at`` go on running."""
        moved = False
        for key, child in list(self.objects.items()):
            if key not in self.objects:
                continue
            stage = naming.label(child, naming.STAGE)
            if stage in stop_at or self.is_suspended(child):
                continue
            if key.kind == "Experiment":
                moved |= self._search(key, child)
            elif key.kind in SUCCESS and not child.get("status") and not self._is_trial_job(child):
                self.succeed(key)
                moved = True
            elif key.kind == "InferenceService":
                moved |= self._serve(child)
        return moved

    def succeed(self, key, answer=None):
        """A job's worker answers and its controller says that it is complete."""
        child = self.objects[key]
        self._condition(child, SUCCESS[key.kind], "Done")
        if key.kind != "Experiment":
            self.results[key] = answer or self.answer(self.document(child))

    def fail(self, key, reason="PodFailurePolicy", sentence="exit code 1"):
        """A job fails for good."""
        self._condition(self.objects[key], "Failed", reason)
        self.failures[key] = sentence

    def document(self, child):
        """The document that a job's worker reads."""
        for name in config_maps(child):
            text = self.objects[ObjectKey("v1", "ConfigMap", name)]["data"]["calibration.json"]
            return parse_input(text)
        message = f"{child['metadata']['name']} reads no document"
        raise AssertionError(message)

    def answer(self, document, trial=None, objective=0.1, hyperparameters=None):
        """What the worker of a document answers."""
        stage, digest = document.stage, document.fingerprint
        uri = f"{document.storage}/{stage}/{digest}/result.json"
        trained = {
            "uri": uri,
            "checkpoint": f"{document.storage}/{stage}/{digest}/best.pt",
            "hyperparameters": hyperparameters or {},
            "epochs": 3,
            "bestEpoch": 2,
            "metrics": {OBJECTIVE: objective},
            "parameters": 10,
            **({"trial": trial} if trial else {}),
        }
        attempt = f"{document.storage}/{stage}/{digest}/attempts/a"
        by_stage = {
            "inventory": {"uri": uri, "sources": self.content, "files": 2, "size": 10, "shards": 3},
            "dataset": {
                "uri": uri,
                "fingerprint": digest,
                "folder": attempt,
                "jets": {"train": 60, "validation": 20, "test": 20},
                "read": 110,
                "cuts": [{"name": "minGenPt", "removed": 10}],
            },
            "tuning": trained,
            "training": trained,
            "export": {
                "uri": uri,
                "repository": f"{attempt}/repository",
                "model": "jetcal",
                "sha256": "ab" * 32,
                "opset": getattr(document, "opset", 0),
                "ir": getattr(document, "ir", 0),
                "golden": f"{attempt}/golden.npz",
                "card": f"{attempt}/card.md",
                "parity": {},
            },
            "evaluation": {
                "uri": uri,
                "accepted": True,
                "reasons": [],
                "figures": {"maxNonClosure": 0.01},
                "report": f"{attempt}/report.html",
                "metrics": f"{attempt}/metrics.json",
            },
            "verification": {
                "uri": uri,
                "revision": getattr(document, "export", ""),
                "serverVersion": "2.70.0",
                "jets": 100,
                "maxRelative": 1e-6,
            },
        }
        return by_stage[stage] | self.answers.get(stage, {})

    def start_trials(self, key):
        """Katib makes all Trials of an Experiment and their jobs."""
        experiment = self.objects[key]
        template = experiment["spec"]["trialTemplate"]["trialSpec"]
        for index in range(experiment["spec"]["maxTrialCount"]):
            name = f"{key.name}-{index:08x}"
            trial = {
                "apiVersion": "kubeflow.org/v1beta1",
                "kind": "Trial",
                "metadata": {
                    "name": name,
                    "namespace": "jec",
                    "labels": experiment["metadata"]["labels"] | {naming.KATIB_EXPERIMENT: key.name},
                    "ownerReferences": [{"uid": experiment["metadata"]["uid"], "controller": True}],
                },
            }
            self.create(trial)
            uid = self.objects[ObjectKey.of(trial)]["metadata"]["uid"]
            text = json.dumps(template).replace("${trialParameters.trialName}", name)
            job = json.loads(text)
            job["metadata"] |= {
                "name": name,
                "namespace": "jec",
                "ownerReferences": [{"uid": uid, "controller": True}],
            }
            self.create(job)
            yield ObjectKey.of(trial), ObjectKey.of(job)

    def _search(self, key, experiment):
        if experiment.get("status"):
            return False
        for index, (trial, job) in enumerate(list(self.start_trials(key))):
            hyperparameters = {"learningRate": f"{0.001 * (index + 1)}"}
            answer = self.answer(
                self.document(self.objects[job]),
                trial.name,
                objective=0.5 - 0.1 * index,
                hyperparameters=hyperparameters,
            )
            self.succeed(job, answer)
            self._condition(self.objects[trial], "Succeeded", "TrialSucceeded")
        self._condition(experiment, "Succeeded", "ExperimentMaxTrialsReached")
        return True

    def _serve(self, child):
        generation = child["metadata"]["generation"]
        if (child.get("status") or {}).get("observedGeneration") == generation:
            return False
        name = child["metadata"]["name"]
        self._condition(child, "Ready", "Ready")
        child["status"] |= {
            "observedGeneration": generation,
            "url": f"http://{name}.example",
            "address": {"url": f"http://{name}-predictor.jec.svc.cluster.local"},
        }
        return True

    def _condition(self, child, kind, reason, status="True", message=""):
        conditions = child.setdefault("status", {}).setdefault("conditions", [])
        conditions[:] = [entry for entry in conditions if entry["type"] != kind]
        moment = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions.append(
            {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": moment}
        )

    def condition(self, key, kind, reason, status="True", message=""):
        """Set a condition of an object."""
        self._condition(self.objects[key], kind, reason, status, message)

    @staticmethod
    def is_suspended(child):
        spec = child.get("spec") or {}
        return bool(spec.get("suspend") or (spec.get("runPolicy") or {}).get("suspend"))

    def _is_trial_job(self, child):
        owners = {reference["uid"] for reference in child["metadata"]["ownerReferences"]}
        return "resource-uid" not in owners

    # what a test asks

    def key(self, kind, stage):
        """The one object of a kind that belongs to a stage."""
        found = [
            key
            for key, child in self.objects.items()
            if key.kind == kind and naming.label(child, naming.STAGE) == stage and not self._is_trial_job(child)
        ]
        assert len(found) == 1, f"{len(found)} objects of kind {kind} in stage {stage}"
        return found[0]

    def keys(self, kind):
        """All objects of a kind."""
        return [key for key in self.objects if key.kind == kind]

    def conditions(self):
        """Conditions of the resource by type: (status, reason)."""
        return {entry["type"]: (entry["status"], entry["reason"]) for entry in self.resource["status"]["conditions"]}

    def message(self, kind):
        """Message of one condition."""
        return next(entry["message"] for entry in self.resource["status"]["conditions"] if entry["type"] == kind)

    def edit(self, **spec):
        """A user edits top-level fields of the spec."""
        self.resource["spec"] |= spec
        self.resource["metadata"]["generation"] = self.resource["metadata"].get("generation", 1) + 1

    def fingerprint(self):
        """Of all objects as they are."""
        return fingerprint({str(key): child for key, child in self.objects.items()})


def _merge(target, source):
    for name, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value


def config_maps(value):
    """Names of ConfigMaps that JETCAL_CALIBRATION is read from, anywhere in a manifest."""
    if isinstance(value, dict):
        if value.get("name") == "JETCAL_CALIBRATION":
            yield value["valueFrom"]["configMapKeyRef"]["name"]
        for entry in value.values():
            yield from config_maps(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from config_maps(entry)
