"""The search for hyperparameters: a Katib Experiment, and our own choice among its Trials."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Any

from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE, TrialInput
from jetcal_api.results import TrainResult
from jetcal_api.status import TrialCounts
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.stages import jobs, pods
from jetcal_operator.stages.additions import COLLECTOR
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.preflight import addition_is_admitted, katib_admits
from jetcal_operator.stages.progress import (
    OBSTRUCTED,
    Failed,
    Lost,
    Progress,
    Running,
    Succeeded,
    holding_queue,
    outcome,
)
from jetcal_operator.stages.records import Choice, Records, recorded_choice
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.search_space import describe, kebab, parameter, search_space
from jetcal_operator.stages.trials import Search
from jetcal_operator.stages.world import World

KATIB = "kubeflow.org/v1beta1"
SHOWN_FAILURES = 3
"""Reasons of failed trials that a message repeats."""


class Tuning(Stage):
    """Searches, and chooses the succeeded trial with the smallest finite objective whose result is there."""

    condition = "Tuned"
    result_type = TrainResult

    def __init__(self, scope: Scope, dataset: str) -> None:
        spec = scope.spec.tuning
        assert spec is not None  # noqa: S101  # the chain has looked
        self.spec = spec
        self.space = search_space(spec)
        document = TrialInput(
            storage=scope.storage,
            dataset=dataset,
            model=scope.spec.model.without_hyperparameters(self.space),
            epochs=spec.epochs,
            algorithm=spec.algorithm,
            early_stopping=spec.early_stopping,
            search_space=spec.search_space,
        )
        super().__init__(scope, document)

    @property
    def kind(self) -> tuple[str, str]:
        """An Experiment."""
        return KATIB, "Experiment"

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Katib's, and that of the trials' jobs."""
        return self.kind, (KATIB, "Trial"), self.trial_kind

    @property
    def trial_kind(self) -> tuple[str, str]:
        """API version and kind of a trial's job."""
        return (jobs.KUBEFLOW, "PyTorchJob") if self.spec.runtime == "PyTorchJob" else (jobs.BATCH, "Job")

    @cached_property
    def child_name(self) -> str:
        """Short enough for Katib's webhook."""
        return naming.child_name(self.scope.name, self.name, self.fingerprint, naming.EXPERIMENT_NAME_LIMIT)

    def child(self) -> Manifest:
        """The Experiment; Kueue's label belongs on the trials' jobs, not here."""
        head = self.scope.object(*self.kind, self.child_name, labels=self.labels)
        return naming.stamped(head | {"spec": self.child_spec()})

    def counters(self) -> dict[str, int]:
        """The only fields of a running Experiment that Katib lets change."""
        return {
            "parallelTrialCount": min(self.spec.parallel_trials, self.spec.max_trials),
            "maxTrialCount": self.spec.max_trials,
            "maxFailedTrialCount": min(self.spec.max_failed_trials, self.spec.max_trials),
        }

    def child_spec(self) -> dict[str, Any]:
        """Spec of the Experiment.

        ``retain`` keeps the trials' jobs: without it an early-stopped Trial's metrics are never read, and the Pods that
        hold the results vanish. A trial is as good as its best epoch, whose weights it keeps.
        """
        early_stopping = self.spec.early_stopping
        strategies = [{"name": OBJECTIVE, "value": "min"}]
        strategies += [{"name": name, "value": "latest"} for name in ADDITIONAL_METRICS]
        return {
            "objective": {
                "type": "minimize",
                "objectiveMetricName": OBJECTIVE,
                "additionalMetricNames": list(ADDITIONAL_METRICS),
                "metricStrategies": strategies,
            },
            "algorithm": {
                "algorithmName": self.spec.algorithm.name,
                "algorithmSettings": [setting.model_dump() for setting in self.spec.algorithm.settings],
            },
            **(
                {
                    "earlyStopping": {
                        "algorithmName": early_stopping.algorithm,
                        "algorithmSettings": [setting.model_dump() for setting in early_stopping.settings],
                    }
                }
                if early_stopping
                else {}
            ),
            **self.counters(),
            "resumePolicy": "Never",
            "metricsCollectorSpec": {
                "source": {"fileSystemPath": {"path": pods.METRICS_PATH, "kind": "File", "format": "TEXT"}},
                "collector": {"kind": "File"},
            },
            "parameters": [parameter(name, values) for name, values in self.space.items()],
            "trialTemplate": {
                "retain": True,
                "primaryContainerName": jobs.PYTORCH if self.spec.runtime == "PyTorchJob" else jobs.WORKER,
                "trialParameters": [
                    {"name": "trialName", "description": "Name of the trial", "reference": "${trialSpec.Name}"},
                    *({"name": name, "description": describe(name), "reference": name} for name in self.space),
                ],
                "trialSpec": self.trial(),
            },
        }

    def trial(self) -> Manifest:
        """The job of one trial; Katib gives it its name."""
        options = [f"--{kebab(name)}=${{trialParameters.{name}}}" for name in self.space]
        is_pytorch = self.spec.runtime == "PyTorchJob"
        template = pods.worker_template(
            self.scope,
            container=jobs.PYTORCH if is_pytorch else jobs.WORKER,
            command=["jetcal", "train", "--trial", "${trialParameters.trialName}", *options],
            document=self.child_name,
            resources=self.spec.resources,
            labels=self.labels,
            variables={"JETCAL_METRICS_FILE": pods.METRICS_PATH, "JETCAL_PROCESSES": "1"},
            restart_policy=None if is_pytorch else "Never",
            training=True,
        )
        spec = (
            jobs.pytorch_spec(self.scope, template, workers=1, processes=1)
            if is_pytorch
            else jobs.batch_spec(self.scope, template)
        )
        labels = self.labels | self.scope.queue_label()
        api_version, kind = self.trial_kind
        return {"apiVersion": api_version, "kind": kind, "metadata": {"labels": labels}, "spec": spec}

    def jobs(self, child: Manifest, world: World) -> list[Manifest]:  # noqa: ARG002  # the base's signature
        """The trials' jobs, for an Experiment itself cannot be suspended."""
        return list(self.search(world).running.values())

    def trial_jobs(self, world: World) -> list[Manifest]:
        """What all trials ran in."""
        return world.trial_jobs(self.trial_kind[1], self.fingerprint)

    def search(self, world: World) -> Search:
        """How the search stands."""
        return world.search(self.child_name, self.trial_kind[1])

    def read(self, child: Manifest, world: World) -> Progress:
        """How far the search is, and its choice once it has ended."""
        ended = outcome(child)
        search = self.search(world)
        if ended.phase == "Running":
            return self._silent_trial(search, world) or self._searching(search, world)
        if ended.phase == "Failed":
            reasons = self._reasons(search, world) or ended.message
            return Failed("SearchFailed", f"Experiment {self.child_name} failed: {reasons}")
        return self._choose(search, world)

    def _searching(self, search: Search, world: World) -> Running:
        counts = search.counts
        message = (
            f"Experiment {self.child_name}: {counts.succeeded} trials succeeded, {counts.failed} failed, "
            f"{counts.running} running, {self.spec.max_trials} in all"
        )
        obstacle = world.failure(self.key) or world.failure_among(self.trial_kind[1], search.running)
        if obstacle:
            return Running(f"{message}; {obstacle}", OBSTRUCTED)
        queues = [queue for job in search.running.values() if (queue := holding_queue(job))]
        return Running(f"{message}; {len(queues)} wait in queue {queues[0]}" if queues else message)

    def preflight(self, world: World) -> Failed | None:
        """Katib must be let into the namespace, and its sidecar too."""
        return katib_admits(self.scope, world) or addition_is_admitted(self.scope, world, COLLECTOR)

    def _choose(self, search: Search, world: World) -> Progress:
        results = {name: world.result(ObjectKey(*self.trial_kind, name)) for name in search.succeeded}
        answers = [self.parse(answer) for answer in results.values() if answer]
        candidates = [parsed.result for parsed in answers if isinstance(parsed, Succeeded) and _is_good(parsed.result)]
        if candidates:
            best = min(candidates, key=lambda result: (result.metrics[OBJECTIVE], result.trial))
            message = f"{best.trial} is the best of {len(search.trials)} trials"
            return Succeeded(Choice(result=best, trials=search.counts), message)
        if any(answer is None for answer in results.values()):
            return Lost(f"Experiment {self.child_name} succeeded, but no trial's answer is left; they are asked again")
        reasons = self._reasons(search, world) or "no trial reported a finite objective"
        message = f"Experiment {self.child_name} ended without a usable trial: {reasons}"
        return Failed("NoUsableTrial", message)

    def _reasons(self, search: Search, world: World) -> str:
        failures = {name: world.failure(ObjectKey(*self.trial_kind, name)) for name in sorted(search.trials)}
        told = [f"trial {name}: {reason}" for name, reason in failures.items() if reason]
        more = f"; {len(told) - SHOWN_FAILURES} more failed" if len(told) > SHOWN_FAILURES else ""
        return "; ".join(told[:SHOWN_FAILURES]) + more

    def _silent_trial(self, search: Search, world: World) -> Progress | None:
        """A Trial whose job ended long ago without a metric stays Running for ever."""
        deadline: timedelta = self.scope.platform.metrics_deadline
        for name, job in search.silent.items():
            ended = outcome(job)
            if ended.phase == "Succeeded" and ended.since and world.now - ended.since > deadline:
                message = (
                    f"{self.trial_kind[1]} {name} ended {ended.since:%Y-%m-%d %H:%M:%S} but its Trial has no metrics; "
                    "look at the container metrics-logger-and-collector of its Pod"
                )
                return Failed("MetricsMissing", message, retryable=True)
        return None

    def recorded(self, world: World, records: Records) -> Progress | None:  # noqa: ARG002  # the base's signature
        """The choice, as it was recorded."""
        choice = recorded_choice(self.scope, self.fingerprint, world)
        return Succeeded(choice, f"{choice.result.trial} was chosen") if choice else None

    def upkeep(self, child: Manifest, world: World) -> list[Manifest]:  # noqa: ARG002  # the base's signature
        """The trial counters, which may change while the search runs."""
        wanted = self.counters()
        if wanted.items() <= child["spec"].items():
            return []
        head = {"apiVersion": child["apiVersion"], "kind": child["kind"]}
        metadata = {name: child["metadata"][name] for name in ("name", "namespace", "uid")}
        return [head | {"metadata": metadata, "spec": wanted}]

    def placeholder(self) -> Choice:
        """A trial of unknown hyperparameters: the given ones stand for them."""
        uri = f"{self.scope.storage}/tuning/{self.fingerprint}/{UNKNOWN}-tuning"
        result = TrainResult(
            uri=uri,
            checkpoint=f"{uri}/best.pt",
            trial=f"{UNKNOWN}-tuning",
            hyperparameters={},
            epochs=self.spec.epochs,
            best_epoch=1,
            metrics={OBJECTIVE: 0.0},
            parameters=0,
        )
        return Choice(result=result, trials=TrialCounts())


def _is_good(result: TrainResult) -> bool:
    """Whether a trial can be chosen; the model of a result admits finite metrics only."""
    return OBJECTIVE in result.metrics and bool(result.trial)
