"""Katib's Experiment: makes its Trials, a few at a time, and counts how they end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.controllers import search
from jetcal_operator.local.controllers.medianstop import stopping_rules
from jetcal_operator.local.controllers.metrics import objective_value, read_metrics
from jetcal_operator.local.controllers.trial import has_ended
from jetcal_operator.local.kubelet import Kubelet, reference
from jetcal_operator.local.objects import ObjectStore, timestamp
from jetcal_operator.local.status import end, is_true, with_condition

EXPERIMENT = "katib.kubeflow.org/experiment"
"""Label of a Trial: its Experiment."""
_COUNTS = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Killed": "killed",
    "EarlyStopped": "earlyStopped",
    "MetricsUnavailable": "metricsUnavailable",
    "Running": "running",
}
"""Condition of a Trial -> stem of the list in the Experiment's status; the first that is true counts."""


class ExperimentController:
    """Runs Experiments.

    Notes
    -----
    Names and suggestions depend on the Experiment's name alone, and a searching algorithm learns from those trials
    only that a run of any timing would know: the one before ``parallelTrialCount`` others and all before it. So a run
    that is cut short and goes on finds the same trials, and their results, again.
    """

    kinds = frozenset({("kubeflow.org/v1beta1", "Experiment")})

    def __init__(self, store: ObjectStore, kubelet: Kubelet, changes: Changes) -> None:
        self._store = store
        self._kubelet = kubelet
        self._changes = changes

    def wants(self, manifest: Manifest) -> Hashable | None:
        """Nothing once it has ended."""
        return None if end(manifest) else "running"

    def is_settled(self, manifest: Manifest) -> bool:  # noqa: ARG002  # the protocol's signature
        """A running search ends by itself."""
        return False

    async def run(self, manifest: Manifest) -> None:
        """Make trials until there are enough or too many have failed."""
        key = ObjectKey.of(manifest)
        try:
            search.check(manifest["spec"])
        except search.SearchError as error:
            self._report(manifest, [], ("Failed", "ExperimentFailed", str(error)))
            return
        while True:
            count = self._changes.count
            experiment = self._store.get(key)
            if experiment is None:
                return
            trials = self._trials(experiment)
            ended = _verdict(experiment["spec"], trials)
            self._report(experiment, trials, ended)
            if ended:
                return
            if self._make_next(experiment, trials):
                continue
            await self._changes.since(count)

    def _trials(self, experiment: Manifest) -> list[Manifest]:
        """In the order of their suggestion."""
        found = {entry["metadata"]["name"]: entry for entry in self._store.owned(experiment, "Trial")}
        names = (trial_name(experiment, index) for index in range(len(found)))
        return [found[name] for name in names if name in found]

    def _make_next(self, experiment: Manifest, trials: list[Manifest]) -> bool:
        spec = experiment["spec"]
        index, parallel = len(trials), spec["parallelTrialCount"]
        active = sum(not has_ended(trial) for trial in trials)
        if index >= spec["maxTrialCount"] or active >= parallel:
            return False
        known = trials[: max(0, index - parallel + 1)] if search.learns(spec) else []
        if not all(map(has_ended, known)):
            return False
        finished = [
            search.Finished(_assignments(trial), value)
            for trial in known
            if (value := objective_value(trial)) is not None
        ]
        assignments = search.suggest(experiment["metadata"]["name"], spec, index, finished)
        rules = stopping_rules(spec, [self._history(trial) for trial in trials if is_true(trial, "Succeeded")])
        self._store.create(_trial(experiment, trial_name(experiment, index), assignments, rules))
        return True

    def _history(self, trial: Manifest) -> list[float]:
        job = ObjectKey.of({**trial["spec"]["runSpec"], "metadata": {"name": trial["metadata"]["name"]}})
        owner = self._store.get(job)
        pods = list(self._store.owned(owner, "Pod")) if owner else []
        if not pods:
            return []
        reported = read_metrics(self._kubelet.metrics_file(pods[-1]["metadata"]["name"]))
        return reported.get(trial["spec"]["objective"]["objectiveMetricName"], [])

    def _report(self, experiment: Manifest, trials: list[Manifest], ended: tuple[str, str, str] | None) -> None:
        status: dict[str, Any] = {"startTime": timestamp(), **experiment.get("status", {})}
        status |= _counts(trials)
        if best := _optimal(trials):
            status["currentOptimalTrial"] = best
        status = with_condition(status, "Created", "True", "ExperimentCreated", "Experiment is created")
        if ended is None:
            status = with_condition(status, "Running", "True", "ExperimentRunning", "Experiment is running")
        else:
            status = with_condition(status, "Running", "False", *ended[1:])
            status = with_condition(status | {"completionTime": timestamp()}, ended[0], "True", *ended[1:])
        self._store.write_status(experiment, status)


