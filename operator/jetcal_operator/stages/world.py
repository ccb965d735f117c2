"""The observed world, asked in the planner's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from datetime import datetime
from typing import NamedTuple

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.stages.trials import Search

Objects = dict[ObjectKey, Manifest]
TRIAL_JOBS = ("Job", "PyTorchJob")
"""Kinds of a trial's job."""


class World:
    """Children, results and the time, as one reconcile sees them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._index = _index(observed)
        self._searches: dict[str, Search] = {}

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

    def search(self, experiment: str, kind: str, fingerprint: str) -> Search:
        """How the search of an Experiment stands, whose trials' jobs are of that kind."""
        known = self._searches.get(experiment)
        if known is None:
            jobs = self.trial_jobs(kind, fingerprint)
            known = self._searches[experiment] = Search(self._index.trials.get(experiment, {}), jobs)
        return known

    def trial_jobs(self, kind: str, fingerprint: str) -> dict[str, Manifest]:
        """Jobs of a search's trials by name; their Trials control them."""
        return self._index.trial_jobs.get((kind, fingerprint), {})

    def serves(self, kind: tuple[str, str]) -> bool:
        """Whether the cluster knows the kind (apiVersion, kind)."""
        return kind in self._observed.kinds

    def is_occupied(self, key: ObjectKey) -> bool:
        """Whether an object of somebody else has the name."""
        return key in self._observed.occupied or (key in self._observed.children and key not in self.own)

    def result(self, key: ObjectKey) -> str | None:
        """What the finished worker of a job answered."""
        return self._observed.results.get(key)

    def failure(self, key: ObjectKey) -> str | None:
        """Why a job's worker failed or does not start."""
        return self._observed.failures.get(key)

    def failure_among(self, kind: str, names: Container[str]) -> str | None:
        """Why one of some jobs, which have a kind in common, failed or does not start."""
        failures = self._observed.failures.items()
        return next((told for key, told in failures if key.kind == kind and key.name in names), None)

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
    trial_jobs: dict[tuple[str, str], dict[str, Manifest]]
    """Jobs of trials by kind and fingerprint of the search, and by name."""


def _index(observed: Observed) -> _Index:
    """The children as they are asked for, in one pass: a search has hundreds of them."""
    index = _Index({}, defaultdict(dict), defaultdict(dict), defaultdict(dict))
    own, stages, trials, trial_jobs = index
    uid = observed.resource.metadata.uid
    for key, child in observed.children.items():
        kind, labels = key.kind, child["metadata"].get("labels") or {}
        if kind == "Trial":
            trials[labels.get(naming.KATIB_EXPERIMENT, "")][key.name] = child
        elif kind in TRIAL_JOBS and labels.get(naming.STAGE) == "tuning":
            trial_jobs[kind, labels.get(naming.FINGERPRINT, "")][key.name] = child
        elif naming.is_owned(child, uid):
            own[key] = child
            stages[labels.get(naming.STAGE, "")][key] = child
    return index


def is_terminating(manifest: Manifest) -> bool:
    """Whether the object is on its way out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))
