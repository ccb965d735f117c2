"""batch/v1 Job: plain and indexed, with the retries that its policies ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.controllers.retry import pause
from jetcal_operator.local.kubelet import Kubelet, exit_code
from jetcal_operator.local.objects import ObjectStore, timestamp
from jetcal_operator.local.status import end, with_condition

INDEX = "batch.kubernetes.io/job-completion-index"
"""Label of a Pod: which part it works on."""
BACKOFF_LIMIT = 6
"""Failed Pods that a Job bears, if its manifest does not say otherwise."""


class _JobFailed(Exception):  # noqa: N818  # the end of a Job rather than a mistake
    reason: str


class _PolicyMatched(_JobFailed):
    reason = "PodFailurePolicy"


class _BackoffLimitExceeded(_JobFailed):
    reason = "BackoffLimitExceeded"


class JobController:
    """Runs Jobs.

    Parameters
    ----------
    retry_seconds
        Pause before the first retry; doubled each time.
    """

    kinds = frozenset({("batch/v1", "Job")})

    def __init__(self, store: ObjectStore, kubelet: Kubelet, retry_seconds: float) -> None:
        self._store = store
        self._kubelet = kubelet
        self._retry_seconds = retry_seconds

    def wants(self, manifest: Manifest) -> Hashable | None:
        """Nothing once it has ended."""
        if end(manifest):
            return None
        return "suspended" if manifest["spec"].get("suspend") else "running"

    def is_settled(self, manifest: Manifest) -> bool:
        """A running Job ends by itself."""
        return bool(manifest["spec"].get("suspend"))

    async def run(self, manifest: Manifest) -> None:
        """Run every part that no Pod has completed yet."""
        job = self._store.get(ObjectKey.of(manifest)) or manifest
        spec = job["spec"]
        if spec.get("suspend"):
            self._report(job, "Suspended", "JobSuspended", "Job suspended")
            return
        done = {index for index, pod in self._pods(job) if pod["status"]["phase"] == "Succeeded"}
        missing = [index for index in range(spec.get("completions", 1)) if index not in done]
        slots = asyncio.Semaphore(spec.get("parallelism", 1))
        self._report(job)
        try:
            async with asyncio.TaskGroup() as parts:
                for index in missing:
                    parts.create_task(self._complete(job, index, slots))
        except* _JobFailed as failures:
            first = failures.exceptions[0]
            assert isinstance(first, _JobFailed)  # noqa: S101  # a part raises nothing else that is grouped here
            self._report(job, "Failed", first.reason, str(first))
        else:
            self._report(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")

    async def _complete(self, job: Manifest, index: int, slots: asyncio.Semaphore) -> None:
        indexed = job["spec"].get("completionMode") == "Indexed"
        labels = {INDEX: str(index)} if indexed else {}
        async with slots:
            while True:
                ended = await self._kubelet.run(
                    job,
                    job["spec"]["template"],
                    role=str(index) if indexed else "",
                    labels=labels,
                    variables={"JOB_COMPLETION_INDEX": str(index)} if indexed else {},
                )
                self._report(job)
                if ended.exit_code == 0:
                    return
                await pause(self._retry_seconds, self._failures(job, ended.exit_code, ended.pod))

    def _failures(self, job: Manifest, code: int, pod: str) -> int:
        """Failed Pods up to now; raises once there are too many, or if a rule says that one is enough."""
        spec = job["spec"]
        if _action(spec, code) == "FailJob":
            message = f"Pod {pod} failed with exit code {code}, which matches a FailJob rule"
            raise _PolicyMatched(message)
        counted = [pod for _, pod in self._pods(job) if pod["status"]["phase"] == "Failed"]
        failures = sum(_action(spec, exit_code(pod)) != "Ignore" for pod in counted)
        if failures > spec.get("backoffLimit", BACKOFF_LIMIT):
            message = "Job has reached the specified backoff limit"
            raise _BackoffLimitExceeded(message)
        return failures

    def _pods(self, job: Manifest) -> Iterable[tuple[int, Manifest]]:
        return ((int(pod["metadata"]["labels"].get(INDEX, 0)), pod) for pod in self._store.owned(job, "Pod"))

    def _report(self, job: Manifest, kind: str = "", reason: str = "", message: str = "") -> None:
        current = self._store.get(ObjectKey.of(job)) or job
        pods = list(self._pods(job))
        phases = [pod["status"]["phase"] for _, pod in pods]
        status: dict[str, Any] = {
            **current.get("status", {}),
            "active": 0 if kind else phases.count("Pending") + phases.count("Running"),
            "succeeded": phases.count("Succeeded"),
            "failed": phases.count("Failed"),
        }
        status.setdefault("startTime", timestamp())
        if job["spec"].get("completionMode") == "Indexed":
            completed = sorted(index for index, pod in pods if pod["status"]["phase"] == "Succeeded")
            status["completedIndexes"] = ",".join(map(str, completed))
        if kind == "Complete":
            status["completionTime"] = timestamp()
        if kind != "Suspended" and any(entry["type"] == "Suspended" for entry in status.get("conditions", [])):
            status = with_condition(status, "Suspended", "False", "JobResumed", "Job resumed")
        if kind:
            status = with_condition(status, kind, "True", reason, message)
        self._store.write_status(current, status)


def _action(spec: dict[str, Any], code: int) -> str:
    """What the Pod failure policy says about an exit code; the first rule that matches counts."""
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        codes = rule.get("onExitCodes")
        if codes and (code in codes["values"]) == (codes["operator"] == "In"):
            action: str = rule["action"]
            return action
    return "Count"
