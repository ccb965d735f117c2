"""The observed world, asked in the planner's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.stages.trials import Trials

Objects = dict[ObjectKey, Manifest]
TRIAL_JOBS = ("Job", "PyTorchJob")
"""Kinds of a trial's job."""


class World:
    """Children, results and the time, as one reconcile sees them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    @property
    def now(self) -> datetime:
        """The time of this reconcile."""
        return self._observed.now

    @property
    def asked(self) -> str:
        """The resource's annotation by which a person asks to make anew what has failed; empty without it."""
        return self._observed.resource.metadata.annotations.get(naming.RETRY, "")

    @cached_property
    def own(self) -> Objects:
        """Objects that the resource itself controls; Trials and their jobs are not among them."""
        resource = self._observed.resource
        return {key: child for key, child in self._observed.children.items() if naming.is_owned(child, resource)}

    def of_stage(self, name: str) -> Objects:
        """Own objects of one stage."""
        return self._stages.get(name, {})

    def find(self, key: ObjectKey) -> Manifest | None:
        """The object of that key, whoever controls it."""
        return self._observed.children.get(key)

    def trials(self, experiment: str) -> Trials:
        """Trials of an Experiment."""
        return self._searches.get(experiment) or Trials({})

    def trial_jobs(self, kind: str, fingerprint: str) -> list[Manifest]:
        """Jobs of a search's trials, which their Trials control."""
        return self._trial_jobs.get((kind, fingerprint), [])

    def serves(self, kind: tuple[str, str]) -> bool:
        """Whether the cluster knows the kind (apiVersion, kind)."""
        return kind in self._observed.kinds

    def is_occupied(self, key: ObjectKey) -> bool:
        """Whether an object of somebody else has the name."""
        return key in self._observed.occupied or (key in self._observed.children and key not in self.own)

    def result(self, key: ObjectKey) -> Mapping[str, Any] | None:
        """What the finished worker of a job answered."""
        return self._observed.results.get(key)

    def failure(self, key: ObjectKey) -> str | None:
        """Why a job's worker failed or does not start."""
        return self._observed.failures.get(key)

    def refusal(self, key: ObjectKey) -> Refusal | None:
        """What the API server last said against writing the object."""
        return self._observed.refused.get(key)

    @property
    def namespace_labels(self) -> Mapping[str, str] | None:
        """Labels of the namespace, None if they are not known."""
        return self._observed.namespace_labels

    @cached_property
    def _stages(self) -> dict[str, Objects]:
        found: dict[str, Objects] = {}
        for key, child in self.own.items():
            found.setdefault(naming.label(child, naming.STAGE), {})[key] = child
        return found

    @cached_property
    def _searches(self) -> dict[str, Trials]:
        found: dict[str, dict[str, Manifest]] = {}
        for key, child in self._observed.children.items():
            if key.kind == "Trial":
                found.setdefault(naming.label(child, naming.KATIB_EXPERIMENT), {})[key.name] = child
        return {experiment: Trials(trials) for experiment, trials in found.items()}

    @cached_property
    def _trial_jobs(self) -> dict[tuple[str, str], list[Manifest]]:
        found: dict[tuple[str, str], list[Manifest]] = {}
        for key, child in self._observed.children.items():
            if key.kind in TRIAL_JOBS and naming.label(child, naming.STAGE) == "tuning":
                found.setdefault((key.kind, naming.label(child, naming.FINGERPRINT)), []).append(child)
        return found


def is_terminating(manifest: Manifest) -> bool:
    """Whether the object is on its way out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))
