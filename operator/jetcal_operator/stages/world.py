"""The observed world, asked in the planner's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

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
        self._index = _index(observed)
        self._trials: dict[str, Trials] = {}

    @property
    def now(self) -> datetime:
        """The time of this reconcile."""
        return self._observed.now

    @property
    def asked(self) -> str:
        """The resource's annotation by which a person asks to make anew what has failed; empty without it."""
        return self._observed.resource.metadata.annotations.get(naming.RETRY, "")

    @property
    def own(self) -> Objects:
        """Objects that the resource itself controls; Trials and their jobs are not among them."""
        return self._index.own

    def of_stage(self, name: str) -> Objects:
        """Own objects of one stage."""
        return self._index.stages.get(name, {})

    def find(self, key: ObjectKey) -> Manifest | None:
        """The object of that key, whoever controls it."""
        return self._observed.children.get(key)

    def trials(self, experiment: str) -> Trials:
        """Trials of an Experiment."""
        known = self._trials.get(experiment)
        if known is None:
            known = self._trials[experiment] = Trials(self._index.trials.get(experiment, {}))
        return known

    def trial_jobs(self, kind: str, fingerprint: str) -> Objects:
        """Jobs of a search's trials, which their Trials control."""
        return self._index.trial_jobs.get((kind, fingerprint), {})

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


class _Index(NamedTuple):
    own: Objects
    stages: dict[str, Objects]
    """Own objects by stage."""
    trials: dict[str, dict[str, Manifest]]
    """Trials by Experiment and name."""
    trial_jobs: dict[tuple[str, str], Objects]
    """Jobs of trials by kind and by fingerprint of the search."""


def _index(observed: Observed) -> _Index:
    """The children as they are asked for, in one pass: a search has hundreds of them."""
    index = _Index({}, {}, {}, {})
    uid = observed.resource.metadata.uid
    for key, child in observed.children.items():
        kind, labels = key.kind, child["metadata"].get("labels") or {}
        if kind == "Trial":
            index.trials.setdefault(labels.get(naming.KATIB_EXPERIMENT, ""), {})[key.name] = child
        elif naming.is_owned(child, uid):
            index.own[key] = child
            index.stages.setdefault(labels.get(naming.STAGE, ""), {})[key] = child
        elif kind in TRIAL_JOBS and labels.get(naming.STAGE) == "tuning":
            index.trial_jobs.setdefault((kind, labels.get(naming.FINGERPRINT, "")), {})[key] = child
    return index


def is_terminating(manifest: Manifest) -> bool:
    """Whether the object is on its way out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))
