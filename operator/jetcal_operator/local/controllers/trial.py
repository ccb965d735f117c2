"""Katib's Trial: makes its job, collects the metrics, and ends the hopeless early."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.controllers.medianstop import is_hopeless
from jetcal_operator.local.controllers.metrics import UNAVAILABLE, metric_names, observation, read_metrics
from jetcal_operator.local.kubelet import Kubelet, reference
from jetcal_operator.local.objects import ObjectStore, timestamp
from jetcal_operator.local.status import end, is_true, with_condition

TRIAL_ENDS = ("Succeeded", "Failed", "Killed", "EarlyStopped", "MetricsUnavailable")
"""Conditions in which a Trial ends."""
_LOOK_SECONDS = 1.0
"""How often the metrics of a trial with stopping rules are read while its job runs."""


def has_ended(trial: Manifest) -> bool:
    """Whether nothing more will become of the trial."""
    return any(is_true(trial, kind) for kind in TRIAL_ENDS)


class TrialController:
    """Runs Trials."""

    kinds = frozenset({("kubeflow.org/v1beta1", "Trial")})

    def __init__(self, store: ObjectStore, kubelet: Kubelet, changes: Changes) -> None:
        self._store = store
        self._kubelet = kubelet
        self._changes = changes

    def wants(self, manifest: Manifest) -> Hashable | None:
        """Nothing once it has ended."""
        return None if has_ended(manifest) else "running"

    def is_settled(self, manifest: Manifest) -> bool:  # noqa: ARG002  # the protocol's signature
        """A running trial ends by itself."""
        return False

    async def run(self, manifest: Manifest) -> None:
        """Make the job and follow it to its end."""
        self._report(manifest, "Created", "TrialCreated", "Trial is created")
        stopped = False
        while True:
            count = self._changes.count
            job = self._store.create(_job(manifest))
            if end(job):
                self._conclude(manifest, job, stopped=stopped)
                return
            if is_true(job, "Running") or (job.get("status") or {}).get("active"):
                self._report(manifest, "Running", "TrialRunning", "Trial is running")
            rules = manifest["spec"].get("earlyStoppingRules", [])
            if rules and not stopped and is_hopeless(rules, self._reported(job)):
                stopped = True
                self._kubelet.end_early(job)
            until = datetime.now(UTC) + timedelta(seconds=_LOOK_SECONDS) if rules and not stopped else None
            await self._changes.since(count, until)

    def _conclude(self, trial: Manifest, job: Manifest, *, stopped: bool) -> None:
        name = job["metadata"]["name"]
        if end(job) == "Failed":
            self._report(trial, "Failed", "TrialFailed", f"Trial has failed, {job['kind']} {name} tells why")
            return
        observed = observation(self._reported(job), metric_names(trial["spec"]["objective"]))
        if observed[0]["latest"] == UNAVAILABLE:
            self._report(trial, "MetricsUnavailable", "MetricsUnavailable", "Metrics are not available", observed)
        elif stopped:
            self._report(trial, "EarlyStopped", "TrialEarlyStopped", "Trial is early stopped", observed)
        else:
            self._report(trial, "Succeeded", "TrialSucceeded", "Trial has succeeded", observed)

    def _reported(self, job: Manifest) -> dict[str, list[float]]:
        pods = list(self._store.owned(job, "Pod"))
        return read_metrics(self._kubelet.metrics_file(pods[-1]["metadata"]["name"])) if pods else {}

    def _report(
        self, trial: Manifest, kind: str, reason: str, message: str, observed: list[dict[str, str]] | None = None
    ) -> None:
        current = self._store.get(ObjectKey.of(trial)) or trial
        status: dict[str, Any] = {"startTime": timestamp(), **current.get("status", {})}
        if kind in TRIAL_ENDS:
            status["completionTime"] = timestamp()
            if is_true(current, "Running"):
                status = with_condition(status, "Running", "False", reason, message)
        if observed:
            status["observation"] = {"metrics": observed}
        self._store.write_status(current, with_condition(status, kind, "True", reason, message))


def _job(trial: Manifest) -> Manifest:
    template = trial["spec"]["runSpec"]
    metadata = {
        **template.get("metadata", {}),
        "name": trial["metadata"]["name"],
        "namespace": trial["metadata"].get("namespace", "default"),
        "ownerReferences": [reference(trial)],
    }
    return {**template, "metadata": metadata}
