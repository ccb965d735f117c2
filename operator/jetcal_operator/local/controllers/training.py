"""PyTorchJob and TrainJob: all their Pods as the processes of one ``jetcal train``, which launches torchrun inside."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.controllers.retry import pause
from jetcal_operator.local.kubelet import Kubelet, exit_code
from jetcal_operator.local.objects import ObjectStore, timestamp
from jetcal_operator.local.status import end, with_condition

PROCESSES = "JETCAL_PROCESSES"
"""Variable that tells ``jetcal train`` how many processes to launch."""
RETRYABLE = 128
"""Exit codes from here on are worth another try under the restart policy ``ExitCode``."""
TRAIN_JOB_BACKOFF_LIMIT = 3
"""Restarts of a TrainJob; on a cluster its runtime says how many."""
_NEVER = 0


@dataclass(frozen=True)
class Gang:
    """What a training object asks for, whatever its kind."""

    template: Mapping[str, Any]
    role: str
    workers: int
    processes: int
    """Training processes in each worker."""
    restarts: Callable[[int], bool]
    """Whether an exit code asks for another try."""
    backoff_limit: int
    suspended: bool


def read_gang(manifest: Manifest) -> Gang:
    """The gang of a PyTorchJob or a TrainJob."""
    return _pytorch_job(manifest["spec"]) if manifest["kind"] == "PyTorchJob" else _train_job(manifest["spec"])


def _pytorch_job(spec: Mapping[str, Any]) -> Gang:
    replicas = spec["pytorchReplicaSpecs"]
    role = "Master" if "Master" in replicas else "Worker"
    policy = spec.get("runPolicy", {})
    template = replicas[role]["template"]
    rules: dict[str, Callable[[int], bool]] = {
        "Never": lambda _: False,
        "ExitCode": lambda code: code >= RETRYABLE,
    }
    return Gang(
        template=template,
        role=role.lower(),
        workers=sum(entry.get("replicas", 1) for entry in replicas.values()),
        processes=_processes(template, str(spec.get("nprocPerNode", "1"))),
        restarts=rules.get(replicas[role].get("restartPolicy", "OnFailure"), bool),
        backoff_limit=policy.get("backoffLimit", _NEVER),
        suspended=policy.get("suspend", False),
    )


def _train_job(spec: Mapping[str, Any]) -> Gang:
    trainer = spec["trainer"]
    kept = {name: trainer[name] for name in ("image", "command", "args", "env") if name in trainer}
    container = {"name": "node", **kept, "resources": trainer.get("resourcesPerNode", {})}
    template = {"spec": {"containers": [container]}}
    return Gang(
        template=template,
        role="node-0",
        workers=trainer.get("numNodes", 1),
        processes=_processes(template, str(trainer.get("numProcPerNode", 1))),
        restarts=lambda code: code >= RETRYABLE,
        backoff_limit=TRAIN_JOB_BACKOFF_LIMIT,
        suspended=spec.get("suspend", False),
    )


def _processes(template: Mapping[str, Any], per_node: str) -> int:
    given = {entry["name"]: entry.get("value") for entry in template["spec"]["containers"][0].get("env", [])}
    told = given.get(PROCESSES) or per_node
    return int(told) if told.isdecimal() else 1


class TrainingController:
    """Runs PyTorchJobs and TrainJobs; ``retry_seconds`` is the pause before the first restart."""

    kinds = frozenset({("kubeflow.org/v1", "PyTorchJob"), ("trainer.kubeflow.org/v1alpha1", "TrainJob")})

    def __init__(self, store: ObjectStore, kubelet: Kubelet, retry_seconds: float) -> None:
        self._store = store
        self._kubelet = kubelet
        self._retry_seconds = retry_seconds

    def wants(self, manifest: Manifest) -> Hashable | None:
        """Nothing once it has ended."""
        if end(manifest):
            return None
        return "suspended" if read_gang(manifest).suspended else "running"

    def is_settled(self, manifest: Manifest) -> bool:
        """A running training ends by itself."""
        return read_gang(manifest).suspended

    async def run(self, manifest: Manifest) -> None:
        """Train until it succeeds, fails for good, or has failed too often."""
        gang = read_gang(manifest)
        if gang.suspended:
            self._report(manifest, "Suspended", "is suspended")
            return
        self._report(manifest, "Created", "is created")
        while True:
            self._report(manifest, "Running", "is running")
            ended = await self._kubelet.run(
                manifest,
                gang.template,
                role=gang.role,
                variables={PROCESSES: str(gang.workers * gang.processes)},
                replicas=gang.workers,
            )
            if ended.exit_code == 0:
                self._report(manifest, "Succeeded", "successfully completed")
                return
            if not gang.restarts(ended.exit_code):
                message = f"failed because Pod {ended.pod} ended with exit code {ended.exit_code}"
                self._report(manifest, "Failed", message)
                return
            failures = self._retryable_failures(manifest, gang)
            if failures > gang.backoff_limit:
                self._report(manifest, "Failed", "has failed because it has reached the specified backoff limit")
                return
            self._report(manifest, "Restarting", f"restarts after exit code {ended.exit_code}")
            await pause(self._retry_seconds, failures)

    def _retryable_failures(self, manifest: Manifest, gang: Gang) -> int:
        pods = self._store.owned(manifest, "Pod")
        return sum(pod["status"]["phase"] == "Failed" and gang.restarts(exit_code(pod)) for pod in pods)

    def _report(self, manifest: Manifest, kind: str, message: str) -> None:
        current = self._store.get(ObjectKey.of(manifest)) or manifest
        report = _report_train_job if current["kind"] == "TrainJob" else _report_pytorch_job
        self._store.write_status(current, report(current, kind, message))


def _report_pytorch_job(job: Manifest, kind: str, message: str) -> dict[str, Any]:
    """As the training operator: one of Running, Restarting and the ends is True at a time."""
    status = {"startTime": timestamp(), **job.get("status", {})}
    told = f"PyTorchJob {job['metadata']['name']} {message}."
    known = {entry["type"] for entry in status.get("conditions", [])}
    if kind == "Running" and "Suspended" in known:
        status = with_condition(status, "Suspended", "False", "PyTorchJobResumed", told)
    for other in {"Running", "Restarting"} & known - {kind}:
        status = with_condition(status, other, "False", f"PyTorchJob{kind}", told)
    status = with_condition(status, kind, "True", f"PyTorchJob{kind}", told)
    role = "Master" if "Master" in job["spec"]["pytorchReplicaSpecs"] else "Worker"
    counts = {"Running": {"active": 1}, "Succeeded": {"succeeded": 1}, "Failed": {"failed": 1}}.get(kind, {})
    ended = {"completionTime": timestamp()} if kind in ("Succeeded", "Failed") else {}
    return {**status, **ended, "replicaStatuses": {role: counts}}


def _report_train_job(job: Manifest, kind: str, message: str) -> dict[str, Any]:
    """As the trainer: Suspended, Complete and Failed are all the conditions there are."""
    status = dict(job.get("status", {}))
    told = f"TrainJob {job['metadata']['name']} {message}."
    known = {entry["type"] for entry in status.get("conditions", [])}
    if kind == "Running" and "Suspended" in known:
        status = with_condition(status, "Suspended", "False", "Resumed", told)
    ends = {"Succeeded": ("Complete", "AllJobsCompleted"), "Failed": ("Failed", "FailedJobs")}
    if kind in ends:
        status = with_condition(status, ends[kind][0], "True", ends[kind][1], told)
    elif kind == "Suspended":
        status = with_condition(status, kind, "True", kind, told)
    counts = {name: int(kind == phase) for name, phase in _JOB_PHASES.items()}
    return {**status, "jobsStatus": [{"name": "node", **counts}]}


_JOB_PHASES = {"active": "Running", "succeeded": "Succeeded", "failed": "Failed", "suspended": "Suspended"}