def trial_name(experiment: Manifest, index: int) -> str:
    """``<experiment>-<8 hexadecimal digits>``."""
    name = experiment["metadata"]["name"]
    return f"{name}-{hashlib.sha256(f'{name}/{index}'.encode()).hexdigest()[:8]}"


def _verdict(spec: Mapping[str, Any], trials: list[Manifest]) -> tuple[str, str, str] | None:
    """Condition, reason and message of the end, None before it."""
    failed = sum(is_true(trial, "Failed") or is_true(trial, "MetricsUnavailable") for trial in trials)
    limit = spec.get("maxFailedTrialCount")
    if limit is not None and failed and failed >= limit:
        return "Failed", "ExperimentFailed", f"Experiment has failed because max failed count has reached: {failed}"
    if sum(map(has_ended, trials)) >= spec["maxTrialCount"]:
        return "Succeeded", "ExperimentMaxTrialsReached", "Experiment has succeeded because max trial count has reached"
    return None


def _counts(trials: Iterable[Manifest]) -> dict[str, Any]:
    states: dict[str, list[str]] = {}
    for trial in trials:
        state = next((stem for kind, stem in _COUNTS.items() if is_true(trial, kind)), "pending")
        states.setdefault(state, []).append(trial["metadata"]["name"])
    counts: dict[str, Any] = {"trials": sum(map(len, states.values()))}
    for state in (*_COUNTS.values(), "pending"):
        name = "trialMetricsUnavailable" if state == "metricsUnavailable" else f"trials{state[0].upper()}{state[1:]}"
        counts[name] = len(states.get(state, []))
        counts[f"{state}TrialList"] = states.get(state, [])
    return counts


def _optimal(trials: Iterable[Manifest]) -> dict[str, Any] | None:
    """The best of the trials that reported, whatever became of them, as Katib has it."""
    reported = [(value, trial) for trial in trials if (value := objective_value(trial)) is not None]
    if not reported:
        return None
    sign = 1 if reported[0][1]["spec"]["objective"]["type"] == "minimize" else -1
    _, best = min(reported, key=lambda entry: sign * entry[0])
    return {
        "bestTrialName": best["metadata"]["name"],
        "parameterAssignments": best["spec"]["parameterAssignments"],
        "observation": best["status"]["observation"],
    }


def _assignments(trial: Manifest) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in trial["spec"]["parameterAssignments"]}


def _trial(experiment: Manifest, name: str, assignments: list[dict[str, str]], rules: list[dict[str, Any]]) -> Manifest:
    spec, metadata = experiment["spec"], experiment["metadata"]
    template = spec["trialTemplate"]
    return {
        "apiVersion": experiment["apiVersion"],
        "kind": "Trial",
        "metadata": {
            "name": name,
            "namespace": metadata.get("namespace", "default"),
            "labels": {**metadata.get("labels", {}), EXPERIMENT: metadata["name"]},
            "ownerReferences": [reference(experiment)],
        },
        "spec": {
            "objective": spec["objective"],
            "parameterAssignments": assignments,
            **({"earlyStoppingRules": rules} if rules else {}),
            "metricsCollector": spec.get("metricsCollectorSpec", {}),
            "primaryContainerName": template.get("primaryContainerName", ""),
            "retainRun": template.get("retain", False),
            "runSpec": _rendered(template, name, metadata.get("namespace", "default"), assignments),
        },
    }


def _rendered(
    template: Mapping[str, Any], name: str, namespace: str, assignments: Iterable[Mapping[str, str]]
) -> dict[str, Any]:
    """The job's template with its parameters put in, by raw replacement in the JSON text."""
    job = template["trialSpec"]
    known = {entry["name"]: entry["value"] for entry in assignments} | {
        "${trialSpec.Name}": name,
        "${trialSpec.Namespace}": namespace,
        "${trialSpec.Kind}": job["kind"],
        "${trialSpec.APIVersion}": job["apiVersion"],
    }
    text = json.dumps(job)
    for parameter in template["trialParameters"]:
        text = text.replace(f"${{trialParameters.{parameter['name']}}}", known[parameter["reference"]])
    rendered: dict[str, Any] = json.loads(text)
    return rendered
